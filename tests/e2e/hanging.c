/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hanging.c - shows a folder, in which reading some files hangs.
 *
 *	hanging FOLDER CONTROL MOUNTPOINT
 *
 * While there is a file CONTROL/hold.NAME, who reads a file called NAME waits;
 * and CONTROL/waits.NAME says that somebody does.  Ends when it is unmounted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/base/util.h"

#define TICK_NS 10000000

struct served {
	int folder, control;
};

static const struct served *served(void)
{
	return fuse_get_context()->private_data;
}

/* Of the folder itself. */
static const char *inside(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int get_attr(const char *path, struct stat *st,
		    struct fuse_file_info *fi)
{
	(void)fi;
	return fstatat(served()->folder, inside(path), st,
		       AT_SYMLINK_NOFOLLOW) < 0
		       ? -errno
		       : 0;
}

static int read_dir(const char *path, void *buf, fuse_fill_dir_t fill, off_t at,
		    struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int fd = openat(served()->folder, inside(path),
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	(void)at;
	(void)fi;
	(void)flags;
	if (!dir)
		return -errno;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (fill(buf, e->d_name, NULL, 0, 0))
			break;
	(void)closedir(dir);
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *fi)
{
	int fd = openat(served()->folder, inside(path), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1; /* every read of it comes here */
	return 0;
}

static int release_file(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	(void)close((int)fi->fh);
	return 0;
}

static void hold(const char *path)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	const char *name = strrchr(path, '/') + 1;
	char held[NAME_MAX + 8], waits[NAME_MAX + 8];

	(void)snprintf(held, sizeof(held), "hold.%s", name);
	(void)snprintf(waits, sizeof(waits), "waits.%s", name);
	if (faccessat(served()->control, held, F_OK, 0) < 0)
		return;
	(void)close(openat(served()->control, waits,
			   O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	while (faccessat(served()->control, held, F_OK, 0) == 0)
		(void)nanosleep(&tick, NULL);
}

static int read_file(const char *path, char *buf, size_t len, off_t at,
		     struct fuse_file_info *fi)
{
	ssize_t n;

	hold(path);
	n = pread((int)fi->fh, buf, len, at);
	return n < 0 ? -errno : (int)n;
}

static const struct fuse_operations ops = {
	.getattr = get_attr,
	.readdir = read_dir,
	.open = open_file,
	.release = release_file,
	.read = read_file,
};

int main(int argc, char **argv)
{
	char name[] = "hanging", foreground[] = "-f", o[] = "-o",
	     options[] = "ro,default_permissions,allow_other,max_threads=200";
	struct served what;

	if (argc != 4)
		return 2;
	what.folder = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	what.control = open(argv[2], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (what.folder < 0 || what.control < 0)
		return 1;
	return fuse_main(
		5, ((char *[]){ name, foreground, o, options, argv[3], NULL }),
		&ops, &what);
}
