/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff_dir.h - a directory of a snapshot, entry by entry, for those who compare
 * it with another.
 */
#ifndef TOOLS_DIFF_DIR_H
#define TOOLS_DIFF_DIR_H

#include "tools/diff.h"

/* Where a tree is deeper, only the innermost directory keeps its page. */
#define CR_DIFF_DEEP 64

struct cr_diff_dir {
	struct cr_dir *dir;   /* owned; NULL where this tree has none */
	struct cr_page *page; /* owned; NULL until it is needed */
	uint64_t next;	      /* ordinal of the entry */
};

cr_must_check int cr_diff_dir_open(struct cr_reader *reader,
				   const struct cr_view *view,
				   const struct cr_tree_ref *tree,
				   struct cr_diff_dir *ret);
void cr_diff_dir_release(struct cr_diff_dir *in);

/* Until it is asked for again. */
void cr_diff_dir_drop_page(struct cr_diff_dir *in);

/* The next entry, if any: 1; 0 at the end.  @ret points into the page. */
cr_must_check int cr_diff_dir_peek(struct cr_diff_dir *in,
				   struct cr_diff_node *ret);

#endif
