/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/graph.h"

#include <string.h>

#include "store/base/error.h"
#include "store/codec/list.h"

/* One visit; no recursion, for the depth is the repository's to choose. */
struct visit {
	const struct cr_graph *graph; /* borrowed */
	const struct cr_view *view;   /* borrowed */
	struct cr_graph_ref *stack;   /* owned: met, to be gone into */
	size_t count, room;
};

static void visit_release(struct visit *visit)
{
	free(visit->stack);
	memset(visit, 0, sizeof(*visit));
}

/* What refers to nothing that is not in its bytes. */
static bool is_end(enum cr_chunk_type type)
{
	switch (type) {
	case CR_CHUNK_LEAF:
	case CR_CHUNK_DNODE:
	case CR_CHUNK_LLIST:
	case CR_CHUNK_LNODE:
		return false;
	case CR_CHUNK_REFS: /* gone into with its leaf */
	case CR_CHUNK_DATA:
	case CR_CHUNK_INLINE:
	case CR_CHUNK_XATTR:
	case CR_CHUNK_LINK:
	case CR_CHUNK_TEXT:
	case CR_CHUNK_TYPES:
		break;
	}
	return true;
}

static int ask(const struct visit *visit, const struct cr_graph_ref *ref)
{
	return visit->graph->meet(visit->graph->arg, visit->view, ref);
}

static int meet(struct visit *visit, const struct cr_graph_ref *ref)
{
	int r = ask(visit, ref);

	if (r <= 0 || is_end(ref->type))
		return r < 0 ? r : 0;
	if (visit->count == visit->room) {
		size_t room = cr_max(2 * visit->room, (size_t)1024);
		struct cr_graph_ref *stack =
			reallocarray(visit->stack, room, sizeof(*stack));

		if (!stack)
			return -ENOMEM;
		visit->stack = stack;
		visit->room = room;
	}
	visit->stack[visit->count++] = *ref;
	return 0;
}

static int get(const struct visit *visit, const struct cr_graph_ref *ref,
	       struct cr_pin *pin, struct cr_piece *tail)
{
	return cr_reader_get(visit->graph->reader, visit->view, ref->type,
			     &ref->id, &ref->hint, pin, tail);
}

/* Hints for @n references; a caller frees them. */
static struct cr_hint *hints(struct cr_piece tail, size_t n)
{
	struct cr_hint *hint = calloc(n + 1, sizeof(*hint));

	if (hint)
		cr_hints_parse(tail, hint, n);
	return hint;
}

/* What one entry refers to by its id in the refs object, if anything. */
static bool ref_of(const struct cr_entry *entry, struct cr_graph_ref *ref)
{
	static const enum cr_chunk_type file[] = {
		[CR_CONTENT_CHUNK] = CR_CHUNK_DATA,
		[CR_CONTENT_LLIST] = CR_CHUNK_LLIST,
		[CR_CONTENT_LNODE] = CR_CHUNK_LNODE,
	};

	if (!cr_entry_has_ref(entry))
		return false;
	if (entry->type == CR_ENTRY_DIRECTORY) {
		ref->type = entry->content == CR_CONTENT_LEAF ? CR_CHUNK_LEAF
							      : CR_CHUNK_DNODE;
		return true;
	}
	ref->type = file[entry->content];
	ref->len = entry->content == CR_CONTENT_CHUNK ? entry->size : 0;
	return true;
}

static int meet_refs(struct visit *visit, const struct cr_leaf *leaf,
		     struct cr_piece hashed, struct cr_piece tail)
{
	cr_cleanup(cr_freep) struct cr_hint *hint = hints(tail, leaf->refs);
	struct cr_refs refs;
	int r;

	if (!hint)
		return -ENOMEM;
	r = cr_refs_parse(hashed, leaf, &refs);
	if (r == 0 && refs.has_inline)
		r = meet(visit, &(struct cr_graph_ref){
					.type = CR_CHUNK_INLINE,
					.id = refs.inline_id,
					.len = leaf->inline_len,
				});
	/* Backwards: the stack gives the first again first. */
	for (uint32_t i = leaf->entries; r == 0 && i-- > 0;) {
		const struct cr_entry *entry = &leaf->entry[i];
		struct cr_graph_ref ref = { 0 };

		if (!ref_of(entry, &ref))
			continue;
		ref.id = cr_refs_id(&refs, entry->ref);
		ref.hint = hint[entry->ref];
		r = meet(visit, &ref);
	}
	return r;
}

/* What stands in the leaf itself: xattrs and targets over 256 bytes. */
static int meet_entries(struct visit *visit, const struct cr_leaf *leaf)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < leaf->entries; i++) {
		const struct cr_entry *entry = &leaf->entry[i];

		if (entry->has & CR_HAS_XATTR_OBJECT)
			r = meet(visit, &(struct cr_graph_ref){
						.type = CR_CHUNK_XATTR,
						.id = entry->xattr_id,
					});
		if (r == 0 && entry->type == CR_ENTRY_SYMLINK &&
		    entry->content == 1)
			r = meet(visit, &(struct cr_graph_ref){
						.type = CR_CHUNK_LINK,
						.id = entry->target_id,
					});
	}
	return r;
}

