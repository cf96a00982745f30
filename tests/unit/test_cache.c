/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "tests/unit/unit.h"

#define THREADS 8
#define WEIGHT	(1u << 20)

static atomic_int loads, drops;

struct loading {
	int error;
	pthread_barrier_t *together; /* may be NULL */
};

static int load(void *arg, const struct cr_cache_key *key, void **value,
		size_t *weight)
{
	const struct loading *loading = arg;
	uint32_t *n;

	(void)atomic_fetch_add(&loads, 1);
	if (loading && loading->error)
		return cr_fail(loading->error, "number %u is bad", key->n);
	n = malloc(sizeof(*n));
	assert_non_null(n);
	*n = key->n;
	*value = n;
	*weight = WEIGHT;
	return 0;
}

static void drop(void *value)
{
	(void)atomic_fetch_add(&drops, 1);
	free(value);
}

static const struct cr_cache_ops ops = { load, drop };

static int reset(void **state)
{
	(void)state;
	atomic_store(&loads, 0);
	atomic_store(&drops, 0);
	return 0;
}

static struct cr_cache_key key_of(uint32_t n)
{
	struct cr_cache_key key = { .n = n };

	memset(key.uid.bytes, (int)(n * 7), sizeof(key.uid.bytes));
	return key;
}

static void get(struct cr_cache *cache, uint32_t n, struct cr_cached **ret)
{
	struct cr_cache_key key = key_of(n);

	assert_int_equal(cr_cache_get(cache, &key, NULL, ret), 0);
	assert_int_equal(*(uint32_t *)cr_cached_value(*ret), n);
}

static void value_is_loaded_once(void **state)
{
	struct cr_cached *a, *b;
	struct cr_cache_stats stats;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(64 * WEIGHT, &ops, &cache), 0);
	get(cache, 1, &a);
	get(cache, 1, &b);
	assert_ptr_equal(a, b);
	cr_cached_unpin(a);
	cr_cached_unpin(b);
	get(cache, 1, &a);
	cr_cached_unpin(a);
	assert_int_equal(atomic_load(&loads), 1);
	cr_cache_get_stats(cache, &stats);
	assert_int_equal(stats.hits, 2);
	assert_int_equal(stats.misses, 1);
	cr_cache_free(cache);
	assert_int_equal(atomic_load(&drops), 1);
}

static void unpinned_bytes_stay_within_the_bound(void **state)
{
	enum { BOUND = 32 };
	struct cr_cache_stats stats;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(BOUND * WEIGHT, &ops, &cache), 0);
	for (uint32_t n = 0; n < 10 * BOUND; n++) {
		struct cr_cached *cached;

		get(cache, n, &cached);
		cr_cached_unpin(cached);
		cr_cache_get_stats(cache, &stats);
		assert_true(stats.bytes <= (uint64_t)BOUND * WEIGHT);
	}
	assert_true(stats.bytes >= (uint64_t)BOUND / 2 * WEIGHT);
	cr_cache_free(cache);
	assert_int_equal(atomic_load(&drops), atomic_load(&loads));
}

static void pinned_values_are_never_evicted(void **state)
{
	struct cr_cached *pinned, *other;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(2 * WEIGHT, &ops, &cache), 0);
	get(cache, 0, &pinned);
	for (uint32_t n = 1; n < 100; n++) {
		get(cache, n, &other);
		cr_cached_unpin(other);
	}
	assert_int_equal(*(uint32_t *)cr_cached_value(pinned), 0);
	get(cache, 0, &other);
	assert_ptr_equal(other, pinned);
	cr_cached_unpin(other);
	cr_cached_unpin(pinned);
	cr_cache_free(cache);
}

static void what_is_spent_goes_with_its_last_pin(void **state)
{
	struct cr_cached *a, *b;
	struct cr_cache_stats stats;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(64 * WEIGHT, &ops, &cache), 0);
	get(cache, 1, &a);
	get(cache, 1, &b);
	cr_cached_spend(a);
	assert_int_equal(atomic_load(&drops), 0);
	assert_int_equal(*(uint32_t *)cr_cached_value(b), 1);
	cr_cached_unpin(b);
	assert_int_equal(atomic_load(&drops), 1);
	cr_cache_get_stats(cache, &stats);
	assert_int_equal(stats.bytes, 0);
	/* And comes back, to stay. */
	get(cache, 1, &a);
	cr_cached_unpin(a);
	assert_int_equal(atomic_load(&loads), 2);
	assert_int_equal(atomic_load(&drops), 1);
	cr_cache_free(cache);
	assert_int_equal(atomic_load(&drops), 2);
}

static void last_used_goes_last(void **state)
{
	struct cr_cached *cached;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(4 * WEIGHT + WEIGHT / 2, &ops, &cache),
			 0);
	for (uint32_t n = 0; n < 4; n++) {
		get(cache, n, &cached);
		cr_cached_unpin(cached);
	}
	get(cache, 0, &cached); /* now 1 is the oldest */
	cr_cached_unpin(cached);
	get(cache, 4, &cached);
	cr_cached_unpin(cached);
	atomic_store(&loads, 0);
	get(cache, 0, &cached);
	cr_cached_unpin(cached);
	assert_int_equal(atomic_load(&loads), 0);
	get(cache, 1, &cached);
	cr_cached_unpin(cached);
	assert_int_equal(atomic_load(&loads), 1);
	cr_cache_free(cache);
}

static bool has(struct cr_cache *cache, uint32_t n)
{
	struct cr_cache_key key = key_of(n);

	return cr_cache_has(cache, &key);
}

