/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/figures.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "store/base/log.h"
#include "store/read/reader.h"

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS 1e6
#define MIB	  (1024.0 * 1024.0)

/* Bucket n counts what took less than 2^n microseconds. */
#define BUCKETS 32

struct kind {
	atomic_ullong count;
	atomic_ullong ns;
	atomic_ullong slowest;
	atomic_ullong bucket[BUCKETS];
};

struct cr_figures {
	atomic_ullong last; /* ns of the monotonic clock */
	struct kind kind[CR_REQUESTS];
};

static const char *const names[CR_REQUESTS] = {
	[CR_REQUEST_LOOKUP] = "lookup",	      [CR_REQUEST_GETATTR] = "getattr",
	[CR_REQUEST_READLINK] = "readlink",   [CR_REQUEST_OPENDIR] = "opendir",
	[CR_REQUEST_READDIR] = "readdir",     [CR_REQUEST_OPEN] = "open",
	[CR_REQUEST_READ] = "read",	      [CR_REQUEST_LSEEK] = "lseek",
	[CR_REQUEST_GETXATTR] = "getxattr",   [CR_REQUEST_STATFS] = "statfs",
	[CR_REQUEST_LISTXATTR] = "listxattr",
};

static uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

int cr_figures_new(struct cr_figures **ret)
{
	struct cr_figures *figures = calloc(1, sizeof(*figures));

	if (!figures)
		return -ENOMEM;
	cr_figures_touch(figures);
	*ret = figures;
	return 0;
}

void cr_figures_free(struct cr_figures *figures)
{
	free(figures);
}

/* ---- Counting ---- */

#define add(counter, n) \
	atomic_fetch_add_explicit(&(counter), (n), memory_order_relaxed)

static unsigned int bucket_of(uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned int n = us > 0 ? 64 - (unsigned int)__builtin_clzll(us) : 0;

	return cr_min(n, BUCKETS - 1u);
}

void cr_figures_touch(struct cr_figures *figures)
{
	atomic_store_explicit(&figures->last, now(), memory_order_relaxed);
}

void cr_figures_begin(struct cr_figures *figures)
{
	cr_figures_touch(figures);
}

void cr_figures_add(struct cr_figures *figures, enum cr_request kind,
		    uint64_t ns)
{
	struct kind *k = &figures->kind[kind];
	unsigned long long slowest =
		atomic_load_explicit(&k->slowest, memory_order_relaxed);

	add(k->count, 1);
	add(k->ns, ns);
	add(k->bucket[bucket_of(ns)], 1);
	while (ns > slowest &&
	       !atomic_compare_exchange_weak(&k->slowest, &slowest, ns))
		;
	cr_figures_touch(figures);
}

uint64_t cr_figures_idle(const struct cr_figures *figures)
{
	uint64_t last = atomic_load(&figures->last), at = now();

	return at > last ? (at - last) / NS_PER_S : 0;
}

/* ---- Printing ---- */

/* A time within which 99 % were answered, in ns: a power of two. */
static uint64_t within(const struct kind *k, uint64_t count)
{
	uint64_t seen = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		seen += atomic_load(&k->bucket[i]);
		if (seen >= count - count / 100)
			return (UINT64_C(1) << i) * 1000;
	}
	return atomic_load(&k->slowest);
}

uint64_t cr_figures_text(const struct cr_figures *figures, enum cr_request kind,
			 char out[CR_FIGURES_TEXT_MAX])
{
	const struct kind *k = &figures->kind[kind];
	uint64_t count = atomic_load(&k->count);
	uint64_t slowest = atomic_load(&k->slowest);

	if (count == 0)
		return 0;
	(void)snprintf(out, CR_FIGURES_TEXT_MAX,
		       "%s: %" PRIu64 " requests, %.3f ms on average, 99 %% "
		       "within %.3f ms, slowest %.3f ms",
		       names[kind], count,
		       (double)atomic_load(&k->ns) / (double)count / NS_PER_MS,
		       (double)cr_min(within(k, count), slowest) / NS_PER_MS,
		       (double)slowest / NS_PER_MS);
	return count;
}

void cr_figures_log(const struct cr_figures *figures, struct cr_reader *reader)
{
	struct cr_reader_stats stats;
	char text[CR_FIGURES_TEXT_MAX];

	cr_reader_get_stats(reader, &stats);
	cr_log(CR_LOG_NOTICE,
	       "figures: cache: %.1f MiB, %" PRIu64 " hits, %" PRIu64
	       " misses; decoded: %" PRIu64 " blocks, %.1f MiB; %" PRIu64
	       " hints followed, %" PRIu64 " stale, %" PRIu64
	       " index lookups, %" PRIu64 " searches",
	       (double)stats.cached_bytes / MIB, stats.hits, stats.misses,
	       stats.blocks_decoded, (double)stats.bytes_decoded / MIB,
	       stats.hints_followed, stats.hints_stale, stats.index_lookups,
	       stats.searches);
	for (unsigned int i = 0; i < CR_REQUESTS; i++)
		if (cr_figures_text(figures, (enum cr_request)i, text) > 0)
			cr_log(CR_LOG_NOTICE, "figures: %s", text);
}
