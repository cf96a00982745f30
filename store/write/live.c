/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/live.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/codec/acl.h"
#include "store/codec/tree_encode.h"

/* Flags that mean something on another machine. */
#define FLAGS_KEPT                                                     \
	(FS_COMPR_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL |   \
	 FS_NODUMP_FL | FS_NOATIME_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | \
	 FS_NOCOW_FL | FS_PROJINHERIT_FL)

#define XATTR_SET_MAX 200000u /* fits an object with room to spare */
#define LISTING_LEN   32768u  /* read from a directory at once */

static uint8_t entry_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return CR_ENTRY_FILE;
	case S_IFDIR:
		return CR_ENTRY_DIRECTORY;
	case S_IFLNK:
		return CR_ENTRY_SYMLINK;
	case S_IFCHR:
		return CR_ENTRY_CHAR;
	case S_IFBLK:
		return CR_ENTRY_BLOCK;
	case S_IFIFO:
		return CR_ENTRY_FIFO;
	default:
		return CR_ENTRY_SOCKET;
	}
}

static struct cr_time time_of(const struct statx_timestamp *ts)
{
	return (struct cr_time){ ts->tv_sec, ts->tv_nsec };
}

int cr_live_stat(int fd, const char *name, struct cr_live_stat *ret)
{
	struct statx st;
	struct cr_entry *e = &ret->entry;

	if (statx(fd, name,
		  AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		  STATX_BASIC_STATS | STATX_MNT_ID, &st) < 0)
		return -errno;
	*ret = (struct cr_live_stat){
		.device = makedev(st.stx_dev_major, st.stx_dev_minor),
		.inode = st.stx_ino,
		.mount = st.stx_mask & STATX_MNT_ID ? st.stx_mnt_id : 0,
		.type = st.stx_mode & S_IFMT,
	};
	e->type = entry_type(st.stx_mode);
	e->mode = st.stx_mode & 07777;
	e->uid = st.stx_uid;
	e->gid = st.stx_gid;
	e->mtime = time_of(&st.stx_mtime);
	e->ctime = time_of(&st.stx_ctime);
	e->nlink = cr_max(st.stx_nlink, 1u);
	if (e->type <= CR_ENTRY_SYMLINK)
		e->size = st.stx_size;
	e->data_bytes = e->size;
	if (e->type == CR_ENTRY_CHAR || e->type == CR_ENTRY_BLOCK) {
		e->dev_major = st.stx_rdev_major;
		e->dev_minor = st.stx_rdev_minor;
	}
	return 0;
}

/* Reading leaves no trace where that is ours to ask for. */
static int open_untouched(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOATIME);

	if (fd < 0 && errno == EPERM)
		fd = openat(dir, name, flags);
	return fd < 0 ? -errno : fd;
}

#define OPEN_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

int cr_live_open_unseen(int dir, const char *name)
{
	return open_untouched(dir, name, OPEN_FLAGS);
}

bool cr_live_same(const struct cr_live_stat *a, const struct cr_live_stat *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->type == b->type;
}

int cr_live_open(int dir, const char *name, const struct cr_live_stat *expect,
		 struct cr_live_stat *now, int *ret)
{
	cr_cleanup(cr_closep) int fd = -1;
	int flags = OPEN_FLAGS;
	struct cr_live_stat is;
	int r;

	if (expect->type == S_IFDIR)
		flags |= O_DIRECTORY;
	fd = open_untouched(dir, name, flags);
	if (fd < 0)
		return fd;
	r = cr_live_stat(fd, "", &is);
	if (r < 0)
		return r;
	if (!cr_live_same(&is, expect))
		return -ESTALE;
	if (now)
		*now = is;
	*ret = fd;
	fd = -1;
	return 0;
}

static int compare_names(const void *a, const void *b, void *base)
{
	return strcmp((const char *)base + *(const size_t *)a,
		      (const char *)base + *(const size_t *)b);
}

static int put_name(const char *name, struct cr_buf *names,
		    struct cr_buf *offsets)
{
	size_t at = names->len;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	cr_buf_put(names, name, strlen(name) + 1);
	cr_buf_put(offsets, &at, sizeof(at));
	return cr_buf_error(names) < 0 ? -ENOMEM : cr_buf_error(offsets);
}

/*
 * Not by readdir(): it wants a descriptor of its own, which costs five calls a
 * directory where a backup of what did not change makes ten.
 */
static int read_names(int fd, struct cr_buf *names, struct cr_buf *offsets)
{
	_Alignas(struct dirent64) char bytes[LISTING_LEN];
	ssize_t n;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = getdents64(fd, bytes, sizeof(bytes))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (void *)(bytes + at);
			int r = put_name(entry->d_name, names, offsets);

			if (r < 0)
				return r;
			at += entry->d_reclen;
		}
	}
	return n < 0 ? -errno : 0;
}

int cr_live_names(int fd, struct cr_buf *names, struct cr_buf *offsets)
{
	int r = read_names(fd, names, offsets);

	if (r != -ENOMEM && offsets->len > 0)
		qsort_r(offsets->bytes, offsets->len / sizeof(size_t),
			sizeof(size_t), compare_names, names->bytes);
	return r;
}

/* ---- xattrs ---- */

/*
 * What cannot be opened (a symlink, a device) is reached through the
 * directory's descriptor; the l calls follow nothing at the end.
 */
struct holder {
	int fd;
	char *path; /* owned; NULL: @fd itself */
};

static void holder_release(struct holder *holder)
{
	free(holder->path);
}

