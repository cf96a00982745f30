/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/stream.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

#define MIB  (UINT64_C(1) << 20)
#define KIB  (UINT64_C(1) << 10)
#define SIZE (64 * MIB)

/* Ask for one part after the other from @from.  How much was given out. */
static uint64_t read_on(struct cr_streams *streams, uint64_t node,
			uint64_t from, unsigned int n)
{
	struct cr_stretch give;
	uint64_t given = 0;

	for (unsigned int i = 0; i < n; i++)
		if (cr_streams_ask(streams,
				   &(struct cr_stretch){ node,
							 from + i * 128 * KIB,
							 128 * KIB },
				   SIZE, &give))
			given += give.len;
	return given;
}

static void what_is_no_stream_gives_nothing(void **state)
{
	static const struct {
		const char *what;
		uint64_t at[6]; /* in KiB */
		unsigned int n;
		bool gives;
	} cases[] = {
		{ "one", { 0 }, 1, false },
		{ "two", { 0, 128 }, 2, false },
		{ "three", { 0, 128, 256 }, 3, true },
		{ "from the middle", { 9000, 9128, 9256 }, 3, true },
		{ "the same", { 0, 0, 0, 0, 0 }, 5, false },
		{ "one comes late", { 0, 256, 128, 384 }, 4, true },
		{ "backwards", { 512, 384, 256, 128, 0 }, 5, false },
		{ "jumps", { 0, 20000, 9000, 40000, 128, 30000 }, 6, false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_streams_freep) struct cr_streams *streams = NULL;
		bool given = false;

		unit_case(cases[i].what);
		assert_int_equal(cr_streams_new(64 * MIB, &streams), 0);
		for (unsigned int k = 0; k < cases[i].n; k++)
			given |= read_on(streams, 7, cases[i].at[k] * KIB, 1) >
				 0;
		assert_int_equal(given, cases[i].gives);
	}
}

static void all_is_given_once_and_in_time(void **state)
{
	cr_cleanup(cr_streams_freep) struct cr_streams *streams = NULL;
	uint64_t end = 0;

	(void)state;
	assert_int_equal(cr_streams_new(64 * MIB, &streams), 0);
	for (uint64_t at = 0; at < SIZE; at += 128 * KIB) {
		struct cr_stretch give;

		/* What is asked for was given out before. */
		if (at > 4 * 128 * KIB)
			assert_true(end >= at + 128 * KIB);
		if (!cr_streams_ask(streams,
				    &(struct cr_stretch){ 7, at, 128 * KIB },
				    SIZE, &give))
			continue;
		assert_int_equal(give.node, 7);
		assert_true(give.offset >= end);
		assert_true(give.len > 0 && give.len <= 8 * MIB);
		assert_true(give.offset >= at + 128 * KIB);
		end = give.offset + give.len;
		assert_true(end <= SIZE);
		assert_true(end <= at + 128 * KIB + 8 * MIB);
	}
	assert_int_equal(end, SIZE);
}

static void who_jumps_begins_anew(void **state)
{
	cr_cleanup(cr_streams_freep) struct cr_streams *streams = NULL;

	(void)state;
	assert_int_equal(cr_streams_new(64 * MIB, &streams), 0);
	assert_true(read_on(streams, 7, 0, 32) > MIB);
	assert_int_equal(read_on(streams, 7, 40 * MIB, 2), 0);
	assert_in_range(read_on(streams, 7, 40 * MIB + 256 * KIB, 1), 1, MIB);
}

static void many_share_what_there_is(void **state)
{
	cr_cleanup(cr_streams_freep) struct cr_streams *streams = NULL;
	uint64_t given = 0;

	(void)state;
	assert_int_equal(cr_streams_new(16 * MIB, &streams), 0);
	/* All are there before the first is given anything. */
	for (uint64_t node = 1; node <= 64; node++)
		assert_int_equal(read_on(streams, node, 0, 2), 0);
	for (uint64_t node = 1; node <= 64; node++)
		given += read_on(streams, node, 256 * KIB, 1);
	/* The first ones do not know of the others yet. */
	assert_in_range(given, 1 * MIB, 4 * 16 * MIB);
	given = 0;
	for (uint64_t node = 1; node <= 64; node++)
		given += read_on(streams, node, 384 * KIB, 8);
	assert_in_range(given, 1, 64 * 8 * 128 * KIB + 16 * MIB);
}

static void hostile_sizes_give_nothing(void **state)
{
	cr_cleanup(cr_streams_freep) struct cr_streams *streams = NULL;
	static const struct {
		uint64_t offset, len, size;
	} cases[] = {
		{ UINT64_MAX, 1, SIZE },
		{ UINT64_MAX - 1, 2, UINT64_MAX },
		{ 1, UINT64_MAX, UINT64_MAX },
		{ SIZE, 1, SIZE },
		{ 0, 1, 0 },
	};

	(void)state;
	assert_int_equal(cr_streams_new(64 * MIB, &streams), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		for (int k = 0; k < 5; k++) {
			struct cr_stretch give;

			assert_false(cr_streams_ask(
				streams,
				&(struct cr_stretch){ 7, cases[i].offset,
						      cases[i].len },
				cases[i].size, &give));
		}
	/* At the very end of what can be there is nothing left, and no wrap. */
	for (uint64_t at = UINT64_MAX - 8 * MIB; at < UINT64_MAX - 2 * MIB;
	     at += MIB) {
		struct cr_stretch give;

		if (cr_streams_ask(streams, &(struct cr_stretch){ 9, at, MIB },
				   UINT64_MAX, &give))
			assert_true(give.offset + give.len > give.offset);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_stream_gives_nothing),
		cmocka_unit_test(all_is_given_once_and_in_time),
		cmocka_unit_test(who_jumps_begins_anew),
		cmocka_unit_test(many_share_what_there_is),
		cmocka_unit_test(hostile_sizes_give_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
