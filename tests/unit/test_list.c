/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"
#include "tests/unit/random.h"

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/list_encode.h"

#define TOP (UINT64_C(1) << 62)

#define ID    "0123456789abcdef0123456789abcdef"
#define FILL  FILL8 FILL8 FILL8 FILL8 FILL8 FILL8 FILL8 FILL8 FILL8
#define FILL8 FILL1 FILL1 FILL1 FILL1 FILL1 FILL1 FILL1 FILL1
#define FILL1 ID ID ID ID ID ID ID ID ID ID ID ID ID ID ID ID

/*
 * A list, right or wrong.  @wrong is a part of what is said of it, NULL when
 * there is nothing to say; then it has @n items, @sum bytes in all.
 */
struct row {
	const char *what;
	const char *wrong;
	struct cr_piece bytes;
	uint64_t n, sum;
};

static void llist_lists_what_makes_a_file(void **state)
{
	/* A number is a length twice, plus one for a hole. */
	static const struct row rows[] = {
		{ "one chunk", NULL, UNIT_BYTES("\1\0\1\2" ID), 1, 1 },
		{ "one hole", NULL, UNIT_BYTES("\1\0\1\3"), 1, 1 },
		{ "the longest chunk, a hole between", NULL,
		  UNIT_BYTES("\1\0\3\x80\x80\x20\3\2" ID ID), 3, 262146 },
		{ "whole-file hash", NULL, UNIT_BYTES("\1\1" ID "\1\2" ID), 1,
		  1 },
		{ "2^63 - 1 bytes", NULL,
		  UNIT_BYTES(
			  "\1\0\2\x80\x80\x20\xff\xff\xdf\xff\xff\xff\xff\xff\xff\1" ID),
		  2, INT64_MAX },
		{ "2^63 bytes", "2^63",
		  UNIT_BYTES(
			  "\1\0\2\x80\x80\x20\x81\x80\xe0\xff\xff\xff\xff\xff\xff\1" ID),
		  0, 0 },
		{ "unknown version", "version", UNIT_BYTES("\2\0\1\2" ID), 0,
		  0 },
		{ "unknown flags", "flags", UNIT_BYTES("\1\2" ID "\1\2" ID), 0,
		  0 },
		{ "hash cut short", "cut short", UNIT_BYTES("\1\1abc"), 0, 0 },
		{ "no items", "0 items", UNIT_BYTES("\1\0\0"), 0, 0 },
		{ "4,097 items", "4097 items", UNIT_BYTES("\1\0\x81\x20" FILL),
		  0, 0 },
		{ "more items than bytes", "3 items", UNIT_BYTES("\1\0\3\3\2"),
		  0, 0 },
		{ "a longer form of a length", "malformed",
		  UNIT_BYTES("\1\0\1\x80\0" ID), 0, 0 },
		{ "chunk of nothing", "length 0", UNIT_BYTES("\1\0\1\0" ID), 0,
		  0 },
		{ "hole of nothing", "length 0", UNIT_BYTES("\1\0\1\1"), 0, 0 },
		{ "chunk too long", "longer",
		  UNIT_BYTES("\1\0\1\x82\x80\x20" ID), 0, 0 },
		{ "two holes in a row", "hole after",
		  UNIT_BYTES("\1\0\3\2\3\3" ID), 0, 0 },
		{ "an id too few", "ids", UNIT_BYTES("\1\0\2\2\2" ID), 0, 0 },
		{ "an id too many", "ids", UNIT_BYTES("\1\0\2\2\3" ID ID), 0,
		  0 },
		{ "a byte after it", "ids", UNIT_BYTES("\1\0\1\2" ID "\0"), 0,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		cr_cleanup(cr_llist_release) struct cr_llist list = { 0 };
		uint64_t at = 0;
		int r;

		unit_case(rows[i].what);
		r = cr_llist_parse(rows[i].bytes, &list);
		assert_int_equal(list.items, rows[i].n);
		assert_int_equal(list.bytes, rows[i].sum);
		if (rows[i].wrong) {
			assert_int_equal(r, -CR_ECORRUPT);
			unit_assert_said(rows[i].wrong);
			continue;
		}
		assert_int_equal(r, 0);
		for (uint32_t k = 0; k < list.items; k++) {
			assert_int_equal(list.item[k].offset, at);
			at += list.item[k].len;
		}
		assert_int_equal(list.bytes, at);
	}
}

static void lnode_lists_what_lies_below(void **state)
{
	static const struct row rows[] = {
		{ "one child", NULL, UNIT_BYTES("\1\0\1\1\7" ID), 1, 7 },
		{ "three, high up", NULL,
		  UNIT_BYTES(
			  "\1\0\x10\3\x80\x80\x80\x80\x80\x80\x80\x80\x40\1\x80\1" ID
				  ID ID),
		  3, TOP + 129 },
		{ "whole-file hash", NULL,
		  UNIT_BYTES("\1\1" ID "\1\2\1\1" ID ID), 2, 2 },
		{ "2^63 - 1 bytes", NULL,
		  UNIT_BYTES(
			  "\1\0\1\2\x80\x80\x80\x80\x80\x80\x80\x80\x40\xff\xff\xff\xff\xff\xff\xff\xff\x3f" ID
				  ID),
		  2, INT64_MAX },
		{ "2^63 bytes", "2^63",
		  UNIT_BYTES(
			  "\1\0\1\2\x80\x80\x80\x80\x80\x80\x80\x80\x40\x80\x80\x80\x80\x80\x80\x80\x80\x40" ID
				  ID),
		  0, 0 },
		{ "a sum that wraps", "2^63",
		  UNIT_BYTES(
			  "\1\0\1\2\7\xff\xff\xff\xff\xff\xff\xff\xff\xff\1" ID
				  ID),
		  0, 0 },
		{ "unknown version", "version", UNIT_BYTES("\0\0\1\1\7" ID), 0,
		  0 },
		{ "unknown flags", "flags", UNIT_BYTES("\1\3" ID "\1\1\7" ID),
		  0, 0 },
		{ "hash cut short", "cut short", UNIT_BYTES("\1\1abc"), 0, 0 },
		{ "height 0", "height 0", UNIT_BYTES("\1\0\0\1\7" ID), 0, 0 },
		{ "height 17", "height 17", UNIT_BYTES("\1\0\x11\1\7" ID), 0,
		  0 },
		{ "no children", "0 children", UNIT_BYTES("\1\0\1\0"), 0, 0 },
		{ "1,025 children", "1025 children",
		  UNIT_BYTES("\1\0\1\x81\x08" FILL), 0, 0 },
		{ "more children than bytes", "2 children",
		  UNIT_BYTES("\1\0\1\2\7\7" ID), 0, 0 },
		{ "child of nothing", "length 0",
		  UNIT_BYTES("\1\0\1\2\7\0" ID ID), 0, 0 },
		{ "an id too many", "ids", UNIT_BYTES("\1\0\1\1\7" ID ID), 0,
		  0 },
		{ "a byte after it", "ids", UNIT_BYTES("\1\0\1\1\7" ID "\0"), 0,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		cr_cleanup(cr_lnode_release) struct cr_lnode node = { 0 };
		uint64_t at = 0;
		int r;

		unit_case(rows[i].what);
		r = cr_lnode_parse(rows[i].bytes, &node);
		assert_int_equal(node.children, rows[i].n);
		assert_int_equal(node.bytes, rows[i].sum);
		if (rows[i].wrong) {
			assert_int_equal(r, -CR_ECORRUPT);
			unit_assert_said(rows[i].wrong);
			continue;
		}
		assert_int_equal(r, 0);
		for (uint32_t k = 0; k < node.children; k++) {
			assert_int_equal(node.child[k].offset, at);
			at += node.child[k].len;
		}
		assert_int_equal(node.bytes, at);
	}
}

static void random_llist(struct unit_random *rnd, struct cr_llist *list,
			 struct cr_list_item *item)
{
	static const uint32_t most[] = { 1, 40, 40, 40, CR_LLIST_MAX };

	*list = (struct cr_llist){ .item = item };
	list->items = most[unit_below(rnd, CR_ARRAY_LEN(most))];
	if (unit_below(rnd, 4))
		list->items = 1 + unit_below(rnd, list->items);
	list->has_hash = unit_below(rnd, 2);
	if (list->has_hash)
		unit_fill(rnd, &list->file_hash, CR_ID_LEN);
	for (uint32_t i = 0; i < list->items; i++) {
		item[i] = (struct cr_list_item){ .offset = list->bytes };
		item[i].hole = (i == 0 || !item[i - 1].hole) &&
			       unit_below(rnd, 4) == 0;
		item[i].len = 1 + unit_below(rnd, CR_CHUNK_MAX);
		if (item[i].hole)
			item[i].len = 1 + (unit_random(rnd) >> 14);
		else
			unit_fill(rnd, &item[i].id, CR_ID_LEN);
		list->bytes += item[i].len;
	}
}

static void llist_comes_back_as_given(void **state)
{
	static struct cr_list_item item[CR_LLIST_MAX];
	struct unit_random rnd = unit_seed();

	(void)state;
	for (int round = 0; round < 300; round++) {
		cr_cleanup(cr_llist_release) struct cr_llist again = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf one = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf two = { 0 };
		struct cr_llist list;

		random_llist(&rnd, &list, item);
		assert_int_equal(cr_llist_encode(&list, &one), 0);
		assert_int_equal(
			cr_llist_parse((struct cr_piece){ one.bytes, one.len },
				       &again),
			0);
		assert_int_equal(again.items, list.items);
		assert_int_equal(again.bytes, list.bytes);
		assert_int_equal(again.has_hash, list.has_hash);
		assert_true(cr_id_equal(&again.file_hash, &list.file_hash));
		for (uint32_t i = 0; i < list.items; i++) {
			assert_int_equal(again.item[i].offset, item[i].offset);
			assert_int_equal(again.item[i].len, item[i].len);
			assert_int_equal(again.item[i].hole, item[i].hole);
			assert_true(
				cr_id_equal(&again.item[i].id, &item[i].id));
		}
		assert_int_equal(cr_llist_encode(&again, &two), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.bytes, two.bytes, one.len);
	}
}

static void lnode_comes_back_as_given(void **state)
{
	static struct cr_list_item child[CR_LNODE_MAX];
	struct unit_random rnd = unit_seed();

	(void)state;
	for (int round = 0; round < 300; round++) {
		cr_cleanup(cr_lnode_release) struct cr_lnode again = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf one = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf two = { 0 };
		struct cr_lnode node = { .child = child };

		node.children = CR_LNODE_MAX;
		if (round > 0)
			node.children = 1 + unit_below(&rnd, CR_LNODE_MAX);
		node.height = (uint8_t)(1 + unit_below(&rnd, CR_HEIGHT_MAX));
		node.has_hash = unit_below(&rnd, 2);
		unit_fill(&rnd, &node.file_hash, CR_ID_LEN);
		for (uint32_t i = 0; i < node.children; i++) {
			child[i].len = 1 + (unit_random(&rnd) >> 14);
			unit_fill(&rnd, &child[i].id, CR_ID_LEN);
		}
		assert_int_equal(cr_lnode_encode(&node, &one), 0);
		assert_int_equal(
			cr_lnode_parse((struct cr_piece){ one.bytes, one.len },
				       &again),
			0);
		assert_int_equal(again.height, node.height);
		assert_int_equal(cr_lnode_encode(&again, &two), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.bytes, two.bytes, one.len);
	}
}

static void list_without_its_end_is_refused(void **state)
{
	static struct cr_list_item item[CR_LLIST_MAX];
	cr_cleanup(cr_buf_release) struct cr_buf llist = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf lnode = { 0 };
	struct unit_random rnd = { 1 };
	struct cr_lnode node = { .child = item, .children = 9, .height = 1 };
	struct cr_llist list;

	(void)state;
	random_llist(&rnd, &list, item);
	assert_int_equal(cr_llist_encode(&list, &llist), 0);
	assert_int_equal(cr_lnode_encode(&node, &lnode), 0);
	for (size_t n = 0; n < llist.len; n++)
		assert_int_equal(
			cr_llist_parse((struct cr_piece){ llist.bytes, n },
				       &list),
			-CR_ECORRUPT);
	for (size_t n = 0; n < lnode.len; n++)
		assert_int_equal(
			cr_lnode_parse((struct cr_piece){ lnode.bytes, n },
				       &node),
			-CR_ECORRUPT);
}

static void list_ends_where_the_format_says(void **state)
{
	static const struct {
		const char *what;
		uint32_t count;
		bool hole;
		uint8_t id[3]; /* its first bytes */
		bool llist, lnode;
	} cases[] = {
		{ "lnode below its least", 63, false, { 9, 9, 0 }, 0, 0 },
		{ "lnode at its least", 64, false, { 9, 9, 0 }, 0, 1 },
		{ "lnode, another id", 1023, false, { 0, 0, 1 }, 1, 0 },
		{ "lnode at its most", 1024, false, { 9, 9, 9 }, 0, 1 },
		{ "llist below its least", 255, false, { 0, 4, 9 }, 0, 0 },
		{ "llist at its least", 256, false, { 0, 4, 9 }, 1, 0 },
		{ "llist, bit 0", 256, false, { 1, 0, 9 }, 0, 0 },
		{ "llist, bit 7", 256, false, { 128, 0, 9 }, 0, 0 },
		{ "llist, bit 8", 256, false, { 0, 1, 9 }, 0, 0 },
		{ "llist, bit 9", 256, false, { 0, 2, 9 }, 0, 0 },
		{ "llist, bit 10", 256, false, { 0, 4, 9 }, 1, 0 },
		{ "llist, a hole", 300, true, { 0, 0, 9 }, 0, 0 },
		{ "llist before its most", 4095, false, { 1, 0, 9 }, 0, 1 },
		{ "llist at its most", 4096, false, { 1, 0, 9 }, 1, 1 },
		{ "llist at its most, a hole", 4096, true, { 1 }, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_list_item last = { .hole = cases[i].hole };

		unit_case(cases[i].what);
		memcpy(last.id.bytes, cases[i].id, 3);
		assert_int_equal(cr_llist_full(cases[i].count, &last),
				 cases[i].llist);
		assert_int_equal(cr_lnode_full(cases[i].count, &last.id),
				 cases[i].lnode);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llist_lists_what_makes_a_file),
		cmocka_unit_test(lnode_lists_what_lies_below),
		cmocka_unit_test(llist_comes_back_as_given),
		cmocka_unit_test(lnode_comes_back_as_given),
		cmocka_unit_test(list_without_its_end_is_refused),
		cmocka_unit_test(list_ends_where_the_format_says),
	};

	return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
