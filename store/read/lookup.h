/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lookup.h - (snapshot, path) -> entry, and walking what lies below it.
 */
#ifndef STORE_READ_LOOKUP_H
#define STORE_READ_LOOKUP_H

#include "store/read/dir.h"
#include "store/read/snapshots.h"

/* An entry and what it refers to; owns the page it points into. */
struct cr_found {
	struct cr_page *page; /* owned; NULL for the root */
	struct cr_entry entry;
	struct cr_tree_ref tree; /* directories */
	struct cr_file_ref file; /* files */
	/* The snapshot says that it has no more names below its root. */
	uint64_t names;
};

/*
 * Look up @path (parts separated by "/", any bytes; "" and "/" are the root) in
 * @snapshot.  Symlinks are not followed.  -ENOENT, -ENOTDIR with a sentence.
 */
cr_must_check int cr_lookup(struct cr_reader *reader,
			    const struct cr_view *view,
			    const struct cr_snapshot *snapshot,
			    const char *path, struct cr_found *ret);
void cr_found_release(struct cr_found *found);

/* -CR_ECORRUPT, for who goes through more than @names, with its sentence. */
int cr_names_exceeded(uint64_t names);

void cr_snapshot_root(const struct cr_snapshot *snapshot, struct cr_found *ret);

/*
 * Walk a tree depth first, in order of names, without recursion: one page per
 * level is held.  cr_walk_next() returns 1 and the next entry, 0 at the end, or
 * an error; after an error that is damage the walk may go on: with what comes
 * after the page, or the directory (already returned), that cannot be read.
 *
 * A few objects can be woven to more paths than anybody could go through.  So a
 * walk ends with -CR_ECORRUPT after as many names as the snapshot says it has;
 * all directories are left by that.
 */
struct cr_walk;

enum cr_walk_event {
	CR_WALK_ENTRY, /* any entry; directories before what is in them */
	CR_WALK_LEAVE, /* a directory, after what is in it */
};

struct cr_walk_item {
	enum cr_walk_event event;
	const struct cr_entry *entry; /* borrowed until the next call */
	const struct cr_page *page;   /* borrowed; NULL for the start */
	uint32_t index;		      /* in the page */
	const char *path;   /* borrowed; relative to the start, "" for it */
	size_t path_len;    /* may hold any byte but zero */
	unsigned int depth; /* 0 for the start */
	struct cr_tree_ref tree; /* directories */
	struct cr_file_ref file; /* files */
};

cr_must_check int cr_walk_open(struct cr_reader *reader,
			       const struct cr_view *view,
			       const struct cr_found *start,
			       struct cr_walk **ret);
cr_must_check int cr_walk_next(struct cr_walk *walk, struct cr_walk_item *ret);
/* Do not go into the directory that was just returned. */
void cr_walk_skip(struct cr_walk *walk);
void cr_walk_close(struct cr_walk *walk);

static inline void cr_walk_closep(struct cr_walk **walk)
{
	cr_walk_close(*walk);
}

#endif
