/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/damage.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/log.h"
#include "store/codec/hash.h"

#define PLACES_MAX    16384
#define SLOTS	      ((size_t)2 * PLACES_MAX) /* a power of two, never full */
#define PATH_SHOWN    600		       /* bytes: a line has 1,024 */
#define FILE_SETS     512
#define FILE_WAYS     8
#define NODES_MAX     256
#define WHY_MAX	      256
#define DOUBT_SECONDS 5

/* A file that is refused as a whole. */
struct known {
	struct cr_id content;
	struct cr_range range; /* that failed */
	time_t when;	       /* monotonic: it was last tried */
	int error;	       /* 0: free */
	char *why;	       /* owned, or NULL */
};

struct cr_damage {
	pthread_mutex_t lock;
	size_t count;	      /* under: lock, as all below */
	uint64_t told[SLOTS]; /* hashes of places, 0 free */
	struct cr_damage_list list;
	char *text; /* owned; room for all of it, so that it never moves */
	bool full;
	struct known known[FILE_SETS][FILE_WAYS];
	atomic_uint files; /* known: with none, nobody waits for the lock */
	uint64_t node[NODES_MAX];
	size_t nodes;
};

int cr_damage_new(struct cr_damage **ret)
{
	cr_cleanup(cr_damage_freep) struct cr_damage *damage =
		calloc(1, sizeof(*damage));

	if (!damage)
		return -ENOMEM;
	(void)pthread_mutex_init(&damage->lock, NULL);
	damage->text = malloc(CR_DAMAGE_TEXT_MAX);
	if (!damage->text)
		return -ENOMEM;
	*ret = cr_take(damage);
	return 0;
}

void cr_damage_free(struct cr_damage *damage)
{
	if (!damage)
		return;
	for (size_t i = 0; i < FILE_SETS; i++)
		for (size_t n = 0; n < FILE_WAYS; n++)
			free(damage->known[i][n].why);
	free(damage->text);
	(void)pthread_mutex_destroy(&damage->lock);
	free(damage);
}

static void lock(struct cr_damage *damage)
{
	(void)pthread_mutex_lock(&damage->lock);
}

static void unlock(struct cr_damage *damage)
{
	(void)pthread_mutex_unlock(&damage->lock);
}

/* ---- Told once ---- */

static uint64_t hash_of(const struct cr_piece *piece, size_t n)
{
	struct cr_id id = cr_hash("damage", piece, n);
	uint64_t hash;

	memcpy(&hash, id.bytes, sizeof(hash));
	return hash ? hash : 1;
}

/* Whether it is to be told: 1, 0, or 2 for the line that says no more are. */
static int remember(struct cr_damage *damage, uint64_t hash)
{
	size_t i = hash % SLOTS;
	int tell = 1;

	lock(damage);
	while (damage->told[i] != 0 && damage->told[i] != hash)
		i = (i + 1) % SLOTS;
	if (damage->told[i] == hash || damage->count > PLACES_MAX) {
		tell = 0;
	} else if (damage->count++ == PLACES_MAX) {
		tell = 2;
	} else {
		damage->told[i] = hash;
	}
	unlock(damage);
	if (tell == 2)
		cr_log(CR_LOG_ERR,
		       "more than %d damaged places: no more are named here; "
		       "caprock verify names them all",
		       PLACES_MAX);
	return tell == 1;
}

/* ---- The list ---- */

#define LAST_LINE "more than fits here: caprock verify names them all\n"

/* One line, a tab between the fields, which cannot hold one: or nothing. */
static void list_line(const char *where, const char *path, const char *why,
		      time_t now, struct cr_buf *line)
{
	const char *field[] = { where, path, why };
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm))
		(void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	cr_buf_put(line, when, strlen(when));
	for (size_t i = 0; i < CR_ARRAY_LEN(field); i++) {
		cr_buf_u8(line, '\t');
		cr_escape(field[i], strlen(field[i]), line);
	}
	cr_buf_u8(line, '\n');
}

static void append_locked(struct cr_damage *damage, const void *bytes,
			  size_t len)
{
	memcpy(damage->text + damage->list.len, bytes, len);
	damage->list.len += len;
}

static void list(struct cr_damage *damage, const char *where, const char *path,
		 const char *why)
{
	cr_cleanup(cr_buf_release) struct cr_buf line = { 0 };
	const size_t room = CR_DAMAGE_TEXT_MAX - strlen(LAST_LINE);
	time_t now = time(NULL);

	list_line(where, path, why, now, &line);
	if (cr_buf_error(&line) < 0)
		return;
	lock(damage);
	damage->list.lines++;
	damage->list.time = now;
	if (!damage->full && line.len <= room - damage->list.len) {
		append_locked(damage, line.bytes, line.len);
	} else if (!damage->full) {
		append_locked(damage, LAST_LINE, strlen(LAST_LINE));
		damage->full = true;
	}
	unlock(damage);
}

void cr_damage_list(struct cr_damage *damage, struct cr_damage_list *ret)
{
	lock(damage);
	*ret = damage->list;
	unlock(damage);
}

/* What is there stays as it is: nothing needs to be locked to read it. */
void cr_damage_text(struct cr_damage *damage, size_t at, size_t len,
		    struct cr_buf *out)
{
	lock(damage);
	assert(at <= damage->list.len && len <= damage->list.len - at);
	unlock(damage);
	cr_buf_put(out, damage->text + at, len);
}

/* ---- What is told ---- */

