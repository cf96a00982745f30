/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/walk.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define ENTRIES_MAX 1000
#define THREADS	    8

/* A directory of files only, and which of them were brought. */
struct folder {
	struct cr_walks *walks; /* borrowed */
	uint64_t id;
	uint64_t entries;
	unsigned int asked, brought;
	uint8_t times[ENTRIES_MAX]; /* a file was brought */
};

/* What somebody who is told to begin does. */
static void bring(struct folder *f)
{
	uint64_t ordinal;

	while (cr_walks_next(f->walks, f->id, &ordinal)) {
		if (ordinal >= f->entries) {
			cr_walks_end(f->walks, f->id);
			continue;
		}
		if (!cr_walks_bring(f->walks, f->id, ordinal,
				    ordinal + 1 == f->entries))
			continue;
		f->times[ordinal]++;
		f->brought++;
	}
}

/* Read a file: what was brought is not asked for. */
static void look_at(struct folder *f, uint64_t ordinal)
{
	if (f->times[ordinal] > 0)
		return;
	f->asked++;
	if (cr_walks_ask(f->walks, f->id, ordinal))
		bring(f);
}

static struct folder folder(struct cr_walks *walks, uint64_t id,
			    uint64_t entries)
{
	return (struct folder){
		.walks = walks,
		.id = id,
		.entries = entries,
	};
}

static void read_through(struct folder *f)
{
	for (uint64_t i = 0; i < f->entries; i++)
		look_at(f, i);
}