/* Of 16 (one shard), two may have been passed. */
static void what_was_passed_goes_first_and_soon(void **state)
{
	struct cr_cache_stats stats;
	struct cr_cached *cached;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(16 * WEIGHT + WEIGHT / 2, &ops, &cache),
			 0);
	for (uint32_t n = 0; n < 4; n++) {
		get(cache, n, &cached);
		cr_cached_unpin(cached);
	}
	for (uint32_t n = 4; n < 8; n++) {
		get(cache, n, &cached);
		cr_cached_pass(cached);
	}
	cr_cache_get_stats(cache, &stats);
	assert_in_range(stats.bytes, 6 * WEIGHT, 7 * WEIGHT - 1);
	assert_false(has(cache, 4));
	assert_false(has(cache, 5));
	assert_true(has(cache, 6));
	assert_true(has(cache, 7));
	/* Who wants it again has it as any other. */
	get(cache, 6, &cached);
	cr_cached_unpin(cached);
	for (uint32_t n = 8; n < 19; n++) {
		get(cache, n, &cached);
		cr_cached_unpin(cached);
	}
	assert_true(has(cache, 0));
	assert_true(has(cache, 6));
	assert_false(has(cache, 7));
	cr_cache_free(cache);
	assert_int_equal(atomic_load(&drops), atomic_load(&loads));
}

static void failure_is_told_and_not_kept(void **state)
{
	struct loading bad = { .error = CR_ECORRUPT };
	struct cr_cache_key key = key_of(5);
	struct cr_cached *cached = NULL;
	struct cr_cache *cache;

	(void)state;
	assert_int_equal(cr_cache_new(WEIGHT, &ops, &cache), 0);
	for (int i = 0; i < 2; i++) {
		cr_detail_clear();
		assert_int_equal(cr_cache_get(cache, &key, &bad, &cached),
				 -CR_ECORRUPT);
		assert_string_equal(cr_detail(), "number 5 is bad");
		assert_null(cached);
	}
	get(cache, 5, &cached);
	cr_cached_unpin(cached);
	assert_int_equal(atomic_load(&loads), 3);
	cr_cache_free(cache);
}

static struct cr_cache *shared;
static atomic_bool shared_fails;

static void *hammer(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (int i = 0; i < 20000; i++) {
		struct loading bad = { .error = CR_ECORRUPT };
		uint32_t n = (uint32_t)rand_r(&seed) % 24;
		struct cr_cache_key key = key_of(n);
		struct cr_cached *cached;
		bool fail = atomic_load(&shared_fails) && n % 5 == 0;
		int r = cr_cache_get(shared, &key, fail ? &bad : NULL, &cached);

		if (r < 0) {
			assert(r == -CR_ECORRUPT);
			continue;
		}
		assert(*(uint32_t *)cr_cached_value(cached) == n);
		cr_cached_unpin(cached);
	}
	return NULL;
}

static void hammer_all(void)
{
	pthread_t thread[THREADS];

	assert_int_equal(cr_cache_new(12 * WEIGHT, &ops, &shared), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, hammer,
						(void *)(i + 1)),
				 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	cr_cache_free(shared);
}

static void many_threads_see_right_values(void **state)
{
	(void)state;
	hammer_all();
	assert_int_equal(atomic_load(&drops), atomic_load(&loads));
}

static void many_threads_share_failures(void **state)
{
	(void)state;
	atomic_store(&shared_fails, true);
	hammer_all();
	atomic_store(&shared_fails, false);
}

/* All threads ask at once for what is slow to load. */
static int load_slowly(void *arg, const struct cr_cache_key *key, void **value,
		       size_t *weight)
{
	struct loading *loading = arg;

	(void)pthread_barrier_wait(loading->together);
	return load(NULL, key, value, weight);
}

static pthread_barrier_t loader_runs;

static void *ask_once(void *arg)
{
	struct loading loading = { .together = &loader_runs };
	struct cr_cache_key key = key_of(3);
	struct cr_cached *cached;

	(void)arg;
	assert(cr_cache_get(shared, &key, &loading, &cached) == 0);
	cr_cached_unpin(cached);
	return NULL;
}

static void only_the_first_of_many_loads(void **state)
{
	static const struct cr_cache_ops slow = { load_slowly, drop };
	pthread_t thread[THREADS];

	(void)state;
	(void)pthread_barrier_init(&loader_runs, NULL, 2);
	assert_int_equal(cr_cache_new(12 * WEIGHT, &slow, &shared), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, ask_once, NULL), 0);
	/* A second loader would wait here for ever: the test would time out. */
	(void)pthread_barrier_wait(&loader_runs);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(atomic_load(&loads), 1);
	cr_cache_free(shared);
	(void)pthread_barrier_destroy(&loader_runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(value_is_loaded_once, reset),
		cmocka_unit_test_setup(unpinned_bytes_stay_within_the_bound,
				       reset),
		cmocka_unit_test_setup(pinned_values_are_never_evicted, reset),
		cmocka_unit_test_setup(what_is_spent_goes_with_its_last_pin,
				       reset),
		cmocka_unit_test_setup(last_used_goes_last, reset),
		cmocka_unit_test_setup(what_was_passed_goes_first_and_soon,
				       reset),
		cmocka_unit_test_setup(failure_is_told_and_not_kept, reset),
		cmocka_unit_test_setup(many_threads_see_right_values, reset),
		cmocka_unit_test_setup(many_threads_share_failures, reset),
		cmocka_unit_test_setup(only_the_first_of_many_loads, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
