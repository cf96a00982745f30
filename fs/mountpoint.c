/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/error.h"

bool cr_mountpoint_is_fd(const char *path)
{
	static const char prefix[] = "/dev/fd/";

	return strncmp(path, prefix, sizeof(prefix) - 1) == 0;
}

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* 1, 0, or -errno. */
static int is_empty(const char *path)
{
	cr_cleanup(closedirp) DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir)
		return -errno;
	do {
		errno = 0;
		entry = readdir(dir);
	} while (entry && (strcmp(entry->d_name, ".") == 0 ||
			   strcmp(entry->d_name, "..") == 0));
	if (!entry && errno)
		return -errno;
	return !entry;
}

static int refuse(const char *path, int err)
{
	switch (err) {
	case ENOENT:
		return cr_fail(err, "%s: there is no such directory", path);
	case ENOTDIR:
		return cr_fail(err, "%s: is not a directory", path);
	case ENOTCONN:
		return cr_fail(
			err, "%s: an earlier mount died here: umount it first",
			path);
	case ENOTEMPTY:
		return cr_fail(err,
			       "%s: is not empty; what is in it would be "
			       "hidden (-o nonempty does it)",
			       path);
	default:
		return cr_fail(err, "%s: %s", path, cr_strerror(-err));
	}
}

int cr_mountpoint_check(const char *path, bool nonempty)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return refuse(path, errno);
	if (!S_ISDIR(st.st_mode))
		return refuse(path, ENOTDIR);
	r = nonempty ? 1 : is_empty(path);
	if (r == 0)
		return refuse(path, ENOTEMPTY);
	/* Who may not read a directory may still mount there. */
	return r < 0 && r != -EACCES ? refuse(path, -r) : 0;
}

/* Whether the directory @fd, closed here, is @outer or lies below: or -errno.
 */
static int is_inside(int fd, const struct stat *outer)
{
	struct stat st, above;

	if (fstat(fd, &st) < 0) {
		cr_closep(&fd);
		return -errno;
	}
	for (;;) {
		cr_cleanup(cr_closep) int below = fd;

		if (st.st_dev == outer->st_dev && st.st_ino == outer->st_ino)
			return 1;
		fd = openat(below, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (fstat(fd, &above) < 0 ||
		    (above.st_dev == st.st_dev && above.st_ino == st.st_ino)) {
			cr_closep(&fd);
			return 0;
		}
		st = above;
	}
}

int cr_mountpoint_apart(const char *path, int fd, const char *what)
{
	cr_cleanup(cr_closep) int mnt =
		open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st_mnt, st;

	if (mnt < 0 || fstat(mnt, &st_mnt) < 0 || fstat(fd, &st) < 0)
		return cr_fail(errno, "%s: %m", path);
	if (is_inside(openat(mnt, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), &st) >
	    0)
		return cr_fail(EINVAL, "%s: lies inside %s", path, what);
	if (is_inside(openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC),
		      &st_mnt) > 0)
		return cr_fail(EINVAL, "%s: %s lies inside it", path, what);
	return 0;
}

/*
 * DONT_SYNC: the answer must not come from who serves, if anybody does; so what
 * the kernel has no word on itself is not asked for.
 */
static int ask_nobody(const char *path, struct statx *ret)
{
	return statx(AT_FDCWD, path,
		     AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		     0, ret);
}

int cr_mountpoint_read_ahead(const char *path, unsigned int kib)
{
	cr_cleanup(cr_closep) int fd = -1;
	char name[64], text[16];
	struct statx st;
	int len;

	if (ask_nobody(path, &st) < 0)
		return -errno;
	(void)snprintf(name, sizeof(name), "/sys/class/bdi/%u:%u/read_ahead_kb",
		       st.stx_dev_major, st.stx_dev_minor);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%u\n", kib);
	return write(fd, text, (size_t)len) == len ? 0 : -errno;
}

bool cr_mounted_get(const char *path, struct cr_mounted *ret)
{
	struct statx st;

	if (ask_nobody(path, &st) < 0)
		return false;
	ret->major = st.stx_dev_major;
	ret->minor = st.stx_dev_minor;
	ret->mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0;
	return true;
}

bool cr_mounted_is_at(const struct cr_mounted *place, const char *path)
{
	struct cr_mounted now;

	return cr_mounted_get(path, &now) && now.major == place->major &&
	       now.minor == place->minor && now.mount == place->mount;
}

#define FUSERMOUNT "fusermount3"

/* In the child: as libfuse does it. */
static void run_fusermount(const char *path, bool lazy)
{
	char options[] = "-quz";
	char *const argv[] = { (char[]){ FUSERMOUNT }, options,
			       (char[]){ "--" }, strdup(path), NULL };
	sigset_t none;

	if (!lazy)
		options[3] = '\0';
	/* A mask would be inherited. */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)execv("/usr/bin/" FUSERMOUNT, argv);
	(void)execvp(FUSERMOUNT, argv);
	_exit(127);
}

int cr_mountpoint_unmount(const char *path, bool lazy)
{
	int status;
	pid_t pid;

	if (umount2(path, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) == 0)
		return 0;
	if (errno != EPERM)
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		run_fusermount(path, lazy);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return -ENOENT;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EBUSY;
}

int cr_mountpoint_abort(const struct cr_mounted *place, const char *path)
{
	cr_cleanup(cr_closep) int fd = -1;
	char name[64];

	/* Forced means aborted first, also when it is busy. */
	if (umount2(path, UMOUNT_NOFOLLOW | MNT_FORCE) == 0 || errno == EBUSY)
		return 0;
	/* Who mounted may do it here (Linux, filesystems/fuse.rst). */
	(void)snprintf(name, sizeof(name),
		       "/sys/fs/fuse/connections/%" PRIu32 "/abort",
		       place->minor);
	fd = open(name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, "1", 1) == 1 ? 0 : -errno;
}
