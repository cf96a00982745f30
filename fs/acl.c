/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/acl.h"

#include <linux/posix_acl.h>

#include "store/base/buf.h"
#include "store/codec/acl.h"

#define ALL (ACL_READ | ACL_WRITE | ACL_EXECUTE)

static int put_as_it_is(struct cr_piece acl, struct cr_buf *out)
{
	cr_buf_put(out, acl.bytes, acl.len);
	return cr_buf_error(out);
}

int cr_acl_map(struct cr_piece acl, const struct cr_acl_owners *owners,
	       struct cr_buf *out)
{
	struct cr_cursor cur;
	struct cr_acl_entry entry;

	if (!cr_acl_begin(acl, &cur))
		return put_as_it_is(acl, out);
	cr_acl_put_header(out);
	while (cr_acl_next(&cur, &entry)) {
		if (entry.tag == ACL_USER)
			entry.id = owners->user(owners->arg, entry.id);
		else if (entry.tag == ACL_GROUP)
			entry.id = owners->group(owners->arg, entry.id);
		cr_acl_put(out, &entry);
	}
	return cr_buf_error(out);
}

int cr_acl_strip(struct cr_piece acl, struct cr_buf *out)
{
	uint16_t mask = ALL, least = ALL;
	bool named = false;
	struct cr_cursor cur;
	struct cr_acl_entry entry;

	if (!cr_acl_begin(acl, &cur))
		return put_as_it_is(acl, out);
	while (cr_acl_next(&cur, &entry)) {
		if (entry.tag == ACL_MASK)
			mask = entry.perm;
		if (entry.tag == ACL_USER || entry.tag == ACL_GROUP) {
			named = true;
			least &= entry.perm;
		}
	}
	least = named ? least & mask : ALL;
	(void)cr_acl_begin(acl, &cur);
	cr_acl_put_header(out);
	while (cr_acl_next(&cur, &entry)) {
		if (entry.tag == ACL_USER || entry.tag == ACL_GROUP)
			continue;
		if (entry.tag == ACL_GROUP_OBJ || entry.tag == ACL_OTHER)
			entry.perm &= least;
		cr_acl_put(out, &entry);
	}
	return cr_buf_error(out);
}
