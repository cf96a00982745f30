/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/acl.h"

#include <linux/posix_acl.h>

#include "store/base/buf.h"
#include "store/codec/acl.h"
#include "tests/unit/unit.h"

#define NONE UINT32_MAX

struct ace {
	uint16_t tag, perm;
	uint32_t id;
};

/* An ACL as getxattr(2) gives it; a row of zeroes ends it. */
static void put_acl(struct cr_buf *out, const struct ace *ace)
{
	cr_buf_u32(out, 2);
	for (; ace->tag; ace++) {
		cr_buf_u16(out, ace->tag);
		cr_buf_u16(out, ace->perm);
		cr_buf_u32(out, ace->id);
	}
	assert_int_equal(cr_buf_error(out), 0);
}

static struct cr_piece piece_of(const struct cr_buf *buf)
{
	return (struct cr_piece){ buf->bytes, buf->len };
}

static void assert_same(const struct cr_buf *is, const struct cr_buf *want)
{
	assert_int_equal(is->len, want->len);
	assert_memory_equal(is->bytes, want->bytes, want->len);
}

static uint32_t plus(const void *arg, uint32_t id)
{
	const uint32_t *add = arg;

	return id + *add;
}

static uint32_t twice(const void *arg, uint32_t id)
{
	(void)arg;
	return 2 * id;
}

static void users_and_groups_are_mapped(void **state)
{
	static const struct ace stored[] = {
		{ ACL_USER_OBJ, 7, NONE }, { ACL_USER, 6, 1000 },
		{ ACL_USER, 0, 1001 },	   { ACL_GROUP_OBJ, 5, NONE },
		{ ACL_GROUP, 4, 1000 },	   { ACL_MASK, 7, NONE },
		{ ACL_OTHER, 1, NONE },	   { 0 },
	};
	static const struct ace shown[] = {
		{ ACL_USER_OBJ, 7, NONE }, { ACL_USER, 6, 1005 },
		{ ACL_USER, 0, 1006 },	   { ACL_GROUP_OBJ, 5, NONE },
		{ ACL_GROUP, 4, 2000 },	   { ACL_MASK, 7, NONE },
		{ ACL_OTHER, 1, NONE },	   { 0 },
	};
	static const uint32_t add = 5;
	static const struct cr_acl_owners owners = { plus, twice, &add };
	cr_cleanup(cr_buf_release) struct cr_buf acl = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf want = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };

	(void)state;
	put_acl(&acl, stored);
	put_acl(&want, shown);
	assert_int_equal(cr_acl_map(piece_of(&acl), &owners, &out), 0);
	assert_same(&out, &want);
}

static void nobody_gains_by_what_is_left_out(void **state)
{
	static const struct {
		const char *what;
		struct ace stored[8], shown[8];
	} cases[] = {
		{ "nobody is named",
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_GROUP_OBJ, 4, NONE },
		    { ACL_OTHER, 4, NONE } },
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_GROUP_OBJ, 4, NONE },
		    { ACL_OTHER, 4, NONE } } },
		{ "more than others",
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_USER, 7, 5 },
		    { ACL_GROUP_OBJ, 4, NONE },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 4, NONE } },
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_GROUP_OBJ, 4, NONE },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 4, NONE } } },
		{ "a user is kept out",
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_USER, 7, 5 },
		    { ACL_USER, 0, 6 },
		    { ACL_GROUP_OBJ, 4, NONE },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 4, NONE } },
		  { { ACL_USER_OBJ, 6, NONE },
		    { ACL_GROUP_OBJ, 0, NONE },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 0, NONE } } },
		{ "a group may only search",
		  { { ACL_USER_OBJ, 7, NONE },
		    { ACL_GROUP_OBJ, 5, NONE },
		    { ACL_GROUP, 1, 5 },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 5, NONE } },
		  { { ACL_USER_OBJ, 7, NONE },
		    { ACL_GROUP_OBJ, 1, NONE },
		    { ACL_MASK, 7, NONE },
		    { ACL_OTHER, 1, NONE } } },
		{ "the mask takes from who is named",
		  { { ACL_USER_OBJ, 7, NONE },
		    { ACL_USER, 7, 5 },
		    { ACL_GROUP_OBJ, 7, NONE },
		    { ACL_MASK, 1, NONE },
		    { ACL_OTHER, 5, NONE } },
		  { { ACL_USER_OBJ, 7, NONE },
		    { ACL_GROUP_OBJ, 1, NONE },
		    { ACL_MASK, 1, NONE },
		    { ACL_OTHER, 1, NONE } } },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf acl = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf want = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };

		unit_case(cases[i].what);
		put_acl(&acl, cases[i].stored);
		put_acl(&want, cases[i].shown);
		assert_int_equal(cr_acl_strip(piece_of(&acl), &out), 0);
		assert_same(&out, &want);
	}
}

/* The kernel refuses it, and so whoever is kept out by it stays out. */
static void what_is_no_acl_stays_as_it_is(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} cases[] = {
		{ "nothing", "", 0 },
		{ "no version", "\2\0\0", 3 },
		{ "another version", "\1\0\0\0\2\0\7\0\5\0\0\0", 12 },
		{ "half an entry", "\2\0\0\0\2\0\7\0", 8 },
		{ "an entry and a byte", "\2\0\0\0\2\0\7\0\5\0\0\0x", 13 },
	};
	static const struct cr_acl_owners owners = { twice, twice, NULL };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_piece acl = { cases[i].bytes, cases[i].len };
		cr_cleanup(cr_buf_release) struct cr_buf map = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf strip = { 0 };

		unit_case(cases[i].what);
		assert_int_equal(cr_acl_map(acl, &owners, &map), 0);
		assert_int_equal(cr_acl_strip(acl, &strip), 0);
		assert_int_equal(map.len, acl.len);
		assert_int_equal(strip.len, acl.len);
		if (acl.len > 0) {
			assert_memory_equal(map.bytes, acl.bytes, acl.len);
			assert_memory_equal(strip.bytes, acl.bytes, acl.len);
		}
	}
}

static void only_two_xattrs_are_acls(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} cases[] = {
		{ "system.posix_acl_access", true },
		{ "system.posix_acl_default", true },
		{ "system.posix_acl_access2", false },
		{ "system.posix_acl", false },
		{ "user.posix_acl_access", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_int_equal(
			cr_acl_is(cases[i].name, strlen(cases[i].name)),
			cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(users_and_groups_are_mapped),
		cmocka_unit_test(nobody_gains_by_what_is_left_out),
		cmocka_unit_test(what_is_no_acl_stays_as_it_is),
		cmocka_unit_test(only_two_xattrs_are_acls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
