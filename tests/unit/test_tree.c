/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/bytes.h"

#include "store/base/buf.h"
#include "store/codec/tree.h"

#define ID   "0123456789abcdef0123456789abcdef"
#define X8   "xxxxxxxx"
#define X64  X8 X8 X8 X8 X8 X8 X8 X8
#define X255 X64 X64 X64 X8 X8 X8 X8 X8 X8 X8 "xxxxxxx"
#define X4K  X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64
#define X40K X4K X4K X4K X4K X4K X4K X4K X4K X4K X4K

enum {
	FILE_ = CR_ENTRY_FILE,
	DIR_ = CR_ENTRY_DIRECTORY,
	LINK_ = CR_ENTRY_SYMLINK,
	CHAR_ = CR_ENTRY_CHAR,
	BLOCK_ = CR_ENTRY_BLOCK,
	FIFO_ = CR_ENTRY_FIFO,
	SOCK_ = CR_ENTRY_SOCKET,
};

/* An entry as numbers, right or wrong; zero is right for most. */
struct raw {
	struct cr_piece name; /* none: "a" */
	uint8_t type;
	uint64_t marks, has, mode, owner, size, mnsec, cnsec;
	uint64_t links; /* beyond the first */
	struct cr_piece rest;
};

static void put_raw(struct cr_buf *out, const struct raw *e)
{
	if (e->name.bytes)
		cr_buf_string(out, e->name.bytes, e->name.len);
	else
		cr_buf_string(out, "a", 1);
	cr_buf_u8(out, e->type);
	cr_buf_varint(out, e->marks);
	cr_buf_varint(out, e->has);
	cr_buf_varint(out, e->mode);
	cr_buf_varint(out, e->owner);
	cr_buf_varint(out, e->size);
	cr_buf_svarint(out, -1);
	cr_buf_varint(out, e->mnsec);
	cr_buf_svarint(out, INT64_MAX);
	cr_buf_varint(out, e->cnsec);
	cr_buf_varint(out, e->links + 1);
	cr_buf_put(out, e->rest.bytes, e->rest.len);
}

/* A leaf of one owner and the entry; @refs as it stands after it. */
static void put_leaf(struct cr_buf *out, const struct raw *e,
		     struct cr_piece refs)
{
	cr_buf_put(out, "\1\1\0\0\1", 5);
	put_raw(out, e);
	cr_buf_put(out, refs.bytes, refs.len);
	assert_int_equal(cr_buf_error(out), 0);
}

/* What is wrong with an entry: a part of the sentence, NULL for nothing. */
struct entry_row {
	const char *what;
	const char *wrong;
	struct raw e;
	bool refs;
};

