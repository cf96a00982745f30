/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/pattern.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void pattern_means_what_the_header_says(void **state)
{
	static const struct {
		const char *pattern, *top, *path;
		bool dir, match;
	} cases[] = {
		{ "*.tmp", "/srv", "a/b/c.tmp", false, true },
		{ "*.tmp", "/srv", "c.tmp", false, true },
		{ "*.tmp", "/srv", "c.tmp/x", false, false },
		{ "c.tmp", "/srv", "a/c.tmp", true, true },
		{ ".hidden", "/srv", "a/.hidden", false, true },
		{ "*", "/srv", ".hidden", false, true },
		{ "cache/", "/srv", "a/cache", true, true },
		{ "cache/", "/srv", "a/cache", false, false },
		{ "a/b", "/srv", "a/b", false, true },
		{ "a/b", "/srv", "x/a/b", false, false },
		{ "a/*/c", "/srv", "a/b/c", false, true },
		{ "a/*/c", "/srv", "a/b/b/c", false, false },
		{ "a/**/c", "/srv", "a/b/b/c", false, true },
		{ "**/c", "/srv", "a/b/c", false, true },
		{ "/srv/a", "/srv", "a", true, true },
		{ "/srv/a", "", "srv/a", true, true },
		{ "/a", "/srv", "a", true, false },
		{ "/srv/*/c", "/srv", "b/c", false, true },
		{ "a/b/", "/srv", "a/b", true, true },
		{ "a/b/", "/srv", "a/b", false, false },
		{ "[ab].c", "/srv", "x/b.c", false, true },
		{ "?", "/srv", "ab", false, false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_patterns patterns = { 0 };

		unit_case(cases[i].pattern);
		assert_int_equal(cr_patterns_add(&patterns, cases[i].pattern),
				 0);
		assert_int_equal(cr_patterns_match(&patterns, cases[i].top,
						   cases[i].path, cases[i].dir),
				 cases[i].match);
		cr_patterns_release(&patterns);
	}
}

static void any_of_several_is_enough(void **state)
{
	struct cr_patterns patterns = { 0 };

	(void)state;
	assert_false(cr_patterns_match(&patterns, "", "a", false));
	assert_int_equal(cr_patterns_add(&patterns, "x"), 0);
	assert_int_equal(cr_patterns_add(&patterns, "a"), 0);
	assert_true(cr_patterns_match(&patterns, "", "a", false));
	assert_int_equal(cr_patterns_add(&patterns, ""), -EINVAL);
	assert_int_equal(patterns.count, 2);
	cr_patterns_release(&patterns);
}

static void file_gives_a_pattern_a_line(void **state)
{
	char name[] = "/tmp/caprock-pattern-XXXXXX";
	static const char text[] = "# a comment\n\n*.o\nlast";
	struct cr_patterns patterns = { 0 };
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	(void)close(fd);
	assert_int_equal(cr_patterns_add_file(&patterns, name), 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(patterns.count, 2);
	assert_string_equal(patterns.pattern[0], "*.o");
	assert_string_equal(patterns.pattern[1], "last");
	assert_int_equal(cr_patterns_add_file(&patterns, name), -ENOENT);
	cr_patterns_release(&patterns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_means_what_the_header_says),
		cmocka_unit_test(any_of_several_is_enough),
		cmocka_unit_test(file_gives_a_pattern_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
