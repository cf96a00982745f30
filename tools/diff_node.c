/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff_node.c - compare one entry with another of the same type.
 */
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/read/file_same.h"
#include "tools/diff.h"

static bool one_domain(const struct cr_diff *diff)
{
	return diff->side[0].view.domain == diff->side[1].view.domain;
}

static bool same_bytes(const struct cr_buf *a, const struct cr_buf *b)
{
	return a->len == b->len &&
	       (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static int same_file(const struct cr_diff *diff, const struct cr_diff_node *a,
		     const struct cr_diff_node *b)
{
	const struct cr_file_at older = { &diff->side[0].view, &a->file };
	const struct cr_file_at newer = { &diff->side[1].view, &b->file };

	return a->entry->size == b->entry->size
		       ? cr_file_same(diff->reader, &older, &newer)
		       : 0;
}

typedef int (*read_fn)(struct cr_reader *reader, const struct cr_view *view,
		       const struct cr_entry *entry, struct cr_buf *out);

/* 1 when what @read gives is the same. */
static int same_read(const struct cr_diff *diff, const struct cr_entry *a,
		     const struct cr_entry *b, read_fn read)
{
	cr_cleanup(cr_buf_release) struct cr_buf older = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf newer = { 0 };
	int r;

	r = read(diff->reader, &diff->side[0].view, a, &older);
	if (r == 0)
		r = read(diff->reader, &diff->side[1].view, b, &newer);
	return r < 0 ? r : same_bytes(&older, &newer);
}

static int same_xattrs(const struct cr_diff *diff, const struct cr_entry *a,
		       const struct cr_entry *b)
{
	const unsigned int any = CR_HAS_XATTR_HERE | CR_HAS_XATTR_OBJECT;

	if (!(a->has & any) && !(b->has & any))
		return 1;
	if (one_domain(diff) && (a->has & b->has & CR_HAS_XATTR_OBJECT))
		return cr_id_equal(&a->xattr_id, &b->xattr_id);
	return same_read(diff, a, b, cr_entry_xattrs);
}

/* What the type alone has: 1 when it is the same. */
static int same_special(const struct cr_diff *diff,
			const struct cr_diff_node *a,
			const struct cr_diff_node *b)
{
	const struct cr_entry *x = a->entry, *y = b->entry;

	switch ((enum cr_entry_type)x->type) {
	case CR_ENTRY_FILE:
		return same_file(diff, a, b);
	case CR_ENTRY_SYMLINK:
		return x->size == y->size &&
		       same_read(diff, x, y, cr_entry_target);
	case CR_ENTRY_CHAR:
	case CR_ENTRY_BLOCK:
		return x->dev_major == y->dev_major &&
		       x->dev_minor == y->dev_minor;
	case CR_ENTRY_DIRECTORY:
	case CR_ENTRY_FIFO:
	case CR_ENTRY_SOCKET:
		return 1;
	}
	return 1;
}

static unsigned int special_aspect(uint8_t type)
{
	return type == CR_ENTRY_FILE	  ? CR_DIFF_CONTENT
	       : type == CR_ENTRY_SYMLINK ? CR_DIFF_TARGET
					  : CR_DIFF_DEVICE;
}

int cr_diff_nodes(const struct cr_diff *diff, const struct cr_diff_node *older,
		  const struct cr_diff_node *newer)
{
	const struct cr_entry *a = older->entry, *b = newer->entry;
	unsigned int aspects = 0;
	int same;

	assert(a->type == b->type);
	if (a->mode != b->mode)
		aspects |= CR_DIFF_MODE;
	if (a->uid != b->uid || a->gid != b->gid)
		aspects |= CR_DIFF_OWNER;
	if (a->type != CR_ENTRY_DIRECTORY &&
	    (a->mtime.sec != b->mtime.sec || a->mtime.nsec != b->mtime.nsec))
		aspects |= CR_DIFF_MTIME;
	if (a->flags != b->flags)
		aspects |= CR_DIFF_FLAGS;
	same = same_xattrs(diff, a, b);
	if (same < 0)
		return same;
	if (!same)
		aspects |= CR_DIFF_XATTRS;
	same = same_special(diff, older, newer);
	if (same < 0)
		return same;
	if (!same)
		aspects |= special_aspect(a->type);
	return (int)aspects;
}

const char *cr_diff_aspect_text(enum cr_diff_aspect aspect)
{
	switch (aspect) {
	case CR_DIFF_CONTENT:
		return "content";
	case CR_DIFF_MODE:
		return "mode";
	case CR_DIFF_OWNER:
		return "owner";
	case CR_DIFF_MTIME:
		return "mtime";
	case CR_DIFF_XATTRS:
		return "xattrs";
	case CR_DIFF_TARGET:
		return "target";
	case CR_DIFF_DEVICE:
		return "device";
	case CR_DIFF_FLAGS:
		return "flags";
	}
	return "unknown";
}
