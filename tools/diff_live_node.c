/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff_live_node.c - compare an entry of a snapshot with something live.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/codec/list.h"
#include "store/read/file.h"
#include "tools/diff_live.h"

static int source_fail(int r)
{
	return r == -ENOMEM ? r
			    : cr_fail(CR_ESOURCE, "%s", strerrordesc_np(-r));
}

static bool same_bytes(const struct cr_buf *a, const struct cr_buf *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

/* A file that is read again. */
struct rereading {
	const struct cr_diff_live *diff;
	int fd;
	uint8_t bytes[CR_CHUNK_MAX];
};

/* Whether there are only zeros from @at to @end: 1, 0 or -errno. */
static int zeros_only(struct rereading *in, uint64_t at, uint64_t end)
{
	while (at < end) {
		off_t data = lseek(in->fd, (off_t)at, SEEK_DATA);
		size_t len;
		ssize_t n;

		if (data < 0 && errno == ENXIO)
			return 1;
		if (data > 0 && (uint64_t)data > at)
			at = (uint64_t)data;
		if (at >= end)
			return 1;
		len = (size_t)cr_min(end - at, (uint64_t)sizeof(in->bytes));
		n = cr_io_pread(in->fd, in->bytes, len, at);
		if (n <= 0)
			return (int)n;
		for (ssize_t i = 0; i < n; i++)
			if (in->bytes[i] != 0)
				return 0;
		at += (uint64_t)n;
	}
	return 1;
}

/* 0: the same; 1: not; else an error. */
static int compare_run(void *arg, const struct cr_list_item *run)
{
	struct rereading *in = arg;
	struct cr_id is;
	ssize_t n;

	if (run->hole) {
		int same = zeros_only(in, run->offset, run->offset + run->len);

		return same < 0 ? source_fail(same) : !same;
	}
	if (run->len > sizeof(in->bytes))
		return cr_fail(CR_ECORRUPT, "a chunk of more than 256 KiB");
	n = cr_io_pread(in->fd, in->bytes, (size_t)run->len, run->offset);
	if (n < 0)
		return source_fail((int)n);
	if ((uint64_t)n < run->len)
		return 1;
	is = cr_chunk_id(&in->diff->view.domain->id_key, CR_CHUNK_DATA,
			 in->bytes, (size_t)n);
	return !cr_id_equal(&is, &run->id);
}

/* The bytes of a small file stand among those of others: these are read. */
static int compare_inline(struct rereading *in, const struct cr_file *file,
			  uint64_t size)
{
	uint8_t stored[CR_INLINE_MAX];
	ssize_t n, m;

	if (size > sizeof(stored))
		return cr_fail(CR_ECORRUPT, "more than 256 bytes in a leaf");
	n = cr_file_read(file, 0, stored, (size_t)size);
	if (n < 0)
		return (int)n;
	m = cr_io_pread(in->fd, in->bytes, (size_t)size, 0);
	if (m < 0)
		return source_fail((int)m);
	return n != m || memcmp(stored, in->bytes, (size_t)n) != 0;
}

static int open_live(const struct cr_live_place *place, int *fd)
{
	int r;

	if (*place->name != '\0')
		r = cr_live_open(place->dir, place->name, &place->st, NULL, fd);
	else
		r = (*fd = dup(place->dir)) < 0 ? -errno : 0;
	return r < 0 ? source_fail(r) : 0;
}

/* Sizes are equal.  0: the same; 1: not; else an error. */
static int compare_content(const struct cr_diff_live *diff,
			   const struct cr_diff_node *older,
			   const struct cr_live_place *newer)
{
	cr_cleanup(cr_file_closep) struct cr_file *file = NULL;
	cr_cleanup(cr_freep) struct rereading *in = NULL;
	cr_cleanup(cr_closep) int fd = -1;
	int r = open_live(newer, &fd);

	if (r == 0)
		r = cr_file_open(diff->reader, &diff->view, &older->file,
				 &file);
	if (r < 0)
		return r;
	in = malloc(sizeof(*in));
	if (!in)
		return -ENOMEM;
	in->diff = diff;
	in->fd = fd;
	if (older->file.content == CR_CONTENT_INLINE)
		return compare_inline(in, file, older->file.size);
	return cr_file_each_run(file, compare_run, in);
}

static int compare_files(const struct cr_diff_live *diff,
			 const struct cr_diff_node *older,
			 const struct cr_live_place *newer)
{
	if (older->entry->size != newer->st.entry.size)
		return 1;
	if (!diff->read_data || older->entry->size == 0)
		return 0;
	return compare_content(diff, older, newer);
}

static int compare_targets(const struct cr_diff_live *diff,
			   const struct cr_entry *older,
			   const struct cr_live_place *newer)
{
	cr_cleanup(cr_buf_release) struct cr_buf stored = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf live = { 0 };
	int r = cr_live_target(newer->dir, newer->name, &live);

	if (r < 0)
		return source_fail(r);
	r = cr_entry_target(diff->reader, &diff->view, older, &stored);
	return r < 0 ? r : !same_bytes(&stored, &live);
}

static int compare_xattrs(const struct cr_diff_live *diff,
			  const struct cr_entry *older,
			  const struct cr_live_place *newer)
{
	cr_cleanup(cr_buf_release) struct cr_buf stored = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf live = { 0 };
	bool has_acl;
	int r = cr_live_xattrs(newer->dir, newer->name, &live, &has_acl);

	if (r < 0)
		return source_fail(r);
	r = cr_entry_xattrs(diff->reader, &diff->view, older, &stored);
	return r < 0 ? r : !same_bytes(&stored, &live);
}

/* What the type alone has, and which aspect that is. */
static int compare_special(const struct cr_diff_live *diff,
			   const struct cr_diff_node *older,
			   const struct cr_live_place *newer,
			   unsigned int *aspect)
{
	const struct cr_entry *a = older->entry, *b = &newer->st.entry;

	switch ((enum cr_entry_type)a->type) {
	case CR_ENTRY_FILE:
		*aspect = CR_DIFF_CONTENT;
		return compare_files(diff, older, newer);
	case CR_ENTRY_SYMLINK:
		*aspect = CR_DIFF_TARGET;
		return compare_targets(diff, a, newer);
	case CR_ENTRY_CHAR:
	case CR_ENTRY_BLOCK:
		*aspect = CR_DIFF_DEVICE;
		return a->dev_major != b->dev_major ||
		       a->dev_minor != b->dev_minor;
	case CR_ENTRY_DIRECTORY:
	case CR_ENTRY_FIFO:
	case CR_ENTRY_SOCKET:
		break;
	}
	return 0;
}

int cr_diff_live_node(const struct cr_diff_live *diff,
		      const struct cr_diff_node *older,
		      const struct cr_live_place *newer)
{
	const struct cr_entry *a = older->entry, *b = &newer->st.entry;
	unsigned int aspects = 0, special = 0;
	int differ;

	assert(a->type == b->type);
	if (a->mode != b->mode)
		aspects |= CR_DIFF_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		aspects |= CR_DIFF_OWNER;
	if (a->type != CR_ENTRY_DIRECTORY &&
	    (a->mtime.sec != b->mtime.sec || a->mtime.nsec != b->mtime.nsec))
		aspects |= CR_DIFF_MTIME;
	differ = compare_xattrs(diff, a, newer);
	if (differ < 0)
		return differ;
	if (differ)
		aspects |= CR_DIFF_XATTRS;
	differ = compare_special(diff, older, newer, &special);
	if (differ < 0)
		return differ;
	return (int)(aspects | (differ ? special : 0));
}
