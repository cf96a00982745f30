/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening, closing and following: which database, and whether it is sound. */
#include <string.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/secret.h"
#include "store/disk/index_bulk.h"
#include "store/disk/index_impl.h"
#include "store/disk/kv_probe.h"

/* The filter of ids: a part of the cache where there are none yet, and at most.
 */
#define IDS_FIRST(cache) ((cache) / 16)
#define IDS_MOST(cache)	 ((cache) / 10 * 7)

static struct cr_kv_options options_of(const struct cr_index *index,
				       enum cr_kv_mode mode)
{
	return (struct cr_kv_options){ .family = cr_index_families,
				       .families =
					       CR_ARRAY_LEN(cr_index_families),
				       .mode = mode,
				       .cache_bytes = index->cache_bytes };
}

/* @ask as cr_kv_probe() takes it. */
static int probe(struct cr_index *index,
		 int (*ask)(void *arg, struct cr_kv *kv), void *arg)
{
	cr_cleanup(cr_freep) char *path =
		cr_index_db_path(index->base, index->db.n);
	struct cr_kv_options opt = options_of(index, CR_KV_READ_ONLY);

	if (!path)
		return -ENOMEM;
	if (index->probed)
		return 0;
	if (cr_index_db_spoiled(index->base, index->db.n))
		return cr_fail(CR_EINDEX, "%s: was found damaged", path);
	return cr_kv_probe(&(struct cr_kv_probe){
		.path = path,
		.opt = &opt,
		.family = CR_FAMILY_FACTS,
		.key = cr_fact_layout,
		.mark = &index->db.mark,
		.ask = ask,
		.arg = arg,
	});
}

static int open_kv(const struct cr_index *index, uint32_t n, struct cr_kv **ret)
{
	cr_cleanup(cr_freep) char *path = cr_index_db_path(index->base, n);
	struct cr_kv_options opt = options_of(
		index, index->mode == CR_INDEX_PRIMARY ? CR_KV_PRIMARY
						       : CR_KV_SECONDARY);

	return path ? cr_kv_open(path, &opt, ret) : -ENOMEM;
}

static int check_layout(struct cr_kv *kv)
{
	uint8_t layout;
	int r = cr_index_fact(kv, cr_fact_layout, &layout, sizeof(layout));

	if (r == 0 && layout != CR_INDEX_LAYOUT)
		return cr_fail(CR_EINDEX, "its layout is %u, not %u", layout,
			       CR_INDEX_LAYOUT);
	return r;
}

/* Set aside, saying why: the sentence of the moment. */
static int renew(struct cr_index *index)
{
	cr_log(CR_LOG_WARNING, "the local index is set aside and made anew: %s",
	       cr_detail());
	return cr_index_db_renew(index->base, &index->db);
}

/* The pointer as it is, or a first one. */
static int find_db(struct cr_index *index)
{
	int r = cr_index_db_read(index->base, &index->db);

	if (r == -ENOENT) {
		index->db = (struct cr_index_db){ .n = 1 };
		return cr_index_db_write(index->base, &index->db);
	}
	return r == -CR_EINDEX ? renew(index) : r;
}

static int load_dropped(struct cr_index *index)
{
	uint8_t bytes[16];
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));
	int r = cr_index_fact(cr_index_kv(index), cr_fact_dropped, bytes,
			      sizeof(bytes));

	if (r == -ENOENT)
		memset(bytes, 0, sizeof(bytes));
	else if (r < 0)
		return r;
	atomic_store(&index->dropped_packs, cr_cursor_u64(&cur));
	index->dropped_rows = cr_cursor_u64(&cur);
	return 0;
}

static void put_fact(struct cr_kv_batch *batch, struct cr_piece key,
		     struct cr_piece value)
{
	cr_kv_put(batch, CR_FAMILY_FACTS, key, value);
}

/* Fill a database that was just made; its generation begins anywhere. */
static int begin(struct cr_index *index)
{
	static const uint8_t layout = CR_INDEX_LAYOUT;
	static const uint8_t next[4];
	uint8_t generation[8];
	int r;

	cr_random(generation, sizeof(generation));
	put_fact(index->batch, cr_fact_layout,
		 (struct cr_piece)CR_PIECE(&layout));
	put_fact(index->batch, cr_fact_generation,
		 (struct cr_piece)CR_PIECE(&generation));
	put_fact(index->batch, cr_fact_next, (struct cr_piece)CR_PIECE(&next));
	r = cr_kv_write(cr_index_kv(index), index->batch);
	return r < 0 ? r : cr_index_flush(index);
}

