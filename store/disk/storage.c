/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/storage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"

struct cr_storage {
	int fd;
	char *name; /* owned */
};

struct cr_stored {
	int fd;
	uint64_t len;
	char name[CR_STORED_NAME_MAX + 1];
};

bool cr_storage_name_valid(const char *name)
{
	size_t len = strlen(name);

	/* No part may begin with "." (so none is ".." or temporary). */
	for (const char *part = name; part; part = strchr(part, '/')) {
		if (part != name)
			part++;
		if (*part == '\0' || *part == '/' || *part == '.')
			return false;
	}
	return len <= CR_STORED_NAME_MAX;
}

int cr_storage_open(const char *path, struct cr_storage **ret)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;

	storage = calloc(1, sizeof(*storage));
	if (!storage)
		return -ENOMEM;
	storage->fd = -1;
	storage->name = strdup(path);
	if (!storage->name)
		return -ENOMEM;
	/* The path is the user's own: it may well be a symbolic link. */
	storage->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (storage->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return cr_fail(CR_ENOREPO, "%s: no such directory", path);
	if (storage->fd < 0) {
		int err = errno;

		return cr_fail(err, "%s: %s", path, strerrordesc_np(err));
	}
	*ret = cr_take(storage);
	return 0;
}

void cr_storage_close(struct cr_storage *storage)
{
	if (!storage)
		return;
	cr_closep(&storage->fd);
	free(storage->name);
	free(storage);
}

const char *cr_storage_name(const struct cr_storage *storage)
{
	return storage->name;
}

int cr_storage_fd(const struct cr_storage *storage)
{
	return storage->fd;
}

static int fail(int r, const char *name)
{
	return cr_fail(-r, "%s: %s", name, cr_strerror(r));
}

