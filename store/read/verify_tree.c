/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_tree.c - the directories of a snapshot, and the snapshot itself.
 *
 * A tree is walked depth first with a stack of its own.  An object whose every
 * descendant was found good is not gone into again, whichever snapshot or path
 * comes by it; one that was not is, for its paths are to be told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/codec/tree.h"
#include "store/read/lookup.h"
#include "store/read/verify_walk.h"

#define ANY UINT64_MAX

static void walk_release(struct cr_verify_walk *w)
{
	free(w->stack);
	cr_buf_release(&w->names);
	cr_buf_release(&w->path);
}

/* ---- Directories ---------------------------------------------------------
 */

static int push(struct cr_verify_walk *w, const struct cr_verify_frame *frame)
{
	if (w->depth == w->room) {
		size_t room = cr_max(2 * w->room, (size_t)256);
		struct cr_verify_frame *bigger =
			reallocarray(w->stack, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		w->stack = bigger;
		w->room = room;
	}
	w->stack[w->depth++] = *frame;
	return 0;
}

static int push_directory(struct cr_verify_walk *w, size_t parent,
			  const struct cr_entry *entry, const struct cr_id *id,
			  const struct cr_hint *hint)
{
	struct cr_verify_frame frame = {
		.type = entry->content == CR_CONTENT_LEAF ? CR_CHUNK_LEAF
							  : CR_CHUNK_DNODE,
		.id = *id,
		.hint = *hint,
		.parent = parent,
		.name = w->names.len,
		.name_len = entry->name.len,
		.entries = ANY,
		.ordinal = CR_VERIFY_NOWHERE,
	};

	cr_buf_put(&w->names, entry->name.bytes, entry->name.len);
	if (cr_buf_error(&w->names) < 0)
		return -ENOMEM;
	return push(w, &frame);
}

static int parse_xattrs(struct cr_piece hashed)
{
	struct cr_xattrs set;

	return cr_xattrs_parse(hashed, &set);
}

static int parse_link(struct cr_piece hashed)
{
	if (hashed.len <= CR_INLINE_MAX || hashed.len > CR_TARGET_MAX ||
	    memchr(hashed.bytes, 0, hashed.len))
		return cr_fail(CR_ECORRUPT, "not the target of a link");
	return 0;
}

static int parse_text(struct cr_piece hashed)
{
	if (hashed.len == 0 || hashed.len > CR_TEXT_PIECE)
		return cr_fail(CR_ECORRUPT, "not a piece of a text");
	return 0;
}

/* What an entry refers to by itself. */
static int check_entry(struct cr_verify_walk *w, const struct cr_entry *entry,
		       const struct cr_verify_loss *at)
{
	int tainted = 0, r = 0;

	if (entry->has & CR_HAS_XATTR_OBJECT) {
		const struct cr_want want =
			cr_verify_want(w, CR_CHUNK_XATTR, &entry->xattr_id);

		r = cr_verify_end(w, &want, parse_xattrs, at);
		tainted = r == 1;
	}
	if ((r == 0 || r == 1) && entry->type == CR_ENTRY_SYMLINK &&
	    entry->content == 1) {
		const struct cr_want want =
			cr_verify_want(w, CR_CHUNK_LINK, &entry->target_id);

		r = cr_verify_end(w, &want, parse_link, at);
		tainted |= r == 1;
	}
	return r == 0 || r == 1 ? tainted : r;
}

/* A leaf and what goes with it, while its entries are looked at. */
struct page {
	size_t frame;
	struct cr_leaf leaf;
	struct cr_refs refs;
	struct cr_hint *hint; /* owned; one for each ref */
	struct cr_pin pin, refs_pin;
	struct cr_verify_spot refs_spot;
	int refs_error; /* 0, or why the refs cannot be read */
	char why[384];
};

static void page_release(struct page *page)
{
	cr_leaf_release(&page->leaf);
	cr_pin_release(&page->pin);
	cr_pin_release(&page->refs_pin);
	free(page->hint);
}

static int load_refs(struct cr_verify_walk *w, struct page *page,
		     const struct cr_hint *leaf_hint)
{
	struct cr_want want =
		cr_verify_want(w, CR_CHUNK_REFS, &page->leaf.refs_id);
	struct cr_verify_spot *spot = &page->refs_spot;
	struct cr_piece tail;
	int r;

	page->hint = calloc((size_t)page->leaf.refs + 1, sizeof(*page->hint));
	if (!page->hint)
		return -ENOMEM;
	/* Written just before its leaf, mostly into one block. */
	want.hint = *leaf_hint;
	want.hint.slot -= want.hint.slot > 0;
	r = cr_verify_find(w, &want, spot);
	if (r == 0)
		r = cr_verify_get(w, &want, spot, &page->refs_pin, &tail);
	if (r == 0)
		r = cr_refs_parse(page->refs_pin.bytes, &page->leaf,
				  &page->refs);
	if (r == 0)
		cr_hints_parse(tail, page->hint, page->leaf.refs);
	if (r > 0 || (r < 0 && !cr_verify_is_damage(r)))
		return r;
	cr_verify_settle(w, spot->ordinal, r < 0);
	page->refs_error = r;
	(void)snprintf(page->why, sizeof(page->why), "%s",
		       r < 0 ? cr_detail() : "");
	return 0;
}

/* Entry @i of the page.  0, 1 when a part of it is lost (and told). */
static int check_page_entry(struct cr_verify_walk *w, const struct page *page,
			    uint32_t i)
{
	const struct cr_entry *entry = &page->leaf.entry[i];
	const struct cr_verify_loss at = { .frame = page->frame,
					   .name = entry->name };
	int tainted, r;

	w->has_last = false;
	tainted = check_entry(w, entry, &at);
	if (tainted < 0 || tainted > 1)
		return tainted;
	if (page->refs_error < 0 &&
	    (cr_entry_is_inline(entry) || cr_entry_has_ref(entry))) {
		struct cr_verify_loss loss = at;

		loss.error = page->refs_error;
		loss.below = entry->type == CR_ENTRY_DIRECTORY;
		(void)cr_fail(-loss.error, "%s", page->why);
		r = cr_verify_tell(w, &loss, &page->refs_spot);
		return r != 0 ? r : 1;
	}
	if (entry->type != CR_ENTRY_FILE)
		return tainted;
	r = cr_verify_file(w, entry, &page->refs, &at);
	return r == 0 ? tainted : r;
}

static int check_entries(struct cr_verify_walk *w, const struct page *page)
{
	int tainted = 0;

	for (uint32_t i = 0; i < page->leaf.entries; i++) {
		int r = check_page_entry(w, page, i);

		if (r < 0 || r > 1)
			return r;
		tainted |= r;
	}
	return tainted;
}

/* Backwards, so that the first is the first to be taken off the stack. */
static int push_directories(struct cr_verify_walk *w, const struct page *page)
{
	int r = 0;

	for (uint32_t i = page->leaf.entries; r == 0 && i-- > 0;) {
		const struct cr_entry *entry = &page->leaf.entry[i];
		struct cr_id id;

		if (entry->type != CR_ENTRY_DIRECTORY ||
		    !cr_entry_has_ref(entry) || page->refs_error < 0)
			continue;
		id = cr_refs_id(&page->refs, entry->ref);
		r = push_directory(w, page->frame, entry, &id,
				   &page->hint[entry->ref]);
	}
	return r;
}

/*
 * Whether @more entries are more than there can be (lookup.h).  What was found
 * good is not gone through again, so that only damage unfolds in a walk.
 */
static bool exceeds(struct cr_verify_walk *w, uint32_t more)
{
	w->entries += more;
	w->exceeded = w->entries > w->snapshot->manifest.entries;
	return w->exceeded;
}

static int enter_leaf(struct cr_verify_walk *w, size_t frame,
		      struct cr_pin *pin)
{
	cr_cleanup(page_release) struct page page = { .frame = frame };
	const struct cr_hint hint = w->stack[frame].hint;
	uint64_t entries = w->stack[frame].entries;
	int tainted, r;

	page.pin = cr_take(*pin);
	r = cr_leaf_parse(page.pin.bytes, &page.leaf);
	if (r < 0)
		return r;
	if (entries != ANY && entries != page.leaf.entries)
		return cr_fail(CR_ECORRUPT,
			       "directory: %" PRIu32 " entries where %" PRIu64
			       " are named",
			       page.leaf.entries, entries);
	if (exceeds(w, page.leaf.entries))
		return cr_names_exceeded(w->snapshot->manifest.entries);
	if (page.leaf.has_refs) {
		r = load_refs(w, &page, &hint);
		if (r != 0)
			return r;
	}
	tainted = check_entries(w, &page);
	if (tainted < 0 || tainted > 1)
		return tainted;
	r = push_directories(w, &page);
	return r != 0 ? r : tainted;
}

static int enter_dnode(struct cr_verify_walk *w, size_t frame,
		       const struct cr_pin *pin, struct cr_piece tail)
{
	cr_cleanup(cr_dnode_release) struct cr_dnode node = { 0 };
	cr_cleanup(cr_freep) struct cr_hint *hint = NULL;
	const struct cr_verify_frame self = w->stack[frame];
	uint64_t entries = 0;
	int r = cr_dnode_parse(pin->bytes, &node);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < node.children; i++)
		entries += node.child[i].entries;
	/* Heights fall by one a step: so a hostile tree ends too. */
	if ((self.height != 0 && node.height != self.height) ||
	    (self.entries != ANY && entries != self.entries))
		return cr_fail(CR_ECORRUPT,
			       "directory node does not fit its parent");
	hint = calloc((size_t)node.children + 1, sizeof(*hint));
	if (!hint)
		return -ENOMEM;
	cr_hints_parse(tail, hint, node.children);
	for (uint32_t i = node.children; r == 0 && i-- > 0;)
		r = push(w, &(struct cr_verify_frame){
				    .type = node.height > 1 ? CR_CHUNK_DNODE
							    : CR_CHUNK_LEAF,
				    .id = node.child[i].id,
				    .hint = hint[i],
				    .parent = frame,
				    .name = w->names.len,
				    .entries = node.child[i].entries,
				    .ordinal = CR_VERIFY_NOWHERE,
				    .height = (uint8_t)(node.height - 1),
			    });
	return r;
}

