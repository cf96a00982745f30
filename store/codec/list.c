/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/list.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

#define LIST_BYTES_MAX INT64_MAX /* files end below 2^63 */

/* The least that a child of an lnode takes: its length and its id. */
#define CHILD_MIN (1 + CR_ID_LEN)

/* Version, flags and whole-file hash.  Returns what is wrong, or NULL. */
static const char *head_read(struct cr_cursor *cur, bool *has_hash,
			     struct cr_id *file_hash)
{
	uint8_t flags;

	if (cr_cursor_u8(cur) != 1)
		return "unknown version";
	flags = cr_cursor_u8(cur);
	if (flags > 1)
		return "unknown flags";
	*has_hash = flags == 1;
	if (*has_hash)
		*file_hash = cr_cursor_id(cur);
	return cur->overrun ? "cut short" : NULL;
}

/* Lay out an item of @len bytes at *@end.  Returns what is wrong, or NULL. */
static const char *item_place(struct cr_list_item *item, uint64_t len,
			      uint64_t *end)
{
	if (len == 0)
		return "length 0";
	if (len > LIST_BYTES_MAX - *end)
		return "the file would reach 2^63 bytes";
	item->offset = *end;
	item->len = len;
	*end += len;
	return NULL;
}

static const char *item_read(struct cr_cursor *cur, struct cr_llist *list,
			     uint32_t i)
{
	struct cr_list_item *item = &list->item[i];
	uint64_t v = cr_cursor_varint(cur);

	if (cur->overrun)
		return "cut short or malformed";
	item->hole = v & 1;
	if (!item->hole && v >> 1 > CR_CHUNK_MAX)
		return "longer than a chunk may be";
	if (item->hole && i > 0 && list->item[i - 1].hole)
		return "a hole after a hole";
	return item_place(item, v >> 1, &list->bytes);
}

int cr_llist_parse(struct cr_piece hashed, struct cr_llist *ret)
{
	cr_cleanup(cr_llist_release) struct cr_llist list = { 0 };
	struct cr_cursor cur = cr_cursor(hashed.bytes, hashed.len);
	const char *bad = head_read(&cur, &list.has_hash, &list.file_hash);
	uint64_t n = cr_cursor_varint(&cur);
	uint32_t chunks = 0;

	if (bad)
		return cr_fail(CR_ECORRUPT, "llist: %s", bad);
	/* An item takes at least a byte. */
	if (n == 0 || n > CR_LLIST_MAX || n > cur.left)
		return cr_fail(CR_ECORRUPT,
			       "llist: %" PRIu64 " items in %zu bytes", n,
			       hashed.len);
	list.item = calloc(n, sizeof(*list.item));
	if (!list.item)
		return -ENOMEM;
	for (; list.items < n; list.items++) {
		bad = item_read(&cur, &list, list.items);
		if (bad)
			return cr_fail(CR_ECORRUPT,
				       "llist: item %" PRIu32 ": %s",
				       list.items, bad);
		chunks += !list.item[list.items].hole;
	}
	if (cur.left != (size_t)chunks * CR_ID_LEN)
		return cr_fail(CR_ECORRUPT,
			       "llist: %zu bytes for %" PRIu32 " ids", cur.left,
			       chunks);
	for (uint32_t i = 0; i < list.items; i++) {
		if (!list.item[i].hole)
			list.item[i].id = cr_cursor_id(&cur);
	}
	*ret = cr_take(list);
	return 0;
}

void cr_llist_release(struct cr_llist *list)
{
	free(list->item);
	*list = (struct cr_llist){ 0 };
}

static int children_read(struct cr_cursor *cur, struct cr_lnode *node,
			 uint32_t n)
{
	for (; node->children < n; node->children++) {
		uint64_t len = cr_cursor_varint(cur);
		const char *bad = item_place(&node->child[node->children], len,
					     &node->bytes);

		if (bad)
			return cr_fail(CR_ECORRUPT,
				       "lnode: child %" PRIu32 ": %s",
				       node->children, bad);
	}
	if (cur->overrun || cur->left != (size_t)n * CR_ID_LEN)
		return cr_fail(CR_ECORRUPT,
			       "lnode: %zu bytes for %" PRIu32 " ids",
			       cur->left, n);
	for (uint32_t i = 0; i < n; i++)
		node->child[i].id = cr_cursor_id(cur);
	return 0;
}

int cr_lnode_parse(struct cr_piece hashed, struct cr_lnode *ret)
{
	cr_cleanup(cr_lnode_release) struct cr_lnode node = { 0 };
	struct cr_cursor cur = cr_cursor(hashed.bytes, hashed.len);
	const char *bad = head_read(&cur, &node.has_hash, &node.file_hash);
	uint64_t n;
	int r;

	if (bad)
		return cr_fail(CR_ECORRUPT, "lnode: %s", bad);
	node.height = cr_cursor_u8(&cur);
	if (node.height == 0 || node.height > CR_HEIGHT_MAX)
		return cr_fail(CR_ECORRUPT, "lnode: height %d", node.height);
	n = cr_cursor_varint(&cur);
	if (n == 0 || n > CR_LNODE_MAX || n > cur.left / CHILD_MIN)
		return cr_fail(CR_ECORRUPT,
			       "lnode: %" PRIu64 " children in %zu bytes", n,
			       hashed.len);
	node.child = calloc(n, sizeof(*node.child));
	if (!node.child)
		return -ENOMEM;
	r = children_read(&cur, &node, (uint32_t)n);
	if (r < 0)
		return r;
	*ret = cr_take(node);
	return 0;
}

void cr_lnode_release(struct cr_lnode *node)
{
	free(node->child);
	*node = (struct cr_lnode){ 0 };
}
