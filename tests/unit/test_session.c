/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/session.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void a_path_begins_after_the_snapshot(void **state)
{
	static const struct {
		const char *text, *snapshot, *path;
	} cases[] = {
		{ "latest", "latest", "" },
		{ "latest:", "latest", "" },
		{ "latest:/etc", "latest", "/etc" },
		{ ":x", "", "x" },
		{ "3f9a:a:b", "3f9a", "a:b" },
		{ "web1@latest:a", "web1@latest", "a" },
		{ "web1@2026-11-22:a", "web1@2026-11-22", "a" },
		{ "2026-11-22T02:15:00Z", "2026-11-22T02:15:00Z", "" },
		{ "2026-11-22T02:15:00Z:/a", "2026-11-22T02:15:00Z", "/a" },
		{ "w@2026-11-22T02:15:00Z:a", "w@2026-11-22T02:15:00Z", "a" },
		{ "w@2026-11-22T02-15-00Z:a", "w@2026-11-22T02-15-00Z", "a" },
		{ "w@2026-11-22T02:15:00Z:p@q:r", "w@2026-11-22T02:15:00Z",
		  "p@q:r" },
		{ "latest:@2026-11-22T02:15:00Z", "latest",
		  "@2026-11-22T02:15:00Z" },
		{ "latest:2026-11-22T02:15:00Z", "latest",
		  "2026-11-22T02:15:00Z" },
		{ "2026-11-22T02:15", "2026-11-22T02", "15" },
		{ "2026-11-22T02:15:0", "2026-11-22T02", "15:0" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const char *snapshot;
		char text[64], *path;

		unit_case(cases[i].text);
		(void)snprintf(text, sizeof(text), "%s", cases[i].text);
		path = cr_split_target(text, &snapshot);
		assert_string_equal(snapshot, cases[i].snapshot);
		assert_string_equal(path, cases[i].path);
	}
}

static void shares_are_of_the_memory_that_is_given(void **state)
{
	struct cr_globals globals = { 0 };
	struct cr_context ctx = { .globals = &globals };
	const struct cr_session session = { .ctx = &ctx };

	(void)state;
	assert_int_equal(cr_session_share(&session, 100) / 100,
			 CR_MEMORY_DEFAULT / 100);
	globals.memory = 1000;
	assert_int_equal(cr_session_share(&session, 20), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_begins_after_the_snapshot),
		cmocka_unit_test(shares_are_of_the_memory_that_is_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
