/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/codec/tree.h"

#define ID   "0123456789abcdef0123456789abcdef"
#define X8   "xxxxxxxx"
#define X64  X8 X8 X8 X8 X8 X8 X8 X8
#define X255 X64 X64 X64 X8 X8 X8 X8 X8 X8 X8 "xxxxxxx"
#define X4K  X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64
#define X40K X4K X4K X4K X4K X4K X4K X4K X4K X4K X4K

static void refs_are_as_many_as_the_leaf_needs(void **state)
{
	static const struct {
		const char *what;
		struct cr_piece bytes;
		uint32_t refs, inline_len; /* of the leaf */
		bool alone, with;	   /* accepted */
	} rows[] = {
		{ "two ids", UNIT_BYTES("\1\0\2" ID ID), 2, 0, 1, 1 },
		{ "inline", UNIT_BYTES("\1\1" ID "\0"), 0, 9, 1, 1 },
		{ "both", UNIT_BYTES("\1\1" ID "\1" ID), 1, 9, 1, 1 },
		{ "one too few", UNIT_BYTES("\1\0\1" ID), 2, 0, 1, 0 },
		{ "one too many", UNIT_BYTES("\1\0\2" ID ID), 1, 0, 1, 0 },
		{ "inline in vain", UNIT_BYTES("\1\1" ID "\1" ID), 1, 0, 1, 0 },
		{ "inline missing", UNIT_BYTES("\1\0\1" ID), 1, 9, 1, 0 },
		{ "nothing in it", UNIT_BYTES("\1\0\0"), 0, 0, 0, 0 },
		{ "unknown version", UNIT_BYTES("\0\0\1" ID), 1, 0, 0, 0 },
		{ "inline 2", UNIT_BYTES("\1\2" ID "\1" ID), 1, 9, 0, 0 },
		{ "an id missing", UNIT_BYTES("\1\0\2" ID), 2, 0, 0, 0 },
		{ "a byte after it", UNIT_BYTES("\1\0\1" ID "\0"), 1, 0, 0, 0 },
		{ "cut short", UNIT_BYTES("\1\1abc"), 0, 9, 0, 0 },
		{ "2^59 ids, which wraps",
		  UNIT_BYTES("\1\0\x80\x80\x80\x80\x80\x80\x80\x80\x08"), 0, 0,
		  0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		const struct cr_leaf leaf = { .refs = rows[i].refs,
					      .inline_len =
						      rows[i].inline_len };
		struct cr_refs refs = { 0 };

		unit_case(rows[i].what);
		assert_int_equal(cr_refs_parse(rows[i].bytes, NULL, &refs),
				 rows[i].alone ? 0 : -CR_ECORRUPT);
		assert_int_equal(cr_refs_parse(rows[i].bytes, &leaf, &refs),
				 rows[i].with ? 0 : -CR_ECORRUPT);
		for (uint32_t k = 0; rows[i].with && k < refs.count; k++)
			assert_memory_equal(cr_refs_id(&refs, k).bytes, ID,
					    CR_ID_LEN);
	}
}

static void refs_are_at_most_1024(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf in = { 0 };
	struct cr_refs refs;

	(void)state;
	for (uint32_t n = 1024; n <= 1025; n++) {
		cr_buf_clear(&in);
		cr_buf_put(&in, "\1\0", 2);
		cr_buf_varint(&in, n);
		cr_buf_zero(&in, n * CR_ID_LEN);
		assert_int_equal(
			cr_refs_parse((struct cr_piece){ in.bytes, in.len },
				      NULL, &refs),
			n == 1024 ? 0 : -CR_ECORRUPT);
	}
}

#define MAX63 "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"

static void dnode_is_in_order(void **state)
{
	static const struct {
		const char *what;
		const char *wrong;
		struct cr_piece bytes;
	} rows[] = {
		{ "one child", NULL, UNIT_BYTES("\1\1\1\1a\1" ID) },
		{ "two, high up", NULL,
		  UNIT_BYTES("\1\x10\2\1a\1" ID "\2aa"
			     "\x80\1" ID) },
		{ "2^63 - 1 entries", NULL, UNIT_BYTES("\1\1\1\1a" MAX63 ID) },
		{ "2^63 entries", "2^63",
		  UNIT_BYTES("\1\1\2\1a" MAX63 ID "\1b\1" ID) },
		{ "unknown version", "version", UNIT_BYTES("\2\1\1\1a\1" ID) },
		{ "height 0", "height 0", UNIT_BYTES("\1\0\1\1a\1" ID) },
		{ "height 17", "height 17", UNIT_BYTES("\1\x11\1\1a\1" ID) },
		{ "no children", "0 children", UNIT_BYTES("\1\1\0") },
		{ "1,025 children", "1025 children",
		  UNIT_BYTES("\1\1\x81\x08" X40K) },
		{ "more children than bytes", "2 children",
		  UNIT_BYTES("\1\1\2\1a\1" ID) },
		{ "no name", "malformed", UNIT_BYTES("\1\1\1\0\1" ID "x") },
		{ "name of 256", "malformed",
		  UNIT_BYTES("\1\1\1\x80\2" X255 "x\1" ID) },
		{ "name ..", "bad name", UNIT_BYTES("\1\1\1\2..\1" ID) },
		{ "same name twice", "child 1: name out of order",
		  UNIT_BYTES("\1\1\2\1a\1" ID "\1a\1" ID) },
		{ "names descend", "child 1: name out of order",
		  UNIT_BYTES("\1\1\2\1b\1" ID "\1a\1" ID) },
		{ "nothing below", "no entries", UNIT_BYTES("\1\1\1\1a\0" ID) },
		{ "id cut short", "malformed",
		  UNIT_BYTES("\1\1\1\3abc\1" X8 X8 X8 "xxxxxxx") },
		{ "a byte after it", "after",
		  UNIT_BYTES("\1\1\1\1a\1" ID "\0") },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		cr_cleanup(cr_dnode_release) struct cr_dnode dnode = { 0 };
		int r;

		unit_case(rows[i].what);
		r = cr_dnode_parse(rows[i].bytes, &dnode);
		assert_int_equal(r, rows[i].wrong ? -CR_ECORRUPT : 0);
		if (rows[i].wrong)
			unit_assert_said(rows[i].wrong);
		for (size_t n = 0; !rows[i].wrong && n < rows[i].bytes.len; n++)
			assert_int_equal(
				cr_dnode_parse(
					(struct cr_piece){ rows[i].bytes.bytes,
							   n },
					NULL),
				-CR_ECORRUPT);
	}
}

static void root_is_a_directory_without_a_name(void **state)
{
	static const struct {
		const char *what;
		const char *wrong;
		struct cr_piece bytes;
		size_t left;
	} rows[] = {
		{ "a root", NULL,
		  UNIT_BYTES("\5\6\0\2\0\0\0\0\0\0\0\0\0\1\1" ID), 32 },
		{ "a name", "name",
		  UNIT_BYTES("\5\6\1a\2\0\0\0\0\0\0\0\0\0\1\1"), 0 },
		{ "a FIFO", "directory",
		  UNIT_BYTES("\5\6\0\6\0\0\0\0\0\0\0\0\0\1"), 0 },
		{ "owner 1", "owner",
		  UNIT_BYTES("\5\6\0\2\0\0\0\1\0\0\0\0\0\1\1"), 0 },
		{ "uid of 2^32", "malformed",
		  UNIT_BYTES(
			  "\x80\x80\x80\x80\x10\6\0\2\0\0\0\0\0\0\0\0\0\1\1"),
		  0 },
		{ "cut short", "malformed",
		  UNIT_BYTES("\5\6\0\2\0\0\0\0\0\0\0\0\0\1"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		struct cr_cursor cur =
			cr_cursor(rows[i].bytes.bytes, rows[i].bytes.len);
		struct cr_entry root = { 0 };
		int r;

		unit_case(rows[i].what);
		r = cr_root_parse(&cur, &root);
		assert_int_equal(r, rows[i].wrong ? -CR_ECORRUPT : 0);
		assert_int_equal(cur.overrun, rows[i].wrong != NULL);
		assert_int_equal(cur.left, rows[i].left);
		if (rows[i].wrong) {
			unit_assert_said(rows[i].wrong);
			continue;
		}
		assert_int_equal(root.uid, 5);
		assert_int_equal(root.gid, 6);
		assert_int_equal(root.content, CR_CONTENT_LEAF);
	}
}

static void xattrs_are_in_order(void **state)
{
	static const struct {
		const char *what;
		const char *wrong;
		struct cr_piece set;
		uint32_t n;
	} rows[] = {
		{ "one, empty", NULL, UNIT_BYTES("\1\1a\0"), 1 },
		{ "two", NULL, UNIT_BYTES("\2\1a\1b\2aa\2\0\0"), 2 },
		{ "name of 255", NULL, UNIT_BYTES("\1\xff\1" X255 "\0"), 1 },
		{ "name of 256", "malformed", UNIT_BYTES("\1\x80\2" X255 "x\0"),
		  0 },
		{ "none", "count", UNIT_BYTES("\0"), 0 },
		{ "nothing", "count", UNIT_BYTES(""), 0 },
		{ "no name", "malformed", UNIT_BYTES("\1\0\1a"), 0 },
		{ "zero byte", "zero byte", UNIT_BYTES("\1\3a\0b\0"), 0 },
		{ "same name twice", "order", UNIT_BYTES("\2\1a\0\1a\0"), 0 },
		{ "names descend", "order", UNIT_BYTES("\2\1b\0\1a\0"), 0 },
		{ "more than bytes", "count", UNIT_BYTES("\3\1a\0\1b\0"), 0 },
		{ "65,537 of them", "count",
		  UNIT_BYTES("\x81\x80\4" X40K X40K X40K X40K X40K), 0 },
		{ "value cut short", "malformed", UNIT_BYTES("\1\1a\2b"), 0 },
		{ "a byte after it", "after", UNIT_BYTES("\1\1a\0\0"), 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		struct cr_xattrs xattrs = { 0 };
		struct cr_xattr xattr;
		uint32_t n = 0;
		int r;

		unit_case(rows[i].what);
		r = cr_xattrs_parse(rows[i].set, &xattrs);
		assert_int_equal(r, rows[i].wrong ? -CR_ECORRUPT : 0);
		if (rows[i].wrong)
			unit_assert_said(rows[i].wrong);
		while (cr_xattr_next(&xattrs, &xattr))
			n++;
		assert_int_equal(n, rows[i].n);
	}
}

static void names_are_ordered_as_unsigned_bytes(void **state)
{
	static const struct {
		struct cr_piece a, b;
		int want;
	} rows[] = {
		{ UNIT_BYTES("a"), UNIT_BYTES("a"), 0 },
		{ UNIT_BYTES("a"), UNIT_BYTES("b"), -1 },
		{ UNIT_BYTES("a"), UNIT_BYTES("aa"), -1 },
		{ UNIT_BYTES("aa"), UNIT_BYTES("b"), -1 },
		{ UNIT_BYTES("z"), UNIT_BYTES("\x80"), -1 },
		{ UNIT_BYTES(""), UNIT_BYTES("\1"), -1 },
		{ UNIT_BYTES(""), UNIT_BYTES(""), 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		assert_int_equal(cr_name_compare(rows[i].a, rows[i].b),
				 rows[i].want);
		assert_int_equal(cr_name_compare(rows[i].b, rows[i].a),
				 -rows[i].want);
	}
}

static void name_is_one_that_a_folder_may_hold(void **state)
{
	static const struct {
		const char *what;
		struct cr_piece name;
		bool want;
	} rows[] = {
		{ "one byte", UNIT_BYTES("a"), true },
		{ "255 bytes", UNIT_BYTES(X255), true },
		{ "three dots", UNIT_BYTES("..."), true },
		{ "dot and a letter", UNIT_BYTES(".a"), true },
		{ "empty", UNIT_BYTES(""), false },
		{ "256 bytes", UNIT_BYTES(X255 "x"), false },
		{ "one dot", UNIT_BYTES("."), false },
		{ "two dots", UNIT_BYTES(".."), false },
		{ "slash", UNIT_BYTES("a/"), false },
		{ "zero byte", UNIT_BYTES("a\0"), false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		unit_case(rows[i].what);
		assert_int_equal(cr_name_valid(rows[i].name), rows[i].want);
	}
}

static void most_xattrs_are_65536(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_xattrs xattrs;

	(void)state;
	cr_buf_varint(&set, CR_XATTRS_MAX);
	for (uint32_t i = 0; i < CR_XATTRS_MAX; i++) {
		/* In order, and without zero bytes. */
		const uint8_t name[] = { (uint8_t)(1 + i / 10000),
					 (uint8_t)(1 + i / 100 % 100),
					 (uint8_t)(1 + i % 100) };

		cr_buf_string(&set, name, sizeof(name));
		cr_buf_u8(&set, 0);
	}
	assert_int_equal(
		cr_xattrs_parse((struct cr_piece){ set.bytes, set.len },
				&xattrs),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refs_are_as_many_as_the_leaf_needs),
		cmocka_unit_test(refs_are_at_most_1024),
		cmocka_unit_test(dnode_is_in_order),
		cmocka_unit_test(root_is_a_directory_without_a_name),
		cmocka_unit_test(xattrs_are_in_order),
		cmocka_unit_test(most_xattrs_are_65536),
		cmocka_unit_test(names_are_ordered_as_unsigned_bytes),
		cmocka_unit_test(name_is_one_that_a_folder_may_hold),
	};

	return cmocka_run_group_tests_name("tree_nodes", tests, NULL, NULL);
}
