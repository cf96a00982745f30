/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/cursor.h"

#include "tests/unit/laws.h"

static void a_read_past_the_end_yields_zero_for_good(void **state)
{
	static const uint8_t bytes[] = { 0xff, 0xff, 0xff };
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));
	uint8_t out[4] = { 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(cr_cursor_u8(&cur), 0xff);
	cr_cursor_bytes(&cur, out, 4);
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_true(cur.overrun);
	assert_int_equal(cr_cursor_u8(&cur), 0);
	assert_null(cr_cursor_view(&cur, 1));
	assert_null(cr_cursor_view(&cur, 0));
	assert_int_equal(cr_cursor_varint(&cur), 0);
	assert_false(cr_cursor_done(&cur));
}

static void integers_are_little_endian(void **state)
{
	static const uint8_t bytes[] = { 1,  3,	 2,  7,	 6,  5, 4,   15,
					 14, 13, 12, 11, 10, 9, 0x88 };
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(cr_cursor_u8(&cur), 1);
	assert_int_equal(cr_cursor_u16(&cur), 0x0203);
	assert_int_equal(cr_cursor_u32(&cur), 0x04050607);
	assert_false(cr_cursor_done(&cur));
	assert_true(cr_cursor_u64(&cur) == 0x88090a0b0c0d0e0full);
	assert_true(cr_cursor_done(&cur));
}

static void a_view_points_into_the_bytes(void **state)
{
	static const uint8_t bytes[] = { 1, 2, 3 };
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));

	(void)state;
	assert_ptr_equal(cr_cursor_view(&cur, 1), bytes);
	assert_ptr_equal(cr_cursor_view(&cur, 2), bytes + 1);
	assert_true(cr_cursor_done(&cur));
	assert_ptr_equal(cr_cursor_view(&cur, 0), bytes + 3);
	assert_null(cr_cursor_view(&cur, 1));
	assert_true(cur.overrun);
}

static void a_varint_has_one_form(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[11];
		size_t len;
		bool good;
		uint64_t want;
	} cases[] = {
		{ "zero", { 0 }, 1, true, 0 },
		{ "one byte", { 0x7f }, 1, true, 127 },
		{ "two bytes", { 0x80, 0x01 }, 2, true, 128 },
		{ "zero in two bytes", { 0x80, 0x00 }, 2, false, 0 },
		{ "one in three bytes", { 0x81, 0x80, 0x00 }, 3, false, 0 },
		{ "none", { 0 }, 0, false, 0 },
		{ "cut short", { 0x80 }, 1, false, 0 },
		{ "the largest",
		  { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 },
		  10,
		  true,
		  UINT64_MAX },
		{ "2^63",
		  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1 },
		  10,
		  true,
		  1ull << 63 },
		{ "2^64",
		  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2 },
		  10,
		  false,
		  0 },
		{ "eleven bytes",
		  { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		    1 },
		  11,
		  false,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_cursor cur = cr_cursor(cases[i].bytes, cases[i].len);

		unit_case(cases[i].what);
		assert_true(cr_cursor_varint(&cur) == cases[i].want);
		assert_int_equal(cr_cursor_done(&cur), cases[i].good);
		assert_int_equal(cur.overrun, !cases[i].good);
	}
}

static void a_varint_beyond_its_bound_is_refused(void **state)
{
	static const uint8_t bytes[] = { 100 };
	struct cr_cursor cur = cr_cursor(bytes, 1);

	(void)state;
	assert_int_equal(cr_cursor_max(&cur, 100), 100);
	assert_true(cr_cursor_done(&cur));
	cur = cr_cursor(bytes, 1);
	assert_int_equal(cr_cursor_max(&cur, 99), 0);
	assert_true(cur.overrun);
}

static void an_svarint_is_zigzag(void **state)
{
	static const struct {
		uint8_t bytes[10];
		size_t len;
		int64_t want;
	} cases[] = {
		{ { 0 }, 1, 0 },
		{ { 1 }, 1, -1 },
		{ { 2 }, 1, 1 },
		{ { 3 }, 1, -2 },
		{ { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 },
		  10,
		  INT64_MAX },
		{ { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1 },
		  10,
		  INT64_MIN },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_cursor cur = cr_cursor(cases[i].bytes, cases[i].len);

		assert_true(cr_cursor_svarint(&cur) == cases[i].want);
		assert_true(cr_cursor_done(&cur));
	}
}

static void ids_are_read_whole(void **state)
{
	uint8_t bytes[CR_ID_LEN + CR_UID_LEN];
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));
	struct cr_id id, want_id = law_id(0);
	struct cr_uid uid, want_uid = law_uid(CR_ID_LEN);

	(void)state;
	law_fill(bytes, sizeof(bytes), 0);
	id = cr_cursor_id(&cur);
	uid = cr_cursor_uid(&cur);
	assert_true(cr_cursor_done(&cur));
	assert_true(cr_id_equal(&id, &want_id));
	assert_true(cr_uid_equal(&uid, &want_uid));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_read_past_the_end_yields_zero_for_good),
		cmocka_unit_test(integers_are_little_endian),
		cmocka_unit_test(a_view_points_into_the_bytes),
		cmocka_unit_test(a_varint_has_one_form),
		cmocka_unit_test(a_varint_beyond_its_bound_is_refused),
		cmocka_unit_test(an_svarint_is_zigzag),
		cmocka_unit_test(ids_are_read_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
