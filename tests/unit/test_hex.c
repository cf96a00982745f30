/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/hex.h"

#include "tests/unit/laws.h"

static void every_byte_has_two_digits_and_comes_back(void **state)
{
	uint8_t bytes[256], back[256];
	char text[2 * sizeof(bytes) + 1];

	(void)state;
	law_fill(bytes, sizeof(bytes), 0);
	cr_hex(bytes, sizeof(bytes), text);
	assert_int_equal(strlen(text), 2 * sizeof(bytes));
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 508, "feff");
	assert_int_equal(cr_unhex(text, back, sizeof(back)), 0);
	assert_memory_equal(back, bytes, sizeof(bytes));
}

static void digits_are_lower_case_and_as_many_as_asked(void **state)
{
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{ "00ff", 0 },	      { "", -EINVAL },	    { "00f", -EINVAL },
		{ "00ff0", -EINVAL }, { "00fff", -EINVAL }, { "00FF", -EINVAL },
		{ "00 f", -EINVAL },  { "00fg", -EINVAL },  { "g0ff", -EINVAL },
		{ "0x0f", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t out[2];

		unit_case(cases[i].text);
		assert_int_equal(cr_unhex(cases[i].text, out, sizeof(out)),
				 cases[i].want);
	}
}

static void ids_print_whole(void **state)
{
	const struct cr_id id = law_id(0);
	const struct cr_uid uid = law_uid(0xf0);

	(void)state;
	assert_string_equal(cr_id_hex(&id).text,
			    "000102030405060708090a0b0c0d0e0f"
			    "101112131415161718191a1b1c1d1e1f");
	assert_string_equal(cr_uid_hex(&uid).text,
			    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_has_two_digits_and_comes_back),
		cmocka_unit_test(digits_are_lower_case_and_as_many_as_asked),
		cmocka_unit_test(ids_print_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
