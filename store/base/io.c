/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The hook for tests; at rest all zero, and only ever read. */
static struct {
	atomic_int nth;
	atomic_int err;
} faults[CR_IO_CALLS];

void cr_io_fault(enum cr_io_call call, int nth, int err)
{
	atomic_store(&faults[call].err, err);
	atomic_store(&faults[call].nth, nth);
}

/* 0, or the error that this call must show. */
static int fault(enum cr_io_call call)
{
	int nth = atomic_load_explicit(&faults[call].nth, memory_order_relaxed);

	/* Threads count together, and exactly one of them meets the fault. */
	while (nth > 0 &&
	       !atomic_compare_exchange_weak(&faults[call].nth, &nth, nth - 1))
		;
	if (nth != 1 && nth != -1)
		return 0;
	return atomic_load(&faults[call].err);
}

int cr_io_open(int dir, const char *name, int flags, mode_t mode)
{
	int fd, err = fault(CR_IO_OPEN);

	if (err)
		return -err;
	do
		fd = openat(dir, name,
			    flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
				    O_NONBLOCK,
			    mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

/* How many bytes to ask for; or -errno. */
static ssize_t ask(enum cr_io_call call, size_t len)
{
	int err = fault(call);

	if (err == CR_IO_SHORT)
		return 1;
	return err ? -err : (ssize_t)cr_min(len, (size_t)1 << 30);
}

ssize_t cr_io_read(int fd, void *out, size_t len)
{
	uint8_t *at = out;
	size_t done = 0;

	while (done < len) {
		ssize_t n = ask(CR_IO_READ, len - done);

		if (n < 0)
			return n;
		n = read(fd, at + done, (size_t)n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t cr_io_pread(int fd, void *out, size_t len, uint64_t offset)
{
	uint8_t *at = out;
	size_t done = 0;

	while (done < len) {
		ssize_t n = ask(CR_IO_READ, len - done);

		if (n < 0)
			return n;
		n = pread(fd, at + done, (size_t)n, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int cr_io_write(int fd, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = ask(CR_IO_WRITE, len);

		if (n < 0)
			return (int)n;
		n = write(fd, at, (size_t)n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int cr_io_pwrite(int fd, const void *bytes, size_t len, uint64_t offset)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		ssize_t n = ask(CR_IO_WRITE, len);

		if (n < 0)
			return (int)n;
		n = pwrite(fd, at, (size_t)n, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		offset += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

void cr_io_begin_sync(int fd, uint64_t offset, size_t len)
{
	/* Without waiting it takes no error away from the fsync to come. */
	(void)sync_file_range(fd, (off_t)offset, (off_t)len,
			      SYNC_FILE_RANGE_WRITE);
}

int cr_io_sync(int fd)
{
	int err = fault(CR_IO_SYNC);

	if (err)
		return -err;
	return fsync(fd) < 0 ? -errno : 0;
}

int cr_io_sync_folder(int fd)
{
	int r = cr_io_sync(fd);

	return r == -EINVAL || r == -ENOSYS || r == -ENOTSUP ? 0 : r;
}

int cr_io_sync_parent(const char *path)
{
	cr_cleanup(cr_freep) char *parent = strdup(path);
	cr_cleanup(cr_closep) int fd = -1;
	size_t len;

	if (!parent)
		return -ENOMEM;
	len = strlen(parent);
	while (len > 1 && parent[len - 1] == '/')
		parent[--len] = '\0';
	while (len > 0 && parent[len - 1] != '/')
		parent[--len] = '\0';
	fd = open(len > 0 ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* One that may be searched but not listed cannot be synced. */
	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	return cr_io_sync_folder(fd);
}

int cr_io_close(int *fd)
{
	int err = fault(CR_IO_CLOSE);
	int r = close(*fd) < 0 ? -errno : 0;

	*fd = -1;
	return err ? -err : r;
}

int cr_io_rename(int dir, const char *from, const char *to, unsigned int flags)
{
	int err = fault(CR_IO_RENAME);

	if (err)
		return -err;
	return renameat2(dir, from, dir, to, flags) < 0 ? -errno : 0;
}

int cr_io_link(int dir, const char *from, const char *to)
{
	int err = fault(CR_IO_LINK);

	if (err)
		return -err;
	return linkat(dir, from, dir, to, 0) < 0 ? -errno : 0;
}

int cr_io_unlink(int dir, const char *name)
{
	int err = fault(CR_IO_UNLINK);

	if (err)
		return -err;
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

int cr_io_mkdir(int dir, const char *name)
{
	int err = fault(CR_IO_MKDIR);

	if (err)
		return -err;
	if (mkdirat(dir, name, 0700) < 0)
		return errno == EEXIST ? 1 : -errno;
	return 0;
}
