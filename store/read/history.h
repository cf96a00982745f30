/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what stood at a path, from snapshot to snapshot of one source.
 *
 * A version is what stood there without a change from one snapshot to another.
 * A directory is the same as long as its tree, mode, owner and xattrs are: so
 * what is asked of a directory costs a read for each of its versions, however
 * many snapshots there are.
 *
 * Histories own what they hold but the snapshots, are immutable once made, and
 * may be shared by threads.
 */
#ifndef STORE_READ_HISTORY_H
#define STORE_READ_HISTORY_H

#include "store/read/dir.h"

struct cr_snapshot;
struct cr_snapshots;

/* The snapshots of one source that are looked at. */
struct cr_history_of {
	/*
	 * Borrowed, by time; only cr_history_root() looks at them.  One with an
	 * error cannot be told of.
	 */
	const struct cr_snapshot *const *snapshot;
	uint32_t count;
	uint32_t newest; /* the number of the one that tells what is gone */
};

struct cr_version {
	uint32_t first, last;			 /* snapshots, by number */
	const struct cr_snapshot *since, *until; /* the same two; borrowed */
	struct cr_view view;			 /* of @since */
	int error;		 /* 0; or it cannot be told, and why */
	struct cr_entry entry;	 /* without what it would point to */
	struct cr_id xattrs;	 /* stands for the set; zero: none */
	struct cr_id target;	 /* symlinks: stands for where it leads */
	struct cr_tree_ref tree; /* directories */
	struct cr_file_ref file; /* files */
};

struct cr_history {
	struct cr_version *version; /* owned; by time, none overlap */
	uint32_t count, room;
	struct cr_history_of of;
};

/* Who reads, and who is told of what cannot be read. */
struct cr_history_reader {
	struct cr_reader *reader; /* borrowed */
	/*
	 * What is in @dir, or @name in it (empty: all of it), cannot be told:
	 * cr_detail() says why.  May be NULL.
	 */
	void (*damaged)(void *arg, const struct cr_version *dir,
			struct cr_piece name, int error);
	void *arg;
};

/*
 * The snapshots in @set from number @at (0 at first) on that are of one source;
 * @at comes to be the first of the next.  False when there are none left.
 */
bool cr_history_next_source(const struct cr_snapshots *set, size_t *at,
			    struct cr_history_of *ret);

/*
 * The history of the root.  Reads nothing.  Snapshots whose key is not here
 * are told as damaged, and become versions with that error.  -ENOMEM.
 */
cr_must_check int cr_history_root(const struct cr_history_reader *by,
				  const struct cr_history_of *of,
				  struct cr_history *ret);

/*
 * The history of @name in @dir; without versions where it never was there.
 * What is damaged becomes a version with that error.  -ENOMEM, -errno from
 * storage.
 */
cr_must_check int cr_history_child(const struct cr_history_reader *by,
				   const struct cr_history *dir,
				   struct cr_piece name,
				   struct cr_history *ret);

/* The history of @path: parts separated by "/". */
cr_must_check int cr_history_path(const struct cr_history_reader *by,
				  const struct cr_history_of *of,
				  struct cr_piece path, struct cr_history *ret);

void cr_history_release(struct cr_history *history);
size_t cr_history_weight(const struct cr_history *history); /* heap bytes */

/* The last version that is no error; or NULL. */
const struct cr_version *cr_history_last(const struct cr_history *history);
/* The version in snapshot @number; or NULL, then it was not there. */
const struct cr_version *cr_history_at(const struct cr_history *history,
				       uint32_t number);
/* Whether it is gone from the newest; not where that cannot be told. */
bool cr_history_is_gone(const struct cr_history *history);

/*
 * How many versions are different from each other; a file that became what it
 * was before has not one more.  With @same (@count numbers) each gets the first
 * version that it is equal to: itself when it is new.  Those with an error do
 * not count.
 */
cr_must_check int cr_history_distinct(const struct cr_history_reader *by,
				      const struct cr_history *history,
				      uint32_t *same);

/* What two versions differ in. */
enum cr_change {
	CR_CHANGE_TYPE = 1,
	CR_CHANGE_CONTENT = 2,
	CR_CHANGE_TARGET = 4,
	CR_CHANGE_DEVICE = 8,
	CR_CHANGE_MODE = 16,
	CR_CHANGE_OWNER = 32,
	CR_CHANGE_MTIME = 64, /* not of directories */
	CR_CHANGE_XATTRS = 128,
	CR_CHANGE_FLAGS = 256,
};
#define CR_CHANGES 9

/*
 * The changes from @a to @b, neither an error: 0 when there is none.  Content
 * is read where ids do not tell: small files, and files of two writers that
 * share no ids.
 */
cr_must_check int cr_version_changes(const struct cr_history_reader *by,
				     const struct cr_version *a,
				     const struct cr_version *b);
/*
 * 1 when there is none, 0 when there is.  Cheaper: of two writers' files, size
 * and mtime are taken to tell.
 */
cr_must_check int cr_version_same(const struct cr_history_reader *by,
				  const struct cr_version *a,
				  const struct cr_version *b);

/* "content", "mode", ... of one change. */
const char *cr_change_text(enum cr_change change);

/* Inside the module: whether an error is an answer, of what cannot be told. */
bool cr_history_is_told(int error);
/*
 * Inside the module: append @version, or make the last one longer by it.
 * @version comes after all there are.
 */
cr_must_check int cr_history_append(const struct cr_history_reader *by,
				    struct cr_history *history,
				    const struct cr_version *version);
/* What entry @i of @page is, for as long as its directory was @dir. */
void cr_version_of(const struct cr_version *dir, const struct cr_page *page,
		   uint32_t i, struct cr_version *ret);

#endif
