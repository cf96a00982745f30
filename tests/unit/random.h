/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * random.h - bytes that look random and can be had again.
 *
 * A test that wants new ones each run prints its seed and takes one from
 * CAPROCK_TEST_SEED.
 */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <time.h>

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
struct unit_random {
	uint64_t state;
};

static inline uint64_t unit_random(struct unit_random *rnd)
{
	uint64_t z = rnd->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 to @n - 1. */
static inline uint32_t unit_below(struct unit_random *rnd, uint32_t n)
{
	return (uint32_t)((unit_random(rnd) >> 32) * n >> 32);
}

static inline void unit_fill(struct unit_random *rnd, void *out, size_t len)
{
	uint8_t *b = out;

	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)unit_random(rnd);
}

static inline struct unit_random unit_seed(void)
{
	const char *given = getenv("CAPROCK_TEST_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (given)
		seed = strtoull(given, NULL, 10);
	print_message("  CAPROCK_TEST_SEED=%llu\n", (unsigned long long)seed);
	return (struct unit_random){ seed };
}

#endif
