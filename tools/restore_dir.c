/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_dir.c - directories of the target: made or gone into by descriptor,
 * and given their attributes when nothing is to be done in them any more.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/restore_int.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define TRIES	 3 /* of a name that changes under us */

/* ---- Entries */

static char *append(char *to, struct cr_piece *piece)
{
	if (piece->len > 0)
		memcpy(to, piece->bytes, piece->len);
	to[piece->len] = '\0';
	piece->bytes = to;
	return to + piece->len + 1;
}

struct cr_ritem *cr_ritem_new(struct cr_rdir *dir, const struct cr_entry *entry)
{
	struct cr_ritem *item;
	char *to;

	/* Each at most 256 bytes, as tree.h parses them, and a zero byte. */
	item = malloc(sizeof(*item) + entry->name.len + entry->xattrs.len +
		      entry->target.len + 3);
	if (!item)
		return NULL;
	*item = (struct cr_ritem){ .dir = dir, .entry = *entry };
	to = append(item->name, &item->entry.name);
	to = append(to, &item->entry.xattrs);
	(void)append(to, &item->entry.target);
	if (dir)
		cr_rdir_use(dir);
	return item;
}

void cr_ritem_free(struct cr_restore *run, struct cr_ritem *item)
{
	if (!item)
		return;
	if (item->dir)
		cr_rdir_drop(run, item->dir);
	free(item);
}

int cr_ritem_path(const struct cr_ritem *item, struct cr_buf *out)
{
	const struct cr_ritem *at;
	size_t len = 0;
	uint8_t *end;

	/* From the end: each knows only what it lies in. */
	for (at = item; at && at->entry.name.len > 0;
	     at = at->dir ? at->dir->self : NULL)
		len += at->entry.name.len + 1;
	cr_buf_clear(out);
	end = cr_buf_extend(out, cr_max(len, (size_t)1));
	if (!end)
		return -ENOMEM;
	end += cr_max(len, (size_t)1);
	*--end = '\0';
	for (at = item; at && at->entry.name.len > 0;
	     at = at->dir ? at->dir->self : NULL) {
		end -= at->entry.name.len;
		memcpy(end, at->entry.name.bytes, at->entry.name.len);
		if (end > out->bytes)
			*--end = '/';
	}
	return 0;
}

/* ---- Uses */

struct cr_rdir *cr_rdir_new(struct cr_restore *run, struct cr_ritem *self)
{
	struct cr_rdir *dir = self ? calloc(1, sizeof(*dir)) : NULL;

	if (!dir) {
		cr_ritem_free(run, self);
		return NULL;
	}
	dir->self = self;
	dir->fd = -1;
	atomic_init(&dir->uses, 1);
	return dir;
}

void cr_rdir_use(struct cr_rdir *dir)
{
	(void)atomic_fetch_add(&dir->uses, 1);
}

/* Its attributes, now that nothing changes its times any more. */
static int settle(struct cr_restore *run, struct cr_rdir *dir)
{
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_rmeta meta = {
		.item = dir->self,
		.xattrs = &set,
		.fd = dir->fd,
		.made = dir->fresh,
	};
	int r = cr_entry_xattrs(run->session.reader, &run->target.view,
				&dir->self->entry, &set);

	if (r < 0) {
		meta.xattrs = NULL;
		r = cr_restore_unread(run, dir->self, r);
	}
	return r < 0 ? r : cr_restore_meta(run, &meta);
}

void cr_rdir_drop(struct cr_restore *run, struct cr_rdir *dir)
{
	/* Up the tree as long as it was the last use: no recursion. */
	while (dir && atomic_fetch_sub(&dir->uses, 1) == 1) {
		struct cr_rdir *parent = dir->self->dir;

		if (dir->state == CR_RDIR_HERE) {
			int r = dir->settle ? settle(run, dir) : 0;

			if (r < 0)
				cr_restore_stop(run, r);
			cr_closep(&dir->fd);
			(void)atomic_fetch_sub(&run->open_dirs, 1);
		}
		free(dir->self);
		free(dir);
		dir = parent;
	}
}

static void now_here(struct cr_restore *run, struct cr_rdir *dir, int fd)
{
	dir->fd = fd;
	dir->state = CR_RDIR_HERE;
	(void)atomic_fetch_add(&run->open_dirs, 1);
}

/* ---- Below the target */

/*
 * As owner of a directory that we may not go into or change, but are to give
 * other attributes anyway: let us.
 */
