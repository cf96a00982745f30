/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_refs.h - what a file's entry refers to, built as its chunks come: the
 * one chunk, or the list of many.  FORMAT.md section 9.
 *
 * Belongs to one thread.
 */
#ifndef STORE_WRITE_FILE_REFS_H
#define STORE_WRITE_FILE_REFS_H

#include "store/write/content.h"
#include "store/write/list_builder.h"

struct cr_file_refs {
	struct cr_list_builder list;
	struct cr_list_item held; /* the first item, until there is a second */
	bool holds;
	bool any; /* there was an item */
};

void cr_file_refs_init(struct cr_file_refs *refs, struct cr_writer *writer);
void cr_file_refs_release(struct cr_file_refs *refs);

/* Append a chunk or a hole; @item->offset is not read.  Errors: the writer's.
 */
cr_must_check int cr_file_refs_add(struct cr_file_refs *refs,
				   const struct cr_list_item *item);

/*
 * No more comes: content and id go to @ret; nothing, where nothing came.
 * @hash, of the whole file, may be NULL.  Errors: the writer's.
 */
cr_must_check int cr_file_refs_finish(struct cr_file_refs *refs,
				      const struct cr_id *hash,
				      struct cr_stored_content *ret);

#endif
