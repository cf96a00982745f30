/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "store/base/error.h"

#define SHARDS_MAX 16
/*
 * Of a megabyte each, blocks fall on shards unevenly: of small shards some are
 * full long before the cache is, and what a walk needs next is evicted.
 */
#define SHARD_BYTES (32u << 20)
#define BUCKETS	    1024 /* a shard; a power of two */
#define PASSED_PART 8	 /* one in so many is for what was passed */

enum state { LOADING, READY, FAILED };

struct cr_cached {
	struct cr_cache_key key;
	struct shard *shard; /* borrowed */
	enum state state;    /* under: shard lock */
	unsigned int pins;   /* under: shard lock */
	bool spent;	     /* under: shard lock */
	bool passed;	     /* under: shard lock; in which list */
	void *value;	     /* owned; set once, before READY */
	size_t weight;
	int error;		 /* when FAILED */
	char *why;		 /* owned; when FAILED */
	struct cr_cached *chain; /* next in the bucket; under: shard lock */
	struct cr_cached *newer, *older; /* unpinned only; under: shard lock */
};

/* Unpinned values, by last use. */
struct list {
	struct cr_cached *newest, *oldest;
	size_t bytes;
};

struct shard {
	pthread_mutex_t lock;
	pthread_cond_t loaded;
	const struct cr_cache_ops *ops; /* borrowed */
	struct cr_cached *bucket[BUCKETS];
	struct list list[2]; /* the second: of what was passed */
	size_t bytes, limit;
	uint64_t hits, misses;
};

struct cr_cache {
	struct cr_cache_ops ops;
	unsigned int shards;
	struct shard shard[];
};

int cr_cache_new(size_t bytes, const struct cr_cache_ops *ops,
		 struct cr_cache **ret)
{
	size_t shards = cr_min(bytes / SHARD_BYTES + 1, (size_t)SHARDS_MAX);
	struct cr_cache *cache =
		calloc(1, sizeof(*cache) + shards * sizeof(cache->shard[0]));

	if (!cache)
		return -ENOMEM;
	cache->ops = *ops;
	cache->shards = (unsigned int)shards;
	for (size_t i = 0; i < shards; i++) {
		(void)pthread_mutex_init(&cache->shard[i].lock, NULL);
		(void)pthread_cond_init(&cache->shard[i].loaded, NULL);
		cache->shard[i].ops = &cache->ops;
		cache->shard[i].limit = bytes / shards;
	}
	*ret = cache;
	return 0;
}

/* Names are random: their first bytes are hash enough. */
static uint64_t key_hash(const struct cr_cache_key *key)
{
	uint64_t hash;

	memcpy(&hash, key->uid.bytes, sizeof(hash));
	return (hash ^ key->n) * 0x9e3779b97f4a7c15u;
}

static struct cr_cached **bucket_of(struct shard *shard,
				    const struct cr_cache_key *key)
{
	return &shard->bucket[(key_hash(key) >> 32) % BUCKETS];
}

static struct cr_cached *find(struct shard *shard,
			      const struct cr_cache_key *key)
{
	struct cr_cached *cached = *bucket_of(shard, key);

	while (cached && (cached->key.n != key->n ||
			  !cr_uid_equal(&cached->key.uid, &key->uid)))
		cached = cached->chain;
	return cached;
}

static void unchain(struct shard *shard, struct cr_cached *cached)
{
	struct cr_cached **at = bucket_of(shard, &cached->key);

	while (*at != cached)
		at = &(*at)->chain;
	*at = cached->chain;
}

static void unlist(struct shard *shard, struct cr_cached *cached)
{
	struct list *list = &shard->list[cached->passed];

	*(cached->newer ? &cached->newer->older : &list->newest) =
		cached->older;
	*(cached->older ? &cached->older->newer : &list->oldest) =
		cached->newer;
	cached->newer = cached->older = NULL;
	list->bytes -= cached->weight;
}

static void list_newest(struct shard *shard, struct cr_cached *cached)
{
	struct list *list = &shard->list[cached->passed];

	cached->older = list->newest;
	cached->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = cached;
	list->newest = cached;
	list->bytes += cached->weight;
}

/* The next to go; NULL when the rest fits.  Of what was passed one may stay. */
static struct cr_cached *surplus(const struct shard *shard)
{
	const struct list *kept = &shard->list[false];
	const struct list *passed = &shard->list[true];
	bool over = shard->bytes > shard->limit;

	if (passed->oldest &&
	    (over || (passed->bytes > shard->limit / PASSED_PART &&
		      passed->oldest != passed->newest)))
		return passed->oldest;
	return over ? kept->oldest : NULL;
}

/* Take unpinned values off until the rest fits; to be freed. */
static struct cr_cached *evict(struct shard *shard)
{
	struct cr_cached *cached, *gone = NULL;

	while ((cached = surplus(shard))) {
		unlist(shard, cached);
		unchain(shard, cached);
		shard->bytes -= cached->weight;
		cached->chain = gone;
		gone = cached;
	}
	return gone;
}

static void free_evicted(struct cr_cached *gone, const struct cr_cache_ops *ops)
{
	while (gone) {
		struct cr_cached *next = gone->chain;

		if (gone->value)
			ops->drop(gone->value);
		free(gone->why);
		free(gone);
		gone = next;
	}
}