/* What says something of the repository, and not of this machine. */
static bool is_damage(int error)
{
	return cr_is_damage(error) || error == -CR_EVERSION || error == -EIO;
}

void cr_damage_tell(struct cr_damage *damage, const struct cr_damaged *what)
{
	cr_cleanup(cr_buf_release) struct cr_buf line = { 0 };
	/* The end of a long path says more than its beginning. */
	size_t skip =
		what->path_len > PATH_SHOWN ? what->path_len - PATH_SHOWN : 0;
	struct cr_piece piece[] = {
		{ what->snapshot, strlen(what->snapshot) + 1 },
		{ what->path, what->path_len },
	};
	const char *why = cr_detail(), *path;

	if (*why == '\0')
		why = cr_strerror(what->error);
	if (!remember(damage, hash_of(piece, CR_ARRAY_LEN(piece))))
		return;
	if (skip > 0)
		cr_buf_put(&line, "...", 3);
	cr_escape((const char *)what->path + skip, what->path_len - skip,
		  &line);
	cr_buf_u8(&line, 0);
	path = cr_buf_error(&line) < 0 ? "?" : (const char *)line.bytes;
	cr_log(CR_LOG_ERR, "snapshot %s: %s: %s", what->snapshot, path, why);
	if (is_damage(what->error))
		list(damage, what->snapshot, path, why);
}

void cr_damage_note(struct cr_damage *damage, const char *what)
{
	struct cr_piece piece = { what, strlen(what) };

	if (remember(damage, hash_of(&piece, 1)))
		cr_log(CR_LOG_ERR, "%s", what);
}

void cr_damage_object(struct cr_damage *damage, const char *object,
		      const char *why)
{
	struct cr_piece piece[] = {
		{ object, strlen(object) + 1 },
		{ why, strlen(why) },
	};

	if (!remember(damage, hash_of(piece, CR_ARRAY_LEN(piece))))
		return;
	cr_log(CR_LOG_ERR, "%s", why);
	list(damage, object, "", why);
}

/* ---- Files ---- */

static time_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* Those a file can be in, by its id. */
static struct known *set_of(struct cr_damage *damage,
			    const struct cr_id *content)
{
	uint16_t n;

	memcpy(&n, content->bytes, sizeof(n));
	return damage->known[n % FILE_SETS];
}

static struct known *find_locked(struct cr_damage *damage,
				 const struct cr_id *content)
{
	struct known *set = set_of(damage, content);

	for (size_t i = 0; i < FILE_WAYS; i++)
		if (set[i].error && cr_id_equal(&set[i].content, content))
			return &set[i];
	return NULL;
}

/* A free place, or NULL: then the file is known by its own reads only. */
static struct known *add_locked(struct cr_damage *damage,
				const struct cr_id *content)
{
	struct known *set = set_of(damage, content);

	for (size_t i = 0; i < FILE_WAYS; i++)
		if (!set[i].error)
			return &set[i];
	return NULL;
}

void cr_damage_mark(struct cr_damage *damage, const struct cr_id *content,
		    const struct cr_range *range, int error)
{
	const char *why = *cr_detail() ? cr_detail() : cr_strerror(error);
	struct known *known;

	if (!is_damage(error))
		return;
	lock(damage);
	known = find_locked(damage, content);
	if (!known) {
		known = add_locked(damage, content);
		if (known) {
			*known = (struct known){ .content = *content,
						 .range = *range,
						 .why = strndup(why, WHY_MAX) };
			(void)atomic_fetch_add(&damage->files, 1);
		}
	}
	if (known) {
		known->error = error;
		known->when = now();
	}
	unlock(damage);
}

enum cr_damage_known cr_damage_ask(struct cr_damage *damage,
				   const struct cr_id *content,
				   struct cr_range *range, int *error)
{
	enum cr_damage_known ret = CR_DAMAGE_NONE;
	struct known *known;

	if (atomic_load(&damage->files) == 0)
		return ret;
	lock(damage);
	known = find_locked(damage, content);
	if (known && now() - known->when < DOUBT_SECONDS) {
		ret = CR_DAMAGE_KNOWN;
		*error = cr_fail(-known->error, "%s",
				 known->why ? known->why
					    : cr_strerror(known->error));
	} else if (known) {
		ret = CR_DAMAGE_DOUBT;
		*range = known->range;
		known->when = now(); /* one tries, the others are refused */
	}
	unlock(damage);
	return ret;
}

void cr_damage_heal(struct cr_damage *damage, const struct cr_id *content)
{
	struct known *known;

	lock(damage);
	known = find_locked(damage, content);
	if (known) {
		free(known->why);
		*known = (struct known){ 0 };
		(void)atomic_fetch_sub(&damage->files, 1);
	}
	unlock(damage);
}

void cr_damage_drop(struct cr_damage *damage, uint64_t node)
{
	lock(damage);
	/* One that finds no room is dropped when it is read again. */
	if (damage->nodes < NODES_MAX &&
	    (damage->nodes == 0 || damage->node[damage->nodes - 1] != node))
		damage->node[damage->nodes++] = node;
	unlock(damage);
}

size_t cr_damage_nodes(struct cr_damage *damage, uint64_t *node, size_t max)
{
	size_t n;

	lock(damage);
	n = cr_min(damage->nodes, max);
	memcpy(node, damage->node + damage->nodes - n, n * sizeof(*node));
	damage->nodes -= n;
	unlock(damage);
	return n;
}
