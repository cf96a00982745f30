/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/escape.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/util.h"
#include "tests/unit/unit.h"

static void nothing_that_commands_a_terminal_passes(void **state)
{
	static const struct {
		const char *what, *in, *out;
		bool utf8;
	} cases[] = {
		{ "plain", "a b~!", "a b~!", true },
		{ "nothing", "", "", true },
		{ "umlaut", "\xc3\xa4", "\xc3\xa4", true },
		{ "three bytes", "\xe2\x82\xac", "\xe2\x82\xac", true },
		{ "four bytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", true },
		{ "escape", "\x1b[2J", "\\x1b[2J", true },
		{ "newline, tab", "a\n\tb", "a\\x0a\\x09b", true },
		{ "last of C0", "\x1f ", "\\x1f ", true },
		{ "DEL", "\x7f", "\\x7f", true },
		{ "first of C1", "\xc2\x80", "\\u0080", true },
		{ "CSI of C1", "\xc2\x9b", "\\u009b", true },
		{ "last of C1", "\xc2\x9f", "\\u009f", true },
		{ "after C1", "\xc2\xa0", "\xc2\xa0", true },
		{ "before bidi", "\xe2\x80\xa9", "\xe2\x80\xa9", true },
		{ "first bidi", "\xe2\x80\xaa", "\\u202a", true },
		{ "last bidi", "\xe2\x80\xae", "\\u202e", true },
		{ "after bidi", "\xe2\x80\xaf", "\xe2\x80\xaf", true },
		{ "before isolates", "\xe2\x81\xa5", "\xe2\x81\xa5", true },
		{ "first isolate", "\xe2\x81\xa6", "\\u2066", true },
		{ "last isolate", "\xe2\x81\xa9", "\\u2069", true },
		{ "after isolates", "\xe2\x81\xaa", "\xe2\x81\xaa", true },
		{ "backslash", "\\x1b", "\\x1b", true },
		{ "lone continuation",
		  "a\x9b"
		  "31m",
		  "a\\x9b31m", false },
		{ "cut short", "\xe2\x82", "\\xe2\\x82", false },
		{ "cut by a letter", "\xe2\x82x", "\\xe2\\x82x", false },
		{ "overlong slash", "\xc0\xaf", "\\xc0\\xaf", false },
		{ "overlong escape", "\xc0\x9b", "\\xc0\\x9b", false },
		{ "overlong in three", "\xe0\x80\xaf", "\\xe0\\x80\\xaf",
		  false },
		{ "overlong in four", "\xf0\x80\x80\xaf",
		  "\\xf0\\x80\\x80\\xaf", false },
		{ "surrogate", "\xed\xa0\x80", "\\xed\\xa0\\x80", false },
		{ "last surrogate", "\xed\xbf\xbf", "\\xed\\xbf\\xbf", false },
		{ "before surrogates", "\xed\x9f\xbf", "\xed\x9f\xbf", true },
		{ "greatest", "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", true },
		{ "too great", "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80",
		  false },
		{ "five bytes", "\xf8\x88", "\\xf8\\x88", false },
		{ "0xff", "\xff", "\\xff", false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf once = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf twice = { 0 };
		size_t len = strlen(cases[i].in);

		unit_case(cases[i].what);
		assert_int_equal(cr_utf8_valid(cases[i].in, len),
				 cases[i].utf8);
		cr_escape(cases[i].in, len, &once);
		cr_escape(once.bytes, once.len, &twice);
		cr_buf_u8(&once, 0);
		cr_buf_u8(&twice, 0);
		assert_int_equal(cr_buf_error(&once), 0);
		assert_string_equal((char *)once.bytes, cases[i].out);
		assert_string_equal((char *)twice.bytes, cases[i].out);
	}
}

static void every_byte_is_safe_alone_and_in_pairs(void **state)
{
	(void)state;
	for (unsigned int pair = 0; pair < 0x10000; pair++) {
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		uint8_t in[2] = { (uint8_t)(pair >> 8), (uint8_t)pair };

		cr_escape(in, sizeof(in), &out);
		assert_true(cr_utf8_valid(out.bytes, out.len));
		for (size_t i = 0; i < out.len; i++)
			assert_true(out.bytes[i] >= 0x20 &&
				    out.bytes[i] != 0x7f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_commands_a_terminal_passes),
		cmocka_unit_test(every_byte_is_safe_alone_and_in_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
