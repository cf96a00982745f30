/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ops.h"

#include <fuse_lowlevel.h>

#include "fs/mount.h"
#include "store/base/error.h"
#include "tests/unit/unit.h"

static void count(void *arg)
{
	++*(int *)arg;
}

/* Say hello as a kernel that can do @capable; whether the mount goes on. */
static bool goes_on(const struct cr_mount_options *options, unsigned capable)
{
	int ready = 0;
	struct cr_mount mount = {
		.options = options,
		.ready = count,
		.ready_arg = &ready,
	};
	struct fuse_conn_info conn = { .capable = capable };

	cr_ops.init(&mount, &conn);
	/* To want what there is not: libfuse ends the session then. */
	assert_int_equal((conn.want & ~capable) != 0, ready == 0);
	/* In a user namespace it is refused whatever the kernel can do. */
	if (!ready)
		assert_int_equal(cr_mount_may_share(&mount), -CR_EUSAGE);
	if (!options->allow_other || options->insecure_acl)
		assert_int_equal(cr_mount_may_share(&mount), 0);
	return ready == 1;
}

static void others_are_let_in_where_acls_are_enforced(void **state)
{
	static const struct {
		const char *what;
		bool allow_other, insecure_acl, acls, want;
	} cases[] = {
		{ "alone, enforced", false, false, true, true },
		{ "alone, not enforced", false, false, false, true },
		{ "others, enforced", true, false, true, true },
		{ "others, not enforced", true, false, false, false },
		{ "others, on request", true, true, false, true },
		{ "others, without need", true, true, true, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const struct cr_mount_options options = {
			.allow_other = cases[i].allow_other,
			.insecure_acl = cases[i].insecure_acl,
		};
		unsigned capable = FUSE_CAP_READDIRPLUS | FUSE_CAP_ASYNC_READ;

		unit_case(cases[i].what);
		if (cases[i].acls)
			capable |= FUSE_CAP_POSIX_ACL;
		assert_int_equal(goes_on(&options, capable), cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_are_let_in_where_acls_are_enforced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
