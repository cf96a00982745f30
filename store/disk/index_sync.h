/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_sync.h - bring the index up to date with the repository.
 *
 * Segments are read first, then packs are listed: so no pack that a segment
 * names can be missed by the listing for being new.  Nothing is believed that
 * was not authenticated (pack.h); what is damaged gets a line in the log, is
 * left out, and is remembered nowhere.
 */
#ifndef STORE_DISK_INDEX_SYNC_H
#define STORE_DISK_INDEX_SYNC_H

#include "store/disk/index.h"
#include "store/disk/repo.h"

struct cr_index_sync_stats {
	uint64_t segments; /* taken in */
	uint64_t segments_damaged;
	uint64_t packs;	       /* added, opaque ones too */
	uint64_t packs_opaque; /* of those */
	uint64_t packs_damaged;
	uint64_t packs_dropped; /* gone, or damaged since they were added */
	bool listed;
};

/*
 * As primary: take in the segments that are new and, with @list_packs, the
 * packs that no segment has; drop packs that are gone or were cut short (so do
 * list before any deduplication).  Packs are listed anyway when a segment is
 * damaged, or when they never were.  Durable on return.  Opaque packs are tried
 * again where the keys are there now.
 *
 * Errors: what the storage says when it cannot be listed, -CR_EINDEX, -ENOMEM.
 * Then nothing was dropped.
 */
cr_must_check int cr_index_sync(const struct cr_repo *repo,
				struct cr_index *index, bool list_packs,
				struct cr_index_sync_stats *stats);

/* 1 when a primary would find nothing new in segments, 0, or an error. */
cr_must_check int cr_index_is_ready(const struct cr_repo *repo,
				    struct cr_index *index);

/*
 * For those who read: an index (a secondary) as good as can be had without
 * waiting.  Where it lacks something and nobody holds the lock of @state, it is
 * brought up to date first.  NULL when there is none, or @state is NULL:
 * segments and footers are searched then.  What goes wrong with the index is a
 * line in the log, unless it is another's to mend who holds the lock, and no
 * error but -ENOMEM is.  Before any thread is started.
 */
cr_must_check int cr_index_ready(const struct cr_repo *repo,
				 struct cr_state *state, size_t cache_bytes,
				 struct cr_index **ret);

#endif
