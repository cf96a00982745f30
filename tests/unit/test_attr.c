/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/attr.h"

#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "tests/unit/unit.h"

static void types_are_those_of_stat(void **state)
{
	static const struct {
		uint8_t type;
		mode_t want;
	} cases[] = {
		{ CR_ENTRY_FILE, S_IFREG },    { CR_ENTRY_DIRECTORY, S_IFDIR },
		{ CR_ENTRY_SYMLINK, S_IFLNK }, { CR_ENTRY_CHAR, S_IFCHR },
		{ CR_ENTRY_BLOCK, S_IFBLK },   { CR_ENTRY_FIFO, S_IFIFO },
		{ CR_ENTRY_SOCKET, S_IFSOCK }, { 0, 0 },
		{ CR_ENTRY_SOCKET + 1, 0 },    { 255, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_int_equal(cr_attr_type(cases[i].type), cases[i].want);
}

static void stat_shows_what_was_stored(void **state)
{
	const struct cr_entry entry = {
		.type = CR_ENTRY_FILE,
		.mode = 06751,
		.uid = 4294967294u,
		.gid = 100000,
		.size = (1ull << 62) + 1,
		.data_bytes = 8193,
		.mtime = { -62135596801, 999999999 },
		.ctime = { 253402300800, 1 },
		.nlink = 3,
		.has = CR_HAS_HOLES,
	};
	struct stat st;

	(void)state;
	cr_attr_stat(&entry, 77, &st);
	assert_int_equal(st.st_ino, 77);
	assert_int_equal(st.st_mode, S_IFREG | 06751);
	assert_int_equal(st.st_uid, 4294967294u);
	assert_int_equal(st.st_gid, 100000);
	assert_int_equal(st.st_size, (1ull << 62) + 1);
	assert_int_equal(st.st_nlink, 3);
	assert_int_equal(st.st_mtim.tv_sec, -62135596801);
	assert_int_equal(st.st_mtim.tv_nsec, 999999999);
	assert_int_equal(st.st_ctim.tv_sec, 253402300800);
	assert_int_equal(st.st_ctim.tv_nsec, 1);
	assert_int_equal(st.st_atim.tv_sec, st.st_mtim.tv_sec);
	assert_int_equal(st.st_rdev, 0);
}

static void a_link_count_is_never_zero(void **state)
{
	const struct cr_entry entry = { .type = CR_ENTRY_DIRECTORY };
	struct stat st;

	(void)state;
	cr_attr_stat(&entry, 2, &st);
	assert_int_equal(st.st_nlink, 1);
}

static void only_devices_have_a_number(void **state)
{
	struct cr_entry entry = { .dev_major = 259, .dev_minor = 70000 };
	struct stat st;

	(void)state;
	for (int type = CR_ENTRY_FILE; type <= CR_ENTRY_SOCKET; type++) {
		bool device = type == CR_ENTRY_CHAR || type == CR_ENTRY_BLOCK;

		entry.type = (uint8_t)type;
		cr_attr_stat(&entry, 2, &st);
		assert_int_equal(st.st_rdev, device ? makedev(259, 70000) : 0);
	}
}

static void blocks_count_data_and_no_holes(void **state)
{
	static const struct {
		const char *what;
		uint8_t type;
		uint64_t size, data;
		blkcnt_t want;
	} cases[] = {
		{ "empty", CR_ENTRY_FILE, 0, 0, 0 },
		{ "one byte", CR_ENTRY_FILE, 1, 1, 1 },
		{ "a sector", CR_ENTRY_FILE, 512, 512, 1 },
		{ "a byte more", CR_ENTRY_FILE, 513, 513, 2 },
		{ "all hole", CR_ENTRY_FILE, 1ull << 40, 0, 0 },
		{ "some data", CR_ENTRY_FILE, 1ull << 40, 4096, 8 },
		{ "all there is", CR_ENTRY_FILE, INT64_MAX, INT64_MAX,
		  1ll << 54 },
		{ "a directory", CR_ENTRY_DIRECTORY, 4096, 4096, 8 },
		{ "a symlink", CR_ENTRY_SYMLINK, 100, 100, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_entry entry = {
			.type = cases[i].type,
			.size = cases[i].size,
			.data_bytes = cases[i].data,
		};
		struct stat st;

		unit_case(cases[i].what);
		cr_attr_stat(&entry, 2, &st);
		assert_int_equal(st.st_blocks, cases[i].want);
	}
}

static void block_sizes_are_powers_of_two(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 4096, 4097, 65536, 1 << 20, (1 << 20) + 1, INT64_MAX,
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		const struct cr_entry entry = {
			.type = CR_ENTRY_FILE,
			.size = sizes[i],
		};
		struct stat st;

		cr_attr_stat(&entry, 2, &st);
		assert_in_range(st.st_blksize, 4096, 1 << 20);
		assert_int_equal(st.st_blksize & (st.st_blksize - 1), 0);
	}
}

static void put_xattr(struct cr_buf *set, const char *name, const char *value)
{
	cr_buf_string(set, name, strlen(name));
	cr_buf_string(set, value, strlen(value));
}

static void xattrs_are_found_by_their_whole_name(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_piece value = { 0 }, piece;

	(void)state;
	cr_buf_varint(&set, 3);
	put_xattr(&set, "security.capability", "cap");
	put_xattr(&set, "user.a", "");
	put_xattr(&set, "user.ab", "long value");
	piece = (struct cr_piece){ set.bytes, set.len };

	assert_int_equal(cr_attr_xattr(piece, "user.ab", &value), 0);
	assert_int_equal(value.len, 10);
	assert_memory_equal(value.bytes, "long value", 10);
	assert_int_equal(cr_attr_xattr(piece, "user.a", &value), 0);
	assert_int_equal(value.len, 0);
	assert_int_equal(cr_attr_xattr(piece, "security.capability", &value),
			 0);
	assert_int_equal(cr_attr_xattr(piece, "user.abc", &value), -ENODATA);
	assert_int_equal(cr_attr_xattr(piece, "user.", &value), -ENODATA);
	assert_int_equal(cr_attr_xattr(piece, "", &value), -ENODATA);
}

static void names_are_listed_with_their_zero_bytes(void **state)
{
	static const char want[] = "a\0user.b";
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };

	(void)state;
	cr_buf_varint(&set, 2);
	put_xattr(&set, "a", "1");
	put_xattr(&set, "user.b", "2");
	assert_int_equal(
		cr_attr_xattr_names((struct cr_piece){ set.bytes, set.len },
				    &names),
		0);
	assert_int_equal(names.len, sizeof(want));
	assert_memory_equal(names.bytes, want, sizeof(want));
}

static void a_bad_set_is_corrupt(void **state)
{
	static const uint8_t bad[] = { 2, 1, 'a', 1, '1' };
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	struct cr_piece piece = { bad, sizeof(bad) }, value;

	(void)state;
	assert_int_equal(cr_attr_xattr(piece, "a", &value), -CR_ECORRUPT);
	assert_int_equal(cr_attr_xattr_names(piece, &names), -CR_ECORRUPT);
	assert_int_equal(names.len, 0);
}

static void xattrs_are_known_without_reading(void **state)
{
	static const struct {
		uint8_t has;
		bool want;
	} cases[] = {
		{ 0, false },
		{ CR_HAS_XATTR_HERE, true },
		{ CR_HAS_XATTR_OBJECT, true },
		{ CR_HAS_LINK | CR_HAS_FLAGS | CR_HAS_HOLES, false },
		{ CR_HAS_LINK | CR_HAS_XATTR_OBJECT, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_entry entry = { .has = cases[i].has };

		assert_int_equal(cr_attr_has_xattrs(&entry), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_those_of_stat),
		cmocka_unit_test(stat_shows_what_was_stored),
		cmocka_unit_test(a_link_count_is_never_zero),
		cmocka_unit_test(only_devices_have_a_number),
		cmocka_unit_test(blocks_count_data_and_no_holes),
		cmocka_unit_test(block_sizes_are_powers_of_two),
		cmocka_unit_test(xattrs_are_found_by_their_whole_name),
		cmocka_unit_test(names_are_listed_with_their_zero_bytes),
		cmocka_unit_test(a_bad_set_is_corrupt),
		cmocka_unit_test(xattrs_are_known_without_reading),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
