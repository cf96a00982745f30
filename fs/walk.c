/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/walk.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define WALKS	     32 /* directories that are kept an eye on */
#define IN_ORDER     3	/* files asked for in order make a walk */
#define IN_ANY_ORDER 8
#define STEP_MAX     16 /* entries between two files in order: others lie there */
#define WINDOW_FIRST 16 /* files */
#define WINDOW_SURE  64 /* the first of the next directories */
#define WINDOW_MAX   256
#define HEAT_MAX     16 /* directories begun at once on what was learnt */
#define HEAT_LEARNT  4
#define HEAT_SURE    8	  /* small directories need not prove it */
#define SCAN_MAX     1024 /* entries between two files to bring */
#define NONE	     UINT64_MAX

struct walk {
	uint64_t dir; /* 0: free */
	uint64_t used;
	uint64_t last;	 /* ordinal last asked for */
	uint64_t next;	 /* ordinal to give out */
	uint64_t marker; /* the file left out; or NONE */
	uint64_t start;	 /* first of those in order: others before come last */
	uint32_t asked, in_order;
	uint32_t window, left; /* files; left of those granted */
	uint32_t scanned;      /* entries given out since the last of them */
	bool begun, wrapped, ended;
	bool active; /* somebody calls cr_walks_next() */
};

struct cr_walks {
	pthread_mutex_t lock;
	uint64_t clock; /* under: lock, as all below */
	unsigned int heat;
	struct walk walk[WALKS];
};

int cr_walks_new(struct cr_walks **ret)
{
	struct cr_walks *walks = calloc(1, sizeof(*walks));

	if (!walks)
		return -ENOMEM;
	(void)pthread_mutex_init(&walks->lock, NULL);
	*ret = walks;
	return 0;
}

void cr_walks_free(struct cr_walks *walks)
{
	if (!walks)
		return;
	(void)pthread_mutex_destroy(&walks->lock);
	free(walks);
}

static struct walk *find(struct cr_walks *walks, uint64_t dir)
{
	for (int i = 0; i < WALKS; i++)
		if (walks->walk[i].dir == dir)
			return &walks->walk[i];
	return NULL;
}

/* In the place of that which was not used for longest. */
static struct walk *add(struct cr_walks *walks, uint64_t dir)
{
	struct walk *oldest = NULL;

	for (int i = 0; i < WALKS; i++) {
		struct walk *walk = &walks->walk[i];

		if (!walk->active && (!oldest || walk->used < oldest->used))
			oldest = walk;
	}
	if (oldest)
		*oldest = (struct walk){
			.dir = dir,
			.marker = NONE,
			.window = WINDOW_FIRST,
		};
	return oldest;
}

static void warm(struct cr_walks *walks)
{
	walks->heat = cr_min(walks->heat + HEAT_LEARNT, (unsigned int)HEAT_MAX);
}

/* Grant a window of files. */
static void grant(struct walk *walk)
{
	walk->begun = true;
	walk->scanned = 0;
	walk->left = walk->window;
	walk->window = cr_min(2 * walk->window, (uint32_t)WINDOW_MAX);
	walk->marker = NONE;
}

/* Whether to begin @walk on what was learnt from others. */
static bool is_next(struct cr_walks *walks, struct walk *walk)
{
	if (walks->heat == 0)
		return false;
	if (--walks->heat >= HEAT_SURE)
		walk->window = WINDOW_SURE;
	return true;
}

/* Whether what was asked for so far makes a walk of it. */
static bool is_walk(struct cr_walks *walks, struct walk *walk)
{
	if (walk->asked == 1)
		return is_next(walks, walk);
	if (walk->in_order < IN_ORDER && walk->asked < IN_ANY_ORDER)
		return false;
	warm(walks);
	return true;
}

static void ask(struct cr_walks *walks, struct walk *walk, uint64_t ordinal)
{
	uint64_t step = ordinal - walk->last; /* wraps where it goes back */

	walk->asked++;
	walk->in_order =
		walk->asked > 1 && step > STEP_MAX ? 1 : walk->in_order + 1;
	if (walk->in_order == 1 && !walk->begun)
		walk->start = ordinal;
	walk->last = ordinal;
	if (ordinal == walk->marker)
		warm(walks);
	if (walk->ended)
		return;
	if (ordinal == walk->marker) {
		grant(walk);
	} else if (!walk->begun) {
		if (is_walk(walks, walk))
			grant(walk);
		walk->next = ordinal + 1;
	} else if (walk->in_order > 1 && ordinal - walk->next <= STEP_MAX) {
		/* He is ahead of us: what he passed is his. */
		walk->next = ordinal + 1;
		if (walk->left == 0)
			grant(walk);
	}
}