static int expand_leaf(struct visit *visit, const struct cr_graph_ref *ref,
		       struct cr_piece hashed)
{
	cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
	struct cr_graph_ref below = { .type = CR_CHUNK_REFS,
				      .hint = ref->hint };
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	struct cr_piece tail;
	int r;

	r = cr_leaf_parse(hashed, &leaf);
	if (r == 0)
		r = meet_entries(visit, &leaf);
	if (r < 0 || !leaf.has_refs)
		return r;
	below.id = leaf.refs_id;
	/* Written just before its leaf, mostly into one block. */
	below.hint.slot -= below.hint.slot > 0;
	r = ask(visit, &below);
	if (r <= 0)
		return r;
	r = get(visit, &below, &pin, &tail);
	return r < 0 ? r : meet_refs(visit, &leaf, pin.bytes, tail);
}

static int expand_dnode(struct visit *visit, struct cr_piece hashed,
			struct cr_piece tail)
{
	cr_cleanup(cr_dnode_release) struct cr_dnode node = { 0 };
	cr_cleanup(cr_freep) struct cr_hint *hint = NULL;
	int r;

	r = cr_dnode_parse(hashed, &node);
	if (r < 0)
		return r;
	hint = hints(tail, node.children);
	if (!hint)
		return -ENOMEM;
	for (uint32_t i = node.children; r == 0 && i-- > 0;)
		r = meet(visit,
			 &(struct cr_graph_ref){
				 .type = node.height == 1 ? CR_CHUNK_LEAF
							  : CR_CHUNK_DNODE,
				 .id = node.child[i].id,
				 .hint = hint[i],
			 });
	return r;
}

static int expand_llist(struct visit *visit, struct cr_piece hashed)
{
	cr_cleanup(cr_llist_release) struct cr_llist list = { 0 };
	int r = cr_llist_parse(hashed, &list);

	for (uint32_t i = 0; r == 0 && i < list.items; i++) {
		if (list.item[i].hole)
			continue;
		r = meet(visit, &(struct cr_graph_ref){
					.type = CR_CHUNK_DATA,
					.id = list.item[i].id,
					.len = list.item[i].len,
				});
	}
	return r;
}

static int expand_lnode(struct visit *visit, struct cr_piece hashed)
{
	cr_cleanup(cr_lnode_release) struct cr_lnode node = { 0 };
	int r = cr_lnode_parse(hashed, &node);

	for (uint32_t i = node.children; r == 0 && i-- > 0;)
		r = meet(visit,
			 &(struct cr_graph_ref){
				 .type = node.height == 1 ? CR_CHUNK_LLIST
							  : CR_CHUNK_LNODE,
				 .id = node.child[i].id,
			 });
	return r;
}

static int expand(struct visit *visit, const struct cr_graph_ref *ref)
{
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	struct cr_piece tail;
	int r;

	r = get(visit, ref, &pin, &tail);
	if (r < 0)
		return r;
	if (ref->type == CR_CHUNK_LEAF)
		return expand_leaf(visit, ref, pin.bytes);
	if (ref->type == CR_CHUNK_DNODE)
		return expand_dnode(visit, pin.bytes, tail);
	if (ref->type == CR_CHUNK_LLIST)
		return expand_llist(visit, pin.bytes);
	return expand_lnode(visit, pin.bytes);
}

static int meet_text(struct visit *visit, const struct cr_text *text)
{
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < text->pieces; i++)
		r = meet(visit, &(struct cr_graph_ref){
					.type = CR_CHUNK_TEXT,
					.id = text->piece[i],
				});
	return r;
}

static int meet_manifest(struct visit *visit, const struct cr_manifest *m)
{
	const struct cr_text *text[] = { &m->warning_text, &m->mounts_text,
					 &m->users_text, &m->groups_text };
	int r = 0;

	for (size_t i = 0; r == 0 && i < CR_ARRAY_LEN(text); i++)
		r = meet_text(visit, text[i]);
	if (r == 0 && m->root.has & CR_HAS_XATTR_OBJECT)
		r = meet(visit, &(struct cr_graph_ref){
					.type = CR_CHUNK_XATTR,
					.id = m->root.xattr_id,
				});
	if (r < 0 || m->root.content == CR_CONTENT_NONE)
		return r;
	return meet(visit, &(struct cr_graph_ref){
				   .type = m->root.content == CR_CONTENT_LEAF
						   ? CR_CHUNK_LEAF
						   : CR_CHUNK_DNODE,
				   .id = m->root_id,
				   .hint = m->root_hint,
			   });
}

int cr_graph_visit(const struct cr_graph *graph, const struct cr_view *view,
		   const struct cr_snapshot *snapshot)
{
	cr_cleanup(visit_release) struct visit visit = { .graph = graph,
							 .view = view };
	int r = meet_manifest(&visit, &snapshot->manifest);

	while (r == 0 && visit.count > 0) {
		struct cr_graph_ref ref = visit.stack[--visit.count];

		r = expand(&visit, &ref);
		if (cr_is_damage(r)) {
			graph->damaged(graph->arg, &ref);
			r = 0;
		}
	}
	return r;
}
