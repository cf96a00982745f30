/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bloom.h - a set of ids that says "not there" for sure and "there" nearly so:
 * a blocked Bloom filter (Putze, Sanders, Singler, "Cache-, Hash- and
 * Space-Efficient Bloom Filters", 2007), one cache line an id.
 *
 * Ids are hashes: their first 16 bytes are taken as they are.  Any number of
 * threads may add and ask.
 */
#ifndef STORE_BASE_BLOOM_H
#define STORE_BASE_BLOOM_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_bloom;

/*
 * Of @bytes, a power of two from 64 on.  Of ids that were not added it says
 * that they may be there of 0.1% with 16 bits an id, of 2% with 8, of 22% with
 * 4 (measured: tests/unit/test_bloom.c).  -ENOMEM.
 */
cr_must_check int cr_bloom_new(size_t bytes, struct cr_bloom **ret);
void cr_bloom_free(struct cr_bloom *bloom);

void cr_bloom_add(struct cr_bloom *bloom, const struct cr_id *id);
/* False: @id was never added, by what this thread knows to have happened. */
bool cr_bloom_may_have(const struct cr_bloom *bloom, const struct cr_id *id);

/*
 * All of it, borrowed, to be stored or to be filled with what was stored:
 * @bytes, words as this machine has them.
 */
void *cr_bloom_memory(struct cr_bloom *bloom, size_t *bytes);
/*
 * Make it half as large, from 128 bytes on; what was added stays.  Not while
 * others add or ask.
 */
void cr_bloom_fold(struct cr_bloom *bloom);

#endif