static void check_entry(const struct entry_row *row)
{
	static const struct cr_piece none = UNIT_BYTES("\0");
	static const struct cr_piece some = UNIT_BYTES("\1" ID);
	cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf in = { 0 };
	int r;

	unit_case(row->what);
	put_leaf(&in, &row->e, row->refs ? some : none);
	r = cr_leaf_parse((struct cr_piece){ in.bytes, in.len }, &leaf);
	if (row->wrong) {
		assert_int_equal(r, -CR_ECORRUPT);
		assert_null(leaf.entry);
		unit_assert_said("leaf: ");
		unit_assert_said(row->wrong);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(leaf.entries, 1);
	assert_int_equal(leaf.has_refs, row->refs);
	assert_int_equal(leaf.entry[0].type, row->e.type);
	assert_int_equal(leaf.entry[0].size, row->e.size);
	assert_int_equal(leaf.entry[0].mode, row->e.mode);
	assert_int_equal(leaf.entry[0].mtime.sec, -1);
	assert_int_equal(leaf.entry[0].ctime.sec, INT64_MAX);
	assert_int_equal(leaf.entry[0].nlink, row->e.links + 1);
	/* No prefix of it is a leaf, and neither is one byte more. */
	for (size_t n = 0; n < in.len; n++)
		assert_int_equal(
			cr_leaf_parse((struct cr_piece){ in.bytes, n }, NULL),
			-CR_ECORRUPT);
	cr_buf_u8(&in, 0);
	assert_int_equal(
		cr_leaf_parse((struct cr_piece){ in.bytes, in.len }, NULL),
		-CR_ECORRUPT);
}

#define REST(text) .rest = UNIT_BYTES(text)
#define NAME(text) .name = UNIT_BYTES(text)

static void entry_has_a_name_and_a_kind(void **state)
{
	static const struct entry_row rows[] = {
		{ "name of 255", NULL, { NAME(X255), FIFO_ }, 0 },
		{ "dots", NULL, { NAME("..."), FIFO_ }, 0 },
		{ "hidden", NULL, { NAME(".a"), FIFO_ }, 0 },
		{ "not UTF-8", NULL, { NAME("\xff\n"), FIFO_ }, 0 },
		{ "no name", "bad name", { NAME(""), FIFO_ }, 0 },
		{ "name .", "bad name", { NAME("."), FIFO_ }, 0 },
		{ "name ..", "bad name", { NAME(".."), FIFO_ }, 0 },
		{ "name a/b", "bad name", { NAME("a/b"), FIFO_ }, 0 },
		{ "zero byte", "bad name", { NAME("a\0b"), FIFO_ }, 0 },
		{ "name of 256", "malformed", { NAME(X255 "x"), FIFO_ }, 0 },
		{ "socket", NULL, { .type = SOCK_ }, 0 },
		{ "type 0", "unknown type", { .type = 0 }, 0 },
		{ "type 8", "unknown type", { .type = 8 }, 0 },
		{ "all marks",
		  NULL,
		  { .type = DIR_, .marks = 7, REST("\0") },
		  0 },
		{ "mark 8", "marks", { .type = FIFO_, .marks = 8 }, 0 },
		{ "mount point, a FIFO",
		  "mount point",
		  { .type = FIFO_, .marks = 4 },
		  0 },
		{ "mount point, entered",
		  "nothing was entered",
		  { .type = DIR_, .marks = 4, REST("\1") },
		  1 },
		{ "mark 2^60",
		  "marks",
		  { .type = FIFO_, .marks = 1ull << 60 },
		  0 },
		{ "part 32", "parts", { .type = FIFO_, .has = 32 }, 0 },
		{ "part 2^60",
		  "parts",
		  { .type = FIFO_, .has = 1ull << 60 },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		check_entry(&rows[i]);
}

static void entry_has_a_mode_an_owner_and_times(void **state)
{
	static const struct entry_row rows[] = {
		{ "mode 07777", NULL, { .type = FIFO_, .mode = 07777 }, 0 },
		{ "mode 010000", "mode", { .type = FIFO_, .mode = 010000 }, 0 },
		{ "owner 1 of 1",
		  "owner out of range",
		  { .type = FIFO_, .owner = 1 },
		  0 },
		{ "size of 2^63",
		  "2^63",
		  { .type = DIR_, .size = 1ull << 63 },
		  0 },
		{ "999,999,999 ns",
		  NULL,
		  { .type = FIFO_, .mnsec = 999999999, .cnsec = 999999999 },
		  0 },
		{ "10^9 ns, mtime",
		  "nanoseconds",
		  { .type = FIFO_, .mnsec = 1000000000 },
		  0 },
		{ "10^9 ns, ctime",
		  "nanoseconds",
		  { .type = FIFO_, .cnsec = 1000000000 },
		  0 },
		{ "no links",
		  "link count",
		  { .type = FIFO_, .links = UINT64_MAX },
		  0 },
		{ "2^32 - 1 links",
		  NULL,
		  { .type = DIR_, .links = UINT32_MAX - 1, REST("\0") },
		  0 },
		{ "2^32 links",
		  "malformed",
		  { .type = DIR_, .links = UINT32_MAX, REST("\0") },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		check_entry(&rows[i]);
}

static void entry_has_the_parts_it_says(void **state)
{
	static const struct entry_row rows[] = {
		{ "two links",
		  NULL,
		  { .type = FIFO_, .has = 4, .links = 1, REST(X8 X8) },
		  0 },
		{ "two links, no group",
		  "link group",
		  { .type = FIFO_, .links = 1 },
		  0 },
		{ "one link, a group",
		  "link group",
		  { .type = FIFO_, .has = 4, REST(X8 X8) },
		  0 },
		{ "directory with a group",
		  "link group",
		  { .type = DIR_, .has = 4, .links = 1, REST(X8 X8 "\0") },
		  0 },
		{ "flags",
		  NULL,
		  { .type = FIFO_, .has = 8, REST("\xff\xff\xff\xff\x0f") },
		  0 },
		{ "flags of 2^32",
		  "malformed",
		  { .type = FIFO_, .has = 8, REST("\x80\x80\x80\x80\x10") },
		  0 },
		{ "holes",
		  NULL,
		  { .type = FILE_, .has = 16, .size = 9, REST("\x08\3\1") },
		  1 },
		{ "nothing but holes",
		  NULL,
		  { .type = FILE_, .has = 16, .size = 9, REST("\0\3\1") },
		  1 },
		{ "holes of no bytes",
		  "holes",
		  { .type = FILE_, .has = 16, .size = 9, REST("\x09\3\1") },
		  1 },
		{ "holes in one chunk",
		  "holes",
		  { .type = FILE_, .has = 16, .size = 9, REST("\x08\2\1") },
		  1 },
		{ "holes in a directory",
		  "holes",
		  { .type = DIR_, .has = 16, .size = 9, REST("\x08\0") },
		  0 },
		{ "xattrs in an object",
		  NULL,
		  { .type = FIFO_, .has = 2, REST(ID) },
		  0 },
		{ "xattrs here",
		  NULL,
		  { .type = FIFO_, .has = 1, REST("\4\1\1a\0") },
		  0 },
		{ "xattrs of 256 bytes",
		  NULL,
		  { .type = FIFO_,
		    .has = 1,
		    REST("\x80\2\1\1a\xfb\1" X64 X64 X64 X8 X8 X8 X8 X8 X8 X8
			 "xxx") },
		  0 },
		{ "xattrs of 257 bytes",
		  "malformed",
		  { .type = FIFO_,
		    .has = 1,
		    REST("\x81\2\1\1a\xfc\1" X64 X64 X64 X8 X8 X8 X8 X8 X8 X8
			 "xxxx") },
		  0 },
		{ "no xattrs",
		  "malformed",
		  { .type = FIFO_, .has = 1, REST("\0") },
		  0 },
		{ "bad xattrs",
		  "xattr",
		  { .type = FIFO_, .has = 1, REST("\4\2\1a\0") },
		  0 },
		{ "xattrs here and there",
		  "both",
		  { .type = FIFO_, .has = 3, REST("\4\1\1a\0" ID) },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		check_entry(&rows[i]);
}

static void file_has_the_content_its_size_needs(void **state)
{
	static const struct entry_row rows[] = {
		{ "empty", NULL, { .type = FILE_, REST("\0") }, 0 },
		{ "unread, with a size",
		  "without content",
		  { .type = FILE_, .marks = 2, .size = 9, REST("\0") },
		  0 },
		{ "a size, no content",
		  "without content",
		  { .type = FILE_, .size = 9, REST("\0") },
		  0 },
		{ "inline, 1",
		  NULL,
		  { .type = FILE_, .size = 1, REST("\1") },
		  1 },
		{ "inline, 256",
		  NULL,
		  { .type = FILE_, .size = 256, REST("\1") },
		  1 },
		{ "inline, 0", "size", { .type = FILE_, REST("\1") }, 1 },
		{ "inline, 257",
		  "size",
		  { .type = FILE_, .size = 257, REST("\1") },
		  1 },
		{ "chunk, 1",
		  NULL,
		  { .type = FILE_, .size = 1, REST("\2\1") },
		  1 },
		{ "chunk, 262,144",
		  NULL,
		  { .type = FILE_, .size = 262144, REST("\2\3") },
		  1 },
		{ "chunk, 0", "size", { .type = FILE_, REST("\2\1") }, 1 },
		{ "chunk, 262,145",
		  "size",
		  { .type = FILE_, .size = 262145, REST("\2\1") },
		  1 },
		{ "llist, 1",
		  NULL,
		  { .type = FILE_, .size = 1, REST("\3\2") },
		  1 },
		{ "lnode, 2^63 - 1",
		  NULL,
		  { .type = FILE_, .size = INT64_MAX, REST("\4\2") },
		  1 },
		{ "llist, 0", "size", { .type = FILE_, REST("\3\1") }, 1 },
		{ "lnode, 0", "size", { .type = FILE_, REST("\4\1") }, 1 },
		{ "content 5",
		  "unknown content",
		  { .type = FILE_, .size = 9, REST("\5\1") },
		  1 },
		{ "class 0",
		  "class",
		  { .type = FILE_, .size = 9, REST("\2\0") },
		  1 },
		{ "class 5",
		  NULL,
		  { .type = FILE_, .size = 9, REST("\2\5") },
		  1 },
		{ "class 6",
		  "class",
		  { .type = FILE_, .size = 9, REST("\2\6") },
		  1 },
		{ "refs without need",
		  "end",
		  { .type = FILE_, REST("\0") },
		  1 },
		{ "inline, no refs",
		  "end",
		  { .type = FILE_, .size = 9, REST("\1") },
		  0 },
		{ "chunk, no refs",
		  "end",
		  { .type = FILE_, .size = 9, REST("\2\1") },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		check_entry(&rows[i]);
}

static void other_types_have_their_own_content(void **state)
{
	static const struct entry_row rows[] = {
		{ "empty directory",
		  NULL,
		  { .type = DIR_, .size = 4096, REST("\0") },
		  0 },
		{ "directory, leaf", NULL, { .type = DIR_, REST("\1") }, 1 },
		{ "directory, dnode", NULL, { .type = DIR_, REST("\2") }, 1 },
		{ "directory, content 3",
		  "unknown content",
		  { .type = DIR_, REST("\3") },
		  1 },
		{ "directory, no refs",
		  "end",
		  { .type = DIR_, REST("\2") },
		  0 },
		{ "symlink",
		  NULL,
		  { .type = LINK_, .size = 3, REST("\0\3a/b") },
		  0 },
		{ "symlink of 256",
		  NULL,
		  { .type = LINK_, .size = 256, REST("\0\x80\2" X255 "x") },
		  0 },
		{ "symlink of 257 here",
		  "malformed",
		  { .type = LINK_, .size = 257, REST("\0\x81\2" X255 "xx") },
		  0 },
		{ "symlink to nothing",
		  "malformed",
		  { .type = LINK_, REST("\0\0") },
		  0 },
		{ "symlink, another size",
		  "size",
		  { .type = LINK_, .size = 4, REST("\0\3a/b") },
		  0 },
		{ "symlink, zero byte",
		  "zero byte",
		  { .type = LINK_, .size = 3, REST("\0\3a\0b") },
		  0 },
		{ "symlink, content 2",
		  "unknown content",
		  { .type = LINK_, .size = 3, REST("\2\3a/b") },
		  0 },
		{ "link object, 257",
		  NULL,
		  { .type = LINK_, .size = 257, REST("\1" ID) },
		  0 },
		{ "link object, 4,095",
		  NULL,
		  { .type = LINK_, .size = 4095, REST("\1" ID) },
		  0 },
		{ "link object, 256",
		  "size",
		  { .type = LINK_, .size = 256, REST("\1" ID) },
		  0 },
		{ "link object, 4,096",
		  "size",
		  { .type = LINK_, .size = 4096, REST("\1" ID) },
		  0 },
		{ "device",
		  NULL,
		  { .type = CHAR_, REST("\1\xff\xff\xff\xff\x0f") },
		  0 },
		{ "minor of 2^32",
		  "malformed",
		  { .type = BLOCK_, REST("\1\x80\x80\x80\x80\x10") },
		  0 },
		{ "major of 2^32",
		  "malformed",
		  { .type = BLOCK_, REST("\x80\x80\x80\x80\x10\1") },
		  0 },
		{ "device with a size",
		  "size",
		  { .type = BLOCK_, .size = 1, REST("\1\1") },
		  0 },
		{ "FIFO with a size", "size", { .type = FIFO_, .size = 1 }, 0 },
		{ "socket with a size",
		  "size",
		  { .type = SOCK_, .size = 1 },
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++)
		check_entry(&rows[i]);
}

/* A FIFO with an owner: the least entry there is. */
#define FIFO(name, owner) "\1" name "\6\0\0\0" owner "\0\0\0\0\0\1"

static void leaf_is_in_order(void **state)
{
	static const struct {
		const char *what;
		const char *wrong;
		struct cr_piece bytes;
	} rows[] = {
		{ "nothing in it", NULL, UNIT_BYTES("\1\0\0\0") },
		{ "owner in vain", NULL, UNIT_BYTES("\1\1\5\6\0\0") },
		{ "two owners", NULL,
		  UNIT_BYTES("\1\2\5\6\5\7\3" FIFO("a", "\0") FIFO("b", "\1")
				     FIFO("c", "\0") "\0") },
		{ "unknown version", "version", UNIT_BYTES("\2\0\0\0") },
		{ "second owner used first", "first use",
		  UNIT_BYTES("\1\2\5\6\5\7\2" FIFO("a", "\1")
				     FIFO("b", "\0") "\0") },
		{ "owner after the last", "owner out of range",
		  UNIT_BYTES("\1\1\5\6\2" FIFO("a", "\0")
				     FIFO("b", "\1") "\0") },
		{ "owner repeated", "repeated",
		  UNIT_BYTES("\1\3\5\6\5\7\5\6\0\0") },
		{ "owner of 2^32", "entries",
		  UNIT_BYTES("\1\1\5\x80\x80\x80\x80\x10\0\0") },
		{ "1,025 owners", "1025 owners",
		  UNIT_BYTES("\1\x81\x08" X40K) },
		{ "more owners than bytes", "4 owners",
		  UNIT_BYTES("\1\4\1\1\2\2\3\3\0") },
		{ "1,025 entries", "1025 entries",
		  UNIT_BYTES("\1\0\x81\x08" X40K) },
		{ "more entries than bytes", "2 entries",
		  UNIT_BYTES("\1\1\5\6\2" FIFO("a", "\0") "\1b\6\0\0\0\0\0") },
		{ "same name twice", "entry 1: name out of order",
		  UNIT_BYTES("\1\1\5\6\2" FIFO("a", "\0")
				     FIFO("a", "\0") "\0") },
		{ "names descend", "entry 1: name out of order",
		  UNIT_BYTES("\1\1\5\6\2" FIFO("\x80", "\0")
				     FIFO("a", "\0") "\0") },
		{ "refs 2", "end", UNIT_BYTES("\1\0\0\2" ID) },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(rows); i++) {
		cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
		int r;

		unit_case(rows[i].what);
		r = cr_leaf_parse(rows[i].bytes, &leaf);
		assert_int_equal(r, rows[i].wrong ? -CR_ECORRUPT : 0);
		if (rows[i].wrong)
			unit_assert_said(rows[i].wrong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_has_a_name_and_a_kind),
		cmocka_unit_test(entry_has_a_mode_an_owner_and_times),
		cmocka_unit_test(entry_has_the_parts_it_says),
		cmocka_unit_test(file_has_the_content_its_size_needs),
		cmocka_unit_test(other_types_have_their_own_content),
		cmocka_unit_test(leaf_is_in_order),
	};

	return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
