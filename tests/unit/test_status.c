/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/status.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "tests/unit/unit.h"

static void every_error_has_its_status(void **state)
{
	static const struct {
		int error;
		enum cr_exit want;
	} cases[] = {
		{ 0, 0 },
		{ 5, 0 },
		{ -CR_ECORRUPT, 4 },
		{ -CR_EAUTH, 4 },
		{ -CR_EMISSING, 4 },
		{ -CR_ETAMPER, 6 },
		{ -CR_EKEY, 12 },
		{ -CR_ECAPABILITY, 13 },
		{ -CR_EVERSION, 10 },
		{ -CR_ENOREPO, 10 },
		{ -CR_ELOCKED, 11 },
		{ -CR_EINDEX, 1 },
		{ -CR_ESOURCE, 1 },
		{ -CR_EUSAGE, 2 },
		{ -CR_EINTERRUPT, 130 },
		{ -EINTR, 130 },
		{ -ENOENT, 1 },
		{ -ENOSPC, 1 },
		{ -ENOMEM, 1 },
		{ -12345, 1 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_int_equal(cr_exit_of(cases[i].error), cases[i].want);
}

/* 6 > 4 > 1 > 12/13 > 5 > 7 > 3 > 0, and what no rule ranks in between. */
static void the_worse_of_two_is_told(void **state)
{
	static const enum cr_exit order[] = { 6,  4,  130, 1, 2, 10, 11,
					      12, 13, 5,   7, 3, 0 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(order); i++) {
		for (size_t j = i; j < CR_ARRAY_LEN(order); j++) {
			assert_int_equal(cr_exit_worse(order[i], order[j]),
					 order[i]);
			assert_int_equal(cr_exit_worse(order[j], order[i]),
					 order[i]);
		}
	}
}

/* What cr_status_report() prints on stderr. */
static void capture(int error, char *text, size_t room)
{
	int pipes[2], keep = dup(STDERR_FILENO);
	ssize_t len;

	assert_int_equal(pipe(pipes), 0);
	assert_true(dup2(pipes[1], STDERR_FILENO) >= 0);
	cr_status_report(error);
	assert_true(dup2(keep, STDERR_FILENO) >= 0);
	(void)close(keep);
	(void)close(pipes[1]);
	len = read(pipes[0], text, room - 1);
	(void)close(pipes[0]);
	assert_true(len >= 0);
	text[len] = '\0';
}

static void a_report_is_one_safe_line(void **state)
{
	char text[1024];

	(void)state;
	capture(cr_fail(CR_ECORRUPT, "pack \x1b[2J\n\x9b: bad"), text,
		sizeof(text));
	assert_string_equal(text, "caprock: pack \\x1b[2J\\x0a\\x9b: bad: "
				  "see what is lost: caprock verify\n");
	capture(cr_fail(CR_EUSAGE, "say more"), text, sizeof(text));
	assert_string_equal(text, "caprock: say more\n");
}

static void an_old_sentence_is_not_told_for_lack_of_memory(void **state)
{
	char text[1024];

	(void)state;
	(void)cr_fail(CR_ECORRUPT, "something else");
	capture(-ENOMEM, text, sizeof(text));
	assert_string_equal(text, "caprock: Cannot allocate memory\n");
	cr_detail_clear();
	capture(-EACCES, text, sizeof(text));
	assert_string_equal(text, "caprock: Permission denied\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_status),
		cmocka_unit_test(the_worse_of_two_is_told),
		cmocka_unit_test(a_report_is_one_safe_line),
		cmocka_unit_test(
			an_old_sentence_is_not_told_for_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