static void what_is_no_walk_brings_nothing(void **state)
{
	static const struct {
		const char *what;
		uint64_t asked[8];
		unsigned int n;
		bool begins;
	} cases[] = {
		{ "one", { 5 }, 1, false },
		{ "two", { 5, 6 }, 2, false },
		{ "three in order", { 5, 6, 7 }, 3, true },
		{ "with others between", { 5, 15, 25 }, 3, true },
		{ "far apart", { 5, 105, 205 }, 3, false },
		{ "backwards", { 7, 6, 5 }, 3, false },
		{ "the same again", { 5, 5, 5, 5 }, 4, false },
		{ "two, then elsewhere", { 5, 6, 300, 301 }, 4, false },
		{ "seven in no order", { 1, 90, 3, 80, 5, 70, 7 }, 7, false },
		{ "eight", { 1, 90, 3, 80, 5, 70, 7, 60 }, 8, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
		struct folder f;

		unit_case(cases[i].what);
		assert_int_equal(cr_walks_new(&walks), 0);
		f = folder(walks, 7, ENTRIES_MAX);
		for (unsigned int k = 0; k < cases[i].n; k++) {
			assert_int_equal(f.brought, 0);
			look_at(&f, cases[i].asked[k]);
		}
		assert_int_equal(f.brought > 0, cases[i].begins);
	}
}

static void who_reads_all_asks_for_few(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	struct folder f;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	f = folder(walks, 7, ENTRIES_MAX);
	read_through(&f);
	assert_in_range(f.asked, 4, 20);
	assert_int_equal(f.asked + f.brought, f.entries);
	for (uint64_t i = 0; i < f.entries; i++)
		assert_in_range(f.times[i], 0, 1);
}

/* As read_through(), of one who lists each directory first. */
static void list_and_read(struct folder *f)
{
	if (cr_walks_enter(f->walks, f->id))
		bring(f);
	read_through(f);
}

/* Of how many files of 1,000 small directories, but for the first three. */
static unsigned int asked_after_three(struct cr_walks *walks,
				      void (*read)(struct folder *))
{
	unsigned int asked = 0;

	for (uint64_t id = 1; id <= 1000; id++) {
		struct folder f = folder(walks, id, 5);

		read(&f);
		assert_int_equal(f.asked + f.brought, 5);
		asked += id > 3 ? f.asked : 0;
	}
	return asked;
}

/* Three small directories teach it, and from then on the first file does. */
static void the_next_directory_is_known_by_one_file(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	assert_in_range(asked_after_three(walks, read_through), 997, 2 * 997);
}

static void who_lists_the_next_directory_needs_no_file_of_it(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	/* One of some directories, to see that he still comes by. */
	assert_in_range(asked_after_three(walks, list_and_read), 100, 400);
	assert_true(cr_walks_go_on(walks));
}

/* As find(1) does: after a walk some directories are brought, then none. */
static void who_only_lists_is_no_walker(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	unsigned int begun = 0;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	assert_false(cr_walks_enter(walks, 5000));
	assert_false(cr_walks_go_on(walks));
	for (uint64_t id = 1; id <= 100; id++) {
		struct folder f = folder(walks, id, 20);

		list_and_read(&f);
	}
	assert_true(cr_walks_go_on(walks));
	for (uint64_t id = 1001; id <= 2000; id++) {
		struct folder f = folder(walks, id, 20);

		if (!cr_walks_enter(walks, id))
			continue;
		begun++;
		bring(&f);
	}
	assert_in_range(begun, 1, 16);
	assert_false(cr_walks_go_on(walks));
}

static void what_was_begun_is_not_begun_by_listing_it_again(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	struct folder f;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	f = folder(walks, 1, 200);
	read_through(&f);
	f = folder(walks, 2, 20);
	list_and_read(&f);
	assert_true(f.brought > 0);
	assert_false(cr_walks_enter(walks, 2));
}

/* As one who opens here and there a file after a walk: nothing is wasted. */
static void who_reads_one_file_each_is_no_walker(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	unsigned int brought = 0;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	for (uint64_t id = 1; id <= 100; id++) {
		struct folder f = folder(walks, id, 20);

		read_through(&f);
	}
	for (uint64_t id = 1001; id <= 2000; id++) {
		struct folder f = folder(walks, id, 100);

		look_at(&f, 3);
		brought += f.brought;
	}
	/* 16 directories, the first half of them by larger windows. */
	assert_in_range(brought, 1, 8 * 64 + 8 * 16);
}

static void who_stops_is_left_alone(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	struct folder f;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	f = folder(walks, 7, ENTRIES_MAX);
	for (uint64_t i = 0; i < 4; i++)
		look_at(&f, i);
	assert_in_range(f.brought, 1, 16);
}

/* As cp(1) does, which goes by inode numbers. */
static void in_any_order_nothing_is_brought_twice(void **state)
{
	struct unit_random rnd = { 1 };
	unsigned int brought = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
		unsigned int n = round % 2 == 0 ? 40 : ENTRIES_MAX;
		unsigned int order[ENTRIES_MAX];
		struct folder f;

		assert_int_equal(cr_walks_new(&walks), 0);
		f = folder(walks, 7, n);
		for (unsigned int i = 0; i < n; i++)
			order[i] = i;
		for (unsigned int i = n; i > 1; i--) {
			unsigned int k = unit_below(&rnd, i), was = order[k];

			order[k] = order[i - 1];
			order[i - 1] = was;
		}
		for (unsigned int i = 0; i < n; i++)
			look_at(&f, order[i]);
		for (uint64_t i = 0; i < f.entries; i++)
			assert_in_range(f.times[i], 0, 1);
		brought += n == 40 ? f.brought : 0;
	}
	assert_in_range(brought, 25 * 40 / 3, 25 * 40);
}

/* What lies before the first one asked for comes last. */
static void a_directory_is_brought_from_the_middle_too(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	struct folder f;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	f = folder(walks, 7, 12);
	look_at(&f, 6);
	look_at(&f, 7);
	look_at(&f, 8);
	assert_int_equal(f.times[0] + f.times[1], 2);
	assert_true(f.times[9] + f.times[10] + f.times[11] >= 2);
	assert_int_equal(f.times[6] + f.times[7] + f.times[8], 0);
}

