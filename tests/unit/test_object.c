/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"
#include "tests/unit/random.h"

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/object_encode.h"

enum { BAD = -CR_ECORRUPT };

static void object_splits_where_its_length_says(void **state)
{
	static const struct {
		const char *what;
		struct cr_piece bytes;
		size_t hashed, tail;
		int r;
	} cases[] = {
		{ "no tail", UNIT_BYTES("\3abc"), 3, 0, 0 },
		{ "a tail", UNIT_BYTES("\3abcde"), 3, 2, 0 },
		{ "empty", UNIT_BYTES(""), 0, 0, BAD },
		{ "nothing hashed", UNIT_BYTES("\0"), 0, 0, BAD },
		{ "only a tail", UNIT_BYTES("\0abc"), 0, 0, BAD },
		{ "a byte short", UNIT_BYTES("\4abc"), 0, 0, BAD },
		{ "length cut short", UNIT_BYTES("\x83"), 0, 0, BAD },
		{ "longer form of length", UNIT_BYTES("\x83\0abc"), 0, 0, BAD },
		{ "length of 2^64 - 1",
		  UNIT_BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1abc"), 0, 0,
		  BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_piece hashed = { 0 }, tail = { 0 };

		unit_case(cases[i].what);
		assert_int_equal(
			cr_object_split(cases[i].bytes, &hashed, &tail),
			cases[i].r);
		assert_int_equal(hashed.len, cases[i].hashed);
		assert_int_equal(tail.len, cases[i].tail);
	}
}

static void object_is_at_most_256_kib(void **state)
{
	static const struct {
		const char *what;
		size_t hashed, tail;
		size_t kept; /* of the tail, by the encoder */
		int join, split;
	} cases[] = {
		{ "hashed bytes fill it", 262141, 0, 0, 0, 0 },
		{ "a byte more", 262142, 0, 0, -EFBIG, BAD },
		{ "a tail that fits", 262000, 141, 141, 0, 0 },
		{ "a tail that does not", 262000, 142, 0, 0, BAD },
	};
	static const uint8_t zero[262145];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_piece hashed = { zero, cases[i].hashed };
		const struct cr_piece tail = { zero, cases[i].tail };
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf all = { 0 };
		struct cr_piece a, b;

		unit_case(cases[i].what);
		assert_int_equal(cr_object_join(hashed, tail, &out),
				 cases[i].join);
		if (cases[i].join == 0)
			assert_int_equal(out.len,
					 3 + hashed.len + cases[i].kept);
		else
			assert_int_equal(out.len, 0);
		cr_buf_string(&all, zero, hashed.len);
		cr_buf_put(&all, zero, tail.len);
		assert_int_equal(
			cr_object_split((struct cr_piece){ all.bytes, all.len },
					&a, &b),
			cases[i].split);
	}
}

