/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/acl_ids.h"

#include <linux/posix_acl.h>

#include "store/codec/acl.h"
#include "store/codec/tree.h"

static int each_id(struct cr_piece acl, cr_acl_id_fn fn, void *arg)
{
	struct cr_acl_entry entry;
	struct cr_cursor cur;
	int r = 0;

	if (!cr_acl_begin(acl, &cur))
		return 0;
	while (r == 0 && cr_acl_next(&cur, &entry))
		if (entry.tag == ACL_USER || entry.tag == ACL_GROUP)
			r = fn(arg, entry.tag == ACL_GROUP, entry.id);
	return r;
}

int cr_acl_ids(struct cr_piece set, cr_acl_id_fn fn, void *arg)
{
	struct cr_xattrs xattrs;
	struct cr_xattr xattr;
	int r = cr_xattrs_parse(set, &xattrs);

	while (r == 0 && cr_xattr_next(&xattrs, &xattr))
		if (cr_acl_is(xattr.name.bytes, xattr.name.len))
			r = each_id(xattr.value, fn, arg);
	return r;
}
