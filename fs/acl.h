/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acl.h - ACLs with other owners.  What the kernel would refuse stays as it is:
 * it is the kernel that enforces.
 */
#ifndef FS_ACL_H
#define FS_ACL_H

#include <stdint.h>

#include "store/codec/hash.h"

struct cr_buf;

/* What becomes of the users and groups that an ACL names. */
struct cr_acl_owners {
	uint32_t (*user)(const void *arg, uint32_t id);
	uint32_t (*group)(const void *arg, uint32_t id);
	const void *arg;
};

/* Append @acl with its users and groups replaced.  -ENOMEM. */
cr_must_check int cr_acl_map(struct cr_piece acl,
			     const struct cr_acl_owners *owners,
			     struct cr_buf *out);

/*
 * Append @acl without whom it names.  They are others then, or of the group:
 * these may do no more than the least of those may, so nobody gains by it.
 * -ENOMEM.
 */
cr_must_check int cr_acl_strip(struct cr_piece acl, struct cr_buf *out);

#endif
