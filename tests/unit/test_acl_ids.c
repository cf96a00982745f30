/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/acl_ids.h"

#include <linux/posix_acl.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "tests/unit/unit.h"

#define ACCESS	"system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"

struct seen {
	uint32_t user[4], group[4];
	size_t users, groups;
	int fail; /* what to return */
};

static int note(void *arg, bool is_group, uint32_t id)
{
	struct seen *seen = arg;

	if (is_group)
		seen->group[seen->groups++] = id;
	else
		seen->user[seen->users++] = id;
	return seen->fail;
}

static void put(struct cr_buf *set, const char *name, const struct cr_buf *acl)
{
	cr_buf_string(set, name, strlen(name));
	cr_buf_string(set, acl->bytes, acl->len);
}

static void put_entry(struct cr_buf *acl, uint16_t tag, uint32_t id)
{
	cr_buf_u16(acl, tag);
	cr_buf_u16(acl, 4);
	cr_buf_u32(acl, id);
}

/* An ACL that names @user and @group among all that must be there. */
static void put_acl(struct cr_buf *acl, uint32_t user, uint32_t group)
{
	cr_buf_u32(acl, 2);
	put_entry(acl, ACL_USER_OBJ, UINT32_MAX);
	put_entry(acl, ACL_USER, user);
	put_entry(acl, ACL_GROUP_OBJ, UINT32_MAX);
	put_entry(acl, ACL_GROUP, group);
	put_entry(acl, ACL_MASK, UINT32_MAX);
	put_entry(acl, ACL_OTHER, UINT32_MAX);
}

static int look(const struct cr_buf *set, struct seen *seen)
{
	return cr_acl_ids((struct cr_piece){ set->bytes, set->len }, note,
			  seen);
}

static void both_acls_are_looked_at(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf one = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf two = { 0 };
	struct seen seen = { 0 };

	(void)state;
	put_acl(&one, 1000, 2000);
	put_acl(&two, 1001, 2001);
	cr_buf_varint(&set, 3);
	put(&set, ACCESS, &one);
	put(&set, DEFAULT, &two);
	put(&set, "user.posix_acl", &one);
	assert_int_equal(look(&set, &seen), 0);
	assert_int_equal(seen.users, 2);
	assert_int_equal(seen.groups, 2);
	assert_int_equal(seen.user[0], 1000);
	assert_int_equal(seen.user[1], 1001);
	assert_int_equal(seen.group[0], 2000);
	assert_int_equal(seen.group[1], 2001);
	seen = (struct seen){ .fail = -ENOMEM };
	assert_int_equal(look(&set, &seen), -ENOMEM);
	assert_int_equal(seen.users + seen.groups, 1);
}

static void what_is_no_acl_names_nobody(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len, users;
	} cases[] = {
		{ "nothing", "", 0, 0 },
		{ "half a version", "\2\0", 2, 0 },
		{ "no entry", "\2\0\0\0", 4, 0 },
		{ "another version", "\3\0\0\0\2\0\4\0\1\0\0\0", 12, 0 },
		{ "an entry", "\2\0\0\0\2\0\4\0\1\0\0\0", 12, 1 },
		{ "an entry cut short", "\2\0\0\0\2\0\4\0\1\0\0", 11, 0 },
		{ "a byte more", "\2\0\0\0\2\0\4\0\1\0\0\0\2", 13, 0 },
	};
	struct seen seen = { 0 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf acl = { 0 };

		unit_case(cases[i].what);
		seen = (struct seen){ 0 };
		cr_buf_put(&acl, cases[i].bytes, cases[i].len);
		cr_buf_varint(&set, 1);
		put(&set, ACCESS, &acl);
		assert_int_equal(look(&set, &seen), 0);
		assert_int_equal(seen.users, cases[i].users);
		assert_int_equal(seen.groups, 0);
	}
	assert_int_equal(cr_acl_ids((struct cr_piece){ "\2", 1 }, note, &seen),
			 -CR_ECORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_acls_are_looked_at),
		cmocka_unit_test(what_is_no_acl_names_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
