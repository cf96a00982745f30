/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "store/base/heap.h"

#define GRANULE (64u << 10)

#if defined(__SANITIZE_ADDRESS__)
#define USE_HEAP true
#else
#define USE_HEAP false
#endif

struct cr_pool {
	uint8_t *region; /* mapped; NULL: none */
	size_t mapped;
	uint8_t *base; /* of the first granule */
	size_t granules;
	pthread_mutex_t lock;
	size_t first;	/* no granule before it is free; under: lock */
	uint32_t run[]; /* granules taken from here; 0: free; under: lock */
};

static size_t granules_of(size_t len)
{
	return len / GRANULE + (len % GRANULE > 0);
}

int cr_pool_new(size_t bytes, struct cr_pool **ret)
{
	size_t granules = USE_HEAP ? 0 : granules_of(bytes);
	struct cr_pool *pool;

	if (granules > (SIZE_MAX - CR_HUGE_PAGE) / GRANULE)
		return -ENOMEM;
	pool = calloc(1, sizeof(*pool) + granules * sizeof(pool->run[0]));
	if (!pool)
		return -ENOMEM;
	(void)pthread_mutex_init(&pool->lock, NULL);
	if (granules > 0) {
		pool->mapped = granules * GRANULE + CR_HUGE_PAGE;
		pool->region = mmap(NULL, pool->mapped, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				    -1, 0);
	}
	/* Where address space is short, the heap has to do. */
	if (granules > 0 && pool->region != MAP_FAILED) {
		pool->base =
			pool->region + (CR_HUGE_PAGE - (uintptr_t)pool->region %
							       CR_HUGE_PAGE) %
					       CR_HUGE_PAGE;
		pool->granules = granules;
		(void)madvise(pool->base, granules * GRANULE, MADV_HUGEPAGE);
		(void)madvise(pool->base, granules * GRANULE, MADV_DONTDUMP);
	} else {
		pool->region = NULL;
	}
	*ret = pool;
	return 0;
}

void cr_pool_free(struct cr_pool *pool)
{
	if (!pool)
		return;
	for (size_t i = 0; i < pool->granules; i++)
		assert(pool->run[i] == 0);
	if (pool->region)
		(void)munmap(pool->region, pool->mapped);
	(void)pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* The first of @want free granules in a row; or all there are. */
static size_t find(const struct cr_pool *pool, size_t want)
{
	size_t at = pool->first, end = at;

	while (end < pool->granules && end - at < want) {
		if (pool->run[end] > 0) {
			end += pool->run[end];
			at = end;
		} else {
			end++;
		}
	}
	return end - at < want ? pool->granules : at;
}

static void *take(struct cr_pool *pool, size_t len)
{
	size_t want = granules_of(len), at;
	bool found;

	if (want > UINT32_MAX)
		return NULL;
	(void)pthread_mutex_lock(&pool->lock);
	at = find(pool, want);
	found = at < pool->granules;
	if (found) {
		pool->run[at] = (uint32_t)want;
		if (at == pool->first)
			pool->first += want;
	}
	(void)pthread_mutex_unlock(&pool->lock);
	return found ? pool->base + at * GRANULE : NULL;
}

void *cr_pool_take(struct cr_pool *pool, size_t len)
{
	void *buffer = pool ? take(pool, len) : NULL;

	assert(len > 0);
	return buffer ? buffer : malloc(len);
}

bool cr_pool_holds(const struct cr_pool *pool, const void *buffer)
{
	uintptr_t at = (uintptr_t)buffer, base = (uintptr_t)pool->base;

	return at >= base && at - base < pool->granules * GRANULE;
}

void cr_pool_give(struct cr_pool *pool, void *buffer)
{
	size_t at;

	if (!pool || !cr_pool_holds(pool, buffer)) {
		free(buffer);
		return;
	}
	at = (size_t)((uint8_t *)buffer - pool->base) / GRANULE;
	(void)pthread_mutex_lock(&pool->lock);
	assert(pool->run[at] > 0);
	pool->run[at] = 0;
	pool->first = cr_min(pool->first, at);
	(void)pthread_mutex_unlock(&pool->lock);
}