static int holder_init(int dir, const char *name, struct holder *holder)
{
	holder->fd = dir;
	if (!*name)
		return 0;
	if (asprintf(&holder->path, "/proc/self/fd/%d/%s", dir, name) < 0) {
		holder->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static ssize_t ask(const struct holder *holder, const char *name, void *out,
		   size_t len)
{
	if (holder->path)
		return name ? lgetxattr(holder->path, name, out, len)
			    : llistxattr(holder->path, out, len);
	return name ? fgetxattr(holder->fd, name, out, len)
		    : flistxattr(holder->fd, out, len);
}

/* Lists and values both: grow until it fits, as it may change meanwhile. */
static int get_grown(const struct holder *holder, const char *name,
		     struct cr_buf *out)
{
	for (int tries = 0; tries < 8; tries++) {
		ssize_t n = ask(holder, name, NULL, 0);
		uint8_t *at;

		if (n < 0)
			return -errno;
		cr_buf_clear(out);
		if (n == 0)
			return 0;
		at = cr_buf_extend(out, (size_t)n);
		if (!at)
			return -ENOMEM;
		n = ask(holder, name, at, out->len);
		if (n >= 0) {
			out->len = (size_t)n;
			return 0;
		}
		if (errno != ERANGE)
			return -errno;
	}
	return -ERANGE;
}

struct named {
	const char *name;
	size_t value_at, value_len;
};

static int compare_named(const void *a, const void *b)
{
	return strcmp(((const struct named *)a)->name,
		      ((const struct named *)b)->name);
}

/* Read the values of all names in @list.  What fails is left out. */
static int get_values(const struct holder *holder, const struct cr_buf *list,
		      struct cr_buf *values, struct cr_buf *named)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	const char *name = (const char *)list->bytes;
	const char *end = name + list->len;
	int failed = 0;

	for (; name < end; name += strlen(name) + 1) {
		struct named one = { .name = name, .value_at = values->len };
		int r = get_grown(holder, name, &value);

		if (r == 0 && values->len + value.len > XATTR_SET_MAX)
			r = -E2BIG;
		if (r == -ENODATA)
			continue; /* removed since it was listed */
		if (r < 0) {
			failed = r;
			continue;
		}
		one.value_len = value.len;
		cr_buf_put(values, value.bytes, value.len);
		cr_buf_put(named, &one, sizeof(one));
	}
	if (cr_buf_error(values) < 0 || cr_buf_error(named) < 0)
		return -ENOMEM;
	return failed;
}

static int encode_set(const struct cr_buf *values, struct cr_buf *named,
		      struct cr_buf *set, bool *has_acl)
{
	struct named *one = (void *)named->bytes;
	size_t n = named->len / sizeof(*one);
	cr_cleanup(cr_freep) struct cr_xattr *xattr = NULL;

	if (n == 0)
		return 0;
	xattr = calloc(n, sizeof(*xattr));
	if (!xattr)
		return -ENOMEM;
	qsort(one, n, sizeof(*one), compare_named);
	for (size_t i = 0; i < n; i++) {
		xattr[i].name =
			(struct cr_piece){ one[i].name, strlen(one[i].name) };
		xattr[i].value = (struct cr_piece){
			one[i].value_len > 0 ? values->bytes + one[i].value_at
					     : NULL,
			one[i].value_len
		};
		*has_acl |= cr_acl_is(one[i].name, strlen(one[i].name));
	}
	return cr_xattrs_encode(xattr, (uint32_t)n, set);
}

int cr_live_xattrs(int dir, const char *name, struct cr_buf *set, bool *has_acl)
{
	cr_cleanup(cr_buf_release) struct cr_buf list = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf values = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf named = { 0 };
	cr_cleanup(holder_release) struct holder holder = { 0 };
	int failed, r;

	*has_acl = false;
	r = holder_init(dir, name, &holder);
	if (r < 0)
		return r;
	r = get_grown(&holder, NULL, &list);
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0 || list.len == 0)
		return r;
	failed = get_values(&holder, &list, &values, &named);
	if (failed == -ENOMEM)
		return failed;
	r = encode_set(&values, &named, set, has_acl);
	return r < 0 ? r : failed;
}

int cr_live_target(int dir, const char *name, struct cr_buf *out)
{
	size_t room = 256;

	for (;; room *= 2) {
		uint8_t *at;
		ssize_t n;

		cr_buf_clear(out);
		at = cr_buf_extend(out, room);
		if (!at)
			return -ENOMEM;
		n = readlinkat(dir, name, (char *)at, room);
		if (n < 0)
			return -errno;
		out->len = (size_t)n;
		if ((size_t)n < room)
			return 0;
	}
}

uint32_t cr_live_flags(int fd)
{
	/* The kernel writes an int, whatever the request's size says. */
	unsigned int flags[2] = { 0 };

	if (ioctl(fd, FS_IOC_GETFLAGS, flags) < 0)
		return 0;
	return flags[0] & FLAGS_KEPT;
}

bool cr_live_is_own_mount(int fd)
{
	cr_cleanup(cr_freep) char *line = NULL;
	struct cr_live_stat st;
	struct statfs fs;
	size_t room = 0;
	bool own = false;
	FILE *file;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != FUSE_SUPER_MAGIC ||
	    cr_live_stat(fd, "", &st) < 0)
		return false;
	file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return false;
	while (!own && getline(&line, &room, file) > 0) {
		unsigned int high, low;

		own = sscanf(line, "%*d %*d %u:%u", &high, &low) == 2 &&
		      makedev(high, low) == st.device &&
		      strstr(line, " fuse.caprockfs ");
	}
	(void)fclose(file);
	return own;
}