#define P1 "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1"
#define P2 "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2"
#define P0 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void tail_parses_whole_or_not_at_all(void **state)
{
	/* Which of four references get a hint: bit k for reference k. */
	static const struct {
		const char *what;
		struct cr_piece tail;
		unsigned int hinted;
	} cases[] = {
		{ "no tail", UNIT_BYTES(""), 0 },
		{ "one", UNIT_BYTES("\1\1" P1 "\1\0\0\0\0"), 1 },
		{ "the last", UNIT_BYTES("\1\1" P1 "\1\3\0\0\0"), 8 },
		{ "two packs", UNIT_BYTES("\1\2" P1 P2 "\2\1\1\0\0\2\0\0\0"),
		  10 },
		{ "a pack in vain", UNIT_BYTES("\1\2" P1 P2 "\1\1\1\0\0"), 2 },
		{ "no hints", UNIT_BYTES("\1\1" P1 "\0"), 0 },
		{ "unknown version", UNIT_BYTES("\2\1" P1 "\1\0\0\0\0"), 0 },
		{ "no packs", UNIT_BYTES("\1\0\1\0\0\0\0"), 0 },
		{ "no packs, no hints", UNIT_BYTES("\1\0\0"), 0 },
		{ "pack out of range", UNIT_BYTES("\1\1" P1 "\1\0\1\0\0"), 0 },
		{ "reference out of range", UNIT_BYTES("\1\1" P1 "\1\4\0\0\0"),
		  0 },
		{ "steps out of range",
		  UNIT_BYTES("\1\1" P1 "\2\3\0\0\0\1\0\0\0"), 0 },
		{ "reference repeated",
		  UNIT_BYTES("\1\1" P1 "\2\0\0\0\0\0\0\0\0"), 0 },
		{ "pack without a name",
		  UNIT_BYTES("\1\2" P1 P0 "\2\0\0\0\0\1\1\0\0"), 0 },
		{ "the greatest place",
		  UNIT_BYTES("\1\1" P1 "\1\0\0\xff\xff\3\xfe\xff\3"), 1 },
		{ "block 65,536", UNIT_BYTES("\1\1" P1 "\1\0\0\x80\x80\4\0"),
		  0 },
		{ "slot 65,535", UNIT_BYTES("\1\1" P1 "\1\0\0\0\xff\xff\3"),
		  0 },
		{ "a byte after it", UNIT_BYTES("\1\1" P1 "\1\0\0\0\0\0"), 0 },
		{ "a hint is missing", UNIT_BYTES("\1\1" P1 "\2\0\0\0\0"), 0 },
		{ "count of 2^63 hints",
		  UNIT_BYTES("\1\1" P1
			     "\x80\x80\x80\x80\x80\x80\x80\x80\x80\1"),
		  0 },
		{ "the last one is bad",
		  UNIT_BYTES("\1\1" P1 "\2\0\0\0\0\1\1\0\0"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_hint hint[4];
		unsigned int hinted = 0;

		unit_case(cases[i].what);
		memset(hint, 0xff, sizeof(hint));
		cr_hints_parse(cases[i].tail, hint, CR_ARRAY_LEN(hint));
		for (unsigned int k = 0; k < CR_ARRAY_LEN(hint); k++)
			hinted |= (unsigned)!cr_uid_zero(&hint[k].pack) << k;
		assert_int_equal(hinted, cases[i].hinted);
	}
}

static void tail_without_its_end_gives_no_hints(void **state)
{
	static const struct cr_piece tail =
		UNIT_BYTES("\1\2" P1 P2 "\2\1\1\0\0\2\0\0\0");
	struct cr_hint hint[4];

	(void)state;
	for (size_t len = 0; len < tail.len; len++) {
		cr_hints_parse((struct cr_piece){ tail.bytes, len }, hint, 4);
		for (size_t k = 0; k < CR_ARRAY_LEN(hint); k++)
			assert_true(cr_uid_zero(&hint[k].pack));
	}
}

static void hints_come_back_as_given(void **state)
{
	struct unit_random rnd = unit_seed();
	static struct cr_hint hint[1500], again[1500];

	(void)state;
	for (int round = 0; round < 200; round++) {
		cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };
		const uint32_t n = unit_below(&rnd, CR_ARRAY_LEN(hint));
		const uint32_t packs = 1 + unit_below(&rnd, 300);

		memset(hint, 0, sizeof(hint));
		for (uint32_t i = 0; i < n; i++) {
			if (unit_below(&rnd, 4) == 0)
				continue;
			hint[i].pack.bytes[0] = 1;
			hint[i].pack.bytes[1] =
				(uint8_t)unit_below(&rnd, packs);
			hint[i].block = unit_below(&rnd, CR_PACK_BLOCKS_MAX);
			hint[i].slot = unit_below(&rnd, CR_BLOCK_CHUNKS_MAX);
		}
		memset(again, 0xff, sizeof(again));
		assert_int_equal(cr_hints_encode(hint, n, &tail), 0);
		cr_hints_parse((struct cr_piece){ tail.bytes, tail.len }, again,
			       n);
		assert_memory_equal(hint, again, n * sizeof(*hint));
	}
}

static void no_hint_takes_no_bytes(void **state)
{
	static const struct cr_hint none[3];
	cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };

	(void)state;
	assert_int_equal(cr_hints_encode(none, 3, &tail), 0);
	assert_int_equal(tail.len, 0);
	assert_int_equal(cr_hints_encode(NULL, 0, &tail), 0);
	assert_int_equal(tail.len, 0);
	cr_hints_parse((struct cr_piece){ "\1", 1 }, NULL, 0);
}

static void hints_beyond_4096_packs_are_left_out(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };
	static struct cr_hint hint[4098], again[4098];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(hint); i++)
		unit_put_u32(hint[i].pack.bytes, (uint32_t)i + 1);
	hint[4097].pack = hint[0].pack; /* an old one still counts */
	assert_int_equal(cr_hints_encode(hint, 4098, &tail), 0);
	cr_hints_parse((struct cr_piece){ tail.bytes, tail.len }, again, 4098);
	assert_memory_equal(hint, again, 4096 * sizeof(*hint));
	assert_true(cr_uid_zero(&again[4096].pack));
	assert_true(cr_uid_equal(&again[4097].pack, &hint[0].pack));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(object_splits_where_its_length_says),
		cmocka_unit_test(object_is_at_most_256_kib),
		cmocka_unit_test(tail_parses_whole_or_not_at_all),
		cmocka_unit_test(tail_without_its_end_gives_no_hints),
		cmocka_unit_test(hints_come_back_as_given),
		cmocka_unit_test(no_hint_takes_no_bytes),
		cmocka_unit_test(hints_beyond_4096_packs_are_left_out),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
