/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/acl_ids.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <string.h>

#include "store/base/cursor.h"
#include "store/codec/tree.h"

static bool is_acl(struct cr_piece name)
{
	static const char *const names[] = { XATTR_NAME_POSIX_ACL_ACCESS,
					     XATTR_NAME_POSIX_ACL_DEFAULT };

	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == name.len &&
		    memcmp(names[i], name.bytes, name.len) == 0)
			return true;
	return false;
}

static int each_id(struct cr_piece acl, cr_acl_id_fn fn, void *arg)
{
	struct cr_cursor cur = cr_cursor(acl.bytes, acl.len);
	int r = 0;

	if (cr_cursor_u32(&cur) != POSIX_ACL_XATTR_VERSION)
		return 0;
	while (r == 0) {
		uint16_t tag = cr_cursor_u16(&cur);
		uint32_t id;

		(void)cr_cursor_u16(&cur);
		id = cr_cursor_u32(&cur);
		if (cur.overrun)
			return 0;
		if (tag == ACL_USER || tag == ACL_GROUP)
			r = fn(arg, tag == ACL_GROUP, id);
	}
	return r;
}

int cr_acl_ids(struct cr_piece set, cr_acl_id_fn fn, void *arg)
{
	struct cr_xattrs xattrs;
	struct cr_xattr xattr;
	int r = cr_xattrs_parse(set, &xattrs);

	while (r == 0 && cr_xattr_next(&xattrs, &xattr))
		if (is_acl(xattr.name))
			r = each_id(xattr.value, fn, arg);
	return r;
}
