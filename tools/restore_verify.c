/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_verify.c - read back what was restored, from the disk where that can
 * be had, and compare it with what is stored.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "tools/restore_int.h"

#define PIECE (1u << 20)

static const char unreadable[] = "cannot be read back";

/* ---- Which ones */

void cr_restore_mark(struct cr_restore *run, const struct cr_ritem *item)
{
	size_t at = (size_t)(item->ordinal / 8);

	if (!run->opt->verify)
		return;
	(void)pthread_mutex_lock(&run->lock);
	if (run->done.len <= at)
		cr_buf_zero(&run->done, 2 * at + 1 - run->done.len + 64);
	/* Without memory for the list the run cannot tell: it then fails. */
	if (cr_buf_error(&run->done) == 0)
		run->done.bytes[at] |= (uint8_t)(1u << item->ordinal % 8);
	(void)pthread_mutex_unlock(&run->lock);
}

bool cr_restore_marked(struct cr_restore *run, uint64_t ordinal)
{
	size_t at = (size_t)(ordinal / 8);
	bool marked;

	(void)pthread_mutex_lock(&run->lock);
	marked =
		at < run->done.len && run->done.bytes[at] & (1u << ordinal % 8);
	(void)pthread_mutex_unlock(&run->lock);
	return marked;
}

/* ---- Comparing */

struct comparison {
	struct cr_restore *run;
	const struct cr_ritem *item;
	const struct cr_file *file;
	int fd;
	uint8_t *bytes; /* owned; a PIECE, or the file's size if that is less */
};

static void comparison_release(struct comparison *c)
{
	free(c->bytes);
}

static int differs(const struct comparison *c, const char *what, uint64_t at)
{
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };

	(void)atomic_fetch_add(&c->run->count.differing, 1);
	if (cr_ritem_path(c->item, &path) < 0)
		return -ENOMEM;
	cr_log(CR_LOG_ERR, "%s: reads back differently: %s at byte %" PRIu64,
	       (const char *)path.bytes, what, at);
	return 1;
}

/* What could not be compared was said too. */
static int told(int r)
{
	return r < 0 ? r : 1;
}

/* 1: it is not the same, or could not be compared, and that was said. */
static int compare_data(const struct comparison *c, uint64_t from, uint64_t to)
{
	while (from < to) {
		cr_cleanup(cr_span_release) struct cr_span span = { 0 };
		size_t len = (size_t)cr_min(to - from, (uint64_t)PIECE);
		const uint8_t *at = c->bytes;
		ssize_t n;
		int r = cr_file_span(c->file, from, len, &span);

		if (r < 0)
			return told(cr_restore_unread(c->run, c->item, r));
		n = cr_io_pread(c->fd, c->bytes, len, from);
		if (n < 0)
			return told(cr_restore_failed(c->run, c->item,
						      unreadable, (int)n));
		if ((size_t)n < len)
			return differs(c, "the end", from + (uint64_t)n);
		for (size_t i = 0; i < span.count; i++) {
			if (memcmp(at, span.iov[i].iov_base,
				   span.iov[i].iov_len) != 0)
				return differs(c, "the content", from);
			at += span.iov[i].iov_len;
		}
		from += len;
	}
	return 0;
}

/* What is a hole in the snapshot reads as zeros; where it is one, unread. */
static int compare_hole(const struct comparison *c, uint64_t from, uint64_t to)
{
	while (from < to) {
		off_t data = lseek(c->fd, (off_t)from, SEEK_DATA);
		ssize_t n;

		if (data < 0 && errno == ENXIO)
			return 0;
		if (data >= 0)
			from = (uint64_t)data;
		if (from >= to)
			return 0;
		n = cr_io_pread(c->fd, c->bytes,
				(size_t)cr_min(to - from, (uint64_t)PIECE),
				from);
		if (n < 0)
			return told(cr_restore_failed(c->run, c->item,
						      unreadable, (int)n));
		for (ssize_t i = 0; i < n; i++) {
			if (c->bytes[i] != 0)
				return differs(c, "a hole", from + (uint64_t)i);
		}
		if (n == 0)
			return 0;
		from += (uint64_t)n;
	}
	return 0;
}

static int compare(const struct comparison *c)
{
	uint64_t size = cr_file_size(c->file), at = 0;
	int r = 0;

	while (at < size && r == 0) {
		uint64_t data = size, hole = size;

		r = cr_file_seek(c->file, at, SEEK_DATA, &data);
		if (r == 0)
			r = cr_file_seek(c->file, data, SEEK_HOLE, &hole);
		if (r < 0 && r != -ENXIO)
			return told(cr_restore_unread(c->run, c->item, r));
		r = compare_hole(c, at, data);
		if (r == 0)
			r = compare_data(c, data, hole);
		at = hole;
	}
	return r;
}

/* Open what was restored, and look whether it can be the same. */
static int open_restored(const struct cr_ritem *item, int *ret, uint64_t *size)
{
	int fd = cr_io_open(item->dir->fd, item->name, O_RDONLY | O_NOATIME, 0);
	struct stat st;

	if (fd == -EPERM)
		fd = cr_io_open(item->dir->fd, item->name, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	*ret = fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ESTALE;
	*size = (uint64_t)st.st_size;
	/* What was synced need not come from memory. */
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int cr_restore_verify_item(struct cr_restore *run, const struct cr_ritem *item)
{
	cr_cleanup(comparison_release) struct comparison c = {
		.run = run,
		.item = item,
		.bytes = malloc(cr_min(item->entry.size, (uint64_t)PIECE) + 1),
	};
	cr_cleanup(cr_file_closep) struct cr_file *file = NULL;
	cr_cleanup(cr_closep) int fd = -1;
	uint64_t size = 0;
	int r;

	if (!c.bytes)
		return -ENOMEM;
	r = open_restored(item, &fd, &size);
	if (r < 0)
		return cr_restore_failed(run, item, unreadable, r);
	r = cr_file_open(run->session.reader, &run->target.view, &item->file,
			 &file);
	if (r < 0)
		return cr_restore_unread(run, item, r);
	c.file = file;
	c.fd = fd;
	if (size != cr_file_size(file))
		r = differs(&c, "the end", cr_min(size, cr_file_size(file)));
	else
		r = compare(&c);
	if (r < 0)
		return r;
	(void)atomic_fetch_add(&run->count.files, 1);
	(void)atomic_fetch_add(&run->count.verified, r == 0);
	return 0;
}
