/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"

#include "store/base/cursor.h"
#include "store/base/put.h"
#include "tests/unit/laws.h"

static void what_is_put_is_what_a_cursor_reads(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	const struct cr_id id = law_id(3);
	const struct cr_uid uid = law_uid(5);
	struct cr_cursor cur;

	(void)state;
	cr_buf_u8(&buf, 0xab);
	cr_buf_u16(&buf, 0xabcd);
	cr_buf_u32(&buf, 0xabcdef01);
	cr_buf_u64(&buf, 0xabcdef0123456789);
	cr_buf_id(&buf, &id);
	cr_buf_uid(&buf, &uid);
	cr_buf_zero(&buf, 3);
	cr_buf_string(&buf, "word", 4);
	cr_buf_string(&buf, NULL, 0);
	assert_int_equal(cr_buf_error(&buf), 0);

	cur = cr_cursor(buf.bytes, buf.len);
	assert_int_equal(cr_cursor_u8(&cur), 0xab);
	assert_int_equal(cr_cursor_u16(&cur), 0xabcd);
	assert_int_equal(cr_cursor_u32(&cur), 0xabcdef01);
	assert_true(cr_cursor_u64(&cur) == 0xabcdef0123456789);
	assert_memory_equal(cr_cursor_view(&cur, sizeof(id)), &id, sizeof(id));
	assert_memory_equal(cr_cursor_view(&cur, sizeof(uid)), &uid,
			    sizeof(uid));
	assert_memory_equal(cr_cursor_view(&cur, 3), "\0\0\0", 3);
	assert_int_equal(cr_cursor_varint(&cur), 4);
	assert_memory_equal(cr_cursor_view(&cur, 4), "word", 4);
	assert_int_equal(cr_cursor_varint(&cur), 0);
	assert_true(cr_cursor_done(&cur));
}

static void a_fixed_record_is_written_alike(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	const struct cr_id id = law_id(3);
	const struct cr_uid uid = law_uid(5);
	uint8_t record[1 + 2 + 4 + 8 + 3 + CR_ID_LEN + CR_UID_LEN], *at;

	(void)state;
	at = cr_put_u8(record, 0xab);
	at = cr_put_u16(at, 0xabcd);
	at = cr_put_u32(at, 0xabcdef01);
	at = cr_put_u64(at, 0xabcdef0123456789);
	at = cr_put_bytes(at, "abc", 3);
	at = cr_put_id(at, &id);
	at = cr_put_uid(at, &uid);
	assert_ptr_equal(at, record + sizeof(record));

	cr_buf_u8(&buf, 0xab);
	cr_buf_u16(&buf, 0xabcd);
	cr_buf_u32(&buf, 0xabcdef01);
	cr_buf_u64(&buf, 0xabcdef0123456789);
	cr_buf_put(&buf, "abc", 3);
	cr_buf_id(&buf, &id);
	cr_buf_uid(&buf, &uid);
	assert_int_equal(buf.len, sizeof(record));
	assert_memory_equal(buf.bytes, record, sizeof(record));
}

static void a_varint_is_read_back(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (uint64_t less = 0; less < 2; less++) {
			cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
			uint64_t value = (1ull << shift) - less;
			struct cr_cursor cur;

			cr_buf_varint(&buf, value);
			cr_buf_svarint(&buf, (int64_t)value);
			cr_buf_svarint(&buf, -(int64_t)(value >> 1));
			cur = cr_cursor(buf.bytes, buf.len);
			assert_true(cr_cursor_varint(&cur) == value);
			assert_true(cr_cursor_svarint(&cur) == (int64_t)value);
			assert_true(cr_cursor_svarint(&cur) ==
				    -(int64_t)(value >> 1));
			assert_true(cr_cursor_done(&cur));
		}
	}
}

static void growing_keeps_the_content(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 10000; i++)
		cr_buf_u32(&buf, i);
	assert_int_equal(cr_buf_error(&buf), 0);
	assert_int_equal(buf.len, 40000);
	for (uint32_t i = 0; i < 10000; i++) {
		struct cr_cursor cur = cr_cursor(buf.bytes + 4 * i, 4);

		assert_int_equal(cr_cursor_u32(&cur), i);
	}
}

static void room_is_made_once(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	const uint8_t *at;

	(void)state;
	assert_int_equal(cr_buf_reserve(&buf, 1000), 0);
	at = buf.bytes;
	assert_non_null(cr_buf_extend(&buf, 1000));
	assert_ptr_equal(buf.bytes, at);
	assert_int_equal(buf.len, 1000);
}

static void failure_lasts_until_cleared(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

	(void)state;
	cr_buf_u8(&buf, 1);
	assert_int_equal(cr_buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	cr_buf_u8(&buf, 2);
	assert_null(cr_buf_extend(&buf, 1));
	assert_int_equal(buf.len, 1);
	assert_int_equal(cr_buf_error(&buf), -ENOMEM);
	cr_buf_clear(&buf);
	assert_int_equal(cr_buf_error(&buf), 0);
	cr_buf_u8(&buf, 3);
	assert_int_equal(buf.len, 1);
	assert_int_equal(buf.bytes[0], 3);
}

static void a_released_buffer_is_empty(void **state)
{
	struct cr_buf buf = { 0 };

	(void)state;
	cr_buf_release(&buf);
	cr_buf_u8(&buf, 1);
	cr_buf_release(&buf);
	assert_null(buf.bytes);
	assert_int_equal(buf.len, 0);
	assert_int_equal(buf.room, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_what_a_cursor_reads),
		cmocka_unit_test(a_fixed_record_is_written_alike),
		cmocka_unit_test(a_varint_is_read_back),
		cmocka_unit_test(growing_keeps_the_content),
		cmocka_unit_test(room_is_made_once),
		cmocka_unit_test(failure_lasts_until_cleared),
		cmocka_unit_test(a_released_buffer_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