static void open_up(const struct cr_restore *run, const struct cr_rdir *dir,
		    const struct stat *st)
{
	cr_cleanup(cr_closep) int fd = -1;
	struct stat now;
	char path[40];

	if (!dir->settle || run->uid == 0 || st->st_uid != run->uid ||
	    (st->st_mode & 0700) == 0700)
		return;
	fd = openat(dir->self->dir->fd, dir->self->name,
		    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &now) < 0 || now.st_ino != st->st_ino ||
	    now.st_dev != st->st_dev)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (chmod(path, (now.st_mode & 07777) | 0700) < 0)
		return; /* then opening it fails, and says why */
}

static void closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* A listing of its own of the open directory @fd. */
static int list(int fd, DIR **ret)
{
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (own < 0)
		return -errno;
	*ret = fdopendir(own);
	if (!*ret) {
		int r = -errno;

		cr_closep(&own);
		return r;
	}
	return 0;
}

/*
 * What a run that was killed left in the directory that this one completes.
 * That it stays is no error.
 */
static void sweep(const struct cr_restore *run, int fd)
{
	cr_cleanup(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	struct stat st;

	if (list(fd, &dir) < 0)
		return;
	while ((entry = readdir(dir))) {
		if (cr_temp_named(entry->d_name) &&
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_uid == run->uid && !S_ISDIR(st.st_mode))
			(void)unlinkat(fd, entry->d_name, 0);
	}
}

/* Go into the directory that exists. */
static int go_into(struct cr_restore *run, struct cr_rdir *dir,
		   const struct stat *st)
{
	int fd;

	dir->settle = cr_restore_verdict(run, &dir->self->entry, st) ==
		      CR_VERDICT_REPLACE;
	if (!run->opt->dry_run)
		open_up(run, dir, st);
	fd = openat(dir->self->dir->fd, dir->self->name, OPEN_DIR);
	if (fd < 0)
		return -errno;
	now_here(run, dir, fd);
	if (!run->opt->dry_run && run->overwrite == CR_OVERWRITE_ALWAYS)
		sweep(run, fd);
	return 0;
}

/* Something else has the name.  1: it is gone, try again. */
static int clear_way(struct cr_restore *run, struct cr_rdir *dir,
		     const struct stat *st)
{
	if (cr_restore_verdict(run, &dir->self->entry, st) == CR_VERDICT_KEEP) {
		(void)atomic_fetch_add(&run->count.kept, 1);
		cr_restore_warn(run, dir->self,
				"kept: it is no directory, so nothing below "
				"it is restored");
		return 0;
	}
	if (run->opt->dry_run) {
		dir->state = CR_RDIR_ABSENT;
		return 0;
	}
	if (unlinkat(dir->self->dir->fd, dir->self->name, 0) < 0 &&
	    errno != ENOENT)
		return -errno;
	return 1;
}

/* One attempt; 1: try again. */
static int make_once(struct cr_restore *run, struct cr_rdir *dir)
{
	int parent = dir->self->dir->fd, fd;
	struct stat st;

	if (!run->opt->dry_run && mkdirat(parent, dir->self->name, 0700) == 0) {
		fd = openat(parent, dir->self->name, OPEN_DIR);
		if (fd < 0)
			return -errno;
		now_here(run, dir, fd);
		dir->fresh = true;
		dir->settle = true;
		return 0;
	}
	if (!run->opt->dry_run && errno != EEXIST)
		return -errno;
	if (fstatat(parent, dir->self->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return -errno;
		if (!run->opt->dry_run)
			return 1;
		dir->state = CR_RDIR_ABSENT;
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return go_into(run, dir, &st);
	return clear_way(run, dir, &st);
}

int cr_rdir_make(struct cr_restore *run, struct cr_rdir *dir)
{
	const struct cr_rdir *parent = dir->self->dir;
	int r = 1;

	if (parent->state != CR_RDIR_HERE) {
		dir->state = parent->state;
		return 0;
	}
	dir->state = CR_RDIR_SKIPPED;
	for (int tries = 0; r == 1 && tries < TRIES; tries++)
		r = make_once(run, dir);
	if (r == 1)
		r = -EBUSY;
	if (r < 0)
		return cr_restore_failed(run, dir->self,
					 "nothing below it is restored", r);
	if (dir->state != CR_RDIR_SKIPPED)
		(void)atomic_fetch_add(&run->count.directories, 1);
	return 0;
}

int cr_rdir_reopen(struct cr_restore *run, struct cr_rdir *dir)
{
	const struct cr_rdir *parent = dir->self->dir;
	int fd;

	dir->state = CR_RDIR_SKIPPED;
	if (parent->state != CR_RDIR_HERE)
		return 0;
	fd = openat(parent->fd, dir->self->name, OPEN_DIR);
	if (fd >= 0)
		now_here(run, dir, fd);
	/* What had no business here was told the first time. */
	else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		return cr_restore_failed(run, dir->self, "cannot be verified",
					 -errno);
	return 0;
}

/* ---- The target itself */

/* 1 when there is nothing in @fd. */
static int is_empty(int fd)
{
	cr_cleanup(closedirp) DIR *dir = NULL;
	const struct dirent *entry;
	int r = list(fd, &dir);

	if (r < 0)
		return r;
	while (errno = 0, (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			return 0;
	}
	return errno ? -errno : 1;
}

/* Upwards from @fd: is the repository there? */
static int check_outside(const struct cr_restore *run, int fd)
{
	cr_cleanup(cr_closep) int at = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct stat repo, st, above;

	if (at < 0 ||
	    fstat(cr_storage_fd(run->session.repo->storage), &repo) < 0 ||
	    fstat(at, &st) < 0)
		return cr_fail(errno, "%s: %m", run->opt->target);
	for (;;) {
		int up;

		if (st.st_dev == repo.st_dev && st.st_ino == repo.st_ino)
			return cr_fail(EINVAL, "%s: lies in the repository",
				       run->opt->target);
		up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		/* What cannot be looked at from here is no repository of ours.
		 */
		if (up < 0)
			return 0;
		cr_closep(&at);
		at = up;
		if (fstat(at, &above) < 0)
			return cr_fail(errno, "%s: %m", run->opt->target);
		if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
			return 0;
		st = above;
	}
}

/* Make it, in a directory that it may be made in. */
static int make_target(const struct cr_restore *run)
{
	const char *path = run->opt->target;
	cr_cleanup(cr_freep) char *parent = strdup(path);
	cr_cleanup(cr_closep) int fd = -1;
	size_t len;
	int r;

	if (!parent)
		return -ENOMEM;
	len = strlen(parent);
	while (len > 1 && parent[len - 1] == '/')
		len--;
	while (len > 0 && parent[len - 1] != '/')
		len--;
	parent[len] = '\0';
	fd = open(len > 0 ? parent : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cr_fail(errno, "%s: cannot be made: %m", path);
	r = check_outside(run, fd);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0)
		return cr_fail(errno, "%s: cannot be made: %m", path);
	return 0;
}

/* Open it, or make it.  -1 in *@ret when it would be made. */
static int open_or_make(const struct cr_restore *run, int *ret)
{
	const char *path = run->opt->target;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT) {
		if (run->opt->dry_run) {
			*ret = -1;
			return 0;
		}
		r = make_target(run);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		return cr_fail(errno, "%s: %m", path);
	*ret = fd;
	return 0;
}

int cr_restore_open_target(struct cr_restore *run)
{
	const struct cr_entry *entry = &run->target.found.entry;
	struct stat st;
	int r = open_or_make(run, &run->target_fd);

	if (r < 0)
		return r;
	run->target_fresh = true;
	if (run->target_fd < 0)
		return 0;
	r = check_outside(run, run->target_fd);
	if (r < 0)
		return r;
	r = is_empty(run->target_fd);
	if (r < 0 || fstat(run->target_fd, &st) < 0)
		return cr_fail(r < 0 ? -r : errno, "%s: cannot be listed",
			       run->opt->target);
	run->target_fresh = r == 1;
	if (!run->target_fresh && !run->opt->into_existing)
		return cr_fail(ENOTEMPTY,
			       "%s: is not empty: choose another, or add "
			       "--into-existing",
			       run->opt->target);
	if (!run->target_fresh && !run->opt->dry_run &&
	    run->overwrite == CR_OVERWRITE_ALWAYS)
		sweep(run, run->target_fd);
	/* A file is restored into it, not over it. */
	run->target_settle =
		entry->type == CR_ENTRY_DIRECTORY &&
		(run->target_fresh ||
		 cr_restore_verdict(run, entry, &st) == CR_VERDICT_REPLACE);
	return 0;
}

struct cr_rdir *cr_rdir_root(struct cr_restore *run, bool settle_it)
{
	static const struct cr_entry nothing = { .type = CR_ENTRY_DIRECTORY };
	struct cr_entry entry = nothing;
	struct cr_rdir *dir;
	int fd;

	if (run->target.found.entry.type == CR_ENTRY_DIRECTORY)
		entry = run->target.found.entry;
	entry.name = (struct cr_piece){ NULL, 0 };
	dir = cr_rdir_new(run, cr_ritem_new(NULL, &entry));
	if (!dir)
		return NULL;
	dir->state = CR_RDIR_ABSENT;
	dir->fresh = run->target_fresh;
	dir->settle = settle_it && run->target_settle;
	if (run->target_fd < 0)
		return dir;
	fd = fcntl(run->target_fd, F_DUPFD_CLOEXEC, 3);
	if (fd >= 0)
		now_here(run, dir, fd);
	else
		dir->state = CR_RDIR_SKIPPED;
	return dir;
}
