/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_links.c - find the first file of a link group again, and set what
 * must wait until all its names are there.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "tools/restore_int.h"

/* A file whose flags would forbid links to it. */
struct cr_later {
	struct cr_later *next;
	struct cr_ritem *item; /* owned; in no directory */
	struct cr_link_at at;
};

int cr_link_at_open(const struct cr_restore *run, const struct cr_link_at *at,
		    int *ret, const char **name)
{
	cr_cleanup(cr_closep) int dir = -1;
	cr_cleanup(cr_freep) char *path = strdup((char *)at->path.bytes);
	const char *part = path;
	char *slash;

	if (!path)
		return -ENOMEM;
	dir = fcntl(run->target_fd, F_DUPFD_CLOEXEC, 3);
	if (dir < 0)
		return -errno;
	/* Step by step: a symlink in the way ends it. */
	while ((slash = strchr(part, '/'))) {
		int next;

		*slash = '\0';
		next = openat(dir, part,
			      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		cr_closep(&dir);
		dir = next;
		part = slash + 1;
	}
	*name = (const char *)at->path.bytes + (part - path);
	*ret = cr_take_fd(&dir);
	return 0;
}

/* ---- Flags that come last */

static void later_free(struct cr_later *later)
{
	free(later->item);
	cr_link_at_release(&later->at);
	free(later);
}

int cr_restore_later(struct cr_restore *run, const struct cr_ritem *item,
		     const struct cr_link_at *at)
{
	struct cr_later *later = calloc(1, sizeof(*later));

	if (!later)
		return -ENOMEM;
	later->item = cr_ritem_new(NULL, &item->entry);
	later->at.device = at->device;
	later->at.inode = at->inode;
	cr_buf_put(&later->at.path, at->path.bytes, at->path.len);
	if (!later->item || cr_buf_error(&later->at.path) < 0) {
		later_free(later);
		return -ENOMEM;
	}
	(void)pthread_mutex_lock(&run->lock);
	later->next = run->later;
	run->later = later;
	(void)pthread_mutex_unlock(&run->lock);
	return 0;
}

static int settle_one(struct cr_restore *run, const struct cr_later *later)
{
	cr_cleanup(cr_closep) int dir = -1;
	cr_cleanup(cr_closep) int fd = -1;
	const char *name;
	struct stat st;
	int r = cr_link_at_open(run, &later->at, &dir, &name);

	if (r == 0)
		fd = cr_io_open(dir, name, O_RDONLY, 0);
	if (r == 0 && fd < 0)
		r = fd;
	if (r == 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == 0 &&
	    (st.st_dev != later->at.device || st.st_ino != later->at.inode))
		r = -ESTALE;
	if (r < 0)
		return cr_restore_failed(run, later->item, "inode flags", r);
	return cr_restore_flags(run, later->item, fd);
}

int cr_restore_settle_later(struct cr_restore *run)
{
	int r = 0;

	while (run->later) {
		struct cr_later *later = run->later;

		run->later = later->next;
		if (r == 0 && !cr_restore_stopped(run))
			r = settle_one(run, later);
		later_free(later);
	}
	return r;
}
