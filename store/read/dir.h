/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dir.h - directories as they were stored: pages of entries, found by name or
 * by ordinal in O(height).  FORMAT.md section 8.
 *
 * Directories and pages own what they point to (nothing of the cache is pinned
 * by them), are immutable once opened, and may be shared by threads.
 */
#ifndef STORE_READ_DIR_H
#define STORE_READ_DIR_H

#include "store/base/buf.h"
#include "store/codec/tree.h"
#include "store/read/reader.h"

/* What refers to a directory's content. */
struct cr_tree_ref {
	uint8_t content; /* CR_CONTENT_NONE, _LEAF, _DNODE */
	struct cr_id id;
	struct cr_hint hint;
};

/* What refers to a file's content; see file.h. */
struct cr_file_ref {
	uint8_t content; /* CR_CONTENT_NONE, _INLINE, _CHUNK, _LLIST, _LNODE */
	struct cr_id id; /* of the chunk, list or inline chunk */
	uint32_t inline_at;
	uint64_t size;
	uint64_t data_bytes;
};

/* One leaf with what it refers to. */
struct cr_page {
	struct cr_leaf leaf;
	uint64_t first;	 /* ordinal of its first entry in the directory */
	struct cr_id id; /* of the leaf */
	struct cr_refs refs;
	struct cr_hint *hint;	  /* owned; one for each ref */
	struct cr_buf leaf_bytes; /* owned; what the leaf points into */
	struct cr_buf refs_bytes; /* owned; what the refs point into */
};

struct cr_dir;

cr_must_check int cr_dir_open(struct cr_reader *reader,
			      const struct cr_view *view,
			      const struct cr_tree_ref *ref,
			      struct cr_dir **ret);
void cr_dir_close(struct cr_dir *dir);

/* How many entries it has. */
uint64_t cr_dir_entries(const struct cr_dir *dir);

/*
 * The page that holds entry @ordinal (0 to entries - 1).  The caller's: free it
 * with cr_page_free().  -ENOENT without a sentence beyond the end.
 */
cr_must_check int cr_dir_page(const struct cr_dir *dir, uint64_t ordinal,
			      struct cr_page **ret);

/*
 * The ordinal after the page that holds @ordinal, which need not be readable:
 * where to go on after damage.  The end, when it cannot be told.
 */
uint64_t cr_dir_after_page(const struct cr_dir *dir, uint64_t ordinal);

/* The page that holds @name, and where in it.  -ENOENT without a sentence. */
cr_must_check int cr_dir_find(const struct cr_dir *dir, struct cr_piece name,
			      struct cr_page **page, uint32_t *index);

/*
 * The same for the directory that @ref refers to, reading no more of it than
 * the way to that page.
 */
cr_must_check int cr_tree_find(struct cr_reader *reader,
			       const struct cr_view *view,
			       const struct cr_tree_ref *ref,
			       struct cr_piece name, struct cr_page **page,
			       uint32_t *index);

/*
 * Call @fn with each page of it in order; a return that is not 0 ends that and
 * is returned.  In place of what cannot be read @fn gets NULL and the error.
 */
typedef int (*cr_page_each_fn)(void *arg, const struct cr_page *page,
			       int error);
cr_must_check int cr_tree_each_page(struct cr_reader *reader,
				    const struct cr_view *view,
				    const struct cr_tree_ref *ref,
				    cr_page_each_fn fn, void *arg);

void cr_page_free(struct cr_page *page);
size_t cr_page_weight(const struct cr_page *page); /* heap bytes */

/* What entry @i refers to.  For directories and files respectively. */
void cr_page_tree_ref(const struct cr_page *page, uint32_t i,
		      struct cr_tree_ref *ret);
void cr_page_file_ref(const struct cr_page *page, uint32_t i,
		      struct cr_file_ref *ret);

/*
 * The set of xattrs of an entry, appended to @out (nothing when it has none);
 * a symlink's target likewise.  Parse the set with cr_xattrs_parse().
 */
cr_must_check int cr_entry_xattrs(struct cr_reader *reader,
				  const struct cr_view *view,
				  const struct cr_entry *entry,
				  struct cr_buf *out);
cr_must_check int cr_entry_target(struct cr_reader *reader,
				  const struct cr_view *view,
				  const struct cr_entry *entry,
				  struct cr_buf *out);

static inline void cr_dir_closep(struct cr_dir **dir)
{
	cr_dir_close(*dir);
}

static inline void cr_page_freep(struct cr_page **page)
{
	cr_page_free(*page);
}

#endif
