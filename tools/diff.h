/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff.h - what is different between two trees of snapshots.
 *
 * Directories, and pages of large ones, that have the same id cost nothing;
 * nothing is read of files that have the same id.  Trees of writers with
 * different domains share no ids: those are compared by what they hold.
 */
#ifndef TOOLS_DIFF_H
#define TOOLS_DIFF_H

#include "store/read/lookup.h"

enum cr_diff_aspect {
	CR_DIFF_CONTENT = 1,
	CR_DIFF_MODE = 2,
	CR_DIFF_OWNER = 4,
	CR_DIFF_MTIME = 8, /* not of directories: every change below moves it */
	CR_DIFF_XATTRS = 16,
	CR_DIFF_TARGET = 32,
	CR_DIFF_DEVICE = 64,
	CR_DIFF_FLAGS = 128,
};

/* An entry, and what it refers to. */
struct cr_diff_node {
	const struct cr_entry *entry; /* borrowed */
	struct cr_tree_ref tree;
	struct cr_file_ref file;
};

enum cr_diff_kind {
	CR_DIFF_REMOVED = '-',
	CR_DIFF_ADDED = '+',
	CR_DIFF_CHANGED = 'M',
};

struct cr_diff_item {
	enum cr_diff_kind kind;
	unsigned int aspects;		  /* of CHANGED */
	const struct cr_diff_node *older; /* NULL when added */
	const struct cr_diff_node *newer; /* NULL when removed */
	struct cr_piece path;		  /* borrowed; relative to the start */
};

/* One of the two trees. */
struct cr_diff_side {
	struct cr_view view;
	const struct cr_found *start; /* borrowed */
};

struct cr_diff {
	struct cr_reader *reader;    /* borrowed */
	struct cr_diff_side side[2]; /* older, newer */
	/* Called for each difference, in order of paths; not 0 ends it. */
	int (*found)(void *arg, const struct cr_diff_item *item);
	/* Called where damage hides what is different; cr_detail() has it. */
	void (*damaged)(void *arg, struct cr_piece path);
	void *arg;
};

/* 0, what found() returned, or an error that is no damage. */
cr_must_check int cr_diff_run(const struct cr_diff *diff);

/*
 * What is different between two entries of one type: a set of aspects, or an
 * error.
 */
cr_must_check int cr_diff_nodes(const struct cr_diff *diff,
				const struct cr_diff_node *older,
				const struct cr_diff_node *newer);

/* "content", ... of a single aspect. */
const char *cr_diff_aspect_text(enum cr_diff_aspect aspect);

#endif
