/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/codec/tree_encode.h"
#include "tests/unit/unit.h"

static struct cr_piece piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

/* A header with its records, made and checked for what all have in common. */
struct made {
	struct cr_buf bytes;
	const char *block; /* the header itself, the last of them */
};

static void made_release(struct made *made)
{
	cr_buf_release(&made->bytes);
}

static void check_sum(const uint8_t *block)
{
	unsigned int sum = 0, said;

	for (size_t i = 0; i < CR_TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : block[i];
	assert_int_equal(sscanf((const char *)block + 148, "%o", &said), 1);
	assert_int_equal(said, sum);
}

static struct made make(const struct cr_tar_member *member)
{
	struct made made = { 0 };

	assert_int_equal(cr_tar_header(member, &made.bytes), 0);
	assert_true(made.bytes.len >= CR_TAR_BLOCK);
	assert_int_equal(made.bytes.len % CR_TAR_BLOCK, 0);
	made.block =
		(const char *)made.bytes.bytes + made.bytes.len - CR_TAR_BLOCK;
	check_sum(made.bytes.bytes);
	check_sum((const uint8_t *)made.block);
	assert_memory_equal(made.block + 257, "ustar\00000", 8);
	return made;
}

/* The value of record @key; of no bytes when there is none. */
static struct cr_piece record(const struct made *made, const char *key)
{
	const char *at = (const char *)made->bytes.bytes;
	size_t size, len, head;
	const char *end;

	if (at == made->block)
		return (struct cr_piece){ NULL, 0 };
	assert_int_equal(at[156], 'x');
	assert_int_equal(sscanf(at + 124, "%zo", &size), 1);
	at += CR_TAR_BLOCK;
	for (end = at + size; at < end; at += len) {
		const char *name = strchr(at, ' ') + 1;

		assert_int_equal(sscanf(at, "%zu ", &len), 1);
		assert_true(len <= (size_t)(end - at));
		assert_int_equal(at[len - 1], '\n');
		head = (size_t)(name - at) + strlen(key) + 1;
		if (strncmp(name, key, strlen(key)) == 0 &&
		    name[strlen(key)] == '=')
			return (struct cr_piece){ at + head, len - head - 1 };
	}
	return (struct cr_piece){ NULL, 0 };
}

static void assert_record(const struct made *made, const char *key,
			  const char *want)
{
	struct cr_piece value = record(made, key);

	if (!want) {
		assert_null(value.bytes);
		return;
	}
	assert_non_null(value.bytes);
	assert_int_equal(value.len, strlen(want));
	assert_memory_equal(value.bytes, want, value.len);
}

static void what_fits_needs_no_record(void **state)
{
	const struct cr_entry entry = {
		.type = CR_ENTRY_FILE,
		.mode = 04755,
		.uid = 07777777,
		.gid = 100,
		.mtime = { 1700000000, 0 },
	};
	const struct cr_tar_member member = {
		.entry = &entry,
		.name = piece("./a/b"),
		.stored = 077777777777,
	};
	cr_cleanup(made_release) struct made made = make(&member);

	(void)state;
	assert_int_equal(made.bytes.len, CR_TAR_BLOCK);
	assert_string_equal(made.block, "./a/b");
	assert_string_equal(made.block + 100, "0004755");
	assert_string_equal(made.block + 108, "7777777");
	assert_string_equal(made.block + 116, "0000144");
	assert_string_equal(made.block + 124, "77777777777");
	assert_string_equal(made.block + 136, "14524770400");
	assert_int_equal(made.block[156], '0');
}

static void what_does_not_fit_has_a_record(void **state)
{
	const struct cr_entry entry = {
		.type = CR_ENTRY_BLOCK,
		.uid = UINT32_MAX,
		.gid = 07777777 + 1,
		.mtime = { 1, 5 },
		.dev_major = 07777777 + 1,
		.dev_minor = UINT32_MAX,
	};
	const struct cr_tar_member member = {
		.entry = &entry,
		.name = piece("./dev"),
		.stored = 077777777777ull + 1,
	};
	cr_cleanup(made_release) struct made made = make(&member);

	(void)state;
	assert_record(&made, "uid", "4294967295");
	assert_record(&made, "gid", "2097152");
	assert_record(&made, "size", "8589934592");
	assert_record(&made, "SCHILY.devmajor", "2097152");
	assert_record(&made, "SCHILY.devminor", "4294967295");
	assert_record(&made, "path", NULL);
	assert_int_equal(made.block[156], '4');
}

static void times_count_downwards_before_1970(void **state)
{
	static const struct {
		const char *what;
		struct cr_time time;
		const char *want;
	} cases[] = {
		{ "now", { 1700000000, 0 }, NULL },
		{ "a nanosecond", { 0, 1 }, "0.000000001" },
		{ "trailing zeros", { 7, 500000000 }, "7.5" },
		{ "before", { -1, 0 }, "-1" },
		{ "a nanosecond before", { -1, 999999999 }, "-0.000000001" },
		{ "a second and a bit", { -2, 250000000 }, "-1.75" },
		{ "the greatest", { INT64_MAX, 0 }, "9223372036854775807" },
		{ "the least", { INT64_MIN, 0 }, "-9223372036854775808" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_entry entry = { .type = CR_ENTRY_FIFO,
						.mtime = cases[i].time };
		const struct cr_tar_member member = { .entry = &entry,
						      .name = piece("./f") };
		cr_cleanup(made_release) struct made made = make(&member);

		unit_case(cases[i].what);
		assert_record(&made, "mtime", cases[i].want);
	}
}

static void names_keep_their_bytes(void **state)
{
	const struct cr_entry dir = { .type = CR_ENTRY_DIRECTORY };
	char text[2 + 300 + 1] = "./";

	(void)state;
	for (size_t len = 90; len < 300; len++) {
		struct cr_tar_member member = { .entry = &dir };
		struct made made;

		memset(text + 2, 'n', len);
		text[2 + len] = '\0';
		member.name = piece(text);
		made = make(&member);
		text[2 + len] = '/';
		text[2 + len + 1] = '\0';
		/* 100 bytes are the field's. */
		if (strlen(text) <= 100)
			assert_memory_equal(made.block, text, strlen(text));
		assert_record(&made, "path", strlen(text) <= 100 ? NULL : text);
		assert_record(&made, "hdrcharset", NULL);
		made_release(&made);
	}
	text[100] = '\xff';
	{
		const struct cr_tar_member member = { .entry = &dir,
						      .name = piece(text) };
		cr_cleanup(made_release) struct made made = make(&member);

		assert_record(&made, "hdrcharset", "BINARY");
	}
}

static void links_have_their_target(void **state)
{
	const struct cr_entry symlink = { .type = CR_ENTRY_SYMLINK };
	const struct cr_entry file = { .type = CR_ENTRY_FILE };
	char target[201];
	struct cr_tar_member member = { .entry = &symlink,
					.name = piece("./l"),
					.link = piece("../x") };
	struct made made = make(&member);

	(void)state;
	assert_int_equal(made.block[156], '2');
	assert_string_equal(made.block + 157, "../x");
	made_release(&made);

	memset(target, 't', 200);
	target[200] = '\0';
	member = (struct cr_tar_member){ .entry = &file,
					 .name = piece("./l"),
					 .link = piece(target),
					 .hard_link = true };
	made = make(&member);
	assert_int_equal(made.block[156], '1');
	assert_record(&made, "linkpath", target);
	made_release(&made);
}

static void sparse_files_are_named_in_a_record(void **state)
{
	const struct cr_entry entry = { .type = CR_ENTRY_FILE,
					.size = 1ull << 40 };
	const struct cr_tar_member member = { .entry = &entry,
					      .name = piece("./big"),
					      .sparse = true,
					      .stored = 1024 };
	cr_cleanup(made_release) struct made made = make(&member);

	(void)state;
	assert_record(&made, "GNU.sparse.major", "1");
	assert_record(&made, "GNU.sparse.minor", "0");
	assert_record(&made, "GNU.sparse.name", "./big");
	assert_record(&made, "GNU.sparse.realsize", "1099511627776");
	assert_string_equal(made.block + 124, "00000002000");
}

static void xattrs_and_acls_become_records(void **state)
{
	static const uint8_t acl[] = { 2, 0,   0,    0,	  1,   0,   6,
				       0, 255, 255,  255, 255, 2,   0,
				       5, 0,   0xd2, 4,	  0,   0,   16,
				       0, 7,   0,    255, 255, 255, 255 };
	const struct cr_xattr xattr[] = {
		{ piece("system.posix_acl_access"), { acl, sizeof(acl) } },
		{ piece("user.a=b%c"), { "v\0w", 3 } },
		{ piece("user.empty"), { NULL, 0 } },
	};
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	const struct cr_entry entry = { .type = CR_ENTRY_FILE };
	struct cr_tar_member member = { .entry = &entry, .name = piece("./f") };
	struct cr_piece value;
	struct made made;

	(void)state;
	assert_int_equal(cr_xattrs_encode(xattr, 3, &set), 0);
	member.xattrs = (struct cr_piece){ set.bytes, set.len };
	made = make(&member);
	assert_record(&made, "SCHILY.acl.access",
		      "user::rw-,user:1234:r-x,mask::rwx");
	value = record(&made, "SCHILY.xattr.system.posix_acl_access");
	assert_int_equal(value.len, sizeof(acl));
	value = record(&made, "SCHILY.xattr.user.a%3Db%25c");
	assert_int_equal(value.len, 3);
	assert_memory_equal(value.bytes, "v\0w", 3);
	assert_record(&made, "SCHILY.xattr.user.empty", "");
	made_release(&made);

	/* The first name of a link has them. */
	member.hard_link = true;
	made = make(&member);
	assert_int_equal(made.bytes.len, CR_TAR_BLOCK);
	made_release(&made);
}

static void what_is_no_acl_gives_no_text(void **state)
{
	static const struct {
		const char *what;
		uint8_t bytes[20];
		size_t len;
	} cases[] = {
		{ "nothing", { 0 }, 0 },
		{ "no entry", { 2, 0, 0, 0 }, 4 },
		{ "another version",
		  { 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0 },
		  12 },
		{ "cut short", { 2, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0 }, 11 },
		{ "an unknown tag",
		  { 2, 0, 0, 0, 3, 0, 6, 0, 0, 0, 0, 0 },
		  12 },
		{ "one entry, and a bit",
		  { 2, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 1 },
		  13 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };

		unit_case(cases[i].what);
		cr_buf_put(&text, "before", 6);
		assert_int_equal(
			cr_tar_acl_text((struct cr_piece){ cases[i].bytes,
							   cases[i].len },
					&text),
			-EINVAL);
		assert_int_equal(text.len, 6);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits_needs_no_record),
		cmocka_unit_test(what_does_not_fit_has_a_record),
		cmocka_unit_test(times_count_downwards_before_1970),
		cmocka_unit_test(names_keep_their_bytes),
		cmocka_unit_test(links_have_their_target),
		cmocka_unit_test(sparse_files_are_named_in_a_record),
		cmocka_unit_test(xattrs_and_acls_become_records),
		cmocka_unit_test(what_is_no_acl_gives_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
