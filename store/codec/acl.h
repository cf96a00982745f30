/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acl.h - the value of system.posix_acl_access and _default, as the kernel
 * hands it out (linux/posix_acl_xattr.h) and FORMAT.md stores it, in a set of
 * xattrs.
 */
#ifndef STORE_CODEC_ACL_H
#define STORE_CODEC_ACL_H

#include "store/base/cursor.h"
#include "store/codec/hash.h"

struct cr_buf;

struct cr_acl_entry {
	uint16_t tag; /* ACL_USER_OBJ, ... of linux/posix_acl.h */
	uint16_t perm;
	uint32_t id; /* of ACL_USER and ACL_GROUP */
};

/* Whether the xattr @name, of @len bytes, is an ACL. */
bool cr_acl_is(const char *name, size_t len);

/*
 * Iterate the entries of @acl with cr_acl_next(), which cannot fail.  False
 * for what the kernel would refuse by its length or version.
 */
bool cr_acl_begin(struct cr_piece acl, struct cr_cursor *ret);
bool cr_acl_next(struct cr_cursor *cur, struct cr_acl_entry *ret);

/* The other way round: what an ACL begins with, then each entry. */
void cr_acl_put_header(struct cr_buf *out);
void cr_acl_put(struct cr_buf *out, const struct cr_acl_entry *entry);

#endif
