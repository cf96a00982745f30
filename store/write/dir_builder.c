/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/dir_builder.h"

#include "store/base/error.h"
#include "store/codec/object_encode.h"

int cr_dir_builder_init(struct cr_dir_builder *b, struct cr_writer *writer,
			struct cr_stream *stream)
{
	*b = (struct cr_dir_builder){ .writer = writer, .stream = stream };
	return cr_leaf_encoder_init(&b->leaf);
}

void cr_dir_builder_release(struct cr_dir_builder *b)
{
	cr_leaf_encoder_release(&b->leaf);
	cr_buf_release(&b->first);
	cr_buf_release(&b->refs);
	cr_buf_release(&b->hints);
	cr_buf_release(&b->inlined);
	for (size_t i = 0; i < CR_ARRAY_LEN(b->level); i++) {
		cr_buf_release(&b->level[i].children);
		cr_buf_release(&b->level[i].hints);
		cr_buf_release(&b->level[i].names);
	}
}

static struct cr_piece piece_of(const struct cr_buf *buf)
{
	return (struct cr_piece){ buf->bytes, buf->len };
}

/* Store the refs object of the leaf at hand, and its inline chunk. */
static int emit_refs(struct cr_dir_builder *b, struct cr_id *refs_id,
		     struct cr_hint *where)
{
	cr_cleanup(cr_buf_release) struct cr_buf hashed = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };
	uint32_t n = (uint32_t)(b->refs.len / sizeof(struct cr_id));
	struct cr_id inline_id;
	int r;

	if (b->inlined.len > 0) {
		r = cr_stream_put(b->stream, CR_CHUNK_INLINE,
				  piece_of(&b->inlined), CR_CLASS_16K,
				  &inline_id);
		if (r < 0)
			return r;
	}
	r = cr_refs_encode(b->inlined.len > 0 ? &inline_id : NULL,
			   (const void *)b->refs.bytes, n, &hashed);
	if (r == 0)
		r = cr_hints_encode((const void *)b->hints.bytes, n, &tail);
	if (r < 0)
		return r;
	cr_buf_clear(&b->refs);
	cr_buf_clear(&b->hints);
	cr_buf_clear(&b->inlined);
	return cr_writer_put_object(b->writer, CR_CHUNK_REFS, piece_of(&hashed),
				    piece_of(&tail), refs_id, where);
}

static int emit_leaf(struct cr_dir_builder *b, struct cr_id *id,
		     struct cr_hint *where)
{
	cr_cleanup(cr_buf_release) struct cr_buf hashed = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };
	bool has_refs = b->refs.len > 0 || b->inlined.len > 0;
	struct cr_hint refs_hint;
	struct cr_id refs_id;
	int r = has_refs ? emit_refs(b, &refs_id, &refs_hint) : 0;

	if (r == 0 && has_refs)
		r = cr_hints_encode(&refs_hint, 1, &tail);
	if (r == 0)
		r = cr_leaf_encoder_finish(&b->leaf, has_refs ? &refs_id : NULL,
					   &hashed);
	if (r < 0)
		return r;
	b->full = false;
	return cr_writer_put_object(b->writer, CR_CHUNK_LEAF, piece_of(&hashed),
				    piece_of(&tail), id, where);
}

static int emit_dnode(struct cr_dir_builder *b, unsigned int height,
		      struct cr_id *id, struct cr_hint *where)
{
	cr_cleanup(cr_buf_release) struct cr_buf hashed = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf tail = { 0 };
	struct cr_dir_level *level = &b->level[height];
	struct cr_dnode node = {
		.child = (void *)level->children.bytes,
		.children = (uint32_t)(level->children.len /
				       sizeof(struct cr_dnode_child)),
		.height = (uint8_t)height,
	};
	const uint8_t *name = level->names.bytes;
	int r;

	/* Names moved while their buffer grew: point to them only now. */
	for (uint32_t i = 0; i < node.children; i++) {
		node.child[i].first.bytes = name;
		name += node.child[i].first.len;
	}
	r = cr_dnode_encode(&node, &hashed);
	if (r == 0)
		r = cr_hints_encode((const void *)level->hints.bytes,
				    node.children, &tail);
	if (r < 0)
		return r;
	cr_buf_clear(&level->children);
	cr_buf_clear(&level->hints);
	cr_buf_clear(&level->names);
	level->entries = 0;
	level->full = false;
	return cr_writer_put_object(b->writer, CR_CHUNK_DNODE,
				    piece_of(&hashed), piece_of(&tail), id,
				    where);
}

