/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What two versions of a history differ in. */
#include <string.h>

#include "store/base/error.h"
#include "store/read/file.h"
#include "store/read/history.h"

enum { WINDOW = 64 << 10 };

static bool one_domain(const struct cr_version *a, const struct cr_version *b)
{
	return a->view.domain == b->view.domain;
}

/* Both have @size bytes.  1 when they are equal, 0 when not. */
static int compare_bytes(const struct cr_file *a, const struct cr_file *b,
			 uint64_t size)
{
	cr_cleanup(cr_freep) uint8_t *bytes = malloc(2 * (size_t)WINDOW);

	if (!bytes)
		return -ENOMEM;
	for (uint64_t at = 0; at < size;) {
		size_t len = (size_t)cr_min(size - at, (uint64_t)WINDOW);
		ssize_t n = cr_file_read(a, at, bytes, len);
		ssize_t m =
			n < 0 ? 0 : cr_file_read(b, at, bytes + WINDOW, len);

		if (n < 0 || m < 0)
			return (int)(n < 0 ? n : m);
		if (n != m || n == 0 ||
		    memcmp(bytes, bytes + WINDOW, (size_t)n) != 0)
			return 0;
		at += (size_t)n;
	}
	return 1;
}

/* Where ids do not tell: 1 when the files hold the same, 0 when not. */
static int same_bytes(const struct cr_history_reader *by,
		      const struct cr_version *a, const struct cr_version *b)
{
	cr_cleanup(cr_file_closep) struct cr_file *older = NULL;
	cr_cleanup(cr_file_closep) struct cr_file *newer = NULL;
	struct cr_id hash[2];
	int r;

	r = cr_file_open(by->reader, &a->view, &a->file, &older);
	if (r == 0)
		r = cr_file_open(by->reader, &b->view, &b->file, &newer);
	if (r < 0)
		return r;
	if (cr_file_hash(older, &hash[0]) && cr_file_hash(newer, &hash[1]))
		return cr_id_equal(&hash[0], &hash[1]);
	/* Too sparse to be hashed: with other ids they were cut otherwise. */
	if (one_domain(a, b) && a->file.content >= CR_CONTENT_LLIST &&
	    b->file.content >= CR_CONTENT_LLIST)
		return 0;
	return compare_bytes(older, newer, a->file.size);
}

static int same_content(const struct cr_history_reader *by,
			const struct cr_version *a, const struct cr_version *b)
{
	const struct cr_file_ref *x = &a->file, *y = &b->file;

	if (a->entry.size != b->entry.size)
		return 0;
	if (a->entry.size == 0)
		return 1;
	if (one_domain(a, b) && x->content == y->content &&
	    x->inline_at == y->inline_at && cr_id_equal(&x->id, &y->id))
		return 1;
	if (one_domain(a, b) && x->content == CR_CONTENT_CHUNK &&
	    y->content == CR_CONTENT_CHUNK)
		return 0;
	return same_bytes(by, a, b);
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
