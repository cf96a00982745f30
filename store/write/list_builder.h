/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list_builder.h - the list of a large file, built as its chunks come: memory
 * is one object per level, however long the file.  FORMAT.md section 9.
 */
#ifndef STORE_WRITE_LIST_BUILDER_H
#define STORE_WRITE_LIST_BUILDER_H

#include "store/base/buf.h"
#include "store/codec/list.h"
#include "store/write/writer.h"

/* The items of an object that is not written yet. */
struct cr_list_level {
	struct cr_buf items; /* struct cr_list_item */
	uint64_t bytes;
	bool full; /* ends here, should another item follow */
};

struct cr_list_builder {
	struct cr_writer *writer; /* borrowed */
	struct cr_list_level level[CR_HEIGHT_MAX + 1];
};

void cr_list_builder_init(struct cr_list_builder *b, struct cr_writer *writer);
void cr_list_builder_release(struct cr_list_builder *b);

/* Append a chunk or a hole; @item->offset is not read.  Errors: the writer's.
 */
cr_must_check int cr_list_builder_add(struct cr_list_builder *b,
				      const struct cr_list_item *item);

/* How many items there were, as long as they fit one object. */
uint32_t cr_list_builder_count(const struct cr_list_builder *b);

/*
 * Write what is left.  @hash, the whole-file hash, may be NULL.  @content is
 * CR_CONTENT_LLIST or _LNODE, @id the topmost object.
 */
cr_must_check int cr_list_builder_finish(struct cr_list_builder *b,
					 const struct cr_id *hash,
					 uint8_t *content, struct cr_id *id);

#endif
