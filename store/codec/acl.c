/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/acl.h"

#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>

#include "store/base/buf.h"

#define HEADER_LEN 4
#define ENTRY_LEN  8

bool cr_acl_is(const char *name, size_t len)
{
	static const char *const names[] = { XATTR_NAME_POSIX_ACL_ACCESS,
					     XATTR_NAME_POSIX_ACL_DEFAULT };

	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	return false;
}

bool cr_acl_begin(struct cr_piece acl, struct cr_cursor *ret)
{
	*ret = cr_cursor(acl.bytes, acl.len);
	return acl.len >= HEADER_LEN &&
	       (acl.len - HEADER_LEN) % ENTRY_LEN == 0 &&
	       cr_cursor_u32(ret) == POSIX_ACL_XATTR_VERSION;
}

bool cr_acl_next(struct cr_cursor *cur, struct cr_acl_entry *ret)
{
	if (cur->left == 0)
		return false;
	ret->tag = cr_cursor_u16(cur);
	ret->perm = cr_cursor_u16(cur);
	ret->id = cr_cursor_u32(cur);
	return true;
}

void cr_acl_put_header(struct cr_buf *out)
{
	cr_buf_u32(out, POSIX_ACL_XATTR_VERSION);
}

void cr_acl_put(struct cr_buf *out, const struct cr_acl_entry *entry)
{
	cr_buf_u16(out, entry->tag);
	cr_buf_u16(out, entry->perm);
	cr_buf_u32(out, entry->id);
}