/*
 * Look at the object of a frame and put what is below it on the stack.  0, 1
 * when a part of it is lost (and told).
 */
static int enter(struct cr_verify_walk *w, size_t frame)
{
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	struct cr_want want =
		cr_verify_want(w, w->stack[frame].type, &w->stack[frame].id);
	struct cr_verify_loss loss = { .frame = frame, .below = true };
	struct cr_piece tail = { NULL, 0 };
	struct cr_verify_spot spot;
	int r;

	want.hint = w->stack[frame].hint;
	w->has_last = false;
	r = cr_verify_find(w, &want, &spot);
	if (r == 0 && cr_verify_known(w, &spot) == CR_VERIFY_IS_GOOD)
		return 0;
	if (r == 0 && w->quiet &&
	    cr_verify_known(w, &spot) == CR_VERIFY_IS_TAINTED)
		return 1;
	w->stack[frame].ordinal = spot.ordinal;
	if (r == 0) {
		w->stack[frame].hint = spot.hint;
		r = cr_verify_get(w, &want, &spot, &pin, &tail);
	}
	if (r == 0)
		r = want.type == CR_CHUNK_LEAF
			    ? enter_leaf(w, frame, &pin)
			    : enter_dnode(w, frame, &pin, tail);
	if (!cr_verify_is_damage(r))
		return r;
	loss.error = r;
	r = cr_verify_tell(w, &loss, &spot);
	return r != 0 ? r : 1;
}

