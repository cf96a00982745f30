/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packs.h - a bounded cache of opened packs: their authenticated footers.  Any
 * number of threads.
 */
#ifndef STORE_READ_PACKS_H
#define STORE_READ_PACKS_H

#include "store/disk/pack.h"
#include "store/read/cache.h"

struct cr_packs;

/* @repo is borrowed. */
cr_must_check int cr_packs_new(const struct cr_repo *repo, size_t bytes,
			       struct cr_packs **ret);
void cr_packs_free(struct cr_packs *packs);

/*
 * Pin pack @uid: cr_packs_pack() of it until cr_cached_unpin().  As
 * cr_pack_open(), with the newest keys of the repository.
 */
cr_must_check int cr_packs_get(struct cr_packs *packs, enum cr_pack_kind kind,
			       const struct cr_uid *uid,
			       struct cr_cached **ret);
/* Whether that would open nothing, just now. */
bool cr_packs_has(struct cr_packs *packs, enum cr_pack_kind kind,
		  const struct cr_uid *uid);
/* Without its footer as stored: see cr_pack_slim(). */
static inline const struct cr_pack *cr_packs_pack(
	const struct cr_cached *cached)
{
	return cr_cached_value(cached);
}

void cr_packs_get_stats(struct cr_packs *packs, struct cr_cache_stats *ret);

#endif
