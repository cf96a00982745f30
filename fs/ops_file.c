/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Regular files: every request for the bytes of one. */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <unistd.h>

#include "fs/ahead.h"
#include "fs/mount.h"
#include "fs/ops_int.h"
#include "fs/whole.h"
#include "store/base/buf.h"
#include "store/base/error.h"

#define IOV_COUNT_MAX 1000 /* below IOV_MAX, with room for the header */

static int open_file(struct cr_mount *mount, const struct cr_node *node,
		     struct cr_handle *ret)
{
	struct cr_view view;
	struct cr_file_ref ref;

	if (!node->page || !node->entry)
		return -EISDIR; /* a snapshot's root, or above */
	if (node->entry->type != CR_ENTRY_FILE)
		return -EINVAL;
	view = cr_node_view(node);
	cr_node_file_ref(node, &ref);
	return cr_handle_open(mount->files, &view, &ref, ret);
}

/* Where open is sent, a file known to be damaged cannot even be opened. */
static int check_open(struct cr_mount *mount, fuse_ino_t ino,
		      struct cr_node *node)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	int r = cr_node_open(mount->inodes, ino, node);

	if (r < 0 || !node->entry)
		return r;
	r = open_file(mount, node, &handle);
	return r < 0 ? r : cr_whole_check(mount, node, handle.file);
}

void cr_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	int r;

	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (mount->no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_op_begin(req, "open", ino);
	r = check_open(mount, ino, &node);
	if (!cr_op_ends(req, &node, r))
		return;
	fi->keep_cache = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

void cr_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

void cr_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS); /* and no other is sent */
}

/* Hostile lists may have more pieces than one reply can. */
static void reply_pieces(fuse_req_t req, const struct cr_span *span)
{
	cr_cleanup(cr_freep) uint8_t *bytes = malloc(span->len);
	size_t at = 0;

	if (!bytes) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = 0; i < span->count; i++) {
		memcpy(bytes + at, span->iov[i].iov_base, span->iov[i].iov_len);
		at += span->iov[i].iov_len;
	}
	fuse_reply_buf(req, (const char *)bytes, span->len);
}

static void reply_span(fuse_req_t req, const struct cr_span *span)
{
	if (span->count == 0)
		fuse_reply_buf(req, NULL, 0);
	else if (span->count > IOV_COUNT_MAX)
		reply_pieces(req, span);
	else
		fuse_reply_iov(req, span->iov, (int)span->count);
}

static int read_span(struct cr_mount *mount, const struct cr_node *node,
		     const struct cr_range *range, struct cr_span *ret)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	int r = open_file(mount, node, &handle);

	return r < 0 ? r : cr_whole_span(mount, node, handle.file, range, ret);
}

void cr_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	const struct cr_range range = { (uint64_t)off, size };
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	bool is_text = false;
	int r;

	(void)fi;
	cr_op_begin(req, "read", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		is_text = !node.entry && cr_date_is_file(&node.date);
	if (is_text)
		r = cr_dates_text(mount->dates, &node.date, range.offset, size,
				  &text);
	else if (r == 0)
		r = read_span(mount, &node, &range, &span);
	if (r == 0 && !is_text)
		/* Before who asked can ask for the next: in their order. */
		cr_ahead_note(mount->ahead, &node, range.offset, span.len);
	if (!cr_op_ends(req, &node, r))
		return;
	if (is_text)
		fuse_reply_buf(req, (const char *)text.bytes, text.len);
	else
		reply_span(req, &span);
}

/* The files of the top level have no holes. */
static int seek_text(size_t len, uint64_t off, int whence, uint64_t *ret)
{
	if (off >= len)
		return -ENXIO;
	*ret = whence == SEEK_HOLE ? len : off;
	return 0;
}

static int do_lseek(struct cr_mount *mount, const struct cr_node *node,
		    uint64_t off, int whence, uint64_t *ret)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	int r;

	if (!node->entry && cr_date_is_file(&node->date))
		return seek_text(cr_dates_text_len(&node->date), off, whence,
				 ret);
	r = open_file(mount, node, &handle);
	return r < 0 ? r : cr_file_seek(handle.file, off, whence, ret);
}

void cr_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		 struct fuse_file_info *fi)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	uint64_t at = 0;
	int r;

	(void)fi;
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	cr_op_begin(req, "lseek", ino);
	r = off < 0 ? -ENXIO : cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = do_lseek(mount, &node, (uint64_t)off, whence, &at);
	if (cr_op_ends(req, &node, r))
		fuse_reply_lseek(req, (off_t)at);
}
