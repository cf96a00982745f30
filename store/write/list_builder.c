/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/list_builder.h"

#include "store/base/error.h"
#include "store/codec/list_encode.h"

void cr_list_builder_init(struct cr_list_builder *b, struct cr_writer *writer)
{
	*b = (struct cr_list_builder){ .writer = writer };
}

void cr_list_builder_release(struct cr_list_builder *b)
{
	for (size_t i = 0; i < CR_ARRAY_LEN(b->level); i++)
		cr_buf_release(&b->level[i].items);
}

static uint32_t count_of(const struct cr_list_level *level)
{
	return (uint32_t)(level->items.len / sizeof(struct cr_list_item));
}

uint32_t cr_list_builder_count(const struct cr_list_builder *b)
{
	return count_of(&b->level[0]);
}

/* Encode and store what @level holds; it is empty afterwards. */
static int emit(struct cr_list_builder *b, unsigned int height,
		const struct cr_id *hash, struct cr_id *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_list_level *level = &b->level[height];
	struct cr_list_item *item = (void *)level->items.bytes;
	int r;

	if (height == 0) {
		struct cr_llist list = { .item = item,
					 .items = count_of(level) };

		list.has_hash = hash != NULL;
		if (hash)
			list.file_hash = *hash;
		r = cr_llist_encode(&list, &out);
	} else {
		struct cr_lnode node = { .child = item,
					 .children = count_of(level),
					 .height = (uint8_t)height };

		node.has_hash = hash != NULL;
		if (hash)
			node.file_hash = *hash;
		r = cr_lnode_encode(&node, &out);
	}
	if (r < 0)
		return r;
	cr_buf_clear(&level->items);
	level->bytes = 0;
	level->full = false;
	return cr_writer_put_object(
		b->writer, height == 0 ? CR_CHUNK_LLIST : CR_CHUNK_LNODE,
		(struct cr_piece){ out.bytes, out.len },
		(struct cr_piece){ NULL, 0 }, id, NULL);
}

/*
 * Append to a level.  A full object is written only when more follows, since
 * the topmost one must carry the whole-file hash.
 */
static int append(struct cr_list_builder *b, unsigned int height,
		  const struct cr_list_item *item)
{
	struct cr_list_level *level = &b->level[height];
	int r;

	if (height > CR_HEIGHT_MAX)
		return cr_fail(EFBIG, "a file of too many chunks");
	if (level->full) {
		struct cr_list_item child = { .len = level->bytes };

		r = emit(b, height, NULL, &child.id);
		if (r == 0)
			r = append(b, height + 1, &child);
		if (r < 0)
			return r;
	}
	cr_buf_put(&level->items, item, sizeof(*item));
	level->bytes += item->len;
	level->full = height == 0 ? cr_llist_full(count_of(level), item)
				  : cr_lnode_full(count_of(level), &item->id);
	return cr_buf_error(&level->items);
}

int cr_list_builder_add(struct cr_list_builder *b,
			const struct cr_list_item *item)
{
	return append(b, 0, item);
}

static bool is_top(const struct cr_list_builder *b, unsigned int height)
{
	return height == CR_HEIGHT_MAX || b->level[height + 1].items.len == 0;
}

int cr_list_builder_finish(struct cr_list_builder *b, const struct cr_id *hash,
			   uint8_t *content, struct cr_id *id)
{
	unsigned int height = 0;

	for (; !is_top(b, height); height++) {
		struct cr_list_item child = { .len = b->level[height].bytes };
		int r = emit(b, height, NULL, &child.id);

		if (r == 0)
			r = append(b, height + 1, &child);
		if (r < 0)
			return r;
	}
	*content = height == 0 ? CR_CONTENT_LLIST : CR_CONTENT_LNODE;
	return emit(b, height, hash, id);
}