/* A child that is stored, for the level above it. */
struct child {
	struct cr_buf first; /* owned */
	uint64_t entries;
	struct cr_id id;
	struct cr_hint where;
};

static void child_release(struct child *child)
{
	cr_buf_release(&child->first);
}

/* The object of @height becomes a child; the first name is taken along. */
static int make_child(struct cr_dir_builder *b, unsigned int height,
		      struct child *child)
{
	if (height == 0) {
		cr_buf_put(&child->first, b->first.bytes, b->first.len);
		child->entries = b->leaf.count;
	} else {
		const struct cr_dir_level *level = &b->level[height];
		const struct cr_dnode_child *first =
			(const void *)level->children.bytes;

		cr_buf_put(&child->first, level->names.bytes, first->first.len);
		child->entries = level->entries;
	}
	if (cr_buf_error(&child->first) < 0)
		return -ENOMEM;
	return height == 0 ? emit_leaf(b, &child->id, &child->where)
			   : emit_dnode(b, height, &child->id, &child->where);
}

static int add_child(struct cr_dir_builder *b, unsigned int height,
		     const struct child *child)
{
	struct cr_dir_level *level = &b->level[height];
	struct cr_dnode_child mine = {
		.first = { NULL, child->first.len },
		.entries = child->entries,
		.id = child->id,
	};

	if (height > CR_HEIGHT_MAX)
		return cr_fail(EFBIG, "a directory of too many entries");
	if (level->full) {
		cr_cleanup(child_release) struct child up = { 0 };
		int r = make_child(b, height, &up);

		if (r == 0)
			r = add_child(b, height + 1, &up);
		if (r < 0)
			return r;
	}
	cr_buf_put(&level->children, &mine, sizeof(mine));
	cr_buf_put(&level->hints, &child->where, sizeof(child->where));
	cr_buf_put(&level->names, child->first.bytes, child->first.len);
	level->entries += child->entries;
	level->full = cr_dnode_full(
		(uint32_t)(level->children.len / sizeof(mine)),
		level->names.len, &cr_writer_domain(b->writer)->name_key,
		piece_of(&child->first));
	if (cr_buf_error(&level->children) < 0 ||
	    cr_buf_error(&level->hints) < 0)
		return -ENOMEM;
	return cr_buf_error(&level->names);
}

static int push_up(struct cr_dir_builder *b, unsigned int height)
{
	cr_cleanup(child_release) struct child child = { 0 };
	int r = make_child(b, height, &child);

	return r < 0 ? r : add_child(b, height + 1, &child);
}

int cr_dir_builder_add(struct cr_dir_builder *b, const struct cr_entry *entry,
		       const struct cr_entry_content *content)
{
	int r;

	if (b->full) {
		r = push_up(b, 0);
		if (r < 0)
			return r;
	}
	if (b->leaf.count == 0) {
		cr_buf_clear(&b->first);
		cr_buf_put(&b->first, entry->name.bytes, entry->name.len);
	}
	r = cr_leaf_encoder_add(&b->leaf, entry);
	if (r < 0)
		return r;
	if (cr_entry_has_ref(entry)) {
		cr_buf_put(&b->refs, &content->id, sizeof(content->id));
		cr_buf_put(&b->hints, &content->hint, sizeof(content->hint));
	}
	if (cr_entry_is_inline(entry))
		cr_buf_put(&b->inlined, content->inlined.bytes,
			   content->inlined.len);
	b->full = cr_leaf_encoder_full(
		&b->leaf, &cr_writer_domain(b->writer)->name_key, entry->name);
	if (cr_buf_error(&b->first) < 0 || cr_buf_error(&b->refs) < 0 ||
	    cr_buf_error(&b->hints) < 0)
		return -ENOMEM;
	return cr_buf_error(&b->inlined);
}

int cr_dir_builder_finish(struct cr_dir_builder *b, uint8_t *content,
			  struct cr_id *id, struct cr_hint *where)
{
	unsigned int height = 0;

	*where = (struct cr_hint){ 0 };
	if (b->leaf.count == 0) {
		*content = CR_CONTENT_NONE;
		return 0;
	}
	while (height < CR_HEIGHT_MAX &&
	       b->level[height + 1].children.len > 0) {
		int r = push_up(b, height);

		if (r < 0)
			return r;
		height++;
	}
	*content = height == 0 ? CR_CONTENT_LEAF : CR_CONTENT_DNODE;
	return height == 0 ? emit_leaf(b, id, where)
			   : emit_dnode(b, height, id, where);
}
