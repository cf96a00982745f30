/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/unindexed.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/disk/pack.h"

/* A missing chunk asks once; a thousand missing ones must not list each time.
 */
#define LIST_SECONDS 2

struct list {
	struct cr_buf packs; /* struct cr_uid */
	time_t listed;	     /* monotonic; 0 never */
};

struct cr_unindexed {
	const struct cr_repo *repo; /* borrowed */
	pthread_mutex_t lock;
	struct list list[2]; /* under: lock; by kind */
	uint64_t outdated;   /* under: lock; how often */
};

int cr_unindexed_new(const struct cr_repo *repo, struct cr_unindexed **ret)
{
	struct cr_unindexed *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->repo = repo;
	(void)pthread_mutex_init(&u->lock, NULL);
	*ret = u;
	return 0;
}

void cr_unindexed_free(struct cr_unindexed *u)
{
	if (!u)
		return;
	cr_buf_release(&u->list[0].packs);
	cr_buf_release(&u->list[1].packs);
	(void)pthread_mutex_destroy(&u->lock);
	free(u);
}

struct listing {
	const struct cr_unindexed *u;
	struct cr_index *index; /* or NULL */
	const char *kind;
	struct cr_buf packs;
};

static int list_pack(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	struct cr_uid uid;
	uint32_t number;

	(void)size;
	if (cr_unhex(name, uid.bytes, sizeof(uid.bytes)) < 0)
		return 0;
	if (l->index && cr_index_pack_number(l->index, &uid, &number) == 0)
		return 0;
	cr_buf_uid(&l->packs, &uid);
	return cr_buf_error(&l->packs);
}

static int list_folder(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	char prefix[CR_PACK_NAME_LEN];

	(void)size;
	(void)snprintf(prefix, sizeof(prefix), "packs/%s/%.2s", l->kind, name);
	return cr_storage_list(l->u->repo->storage, prefix, false, list_pack,
			       l);
}

static time_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + 1; /* never 0 */
}

void cr_unindexed_outdate(struct cr_unindexed *u)
{
	(void)pthread_mutex_lock(&u->lock);
	u->outdated++;
	u->list[0].listed = u->list[1].listed = 0;
	(void)pthread_mutex_unlock(&u->lock);
}

/* A copy of the list, made anew when it is old. */
static int current(struct cr_unindexed *u, struct cr_index *index,
		   enum cr_pack_kind kind, struct cr_buf *ret)
{
	struct list *list = &u->list[kind - 1];
	struct listing l = { .u = u,
			     .index = index,
			     .kind = kind == CR_PACK_DATA ? "data" : "meta" };
	char prefix[16];
	uint64_t outdated;
	bool fresh;
	int r;

	(void)pthread_mutex_lock(&u->lock);
	outdated = u->outdated;
	fresh = list->listed != 0 && now() - list->listed < LIST_SECONDS;
	if (fresh)
		cr_buf_put(ret, list->packs.bytes, list->packs.len);
	(void)pthread_mutex_unlock(&u->lock);
	if (fresh)
		return cr_buf_error(ret);
	(void)snprintf(prefix, sizeof(prefix), "packs/%s", l.kind);
	r = cr_storage_list(u->repo->storage, prefix, true, list_folder, &l);
	if (r == 0) {
		cr_buf_put(ret, l.packs.bytes, l.packs.len);
		r = cr_buf_error(ret);
	}
	if (r == 0) {
		struct cr_buf old;

		(void)pthread_mutex_lock(&u->lock);
		old = list->packs;
		list->packs = cr_take(l.packs);
		list->listed = outdated == u->outdated ? now() : 0;
		(void)pthread_mutex_unlock(&u->lock);
		cr_buf_release(&old);
	}
	cr_buf_release(&l.packs);
	return r;
}

int cr_unindexed_each(struct cr_unindexed *u, struct cr_index *index,
		      enum cr_pack_kind kind, cr_unindexed_fn fn, void *arg)
{
	cr_cleanup(cr_buf_release) struct cr_buf packs = { 0 };
	const struct cr_uid *uid;
	int r = current(u, index, kind, &packs);

	uid = (const void *)packs.bytes;
	for (size_t i = 0; r == 0 && i < packs.len / sizeof(*uid); i++)
		r = fn(arg, &uid[i]);
	return r;
}
