/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/log.h"

#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static int kept; /* stderr as it was */
static int pipe_out;

/* What is logged from here on can be had from logged(). */
static int catch_stderr(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	kept = dup(STDERR_FILENO);
	assert_true(kept >= 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	assert_int_equal(close(ends[1]), 0);
	pipe_out = ends[0];
	return 0;
}

static int release_stderr(void **state)
{
	(void)state;
	(void)close(pipe_out);
	cr_log_limit(CR_LOG_NOTICE);
	cr_log_init("caprock", false);
	return 0;
}

/* Everything that was logged; stderr is given back. */
static const char *logged(void)
{
	static char text[4096];
	ssize_t len;

	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	assert_int_equal(close(kept), 0);
	len = read(pipe_out, text, sizeof(text) - 1);
	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

static void a_line_names_the_program(void **state)
{
	(void)state;
	cr_log(CR_LOG_WARNING, "pack %d is damaged", 7);
	cr_log_init("caprockfs", false);
	cr_log(CR_LOG_ERR, "gone");
	assert_string_equal(logged(), "caprock: pack 7 is damaged\n"
				      "caprockfs: gone\n");
}

static void a_name_cannot_forge_a_line(void **state)
{
	(void)state;
	cr_log(CR_LOG_ERR, "%s", "a\ncaprock: all is well\x1b[2J");
	assert_string_equal(logged(),
			    "caprock: a\\x0acaprock: all is well\\x1b[2J\n");
}

static void a_long_line_is_cut_and_ended(void **state)
{
	char name[3000];
	const char *text;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	cr_log(CR_LOG_ERR, "%s", name);
	text = logged();
	assert_true(strlen(text) < sizeof(name));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void what_is_not_urgent_is_left_out(void **state)
{
	static const struct {
		enum cr_log_level limit, level;
		const char *want;
	} cases[] = {
		{ CR_LOG_NOTICE, CR_LOG_NOTICE, "caprock: x\n" },
		{ CR_LOG_NOTICE, CR_LOG_INFO, "" },
		{ CR_LOG_DEBUG, CR_LOG_DEBUG, "caprock: x\n" },
		{ CR_LOG_ERR, CR_LOG_WARNING, "" },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		if (i > 0)
			assert_int_equal(catch_stderr(state), 0);
		cr_log_limit(cases[i].limit);
		cr_log(cases[i].level, "x");
		assert_string_equal(logged(), cases[i].want);
		if (i + 1 < CR_ARRAY_LEN(cases))
			assert_int_equal(close(pipe_out), 0);
	}
}

int main(void)
{
#define law(f) cmocka_unit_test_setup_teardown(f, catch_stderr, release_stderr)
	const struct CMUnitTest laws[] = {
		law(a_line_names_the_program),
		law(a_name_cannot_forge_a_line),
		law(a_long_line_is_cut_and_ended),
		law(what_is_not_urgent_is_left_out),
	};

	return cmocka_run_group_tests(laws, NULL, NULL);
}