static void what_is_not_taken_ends_it(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	uint64_t ordinal;
	struct folder f;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(cr_walks_ask(walks, 7, i), i == 2);
	assert_true(cr_walks_next(walks, 7, &ordinal));
	cr_walks_drop(walks, 7);
	assert_false(cr_walks_next(walks, 7, &ordinal));
	for (uint64_t i = 3; i < 50; i++)
		assert_false(cr_walks_ask(walks, 7, i));
	/* Nor is anything begun at once elsewhere. */
	f = folder(walks, 8, 10);
	look_at(&f, 0);
	assert_int_equal(f.brought, 0);
}

/* Many directories that nobody leaves a file in are not scanned for ever. */
static void entries_that_are_no_files_end_it(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	unsigned int given = 0;
	uint64_t ordinal;

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(cr_walks_ask(walks, 7, i), i == 2);
	while (cr_walks_next(walks, 7, &ordinal))
		given++;
	assert_in_range(given, 100, 2000);
}

/* ---- Threads ---- */

struct crowd {
	struct cr_walks *walks;
	atomic_int at_it[4]; /* a directory: who brings for it */
	atomic_int too_many;
	atomic_uint seed;
};

static void bring_alone(struct crowd *crowd, uint64_t id)
{
	uint64_t ordinal;

	if (atomic_fetch_add(&crowd->at_it[id - 1], 1) != 0)
		atomic_store(&crowd->too_many, 1);
	for (;;) {
		/* Whoever is told that it is enough is not at it any more. */
		(void)atomic_fetch_sub(&crowd->at_it[id - 1], 1);
		if (!cr_walks_next(crowd->walks, id, &ordinal))
			return;
		if (atomic_fetch_add(&crowd->at_it[id - 1], 1) != 0)
			atomic_store(&crowd->too_many, 1);
		if (ordinal >= ENTRIES_MAX)
			cr_walks_end(crowd->walks, id);
		else
			(void)cr_walks_bring(crowd->walks, id, ordinal, false);
	}
}

static void *read_some(void *arg)
{
	struct crowd *crowd = arg;
	struct unit_random rnd = { atomic_fetch_add(&crowd->seed, 1) };

	for (int i = 0; i < 20000; i++) {
		uint64_t id = unit_random(&rnd) % 4 + 1;
		uint64_t ordinal = unit_random(&rnd) % ENTRIES_MAX;

		if (cr_walks_ask(crowd->walks, id, ordinal))
			bring_alone(crowd, id);
	}
	return NULL;
}

static void one_at_a_time_brings_for_a_directory(void **state)
{
	cr_cleanup(cr_walks_freep) struct cr_walks *walks = NULL;
	struct crowd crowd = { .seed = 1 };
	pthread_t thread[THREADS];

	(void)state;
	assert_int_equal(cr_walks_new(&walks), 0);
	crowd.walks = walks;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, read_some, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(atomic_load(&crowd.too_many), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_walk_brings_nothing),
		cmocka_unit_test(who_reads_all_asks_for_few),
		cmocka_unit_test(the_next_directory_is_known_by_one_file),
		cmocka_unit_test(
			who_lists_the_next_directory_needs_no_file_of_it),
		cmocka_unit_test(who_only_lists_is_no_walker),
		cmocka_unit_test(
			what_was_begun_is_not_begun_by_listing_it_again),
		cmocka_unit_test(who_reads_one_file_each_is_no_walker),
		cmocka_unit_test(who_stops_is_left_alone),
		cmocka_unit_test(in_any_order_nothing_is_brought_twice),
		cmocka_unit_test(a_directory_is_brought_from_the_middle_too),
		cmocka_unit_test(what_is_not_taken_ends_it),
		cmocka_unit_test(entries_that_are_no_files_end_it),
		cmocka_unit_test(one_at_a_time_brings_for_a_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