void cr_cache_free(struct cr_cache *cache)
{
	if (!cache)
		return;
	for (unsigned int s = 0; s < cache->shards; s++) {
		struct shard *shard = &cache->shard[s];

		shard->limit = 0;
		free_evicted(evict(shard), &cache->ops);
		(void)pthread_mutex_destroy(&shard->lock);
		(void)pthread_cond_destroy(&shard->loaded);
	}
	free(cache);
}

/* Wait, locked, until @cached is loaded; then take its pin or its error. */
static int wait_loaded(struct shard *shard, struct cr_cached *cached,
		       struct cr_cached **ret)
{
	while (cached->state == LOADING)
		(void)pthread_cond_wait(&shard->loaded, &shard->lock);
	if (cached->state == READY) {
		*ret = cached;
		return 0;
	}
	return cached->why ? cr_fail(-cached->error, "%s", cached->why)
			   : cached->error;
}

/* Drop one pin, locked.  Returns what is to be freed after unlocking. */
static struct cr_cached *drop_pin(struct shard *shard, struct cr_cached *cached)
{
	assert(cached->pins > 0);
	if (--cached->pins > 0)
		return NULL;
	if (cached->state == FAILED) {
		cached->chain = NULL;
		return cached;
	}
	if (cached->spent) {
		unchain(shard, cached);
		shard->bytes -= cached->weight;
		cached->chain = NULL;
		return cached;
	}
	list_newest(shard, cached);
	return evict(shard);
}

enum use { KEPT, PASSED, SPENT };

static void unpin(struct cr_cached *cached, enum use use)
{
	struct shard *shard = cached->shard;
	struct cr_cached *gone;

	(void)pthread_mutex_lock(&shard->lock);
	cached->spent |= use == SPENT;
	cached->passed |= use == PASSED;
	gone = drop_pin(shard, cached);
	(void)pthread_mutex_unlock(&shard->lock);
	free_evicted(gone, shard->ops);
}

void cr_cached_unpin(struct cr_cached *cached)
{
	if (cached)
		unpin(cached, KEPT);
}

void cr_cached_pass(struct cr_cached *cached)
{
	unpin(cached, PASSED);
}

void cr_cached_spend(struct cr_cached *cached)
{
	unpin(cached, SPENT);
}

/* Load what this thread entered as LOADING, and wake who waits for it. */
static int load(struct shard *shard, struct cr_cached *cached, void *arg,
		struct cr_cached **ret)
{
	void *value = NULL;
	size_t weight = 0;
	int r = shard->ops->load(arg, &cached->key, &value, &weight);
	char *why = r < 0 ? strdup(cr_detail()) : NULL;

	(void)pthread_mutex_lock(&shard->lock);
	if (r < 0) {
		cached->state = FAILED;
		cached->error = r;
		cached->why = why;
		unchain(shard, cached); /* the next to ask tries anew */
	} else {
		cached->state = READY;
		cached->value = value;
		cached->weight = weight + sizeof(*cached);
		shard->bytes += cached->weight;
		*ret = cached;
	}
	(void)pthread_cond_broadcast(&shard->loaded);
	(void)pthread_mutex_unlock(&shard->lock);
	if (r < 0)
		cr_cached_unpin(cached);
	return r;
}

int cr_cache_get(struct cr_cache *cache, const struct cr_cache_key *key,
		 void *arg, struct cr_cached **ret)
{
	struct shard *shard =
		&cache->shard[(key_hash(key) >> 48) % cache->shards];
	struct cr_cached *cached, *gone = NULL;
	int r;

	(void)pthread_mutex_lock(&shard->lock);
	cached = find(shard, key);
	if (cached) {
		shard->hits++;
		if (cached->pins++ == 0) {
			unlist(shard, cached);
			cached->passed = false;
		}
		r = wait_loaded(shard, cached, ret);
		if (r < 0)
			gone = drop_pin(shard, cached);
		(void)pthread_mutex_unlock(&shard->lock);
		free_evicted(gone, shard->ops);
		return r;
	}
	shard->misses++;
	cached = calloc(1, sizeof(*cached));
	if (cached) {
		cached->key = *key;
		cached->shard = shard;
		cached->pins = 1;
		cached->chain = *bucket_of(shard, key);
		*bucket_of(shard, key) = cached;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	return cached ? load(shard, cached, arg, ret) : -ENOMEM;
}

bool cr_cache_has(struct cr_cache *cache, const struct cr_cache_key *key)
{
	struct shard *shard =
		&cache->shard[(key_hash(key) >> 48) % cache->shards];
	bool has;

	(void)pthread_mutex_lock(&shard->lock);
	has = find(shard, key);
	(void)pthread_mutex_unlock(&shard->lock);
	return has;
}

void *cr_cached_value(const struct cr_cached *cached)
{
	return cached->value;
}

void cr_cache_get_stats(struct cr_cache *cache, struct cr_cache_stats *ret)
{
	*ret = (struct cr_cache_stats){ 0 };
	for (unsigned int s = 0; s < cache->shards; s++) {
		struct shard *shard = &cache->shard[s];

		(void)pthread_mutex_lock(&shard->lock);
		ret->hits += shard->hits;
		ret->misses += shard->misses;
		ret->bytes += shard->bytes;
		(void)pthread_mutex_unlock(&shard->lock);
	}
}
