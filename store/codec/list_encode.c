/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/list_encode.h"

#include "store/base/buf.h"

static void put_head(struct cr_buf *out, bool has_hash,
		     const struct cr_id *file_hash)
{
	cr_buf_u8(out, 1);
	cr_buf_u8(out, has_hash ? 1 : 0);
	if (has_hash)
		cr_buf_id(out, file_hash);
}

int cr_llist_encode(const struct cr_llist *list, struct cr_buf *out)
{
	assert(list->items > 0 && list->items <= CR_LLIST_MAX);
	put_head(out, list->has_hash, &list->file_hash);
	cr_buf_varint(out, list->items);
	for (uint32_t i = 0; i < list->items; i++)
		cr_buf_varint(out, list->item[i].len << 1 | list->item[i].hole);
	for (uint32_t i = 0; i < list->items; i++) {
		if (!list->item[i].hole)
			cr_buf_id(out, &list->item[i].id);
	}
	return cr_buf_error(out);
}

int cr_lnode_encode(const struct cr_lnode *node, struct cr_buf *out)
{
	assert(node->children > 0 && node->children <= CR_LNODE_MAX);
	put_head(out, node->has_hash, &node->file_hash);
	cr_buf_u8(out, node->height);
	cr_buf_varint(out, node->children);
	for (uint32_t i = 0; i < node->children; i++)
		cr_buf_varint(out, node->child[i].len);
	for (uint32_t i = 0; i < node->children; i++)
		cr_buf_id(out, &node->child[i].id);
	return cr_buf_error(out);
}

bool cr_llist_full(uint32_t items, const struct cr_list_item *last)
{
	if (items >= CR_LLIST_MAX)
		return true;
	return items >= CR_LLIST_MIN && !last->hole && last->id.bytes[0] == 0 &&
	       (last->id.bytes[1] & 3) == 0;
}

bool cr_lnode_full(uint32_t children, const struct cr_id *last)
{
	return children >= CR_LNODE_MAX ||
	       (children >= CR_LNODE_MIN && last->bytes[2] == 0);
}
