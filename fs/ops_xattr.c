/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes, ACLs among them. */
#include <errno.h>
#include <fuse_lowlevel.h>

#include "fs/attr.h"
#include "fs/mount.h"
#include "fs/ops_int.h"
#include "fs/reply.h"
#include "store/base/buf.h"
#include "store/base/error.h"

/* Append the set of @node; nothing is read where it has none. */
static int get_xattrs(const struct cr_mount *mount, const struct cr_node *node,
		      struct cr_buf *out)
{
	struct cr_view view;

	if (!node->entry || !cr_attr_has_xattrs(node->entry))
		return -ENODATA;
	view = cr_node_view(node);
	return cr_entry_xattrs(mount->reader, &view, node->entry, out);
}

/* With @size 0 the length is asked for. */
static void reply_sized(fuse_req_t req, struct cr_piece value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value.len);
	else if (value.len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value.bytes, value.len);
}

void cr_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    size_t size)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_piece value = { 0 };
	int r;

	/* Final for this mount: which then has no file with any. */
	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattrs(mount, &node, &set);
	if (r == 0)
		r = cr_attr_xattr((struct cr_piece){ set.bytes, set.len }, name,
				  &value);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		reply_sized(req, value, size);
}

void cr_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	int r;

	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattrs(mount, &node, &set);
	if (r == 0)
		r = cr_attr_xattr_names((struct cr_piece){ set.bytes, set.len },
					&names);
	if (r < 0 && r != -ENODATA)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		reply_sized(req, (struct cr_piece){ names.bytes, names.len },
			    size);
}
