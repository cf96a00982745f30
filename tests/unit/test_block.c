/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/random.h"

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/block.h"

enum { BAD = -CR_ECORRUPT };

/* Put the table that announces @count chunks and lists @n @len. */
static void put_table(struct cr_buf *out, uint64_t count, const uint64_t *len,
		      size_t n)
{
	cr_buf_varint(out, count);
	for (size_t i = 0; i < n; i++)
		cr_buf_varint(out, len[i]);
}

static void block_table_accounts_for_every_byte(void **state)
{
	static const struct {
		const char *what;
		uint32_t want; /* chunks */
		uint64_t count, len[3];
		size_t listed, content;
		int r;
	} cases[] = {
		{ "padding", 0, 0, { 0 }, 0, 0, 0 },
		{ "one byte", 1, 1, { 1 }, 1, 1, 0 },
		{ "three chunks", 3, 3, { 5, 300, 1 }, 3, 306, 0 },
		{ "the longest chunk", 1, 1, { 262144 }, 1, 262144, 0 },
		{ "a byte too long", 1, 1, { 262145 }, 1, 262145, BAD },
		{ "chunk of nothing", 2, 2, { 2, 0 }, 2, 2, BAD },
		{ "fewer than the footer says", 3, 2, { 1, 1 }, 2, 2, BAD },
		{ "more than the footer says", 1, 2, { 1, 1 }, 2, 2, BAD },
		{ "a byte after padding", 0, 0, { 0 }, 0, 1, BAD },
		{ "a byte after the chunks", 1, 1, { 4 }, 1, 5, BAD },
		{ "a byte missing", 1, 1, { 4 }, 1, 3, BAD },
		{ "count without bytes", 60000, 60000, { 1, 1 }, 2, 2, BAD },
		{ "count of 2^32 + 1", 1, 4294967297, { 1 }, 1, 1, BAD },
		{ "sum that wraps", 2, 2, { 4, UINT64_MAX - 3 }, 2, 0, BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(
			cr_block_table_release) struct cr_block_table table = {
			0
		};
		cr_cleanup(cr_buf_release) struct cr_buf raw = { 0 };
		size_t at;

		unit_case(cases[i].what);
		put_table(&raw, cases[i].count, cases[i].len, cases[i].listed);
		at = raw.len;
		cr_buf_zero(&raw, cases[i].content);
		assert_int_equal(
			cr_block_parse((struct cr_piece){ raw.bytes, raw.len },
				       cases[i].want, &table),
			cases[i].r);
		if (cases[i].r < 0) {
			assert_null(table.start);
			continue;
		}
		assert_int_equal(table.chunks, cases[i].want);
		for (size_t c = 0; c < cases[i].listed; c++) {
			assert_int_equal(table.start[c], at);
			at += cases[i].len[c];
		}
		assert_int_equal(table.start[table.chunks], raw.len);
	}
}

static void block_is_bounded(void **state)
{
	static const struct {
		const char *what;
		uint32_t chunks;
		size_t each, last;
		int r;
	} cases[] = {
		/* The table takes 1 byte, and 3 for each length. */
		{ "2 MiB", 8, 262144, 262144 - 25, 0 },
		{ "2 MiB and a byte", 8, 262144, 262144 - 24, BAD },
		{ "65,535 chunks", 65535, 1, 1, 0 },
		{ "65,536 chunks", 65536, 1, 1, BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(
			cr_block_table_release) struct cr_block_table table = {
			0
		};
		cr_cleanup(cr_buf_release) struct cr_buf raw = { 0 };
		const uint32_t n = cases[i].chunks;

		unit_case(cases[i].what);
		cr_buf_varint(&raw, n);
		for (uint32_t c = 0; c + 1 < n; c++)
			cr_buf_varint(&raw, cases[i].each);
		cr_buf_varint(&raw, cases[i].last);
		cr_buf_zero(&raw, (n - 1) * cases[i].each + cases[i].last);
		assert_int_equal(
			cr_block_parse((struct cr_piece){ raw.bytes, raw.len },
				       n, &table),
			cases[i].r);
	}
}

static void block_without_its_end_is_refused(void **state)
{
	const struct cr_piece nothing = { "", 0 };
	const uint64_t len[] = { 200, 3, 77 };
	cr_cleanup(cr_buf_release) struct cr_buf raw = { 0 };
	struct cr_block_table table = { 0 };

	(void)state;
	assert_int_equal(cr_block_parse(nothing, 0, &table), BAD);
	put_table(&raw, 3, len, 3);
	cr_buf_zero(&raw, 280);
	for (size_t n = 0; n < raw.len; n++)
		assert_int_equal(
			cr_block_parse((struct cr_piece){ raw.bytes, n }, 3,
				       &table),
			BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(block_table_accounts_for_every_byte),
		cmocka_unit_test(block_is_bounded),
		cmocka_unit_test(block_without_its_end_is_refused),
	};

	return cmocka_run_group_tests_name("block", tests, NULL, NULL);
}
