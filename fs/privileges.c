/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL_ZERO 0, 0, 0

int cr_privileges_keep(uint64_t keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	/* What could come back by running a program; not ours to refuse. */
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, ALL_ZERO);
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, ALL_ZERO) >= 0; cap++)
		if (!(keep & CR_CAPABILITY(cap)))
			(void)prctl(PR_CAPBSET_DROP, cap, ALL_ZERO);

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (size_t i = 0; i < CR_ARRAY_LEN(data); i++) {
		data[i].permitted &= (uint32_t)(keep >> (32 * i));
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int cr_privileges_no_new(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, ALL_ZERO) < 0 ? -errno : 0;
}

/* Whether who is not us decides what stands there.  What is absent is not. */
static bool is_anothers(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT;
	return st.st_uid != geteuid() || (st.st_mode & 022) != 0;
}

bool cr_privileges_are_needed_to_write(int folder)
{
	struct stat st;

	return fstat(folder, &st) < 0 || st.st_uid != geteuid() ||
	       (st.st_mode & 0700) != 0700 ||
	       faccessat(folder, ".", W_OK, AT_EACCESS) < 0;
}

bool cr_privileges_are_needed(int folder)
{
	static const char *const names[] = {
		"",	      "repository", "keys",  "keys/roster", "packs",
		"packs/data", "packs/meta", "index", "snapshots",
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		if (is_anothers(folder, names[i]))
			return true;
	return false;
}
