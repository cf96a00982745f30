/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/bloom.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define BYTES	(64u << 10)
#define THREADS 4

static struct cr_id nth(uint64_t n)
{
	struct unit_random random = { n << 32 };
	struct cr_id id = { { 0 } };

	unit_fill(&random, id.bytes, 16);
	return id;
}

static struct cr_bloom *new_bloom(void)
{
	struct cr_bloom *bloom = NULL;

	assert_int_equal(cr_bloom_new(BYTES, &bloom), 0);
	return bloom;
}

static void add(struct cr_bloom *bloom, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++) {
		struct cr_id id = nth(n);

		cr_bloom_add(bloom, &id);
	}
}

/* How many of the ids from @from to @to it says it may have. */
static uint64_t had(const struct cr_bloom *bloom, uint64_t from, uint64_t to)
{
	uint64_t found = 0;

	for (uint64_t n = from; n < to; n++) {
		struct cr_id id = nth(n);

		found += cr_bloom_may_have(bloom, &id);
	}
	return found;
}

static void an_empty_one_has_nothing(void **state)
{
	struct cr_bloom *bloom = new_bloom();

	(void)state;
	assert_int_equal(had(bloom, 0, 1000), 0);
	cr_bloom_free(bloom);
}

static void what_was_added_is_always_there(void **state)
{
	struct cr_bloom *bloom = new_bloom();

	(void)state;
	for (uint64_t n = 0; n < BYTES * 4; n += BYTES / 4) {
		add(bloom, n, n + BYTES / 4);
		assert_int_equal(had(bloom, 0, n + BYTES / 4), n + BYTES / 4);
	}
	cr_bloom_free(bloom);
}

/* Of a million that were not added, so many at most may seem to be there. */
static void assert_false_ones(uint64_t added, uint64_t max)
{
	struct cr_bloom *bloom = new_bloom();
	uint64_t found;

	add(bloom, 0, added);
	found = had(bloom, BYTES * 8, BYTES * 8 + 1000000);
	print_message("  %g bits an id: %g of the others\n",
		      BYTES * 8.0 / (double)added, (double)found / 1000000);
	assert_true(found <= max);
	cr_bloom_free(bloom);
}

static void few_others_seem_to_be_there(void **state)
{
	(void)state;
	assert_false_ones(BYTES / 8, 10);
	assert_false_ones(BYTES / 2, 3000);
	assert_false_ones(BYTES, 40000);
	assert_false_ones(BYTES * 2, 300000);
}

static void half_of_it_has_all_that_was_added(void **state)
{
	struct cr_bloom *bloom = new_bloom();
	size_t bytes;

	(void)state;
	add(bloom, 0, BYTES / 16);
	for (size_t want = BYTES; want >= BYTES / 8; want /= 2) {
		(void)cr_bloom_memory(bloom, &bytes);
		assert_int_equal(bytes, want);
		assert_int_equal(had(bloom, 0, BYTES / 16), BYTES / 16);
		/* As good as one that was made so small: 16 bits an id. */
		assert_true(had(bloom, BYTES, BYTES + 100000) <= 300);
		cr_bloom_fold(bloom);
	}
	cr_bloom_free(bloom);
}

static void what_was_copied_has_the_same(void **state)
{
	struct cr_bloom *bloom = new_bloom(), *copy = new_bloom();
	size_t bytes;
	void *to, *from;

	(void)state;
	add(bloom, 0, BYTES / 4);
	from = cr_bloom_memory(bloom, &bytes);
	to = cr_bloom_memory(copy, &bytes);
	memcpy(to, from, bytes);
	assert_int_equal(had(copy, 0, BYTES / 4), BYTES / 4);
	assert_int_equal(had(copy, BYTES, BYTES + 100000),
			 had(bloom, BYTES, BYTES + 100000));
	cr_bloom_free(bloom);
	cr_bloom_free(copy);
}

struct adder {
	pthread_t thread;
	struct cr_bloom *bloom;
	uint64_t first;
};

static void *add_every_fourth(void *arg)
{
	const struct adder *a = arg;

	for (uint64_t n = a->first; n < BYTES; n += THREADS)
		add(a->bloom, n, n + 1);
	return NULL;
}

static void threads_lose_nothing_of_one_another(void **state)
{
	struct adder adder[THREADS];
	struct cr_bloom *bloom = new_bloom();

	(void)state;
	for (uint64_t i = 0; i < THREADS; i++) {
		adder[i] = (struct adder){ .bloom = bloom, .first = i };
		assert_int_equal(pthread_create(&adder[i].thread, NULL,
						add_every_fourth, &adder[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(adder[i].thread, NULL), 0);
	assert_int_equal(had(bloom, 0, BYTES), BYTES);
	cr_bloom_free(bloom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_has_nothing),
		cmocka_unit_test(what_was_added_is_always_there),
		cmocka_unit_test(few_others_seem_to_be_there),
		cmocka_unit_test(half_of_it_has_all_that_was_added),
		cmocka_unit_test(what_was_copied_has_the_same),
		cmocka_unit_test(threads_lose_nothing_of_one_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
