/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Extended attributes, ACLs among them. */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/xattr.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/mount.h"
#include "fs/ops_int.h"
#include "fs/ours.h"
#include "fs/show.h"
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

struct wanted {
	const char *name;
	struct cr_piece value; /* into one of these: */
	struct cr_buf set;     /* owned: all that were stored */
	struct cr_buf made;    /* owned: what takes the place of one */
};

static void wanted_release(struct wanted *wanted)
{
	cr_buf_release(&wanted->set);
	cr_buf_release(&wanted->made);
}

/* What is shown of an xattr of @node. */
static int get_xattr(struct cr_mount *mount, const struct cr_node *node,
		     struct wanted *wanted)
{
	const char *name = wanted->name;
	struct cr_buf *set = &wanted->set, *made = &wanted->made;
	int r;

	if (cr_ours_is(name)) {
		r = cr_ours_get(mount, node, name, made);
		wanted->value = (struct cr_piece){ made->bytes, made->len };
		return r;
	}
	if (!cr_show_has_xattr(mount->show, name, strlen(name)))
		return -ENODATA;
	r = get_xattrs(mount, node, set);
	if (r == 0)
		r = cr_attr_xattr((struct cr_piece){ set->bytes, set->len },
				  name, &wanted->value);
	return r < 0 ? r
		     : cr_show_xattr(mount->show, node, name, &wanted->value,
				     made);
}

void cr_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    size_t size)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(wanted_release) struct wanted wanted = { .name = name };
	int r;

	/* Final for this mount: which then has no file with any. */
	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_op_begin(req, "getxattr", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattr(mount, &node, &wanted);
	if (cr_op_ends(req, &node, r))
		reply_sized(req, wanted.value, size);
}

/* Names of trusted.* are not for everybody; their values are the kernel's. */
static bool is_for(uid_t who, const char *name)
{
	return who == 0 || strncmp(name, XATTR_TRUSTED_PREFIX,
				   XATTR_TRUSTED_PREFIX_LEN) != 0;
}

/* Take those not shown to @who from a list of names, each with its zero. */
static void drop_hidden(const struct cr_mount *mount, uid_t who,
			struct cr_buf *names)
{
	size_t kept = 0, len;

	for (size_t at = 0; at < names->len; at += len + 1) {
		const char *name = (const char *)names->bytes + at;

		len = strlen(name);
		if (!is_for(who, name) ||
		    !cr_show_has_xattr(mount->show, name, len))
			continue;
		memmove(names->bytes + kept, name, len + 1);
		kept += len + 1;
	}
	names->len = kept;
}

void cr_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct cr_mount *mount = fuse_req_userdata(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	uid_t who = fuse_req_ctx(req)->uid;
	int r;

	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_op_begin(req, "listxattr", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattrs(mount, &node, &set);
	if (r == 0)
		r = cr_attr_xattr_names((struct cr_piece){ set.bytes, set.len },
					&names);
	drop_hidden(mount, who, &names);
	if (cr_op_ends(req, &node, r == -ENODATA ? 0 : r))
		reply_sized(req, (struct cr_piece){ names.bytes, names.len },
			    size);
}