static int load(struct cr_index *index)
{
	uint8_t bytes[4];
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));
	int r = check_layout(cr_index_kv(index));

	if (r == -ENOENT)
		r = begin(index);
	if (r == 0)
		r = cr_index_fact(cr_index_kv(index), cr_fact_next, bytes,
				  sizeof(bytes));
	if (r == -ENOENT)
		return cr_fail(CR_EINDEX, "it has lost its counter");
	if (r < 0)
		return r;
	index->next = cr_cursor_u32(&cur);
	return load_dropped(index);
}

static void take_kv(struct cr_index *index, struct cr_kv *kv)
{
	atomic_store_explicit(&index->kv, kv, memory_order_release);
	atomic_store(&index->n, index->db.n);
}

static void shut(struct cr_index *index)
{
	cr_kv_batch_free(index->batch);
	index->batch = NULL;
	cr_kv_close(index->kv);
	index->kv = NULL;
}

/* @damaged: on failure, whether another database would help. */
static int try_primary(struct cr_index *index, bool *damaged)
{
	struct cr_kv *kv;
	int r = 0;

	if (index->db.mark.sequence > 0 ||
	    !cr_index_db_blank(index->base, index->db.n))
		r = probe(index, NULL, NULL);
	*damaged = r == -CR_EINDEX;
	if (r < 0)
		return r;
	r = open_kv(index, index->db.n, &kv);
	*damaged = cr_kv_damaged(r); /* a full disk is no damage */
	if (r < 0)
		return r;
	take_kv(index, kv);
	r = cr_kv_batch_new(kv, &index->batch);
	if (r == 0)
		r = load(index);
	*damaged = r == -CR_EINDEX;
	return r;
}

static int open_or_renew(struct cr_index *index)
{
	bool damaged;
	int r = find_db(index);

	if (r < 0)
		return r;
	r = try_primary(index, &damaged);
	if (r == 0 || !damaged)
		return r;
	shut(index);
	r = renew(index);
	return r < 0 ? r : try_primary(index, &damaged);
}

static int say_some(void *arg, struct cr_piece key, struct cr_piece value)
{
	(void)arg;
	(void)key;
	(void)value;
	return 1;
}

void cr_index_make_room(struct cr_index *index, size_t bytes)
{
	size_t cache = index->cache_bytes;

	/* A quarter is for write buffers: kv.c. */
	cr_kv_set_cache(cr_index_kv(index),
			cache - cache / 4 - cr_min(bytes, IDS_MOST(cache)));
}

/* The filter that there is, or of an empty database a first one. */
static int open_ids(struct cr_index *index)
{
	size_t cache = index->cache_bytes;
	int r = cr_ids_open(index->base, index->db.n, IDS_MOST(cache),
			    &index->ids);

	if (r < 0)
		return r;
	/* What goes wrong here will be told to whoever searches. */
	if (cr_kv_each(cr_index_kv(index), CR_FAMILY_CHUNKS, cr_no_bytes(),
		       say_some, NULL) == 0)
		return cr_ids_begin(index->ids, IDS_FIRST(cache));
	cr_index_make_room(index, cr_ids_bytes(index->ids));
	return 0;
}

static int open_primary(struct cr_index *index)
{
	int r = open_or_renew(index);

	return r < 0 ? r : open_ids(index);
}

/* The pointer; -ENOENT when it leads to nothing yet. */
static int find_made(struct cr_index *index)
{
	int r = cr_index_db_read(index->base, &index->db);

	if (r < 0)
		return r;
	return index->db.mark.sequence == 0 &&
			       cr_index_db_blank(index->base, index->db.n)
		       ? -ENOENT
		       : 0;
}

static int try_secondary(struct cr_index *index)
{
	struct cr_kv *kv;
	int r = find_made(index);

	if (r < 0)
		return r;
	r = probe(index, NULL, NULL);
	if (r < 0)
		return r;
	r = open_kv(index, index->db.n, &kv);
	if (r < 0)
		return r;
	take_kv(index, kv);
	r = check_layout(kv);
	return r < 0 ? r : load_dropped(index);
}

static int open_secondary(struct cr_index *index)
{
	int r = try_secondary(index);

	/* A primary at work may have taken away what was being opened. */
	if (r == -CR_EINDEX) {
		shut(index);
		r = try_secondary(index);
	}
	return r;
}

