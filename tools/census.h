/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * census.h - which chunks only one snapshot uses, and what they take up.
 *
 * Two rounds.  In the first each snapshot is counted: every chunk is then known
 * as used by none, one or several.  In the second each may be asked for what is
 * its own.  Subtrees that several share are gone into twice at most, however
 * many snapshots there are.
 *
 * Memory: three bits for each chunk, and 12 bytes for each block, of the packs
 * that are met.
 */
#ifndef TOOLS_CENSUS_H
#define TOOLS_CENSUS_H

#include "store/read/reader.h"
#include "store/read/snapshots.h"

struct cr_census;

/* @reader is borrowed; @cache_bytes bounds the packs kept open. */
cr_must_check int cr_census_new(struct cr_reader *reader, size_t cache_bytes,
				struct cr_census **ret);
void cr_census_free(struct cr_census *census);

/* The first round. */
cr_must_check int cr_census_count(struct cr_census *census,
				  const struct cr_snapshot *snapshot);

/* The second: bytes in packs that only @snapshot uses. */
cr_must_check int cr_census_unique(struct cr_census *census,
				   const struct cr_snapshot *snapshot,
				   uint64_t *ret);

/* Chunks that could not be found or read so far; each had a line in the log. */
uint64_t cr_census_damaged(const struct cr_census *census);

static inline void cr_census_freep(struct cr_census **census)
{
	cr_census_free(*census);
}

#endif