bool cr_walks_ask(struct cr_walks *walks, uint64_t dir, uint64_t ordinal)
{
	struct walk *walk;
	bool begin = false;

	(void)pthread_mutex_lock(&walks->lock);
	walk = find(walks, dir);
	if (!walk)
		walk = add(walks, dir);
	if (walk) {
		walk->used = ++walks->clock;
		/* Twice the same: its second part, or another who reads it. */
		if (walk->asked == 0 || ordinal != walk->last)
			ask(walks, walk, ordinal);
		begin = walk->left > 0 && !walk->active;
		walk->active |= begin;
	}
	(void)pthread_mutex_unlock(&walks->lock);
	return begin;
}

bool cr_walks_enter(struct cr_walks *walks, uint64_t dir)
{
	struct walk *walk = NULL;
	bool begin = false;

	(void)pthread_mutex_lock(&walks->lock);
	if (walks->heat > 0 && !find(walks, dir))
		walk = add(walks, dir);
	if (walk) {
		walk->used = ++walks->clock;
		begin = is_next(walks, walk);
		walk->active = begin;
		if (begin)
			grant(walk);
	}
	(void)pthread_mutex_unlock(&walks->lock);
	return begin;
}

bool cr_walks_go_on(struct cr_walks *walks)
{
	bool go_on;

	(void)pthread_mutex_lock(&walks->lock);
	go_on = walks->heat > 0;
	(void)pthread_mutex_unlock(&walks->lock);
	return go_on;
}

static void finish(struct walk *walk)
{
	walk->left = 0;
	walk->ended = true;
}

bool cr_walks_next(struct cr_walks *walks, uint64_t dir, uint64_t *ordinal)
{
	struct walk *walk;
	bool go_on = false;

	(void)pthread_mutex_lock(&walks->lock);
	walk = find(walks, dir);
	if (walk) {
		if (walk->wrapped && walk->next >= walk->start)
			finish(walk);
		if (++walk->scanned > SCAN_MAX)
			walk->left = 0;
		go_on = walk->left > 0;
		walk->active = go_on;
		if (go_on)
			*ordinal = walk->next++;
	}
	(void)pthread_mutex_unlock(&walks->lock);
	return go_on;
}

void cr_walks_end(struct cr_walks *walks, uint64_t dir)
{
	struct walk *walk;

	(void)pthread_mutex_lock(&walks->lock);
	walk = find(walks, dir);
	/* Some go by inode number, which is no order here. */
	if (walk && !walk->wrapped && walk->start > 0) {
		walk->wrapped = true;
		walk->next = 0;
	} else if (walk) {
		finish(walk);
	}
	(void)pthread_mutex_unlock(&walks->lock);
}

void cr_walks_drop(struct cr_walks *walks, uint64_t dir)
{
	struct walk *walk;

	(void)pthread_mutex_lock(&walks->lock);
	walk = find(walks, dir);
	if (walk) {
		finish(walk);
		walk->active = false;
	}
	walks->heat = 0;
	(void)pthread_mutex_unlock(&walks->lock);
}

bool cr_walks_bring(struct cr_walks *walks, uint64_t dir, uint64_t ordinal,
		    bool last)
{
	struct walk *walk;
	bool bring = false;

	(void)pthread_mutex_lock(&walks->lock);
	walk = find(walks, dir);
	/* He may have passed it in the meantime. */
	if (walk && walk->left > 0 && walk->next == ordinal + 1) {
		bring = walk->marker != NONE ||
			!(walk->left <= walk->window / 4 ||
			  (last && walks->heat < HEAT_SURE));
		walk->scanned = 0;
		if (bring)
			walk->left--;
		else
			walk->marker = ordinal;
	}
	(void)pthread_mutex_unlock(&walks->lock);
	return bring;
}
