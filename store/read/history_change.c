/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What two versions of a history differ in. */
#include "store/base/error.h"
#include "store/read/file_same.h"
#include "store/read/history.h"

static bool one_domain(const struct cr_version *a, const struct cr_version *b)
{
	return a->view.domain == b->view.domain;
}

static int same_content(const struct cr_history_reader *by,
			const struct cr_version *a, const struct cr_version *b)
{
	const struct cr_file_at x = { &a->view, &a->file };
	const struct cr_file_at y = { &b->view, &b->file };

	return a->entry.size == b->entry.size ? cr_file_same(by->reader, &x, &y)
					      : 0;
}

static bool same_mtime(const struct cr_version *a, const struct cr_version *b)
{
	return a->entry.mtime.sec == b->entry.mtime.sec &&
	       a->entry.mtime.nsec == b->entry.mtime.nsec;
}

/* All that can be told without reading anything. */
static unsigned int plain_changes(const struct cr_version *a,
				  const struct cr_version *b)
{
	const struct cr_entry *x = &a->entry, *y = &b->entry;
	bool device = x->type == CR_ENTRY_CHAR || x->type == CR_ENTRY_BLOCK;
	unsigned int changes = 0;

	if (x->type != y->type)
		return CR_CHANGE_TYPE;
	if (x->mode != y->mode)
		changes |= CR_CHANGE_MODE;
	if (x->uid != y->uid || x->gid != y->gid)
		changes |= CR_CHANGE_OWNER;
	if (x->flags != y->flags)
		changes |= CR_CHANGE_FLAGS;
	if (!cr_id_equal(&a->xattrs, &b->xattrs))
		changes |= CR_CHANGE_XATTRS;
	if (device &&
	    (x->dev_major != y->dev_major || x->dev_minor != y->dev_minor))
		changes |= CR_CHANGE_DEVICE;
	if (!cr_id_equal(&a->target, &b->target))
		changes |= CR_CHANGE_TARGET;
	if (x->type != CR_ENTRY_DIRECTORY && !same_mtime(a, b))
		changes |= CR_CHANGE_MTIME;
	if (x->type == CR_ENTRY_DIRECTORY &&
	    (a->tree.content != b->tree.content ||
	     !cr_id_equal(&a->tree.id, &b->tree.id)))
		changes |= CR_CHANGE_CONTENT;
	return changes;
}

int cr_version_changes(const struct cr_history_reader *by,
		       const struct cr_version *a, const struct cr_version *b)
{
	unsigned int changes = plain_changes(a, b);
	int same = 1;

	assert(a->error == 0 && b->error == 0);
	if (a->entry.type == CR_ENTRY_FILE && b->entry.type == CR_ENTRY_FILE)
		same = same_content(by, a, b);
	if (same < 0)
		return same;
	return (int)(same ? changes : changes | CR_CHANGE_CONTENT);
}

int cr_version_same(const struct cr_history_reader *by,
		    const struct cr_version *a, const struct cr_version *b)
{
	if (plain_changes(a, b) != 0)
		return 0;
	if (a->entry.type != CR_ENTRY_FILE)
		return 1;
	/* The mtimes are equal, or that were a change. */
	if (!one_domain(a, b))
		return a->entry.size == b->entry.size;
	return same_content(by, a, b);
}

const char *cr_change_text(enum cr_change change)
{
	switch (change) {
	case CR_CHANGE_TYPE:
		return "type";
	case CR_CHANGE_CONTENT:
		return "content";
	case CR_CHANGE_TARGET:
		return "target";
	case CR_CHANGE_DEVICE:
		return "device";
	case CR_CHANGE_MODE:
		return "mode";
	case CR_CHANGE_OWNER:
		return "owner";
	case CR_CHANGE_MTIME:
		return "mtime";
	case CR_CHANGE_XATTRS:
		return "xattrs";
	case CR_CHANGE_FLAGS:
		return "flags";
	}
	return "unknown";
}
