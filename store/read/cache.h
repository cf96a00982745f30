/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache.h - a byte-bounded cache of immutable values: pin, evict, load each
 * once however many threads want it.
 *
 * A value is loaded by the first thread that asks, without any lock held; the
 * others wait for that value only.  Pinned values are never evicted, so the
 * bound can be exceeded by what is pinned.
 */
#ifndef STORE_READ_CACHE_H
#define STORE_READ_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_cache;
struct cr_cached; /* a pinned value */

struct cr_cache_key {
	struct cr_uid uid;
	uint32_t n;
};

struct cr_cache_ops {
	/*
	 * Make the value of @key.  @arg is what cr_cache_get() was given.
	 * On success *@weight is the heap bytes to account.
	 */
	int (*load)(void *arg, const struct cr_cache_key *key, void **value,
		    size_t *weight);
	void (*drop)(void *value);
};

struct cr_cache_stats {
	uint64_t hits;
	uint64_t misses;
	uint64_t bytes;
};

cr_must_check int cr_cache_new(size_t bytes, const struct cr_cache_ops *ops,
			       struct cr_cache **ret);
/* Nothing may be pinned any more. */
void cr_cache_free(struct cr_cache *cache);

/* Pin the value of @key, loading it if need be.  Errors are the loader's. */
cr_must_check int cr_cache_get(struct cr_cache *cache,
			       const struct cr_cache_key *key, void *arg,
			       struct cr_cached **ret);
/* Whether the value of @key is there or being loaded.  It may go at once. */
bool cr_cache_has(struct cr_cache *cache, const struct cr_cache_key *key);
void *cr_cached_value(const struct cr_cached *cached);
void cr_cached_unpin(struct cr_cached *cached); /* accepts NULL */
/* The same, of what is not wanted again: it goes with its last pin. */
void cr_cached_spend(struct cr_cached *cached);
/*
 * The same, of what somebody read to its end: it goes before all others, and
 * early, so that who reads much does not fill the cache with it.
 */
void cr_cached_pass(struct cr_cached *cached);

void cr_cache_get_stats(struct cr_cache *cache, struct cr_cache_stats *ret);

static inline void cr_cached_unpinp(struct cr_cached **cached)
{
	cr_cached_unpin(*cached);
}

#endif
