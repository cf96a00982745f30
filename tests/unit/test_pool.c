/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/pool.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define MIB	(1u << 20)
#define BUFFERS 32
#define ROUNDS	5000
#define THREADS 4

/* Under AddressSanitizer there is no region. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_REGION false
#else
#define HAS_REGION true
#endif

static void what_is_given_back_is_taken_again(void **state)
{
	cr_cleanup(cr_pool_freep) struct cr_pool *pool = NULL;
	uint8_t *a, *b, *c;

	(void)state;
	assert_int_equal(cr_pool_new(4 * MIB, &pool), 0);
	a = cr_pool_take(pool, MIB);
	b = cr_pool_take(pool, 1);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(cr_pool_holds(pool, a), HAS_REGION);
	assert_int_equal(cr_pool_holds(pool, b), HAS_REGION);
	cr_pool_give(pool, a);
	c = cr_pool_take(pool, MIB / 2);
	if (HAS_REGION)
		assert_ptr_equal(c, a);
	cr_pool_give(pool, c);
	cr_pool_give(pool, b);
	cr_pool_give(pool, NULL);
}

static void the_heap_serves_what_finds_no_room(void **state)
{
	cr_cleanup(cr_pool_freep) struct cr_pool *pool = NULL;
	void *all, *more;

	(void)state;
	assert_int_equal(cr_pool_new(2 * MIB, &pool), 0);
	all = cr_pool_take(pool, 2 * MIB);
	more = cr_pool_take(pool, 1);
	assert_non_null(all);
	assert_non_null(more);
	assert_int_equal(cr_pool_holds(pool, all), HAS_REGION);
	assert_false(cr_pool_holds(pool, more));
	cr_pool_give(pool, more);
	more = cr_pool_take(pool, 3 * MIB);
	assert_non_null(more);
	assert_false(cr_pool_holds(pool, more));
	cr_pool_give(pool, more);
	cr_pool_give(pool, all);
}

static void no_pool_is_the_heap(void **state)
{
	cr_cleanup(cr_pool_freep) struct cr_pool *empty = NULL;
	void *a = cr_pool_take(NULL, 100), *b;

	(void)state;
	assert_non_null(a);
	cr_pool_give(NULL, a);
	assert_int_equal(cr_pool_new(0, &empty), 0);
	b = cr_pool_take(empty, 100);
	assert_non_null(b);
	assert_false(cr_pool_holds(empty, b));
	cr_pool_give(empty, b);
}

/* ---- By chance, on threads ---- */

struct held {
	uint8_t *bytes;
	size_t len;
	uint8_t mark;
};

struct work {
	struct cr_pool *pool;
	uint64_t seed;
	bool failed;
};

static bool is_whole(const struct held *held)
{
	return held->bytes[0] == held->mark &&
	       held->bytes[held->len / 2] == held->mark &&
	       held->bytes[held->len - 1] == held->mark;
}

/* Nobody else writes into what one holds. */
static void *take_and_give(void *arg)
{
	struct work *work = arg;
	struct unit_random rnd = { work->seed };
	struct held held[BUFFERS] = { 0 };

	for (unsigned int i = 0; i < ROUNDS; i++) {
		struct held *one = &held[unit_below(&rnd, BUFFERS)];

		if (one->bytes) {
			work->failed |= !is_whole(one);
			cr_pool_give(work->pool, one->bytes);
			*one = (struct held){ 0 };
			continue;
		}
		one->len = 1 + unit_below(&rnd, MIB);
		one->bytes = cr_pool_take(work->pool, one->len);
		one->mark = (uint8_t)(work->seed * 51 + i);
		if (!one->bytes) {
			work->failed = true;
			break;
		}
		one->bytes[0] = one->bytes[one->len / 2] =
			one->bytes[one->len - 1] = one->mark;
	}
	for (unsigned int i = 0; i < BUFFERS; i++) {
		work->failed |= held[i].bytes && !is_whole(&held[i]);
		cr_pool_give(work->pool, held[i].bytes);
	}
	return NULL;
}

static void buffers_never_overlap(void **state)
{
	cr_cleanup(cr_pool_freep) struct cr_pool *pool = NULL;
	pthread_t thread[THREADS];
	struct work work[THREADS];
	void *all;

	(void)state;
	/* Room for about half of them. */
	assert_int_equal(cr_pool_new(16 * MIB, &pool), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		work[i] = (struct work){ .pool = pool, .seed = i + 1 };
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_give,
						&work[i]),
				 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_false(work[i].failed);
	}
	/* All of it is free again, and in one piece. */
	all = cr_pool_take(pool, 16 * MIB);
	assert_int_equal(cr_pool_holds(pool, all), HAS_REGION);
	cr_pool_give(pool, all);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_given_back_is_taken_again),
		cmocka_unit_test(the_heap_serves_what_finds_no_room),
		cmocka_unit_test(no_pool_is_the_heap),
		cmocka_unit_test(buffers_never_overlap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