static int new_index(const struct cr_state *state, enum cr_index_mode mode,
		     size_t cache_bytes, struct cr_index **ret)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;

	index = calloc(1, sizeof(*index));
	if (!index)
		return -ENOMEM;
	index->mode = mode;
	index->cache_bytes = cache_bytes;
	index->base = cr_state_path(state, "db");
	if (!index->base)
		return -ENOMEM;
	*ret = cr_take(index);
	return 0;
}

int cr_index_open(const struct cr_state *state, enum cr_index_mode mode,
		  size_t cache_bytes, struct cr_index **ret)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	int r = new_index(state, mode, cache_bytes, &index);

	assert(mode == CR_INDEX_SECONDARY || cr_state_locked(state));
	if (r < 0)
		return r;
	r = mode == CR_INDEX_PRIMARY ? open_primary(index)
				     : open_secondary(index);
	if (r < 0)
		return r;
	*ret = cr_take(index);
	return 0;
}

int cr_index_reopen(const struct cr_state *state, size_t cache_bytes,
		    struct cr_index **ret)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	int r = new_index(state, CR_INDEX_SECONDARY, cache_bytes, &index);

	if (r < 0)
		return r;
	index->probed = true;
	r = open_secondary(index);
	if (r < 0)
		return r;
	*ret = cr_take(index);
	return 0;
}

/* What a probing child asks. */
struct question {
	struct cr_index *index;
	int (*ask)(void *arg, struct cr_index *index);
	void *arg;
};

static int ask_index(void *arg, struct cr_kv *kv)
{
	const struct question *q = arg;
	int r = check_layout(kv);

	take_kv(q->index, kv);
	return r < 0 ? r : q->ask(q->arg, q->index);
}

int cr_index_ask(const struct cr_state *state, size_t cache_bytes,
		 int (*ask)(void *arg, struct cr_index *index), void *arg)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct question q = { .ask = ask, .arg = arg };
	int r = new_index(state, CR_INDEX_SECONDARY, cache_bytes, &index);

	if (r < 0)
		return r;
	q.index = index;
	r = find_made(index);
	return r < 0 ? r : probe(index, ask_index, &q);
}

void cr_index_close(struct cr_index *index)
{
	if (!index)
		return;
	cr_bulk_free(index->bulk);
	cr_ids_close(index->ids);
	shut(index);
	for (size_t i = 0; i < index->retirees; i++)
		cr_kv_close(index->retired[i]);
	free(index->base);
	free(index);
}

int cr_index_reset(const struct cr_state *state)
{
	cr_cleanup(cr_freep) char *base = cr_state_path(state, "db");
	struct cr_index_db db;

	assert(cr_state_locked(state));
	return base ? cr_index_db_renew(base, &db) : -ENOMEM;
}

/* Following. */

/* Whether a database that took another's place has all that there is. */
static int is_complete(struct cr_kv *kv)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r = check_layout(kv);

	if (r == 0)
		r = cr_kv_get(kv, CR_FAMILY_FACTS, cr_fact_listed, &value);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/*
 * Open what the pointer names now; searches move over one by one.  As long as
 * it is being filled the old one, though set aside, is the better.
 */
static int follow(struct cr_index *index, const struct cr_index_db *db)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = NULL;
	int r;

	if (cr_index_db_blank(index->base, db->n))
		return 0;
	if (index->retirees == CR_INDEX_RETIRED_MAX)
		return cr_fail(CR_EINDEX, "the index was renewed too often");
	r = open_kv(index, db->n, &kv);
	if (r < 0)
		return r;
	if (db->n != index->db.n) {
		r = is_complete(kv);
		if (r <= 0)
			return r;
	}
	cr_kv_set_cache(index->kv, 0);
	index->retired[index->retirees++] = index->kv;
	index->db = *db;
	take_kv(index, cr_take(kv));
	return 0;
}

int cr_index_catch_up(struct cr_index *index)
{
	struct cr_index_db db;
	int r;

	assert(index->mode == CR_INDEX_SECONDARY);
	r = cr_index_db_read(index->base, &db);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (db.n == index->db.n)
		r = cr_kv_catch_up(index->kv);
	if (db.n != index->db.n || r == -CR_EINDEX)
		r = follow(index, &db);
	return r < 0 ? r : cr_index_judge(index, load_dropped(index));
}
