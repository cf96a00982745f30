/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * io.h - the system calls on files whose failure matters: whole reads and
 * writes, a close that is looked at, and a hook that lets a test fail the n-th
 * call of a kind.
 *
 * Nothing here leaves a sentence: the caller knows the object's name.
 */
#ifndef STORE_BASE_IO_H
#define STORE_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "store/base/util.h"

/*
 * openat() with O_CLOEXEC and O_NOFOLLOW; never blocks on a FIFO, never takes
 * a terminal.  The descriptor, or -errno.
 */
cr_must_check int cr_io_open(int dir, const char *name, int flags, mode_t mode);

/* Read up to @len bytes; fewer only at the end of the file.  -errno. */
cr_must_check ssize_t cr_io_read(int fd, void *out, size_t len);
cr_must_check ssize_t cr_io_pread(int fd, void *out, size_t len,
				  uint64_t offset);

/* Write all @len bytes.  0 or -errno. */
cr_must_check int cr_io_write(int fd, const void *bytes, size_t len);
cr_must_check int cr_io_pwrite(int fd, const void *bytes, size_t len,
			       uint64_t offset);

/*
 * Let the kernel begin to write out what was written, without waiting: less is
 * left for cr_io_sync(), which also tells of what fails here.
 */
void cr_io_begin_sync(int fd, uint64_t offset, size_t len);

/*
 * A failed fsync is final: the kernel may have dropped the pages, and asking
 * again would succeed.  For a folder, a file system that cannot do it is
 * forgiven.
 */
cr_must_check int cr_io_sync(int fd);
cr_must_check int cr_io_sync_folder(int fd);

/* Make the name @path durable: sync the folder that it lies in. */
cr_must_check int cr_io_sync_parent(const char *path);

/* Close once, set *@fd to -1, and tell.  0 or -errno. */
cr_must_check int cr_io_close(int *fd);

/* Hand over a descriptor, leaving -1 for the cleanup to find. */
static inline int cr_take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Within one folder.  @flags as of renameat2(). */
cr_must_check int cr_io_rename(int dir, const char *from, const char *to,
			       unsigned int flags);
cr_must_check int cr_io_link(int dir, const char *from, const char *to);
int cr_io_unlink(int dir, const char *name);

/* Mode 0700.  0, 1 when it was there already, -errno. */
cr_must_check int cr_io_mkdir(int dir, const char *name);

/* What a test can make fail. */
enum cr_io_call {
	CR_IO_OPEN,
	CR_IO_READ,
	CR_IO_WRITE,
	CR_IO_SYNC,
	CR_IO_CLOSE,
	CR_IO_RENAME,
	CR_IO_LINK,
	CR_IO_UNLINK,
	CR_IO_MKDIR,
	CR_IO_CALLS,
};

#define CR_IO_SHORT (-1) /* as @err: only one byte is transferred */

/*
 * For tests: the @nth call of this kind from now, counted from 1, fails with
 * @err; calls after it succeed again.  -1 for @nth: every call fails; 0 takes
 * the fault back.
 */
void cr_io_fault(enum cr_io_call call, int nth, int err);

#endif
