/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inode.h - the table of nodes: what the kernel's node numbers stand for.
 *
 * A node id is a locator, not a pointer: the number of a shelf << 20 | the
 * ordinal of an entry on it.  A shelf is one page of one directory of one
 * snapshot, or one thing at the top level (ordinal 0).  The kernel's lookups
 * are counted by shelf, so memory grows with directories that were looked into
 * and not with files.  A shelf's number is used again with another generation.
 *
 * What lies on a shelf is kept in a cache of bounded size, keyed by the leaf's
 * id and so shared between snapshots, and read again when it is needed.  A
 * struct cr_node pins it.
 *
 * The table has one lock, held over nothing but its own bookkeeping: never over
 * I/O, decode, hashing or a reply.  Every function may be called by any thread.
 */
#ifndef FS_INODE_H
#define FS_INODE_H

#include <stdint.h>

#include "fs/dates.h"
#include "store/read/dir.h"

struct cr_cached;
struct cr_folder;
struct cr_inodes;
struct cr_shelf;
struct cr_snapshot;

#define CR_NODE_ROOT  1 /* the root of the mount; counted by nobody */
#define CR_NODE_SHIFT 20
#define CR_NODE_INDEX ((1u << CR_NODE_SHIFT) - 1)

/* A directory of a snapshot, and what is wanted from it. */
struct cr_page_want {
	struct cr_view view;
	struct cr_tree_ref tree;
	bool by_name;
	struct cr_piece name; /* when by name */
	uint64_t ordinal;     /* when not */
};

/*
 * Read one page, the caller's, and how many entries its directory has.
 * -ENOENT without a sentence when there is no such entry.
 */
typedef int (*cr_page_fn)(void *arg, const struct cr_page_want *want,
			  struct cr_page **page, uint64_t *entries);

struct cr_inodes_options {
	size_t cache_bytes; /* bounds the pages kept */
	cr_page_fn page;
	void *arg;	    /* of @page; borrowed */
	bool share_folders; /* equal directories have one inode number */
};

cr_must_check int cr_inodes_new(const struct cr_inodes_options *options,
				struct cr_inodes **ret);
/* No node may be held any more. */
void cr_inodes_free(struct cr_inodes *inodes);

/* A node in use: what it stands for stays until it is released. */
struct cr_node {
	uint64_t id;
	uint64_t generation;
	const struct cr_entry *entry; /* borrowed; NULL at the top level */
	struct cr_date date;	      /* top level and snapshot roots */
	struct cr_inodes *inodes;     /* borrowed */
	struct cr_shelf *shelf;	      /* held */
	struct cr_cached *page;	      /* pinned; NULL without a page */
	struct cr_folder *folder;     /* held; once it was looked into */
	uint32_t index;
};

/* The node the kernel means.  -ESTALE without a sentence; or as the page. */
cr_must_check int cr_node_open(struct cr_inodes *inodes, uint64_t id,
			       struct cr_node *ret);
/* The node of something at the top level; of a snapshot its root. */
cr_must_check int cr_node_date(struct cr_inodes *inodes,
			       const struct cr_view *view,
			       const struct cr_date *date, struct cr_node *ret);
void cr_node_release(struct cr_node *node);

/*
 * What is in directory @dir of a snapshot, by name or by ordinal from 0.
 * -ENOENT without a sentence when there is none, -ENOTDIR; or as the page.
 */
cr_must_check int cr_node_child(struct cr_node *dir, struct cr_piece name,
				struct cr_node *ret);
cr_must_check int cr_node_at(struct cr_node *dir, uint64_t ordinal,
			     struct cr_node *ret);
/* Go on to the next entry of the same page; false when there is none. */
bool cr_node_next(struct cr_node *node);

/* What the kernel is told of a node. */
struct cr_node_name {
	uint64_t id;
	uint64_t generation;
};

/*
 * Count one lookup by the kernel; to be taken back with cr_node_forget() when
 * the reply does not reach it.  The links of a file are one node: @ret may name
 * another place of it than @node.
 */
void cr_node_count(struct cr_node *node, struct cr_node_name *ret);
void cr_node_forget(struct cr_inodes *inodes, uint64_t id, uint64_t lookups);

/* Everything below is for nodes of snapshots (entry not NULL) only. */

uint64_t cr_node_ino(const struct cr_node *node);
/* Of the directory it is in; 0 for a snapshot's root. */
uint64_t cr_node_parent_ino(const struct cr_node *node);
const struct cr_snapshot *cr_node_snapshot(const struct cr_node *node);
struct cr_view cr_node_view(const struct cr_node *node);
void cr_node_file_ref(const struct cr_node *node, struct cr_file_ref *ret);
/* Of what lies on a page: the node of its directory, and its ordinal there. */
uint64_t cr_node_place(const struct cr_node *node, uint64_t *ordinal);
/* Likewise: whether it is the last one of its page. */
bool cr_node_is_last(const struct cr_node *node);
/* Append its path within the snapshot, "/" for the root. */
void cr_node_path(const struct cr_node *node, struct cr_buf *out);

/* The id of something at the top level, or 0 when the kernel does not know it.
 */
uint64_t cr_inodes_date_id(struct cr_inodes *inodes,
			   const struct cr_date *date);
/* Everything there that the kernel knows, but the root. */
typedef void (*cr_node_date_fn)(void *arg, uint64_t id,
				const struct cr_date *date);
cr_must_check int cr_inodes_each_date(struct cr_inodes *inodes,
				      cr_node_date_fn fn, void *arg);

struct cr_inodes_stats {
	uint64_t shelves, folders, lookups;
};
void cr_inodes_get_stats(struct cr_inodes *inodes, struct cr_inodes_stats *ret);

static inline void cr_inodes_freep(struct cr_inodes **inodes)
{
	cr_inodes_free(*inodes);
}

#endif
