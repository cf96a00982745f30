/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mountpoint.h - where a mount may stand: an empty directory, apart from the
 * repository and from what this machine keeps of it.  A mount over either, or
 * inside, would wait for itself.
 */
#ifndef FS_MOUNTPOINT_H
#define FS_MOUNTPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"

/*
 * Whether @path is "/dev/fd/N": then mount.fuse3 or another program mounted
 * already, and nothing here can be checked or is to be done.
 */
bool cr_mountpoint_is_fd(const char *path);

/* It is there, a directory and empty, or need not be.  -errno, a sentence. */
cr_must_check int cr_mountpoint_check(const char *path, bool nonempty);

/*
 * Neither lies in the other: the mountpoint and the directory @fd, which is
 * called @what ("the repository").  -EINVAL with a sentence.
 */
cr_must_check int cr_mountpoint_apart(const char *path, int fd,
				      const char *what);

/*
 * Let the kernel read ahead by @kib at a time, which it does by 128 otherwise;
 * only root may.  The mount is not asked anything.  -errno without a sentence.
 */
cr_must_check int cr_mountpoint_read_ahead(const char *path, unsigned int kib);

/* Which file system is mounted at some place, whoever mounts what later. */
struct cr_mounted {
	uint32_t major, minor;
	uint64_t mount; /* 0: the kernel does not number them */
};

/* False when that cannot be told.  The mount is not asked anything. */
bool cr_mounted_get(const char *path, struct cr_mounted *ret);
bool cr_mounted_is_at(const struct cr_mounted *place, const char *path);

/*
 * Unmount what is at @path: at once, and gone when the last who uses it is
 * (@lazy), or only if nobody does.  Who may not runs fusermount3.  -EBUSY, or
 * -errno without a sentence.
 */
cr_must_check int cr_mountpoint_unmount(const char *path, bool lazy);

/*
 * Nobody will answer for the mount @place at @path any more: who waits for an
 * answer gets an error, now and from now on.  -errno without a sentence.
 */
cr_must_check int cr_mountpoint_abort(const struct cr_mounted *place,
				      const char *path);

#endif
