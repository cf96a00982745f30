/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_impl.h - an open index, for the files that are it: index_open.c,
 * index.c (searching) and index_add.c (changing).
 */
#ifndef STORE_DISK_INDEX_IMPL_H
#define STORE_DISK_INDEX_IMPL_H

#include <stdatomic.h>

#include "store/disk/index.h"
#include "store/disk/index_db.h"
#include "store/disk/index_ids.h"
#include "store/disk/index_row.h"

/* How often a secondary follows to a new database before it is opened anew. */
#define CR_INDEX_RETIRED_MAX 8

struct cr_bulk;

struct cr_index {
	char *base; /* owned; see index_db.h */
	enum cr_index_mode mode;
	bool probed; /* no need to probe again */
	size_t cache_bytes;
	struct cr_kv *_Atomic kv; /* owned */
	/* Searches may be under way in these: closed with the index. */
	struct cr_kv *retired[CR_INDEX_RETIRED_MAX]; /* owned */
	size_t retirees;
	struct cr_index_db db;
	atomic_uint_fast32_t n;	      /* db.n, for those who search */
	atomic_uint_fast32_t spoiled; /* the n that was noted as damaged */
	/* Of packs that were dropped, their rows not swept yet. */
	atomic_uint_fast64_t dropped_packs;
	uint64_t dropped_rows;
	/* Primary only. */
	uint32_t next;
	struct cr_kv_batch *batch; /* owned; empty between calls */
	struct cr_bulk *bulk;	   /* owned; NULL outside of bulk */
	struct cr_ids *ids;	   /* owned */
};

static inline struct cr_kv *cr_index_kv(struct cr_index *index)
{
	return atomic_load_explicit(&index->kv, memory_order_acquire);
}

/*
 * Probe, and have the child @ask for 0 or 1, which is returned, as a secondary
 * of what it opened.  -ENOENT without a sentence; else as cr_kv_probe().
 */
cr_must_check int cr_index_ask(const struct cr_state *state, size_t cache_bytes,
			       int (*ask)(void *arg, struct cr_index *index),
			       void *arg);

/*
 * cr_index_open() as secondary by a process that has just closed the index as
 * primary, or probed it, so that there is no need to do so.  Any thread.
 */
cr_must_check int cr_index_reopen(const struct cr_state *state,
				  size_t cache_bytes, struct cr_index **ret);

/* Primary: keep less of the tables, since the filter of ids takes @bytes. */
void cr_index_make_room(struct cr_index *index, size_t bytes);

/* Pass @r on; where it says that the database is damaged, note that. */
int cr_index_judge(struct cr_index *index, int r);

/* Read the fact at @key, exactly @len bytes.  -ENOENT without a sentence. */
cr_must_check int cr_index_fact(struct cr_kv *kv, struct cr_piece key,
				void *out, size_t len);

#endif
