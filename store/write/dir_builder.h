/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dir_builder.h - one directory, built as its entries come in order of name:
 * leaves, what they refer to, and the nodes above.  FORMAT.md section 8.
 */
#ifndef STORE_WRITE_DIR_BUILDER_H
#define STORE_WRITE_DIR_BUILDER_H

#include "store/base/buf.h"
#include "store/codec/tree_encode.h"
#include "store/write/writer.h"

/* The children of a dnode that is not written yet. */
struct cr_dir_level {
	struct cr_buf children; /* struct cr_dnode_child; names in @names */
	struct cr_buf hints;	/* struct cr_hint */
	struct cr_buf names;	/* end to end */
	uint64_t entries;
	bool full;
};

struct cr_dir_builder {
	struct cr_writer *writer; /* borrowed */
	struct cr_stream *stream; /* borrowed: for inline bytes */
	struct cr_leaf_encoder leaf;
	struct cr_buf first;   /* name of the leaf's first entry */
	struct cr_buf refs;    /* struct cr_id */
	struct cr_buf hints;   /* struct cr_hint */
	struct cr_buf inlined; /* bytes of the small files */
	bool full;
	struct cr_dir_level level[CR_HEIGHT_MAX + 1]; /* [0] is not used */
};

cr_must_check int cr_dir_builder_init(struct cr_dir_builder *b,
				      struct cr_writer *writer,
				      struct cr_stream *stream);
void cr_dir_builder_release(struct cr_dir_builder *b);

/* What an entry refers to, besides what stands in it. */
struct cr_entry_content {
	struct cr_id id;	 /* when cr_entry_has_ref() */
	struct cr_hint hint;	 /* directories; zero when not known */
	struct cr_piece inlined; /* when cr_entry_is_inline() */
};

/* Append @entry, whose name is greater than the one before. */
cr_must_check int cr_dir_builder_add(struct cr_dir_builder *b,
				     const struct cr_entry *entry,
				     const struct cr_entry_content *content);

/*
 * Write what is left and start anew.  @content is CR_CONTENT_NONE (without
 * entries), _LEAF or _DNODE; @where is for hints.
 */
cr_must_check int cr_dir_builder_finish(struct cr_dir_builder *b,
					uint8_t *content, struct cr_id *id,
					struct cr_hint *where);

#endif
