/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/format.h"

#include <string.h>

#include "store/base/buf.h"
#include "tests/unit/unit.h"

static void modes_read_as_ls_writes_them(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t mode;
		const char *want;
	} cases[] = {
		{ CR_ENTRY_FILE, 0, "----------" },
		{ CR_ENTRY_FILE, 0777, "-rwxrwxrwx" },
		{ CR_ENTRY_FILE, 0644, "-rw-r--r--" },
		{ CR_ENTRY_DIRECTORY, 0751, "drwxr-x--x" },
		{ CR_ENTRY_SYMLINK, 0777, "lrwxrwxrwx" },
		{ CR_ENTRY_CHAR, 0600, "crw-------" },
		{ CR_ENTRY_BLOCK, 0060, "b---rw----" },
		{ CR_ENTRY_FIFO, 0006, "p------rw-" },
		{ CR_ENTRY_SOCKET, 0111, "s--x--x--x" },
		{ CR_ENTRY_FILE, 07777, "-rwsrwsrwt" },
		{ CR_ENTRY_FILE, 07000, "---S--S--T" },
		{ CR_ENTRY_FILE, 04755, "-rwsr-xr-x" },
		{ CR_ENTRY_DIRECTORY, 02770, "drwxrws---" },
		{ CR_ENTRY_DIRECTORY, 01777, "drwxrwxrwt" },
		{ 0, 0644, "?rw-r--r--" },
		{ 200, 0644, "?rw-r--r--" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_entry entry = { .type = cases[i].type,
						.mode = cases[i].mode };

		assert_string_equal(cr_mode_text(&entry).text, cases[i].want);
	}
}

static void times_are_utc_in_any_year(void **state)
{
	static const struct {
		int64_t time;
		const char *want;
	} cases[] = {
		{ 0, "1970-01-01 00:00:00" },
		{ -1, "1969-12-31 23:59:59" },
		{ 1763777700, "2025-11-22 02:15:00" },
		{ 253402300799, "9999-12-31 23:59:59" },
		{ 253402300800, "@253402300800" },
		{ -62167219200, "0000-01-01 00:00:00" },
		{ -62167219201, "@-62167219201" },
		{ INT64_MAX, "@9223372036854775807" },
		{ INT64_MIN, "@-9223372036854775808" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_string_equal(cr_time_text(cases[i].time).text,
				    cases[i].want);
}

static void owners_are_found_by_their_number_alone(void **state)
{
	static const char text[] = "0 root\n100 a b\n10 ten\n7\n8 \n9 last";
	static const struct {
		uint32_t number;
		const char *want;
	} cases[] = {
		{ 0, "root" }, { 100, "a b" }, { 10, "ten" },
		{ 1, "" },     { 7, "" },      { 8, "" },
		{ 9, "last" }, { 99, "" },     { UINT32_MAX, "" },
	};
	cr_cleanup(cr_buf_release) struct cr_buf lines = { 0 };

	(void)state;
	assert_int_equal(cr_owner_name(&lines, 0).len, 0);
	cr_buf_put(&lines, text, sizeof(text) - 1);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_piece name = cr_owner_name(&lines, cases[i].number);

		assert_int_equal(name.len, strlen(cases[i].want));
		assert_memory_equal(name.bytes, cases[i].want, name.len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_read_as_ls_writes_them),
		cmocka_unit_test(times_are_utc_in_any_year),
		cmocka_unit_test(owners_are_found_by_their_number_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
