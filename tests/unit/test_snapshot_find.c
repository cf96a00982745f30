/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/base/error.h"
#include "store/read/snapshots.h"
#include "tests/unit/unit.h"

static void stamp_and_time_are_one(void **state)
{
	static const struct {
		int64_t time;
		const char *stamp;
	} cases[] = {
		{ 0, "1970-01-01T00-00-00Z" },
		{ 1795313700, "2026-11-22T02-15-00Z" },
		{ -1, "1969-12-31T23-59-59Z" },
		{ 951782400, "2000-02-29T00-00-00Z" },
		{ 4102444800, "2100-01-01T00-00-00Z" },
		{ 253402300799, "9999-12-31T23-59-59Z" },
		{ -62167219200, "0000-01-01T00-00-00Z" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char stamp[CR_STAMP_LEN];
		int64_t time;

		unit_case(cases[i].stamp);
		cr_stamp(cases[i].time, stamp);
		assert_string_equal(stamp, cases[i].stamp);
		assert_int_equal(cr_stamp_parse(stamp, &time), 0);
		assert_int_equal(time, cases[i].time);
	}
}

static void stamp_takes_colons_and_nothing_else(void **state)
{
	static const char *const bad[] = {
		"",
		"2026-11-22",
		"2026-11-22T02-15-00",
		"2026-11-22 02-15-00Z",
		"2026-11-22T24-00-00Z",
		"2026-11-22T02-60-00Z",
		"2026-11-22T02-15-60Z",
		"2026-02-30T00-00-00Z",
		"2026-13-01T00-00-00Z",
		"2026-11-22T02-15-00Zx",
		"26-11-22T02-15-00Z",
		"2026-11-22T2-15-00Z",
	};
	int64_t time;

	(void)state;
	assert_int_equal(cr_stamp_parse("2026-11-22T02:15:00Z", &time), 0);
	assert_int_equal(time, 1795313700);
	for (size_t i = 0; i < CR_ARRAY_LEN(bad); i++) {
		unit_case(bad[i]);
		assert_int_equal(cr_stamp_parse(bad[i], &time), -EINVAL);
	}
}

#define DAY 86400
#define T0  1795305600 /* 2026-11-22T00-00-00Z */

static struct cr_snapshot snapshots[5];
static struct cr_snapshot *listed[5];

static void make(size_t i, const char *source, int64_t time, uint8_t first)
{
	strcpy(snapshots[i].source, source);
	snapshots[i].head.time = time;
	memset(snapshots[i].id.bytes, first, sizeof(snapshots[i].id.bytes));
	listed[i] = &snapshots[i];
}

static int setup(void **state)
{
	(void)state;
	make(0, "a", T0 - 1, 0xab);
	make(1, "a", T0 + 5, 0xac);
	make(2, "a", T0 + DAY - 1, 0xac); /* same id prefix as 1 */
	make(3, "b", T0 + 7, 0x12);
	make(4, "b", T0 + 3 * DAY, 0x34);
	return 0;
}

static void name_finds_a_snapshot(void **state)
{
	static const struct {
		const char *text;
		int want, error;
	} cases[] = {
		{ "latest", 4, 0 },
		{ "a@latest", 2, 0 },
		{ "b@latest", 4, 0 },
		{ "c@latest", 0, -ENOENT },
		{ "a@2026-11-22", 2, 0 },
		{ "a@2026-11-21", 0, 0 },
		{ "a@2026-11-23", 0, -ENOENT },
		{ "a@2026-11-22T00-00-05Z", 1, 0 },
		{ "a@2026-11-22T00:00:05Z", 1, 0 },
		{ "a@2026-11-22T00-00-06Z", 0, -ENOENT },
		{ "2026-11-22", 0, -CR_EUSAGE },
		{ "abab", 0, 0 },
		{ "1212", 3, 0 },
		{ "acac", 0, -CR_EUSAGE },
		{ "ffff", 0, -ENOENT },
		{ "121", 0, -CR_EUSAGE },
		{ "yesterday", 0, -CR_EUSAGE },
		{ "a@yesterday", 0, -CR_EUSAGE },
		{ "", 0, -CR_EUSAGE },
	};
	struct cr_snapshots set = { .snapshot = listed, .count = 5 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_snapshot *found = NULL;

		unit_case(cases[i].text);
		assert_int_equal(cr_snapshots_find(&set, cases[i].text, &found),
				 cases[i].error);
		if (cases[i].error == 0)
			assert_ptr_equal(found, listed[cases[i].want]);
		else
			assert_null(found);
	}
}

static void date_alone_is_enough_with_one_source(void **state)
{
	struct cr_snapshots set = { .snapshot = listed, .count = 3 };
	const struct cr_snapshot *found;

	(void)state;
	assert_int_equal(cr_snapshots_find(&set, "2026-11-21", &found), 0);
	assert_ptr_equal(found, listed[0]);
	assert_int_equal(
		cr_snapshots_find(&set, "2026-11-22T00-00-05Z", &found), 0);
	assert_ptr_equal(found, listed[1]);
	set.count = 0;
	assert_int_equal(cr_snapshots_find(&set, "latest", &found), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stamp_and_time_are_one),
		cmocka_unit_test(stamp_takes_colons_and_nothing_else),
		cmocka_unit_test(name_finds_a_snapshot),
		cmocka_unit_test(date_alone_is_enough_with_one_source),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