/* A regular file that is not empty, and its length. */
static int open_object(const struct cr_storage *storage, const char *name,
		       uint64_t *len)
{
	cr_cleanup(cr_closep) int fd = -1;
	struct stat st;

	if (!cr_storage_name_valid(name))
		return cr_fail(EINVAL, "\"%s\" cannot name an object", name);
	fd = cr_io_open(storage->fd, name, O_RDONLY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return -ENOENT;
	if (fd == -ELOOP)
		return cr_fail(CR_ECORRUPT, "%s: a symbolic link", name);
	if (fd < 0)
		return fail(fd, name);
	if (fstat(fd, &st) < 0)
		return fail(-errno, name);
	if (!S_ISREG(st.st_mode))
		return cr_fail(CR_ECORRUPT, "%s: not a regular file", name);
	if (st.st_size == 0)
		return -ENOENT;
	*len = (uint64_t)st.st_size;
	return cr_take_fd(&fd);
}

static int read_at(int fd, const char *name, uint64_t offset, void *out,
		   size_t len)
{
	ssize_t n = cr_io_pread(fd, out, len, offset);

	if (n < 0)
		return fail((int)n, name);
	if ((size_t)n < len)
		return cr_fail(CR_ECORRUPT, "%s: ends before byte %" PRIu64,
			       name, offset + len);
	return 0;
}

int cr_storage_get(const struct cr_storage *storage, const char *name,
		   uint64_t max, struct cr_buf *out)
{
	cr_cleanup(cr_closep) int fd = -1;
	uint64_t len = 0;
	uint8_t *at;
	int r;

	fd = open_object(storage, name, &len);
	if (fd < 0)
		return fd;
	if (len > max)
		return cr_fail(CR_ECORRUPT,
			       "%s: %" PRIu64 " bytes, more than %" PRIu64,
			       name, len, max);
	at = cr_buf_extend(out, (size_t)len);
	if (!at)
		return -ENOMEM;
	r = read_at(fd, name, 0, at, (size_t)len);
	if (r < 0)
		out->len -= (size_t)len;
	return r;
}

int cr_storage_mark(const struct cr_storage *storage, const char *name,
		    struct cr_stored_mark *ret)
{
	struct stat st;

	if (!cr_storage_name_valid(name))
		return cr_fail(EINVAL, "\"%s\" cannot name an object", name);
	if (fstatat(storage->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? -ENOENT
							   : fail(-errno, name);
	*ret = (struct cr_stored_mark){
		.size = (uint64_t)st.st_size,
		.inode = st.st_ino,
		.received = st.st_mtim.tv_sec,
		.received_ns = (uint32_t)st.st_mtim.tv_nsec,
		.changed = st.st_ctim.tv_sec,
		.changed_ns = (uint32_t)st.st_ctim.tv_nsec,
	};
	return 0;
}

int cr_storage_time(const struct cr_storage *storage, const char *name,
		    int64_t *ret)
{
	struct cr_stored_mark mark;
	int r = cr_storage_mark(storage, name, &mark);

	if (r == 0)
		*ret = mark.received;
	return r;
}

int cr_stored_open(const struct cr_storage *storage, const char *name,
		   struct cr_stored **ret)
{
	struct cr_stored *stored;
	uint64_t len = 0;
	int fd = open_object(storage, name, &len);

	if (fd < 0)
		return fd;
	stored = malloc(sizeof(*stored));
	if (!stored) {
		cr_closep(&fd);
		return -ENOMEM;
	}
	stored->fd = fd;
	stored->len = len;
	memcpy(stored->name, name, strlen(name) + 1);
	*ret = stored;
	return 0;
}

void cr_stored_close(struct cr_stored *stored)
{
	if (!stored)
		return;
	cr_closep(&stored->fd);
	free(stored);
}

uint64_t cr_stored_len(const struct cr_stored *stored)
{
	return stored->len;
}

int cr_stored_read(const struct cr_stored *stored, uint64_t offset, void *out,
		   size_t len)
{
	uint64_t end;

	if (__builtin_add_overflow(offset, len, &end) || end > stored->len)
		return cr_fail(CR_ECORRUPT,
			       "%s: %" PRIu64
			       " bytes long; %zu are wanted at %" PRIu64,
			       stored->name, stored->len, len, offset);
	return read_at(stored->fd, stored->name, offset, out, len);
}

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

enum what {
	OBJECTS, /* that are not empty, with their sizes */
	NAMES,	 /* of objects */
	FOLDERS,
};

/* Whether the entry is what is listed: 1, 0 or -errno. */
static int listed(DIR *dir, const struct dirent *entry, enum what what,
		  uint64_t *size)
{
	unsigned char type = what == FOLDERS ? DT_DIR : DT_REG;
	struct stat st;

	if (entry->d_name[0] == '.')
		return 0;
	/* Not every file system says what an entry is. */
	if (entry->d_type != DT_UNKNOWN && entry->d_type != type)
		return 0;
	if (entry->d_type == type && what != OBJECTS)
		return 1;
	if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (IFTODT(st.st_mode) != type)
		return 0;
	if (what != OBJECTS)
		return 1;
	*size = (uint64_t)st.st_size;
	return st.st_size > 0;
}

static int list(DIR *dir, enum what what, cr_list_fn fn, void *arg,
		int *fn_said)
{
	const struct dirent *entry;

	while ((void)(errno = 0), (entry = readdir(dir))) {
		uint64_t size = 0;
		int r = listed(dir, entry, what, &size);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		*fn_said = fn(arg, entry->d_name, size);
		if (*fn_said != 0)
			return 0;
	}
	return -errno;
}

static int list_prefix(const struct cr_storage *storage, const char *prefix,
		       enum what what, cr_list_fn fn, void *arg)
{
	cr_cleanup(close_dir) DIR *dir = NULL;
	int fd, r, fn_said = 0;

	if (!cr_storage_name_valid(prefix))
		return cr_fail(EINVAL, "\"%s\" cannot name a folder", prefix);
	fd = cr_io_open(storage->fd, prefix, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fail(fd, prefix);
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		cr_closep(&fd);
		return fail(r, prefix);
	}
	r = list(dir, what, fn, arg, &fn_said);
	return r < 0 ? fail(r, prefix) : fn_said;
}

int cr_storage_list(const struct cr_storage *storage, const char *prefix,
		    bool dirs, cr_list_fn fn, void *arg)
{
	return list_prefix(storage, prefix, dirs ? FOLDERS : OBJECTS, fn, arg);
}

int cr_storage_list_names(const struct cr_storage *storage, const char *prefix,
			  cr_list_fn fn, void *arg)
{
	return list_prefix(storage, prefix, NAMES, fn, arg);
}
