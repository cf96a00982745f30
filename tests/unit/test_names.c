/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/names.h"

#include <stdio.h>

#include "tests/unit/unit.h"

static struct cr_names machine(void)
{
	static const struct {
		const char *name;
		uint32_t number;
	} users[] = {
		{ "root", 0 },	   { "anna", 1000 }, { "bob", 1001 },
		{ "an", 1002 },	   { "zoe", 70000 }, { "nobody", 65534 },
		{ "anna2", 1003 }, { "daemon", 1 },
	};
	struct cr_names names = { 0 };

	for (size_t i = 0; i < CR_ARRAY_LEN(users); i++)
		assert_int_equal(
			cr_names_add(&names, users[i].name, users[i].number),
			0);
	cr_names_sort(&names);
	return names;
}

/* What becomes of @number by the table @text. */
static uint32_t mapped(const char *text, size_t len, uint32_t number)
{
	cr_cleanup(cr_names_release) struct cr_names ours = machine();
	cr_cleanup(cr_name_map_release) struct cr_name_map map = { 0 };

	assert_int_equal(
		cr_name_map_init(&map, &ours, (struct cr_piece){ text, len }),
		0);
	return cr_name_map_get(&map, number);
}

static void owners_are_known_by_name(void **state)
{
	static const struct {
		const char *what, *text;
		uint32_t number, want;
	} cases[] = {
		{ "the same number", "1000 anna\n", 1000, 1000 },
		{ "another number", "500 anna\n", 500, 1000 },
		{ "the number of somebody else", "1001 anna\n", 1001, 1000 },
		{ "root", "0 root\n", 0, 0 },
		{ "a name that is no root here", "0 toor\n", 0, CR_NOBODY },
		{ "unknown, the number free", "4711 carl\n", 4711, CR_NOBODY },
		{ "unknown, the number taken", "1001 carl\n", 1001, CR_NOBODY },
		{ "no name at all, free", "", 4711, CR_NOBODY },
		{ "no name at all, taken", "", 1000, CR_NOBODY },
		{ "the largest", "4294967294 zoe\n", 4294967294u, 70000 },
		{ "the beginning of a name", "7 ann\n", 7, CR_NOBODY },
		{ "a name and more", "7 annabel\n", 7, CR_NOBODY },
		{ "the shorter of two", "7 an\n", 7, 1002 },
		{ "the longer of two", "7 anna2\n", 7, 1003 },
		{ "among others", "1 daemon\n5 anna\n9 bob\n", 9, 1001 },
		{ "in no order", "9 bob\n5 anna\n1 daemon\n", 5, 1000 },
		{ "two of one name", "5 anna\n6 anna\n", 6, 1000 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_int_equal(mapped(cases[i].text, strlen(cases[i].text),
					cases[i].number),
				 cases[i].want);
	}
}

/* A table comes from the repository: what is no line of it says nothing. */
static void bad_lines_are_passed_over(void **state)
{
	static const struct {
		const char *what, *text;
		uint32_t number;
	} cases[] = {
		{ "no name", "5\n", 5 },
		{ "an empty name", "5 \n", 5 },
		{ "no number", "anna\n", 5 },
		{ "a sign", "-5 anna\n", 5 },
		{ "another number", "0x5 anna\n", 5 },
		{ "no blank", "5\tanna\n", 5 },
		{ "a blank before", " 5 anna\n", 5 },
		{ "too large", "4294967301 anna\n", 5 },
		{ "far too large", "18446744073709551621 anna\n", 5 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_freep) char *text = NULL;

		unit_case(cases[i].what);
		assert_int_equal(mapped(cases[i].text, strlen(cases[i].text),
					cases[i].number),
				 CR_NOBODY);
		/* And those around it are read. */
		assert_true(asprintf(&text, "8 bob\n%s9 anna", cases[i].text) >
			    0);
		assert_int_equal(mapped(text, strlen(text), 8), 1001);
		assert_int_equal(mapped(text, strlen(text), 9), 1000);
	}
	unit_case("zero bytes");
	assert_int_equal(mapped("5 anna\0\n", 8, 5), CR_NOBODY);
	unit_case("two names for one number: one of them");
	assert_in_range(mapped("5 anna\n5 bob\n", 13, 5), 1000, 1001);
}

static void this_machine_lists_root(void **state)
{
	cr_cleanup(cr_names_release) struct cr_names users = { 0 };
	cr_cleanup(cr_names_release) struct cr_names groups = { 0 };
	cr_cleanup(cr_name_map_release) struct cr_name_map map = { 0 };

	(void)state;
	assert_int_equal(cr_names_users(&users), 0);
	assert_int_equal(cr_names_groups(&groups), 0);
	assert_int_equal(cr_name_map_init(&map, &users,
					  (struct cr_piece){ "77 root", 7 }),
			 0);
	assert_int_equal(cr_name_map_get(&map, 77), 0);
	cr_name_map_release(&map);
	assert_int_equal(cr_name_map_init(&map, &groups,
					  (struct cr_piece){ "77 root", 7 }),
			 0);
	assert_int_equal(cr_name_map_get(&map, 77), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_are_known_by_name),
		cmocka_unit_test(bad_lines_are_passed_over),
		cmocka_unit_test(this_machine_lists_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
