/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/acl.h"

#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <linux/xattr.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/cursor.h"

#define HEADER_LEN 4
#define ENTRY_LEN  8
#define ALL	   (ACL_READ | ACL_WRITE | ACL_EXECUTE)

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};

bool cr_acl_is(const char *name, size_t len)
{
	static const char *const names[] = { XATTR_NAME_POSIX_ACL_ACCESS,
					     XATTR_NAME_POSIX_ACL_DEFAULT };

	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0)
			return true;
	return false;
}

/* The entries of @acl to @cur; false when it is none. */
static bool begin(struct cr_piece acl, struct cr_cursor *cur)
{
	*cur = cr_cursor(acl.bytes, acl.len);
	return acl.len >= HEADER_LEN &&
	       (acl.len - HEADER_LEN) % ENTRY_LEN == 0 &&
	       cr_cursor_u32(cur) == POSIX_ACL_XATTR_VERSION;
}

static bool next(struct cr_cursor *cur, struct entry *ret)
{
	if (cur->left == 0)
		return false;
	ret->tag = cr_cursor_u16(cur);
	ret->perm = cr_cursor_u16(cur);
	ret->id = cr_cursor_u32(cur);
	return true;
}

static void put(struct cr_buf *out, const struct entry *entry)
{
	cr_buf_u16(out, entry->tag);
	cr_buf_u16(out, entry->perm);
	cr_buf_u32(out, entry->id);
}

static int put_as_it_is(struct cr_piece acl, struct cr_buf *out)
{
	cr_buf_put(out, acl.bytes, acl.len);
	return cr_buf_error(out);
}

int cr_acl_map(struct cr_piece acl, const struct cr_acl_owners *owners,
	       struct cr_buf *out)
{
	struct cr_cursor cur;
	struct entry entry;

	if (!begin(acl, &cur))
		return put_as_it_is(acl, out);
	cr_buf_u32(out, POSIX_ACL_XATTR_VERSION);
	while (next(&cur, &entry)) {
		if (entry.tag == ACL_USER)
			entry.id = owners->user(owners->arg, entry.id);
		else if (entry.tag == ACL_GROUP)
			entry.id = owners->group(owners->arg, entry.id);
		put(out, &entry);
	}
	return cr_buf_error(out);
}

int cr_acl_strip(struct cr_piece acl, struct cr_buf *out)
{
	uint16_t mask = ALL, least = ALL;
	bool named = false;
	struct cr_cursor cur;
	struct entry entry;

	if (!begin(acl, &cur))
		return put_as_it_is(acl, out);
	while (next(&cur, &entry)) {
		if (entry.tag == ACL_MASK)
			mask = entry.perm;
		if (entry.tag == ACL_USER || entry.tag == ACL_GROUP) {
			named = true;
			least &= entry.perm;
		}
	}
	least = named ? least & mask : ALL;
	(void)begin(acl, &cur);
	cr_buf_u32(out, POSIX_ACL_XATTR_VERSION);
	while (next(&cur, &entry)) {
		if (entry.tag == ACL_USER || entry.tag == ACL_GROUP)
			continue;
		if (entry.tag == ACL_GROUP_OBJ || entry.tag == ACL_OTHER)
			entry.perm &= least;
		put(out, &entry);
	}
	return cr_buf_error(out);
}