static void leave(struct cr_verify_walk *w)
{
	const struct cr_verify_frame *frame = &w->stack[--w->depth];

	cr_verify_settle(w, frame->ordinal, frame->tainted);
	if (frame->tainted && frame->parent != CR_VERIFY_NO_FRAME)
		w->stack[frame->parent].tainted = true;
	w->names.len = frame->name;
}

static int go(struct cr_verify_walk *w)
{
	while (w->depth > 0) {
		size_t top = w->depth - 1;
		int r;

		if (w->stack[top].entered) {
			leave(w);
			continue;
		}
		w->stack[top].entered = true;
		if (w->exceeded) { /* it was told, and there is no end of it */
			w->stack[top].tainted = true;
			continue;
		}
		if (w->stack[top].name_len > 0 && w->v->job->at) {
			r = cr_verify_path(w, top,
					   (struct cr_piece){ NULL, 0 });
			if (r < 0)
				return r;
			cr_verify_at(w->v, w->path.bytes, w->path.len);
		}
		r = enter(w, top);
		if (r < 0 || r > 1)
			return r;
		w->stack[top].tainted |= r == 1;
	}
	return 0;
}

/* ---- Snapshots -----------------------------------------------------------
 */

static int check_texts(struct cr_verify_walk *w, const struct cr_manifest *m)
{
	const struct cr_text *const text[] = {
		&m->warning_text,
		&m->mounts_text,
		&m->users_text,
		&m->groups_text,
	};
	const struct cr_verify_loss at = { .frame = CR_VERIFY_NO_FRAME };
	int r = 0;

	w->has_last = false;
	for (size_t t = 0; t < CR_ARRAY_LEN(text); t++) {
		for (uint32_t i = 0; i < text[t]->pieces; i++) {
			const struct cr_want want = cr_verify_want(
				w, CR_CHUNK_TEXT, &text[t]->piece[i]);

			r = cr_verify_end(w, &want, parse_text, &at);
			if (r < 0 || r > 1)
				return r;
		}
	}
	return 0;
}

int cr_verify_snapshot(struct cr_verifier *v,
		       const struct cr_snapshot *snapshot, bool quiet)
{
	cr_cleanup(walk_release) struct cr_verify_walk w = {
		.v = v,
		.snapshot = snapshot,
		.quiet = quiet,
	};
	const struct cr_manifest *m = &snapshot->manifest;
	const struct cr_verify_loss at = { .frame = CR_VERIFY_NO_FRAME };
	int r;

	r = cr_view_init(v->repo, snapshot, &w.view);
	if (r == -CR_ECAPABILITY)
		return quiet ? 0
			     : cr_verify_note(v, snapshot->object,
					      "not checked: this key does not "
					      "have its domain");
	if (r == 0)
		r = check_texts(&w, m);
	if (r == 0)
		r = check_entry(&w, &m->root, &at);
	if (r < 0 || r > 1 || m->root.content == CR_CONTENT_NONE)
		return r == 1 ? 0 : r;
	r = push_directory(&w, CR_VERIFY_NO_FRAME, &m->root, &m->root_id,
			   &m->root_hint);
	return r != 0 ? r : go(&w);
}
