/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * graph.h - every chunk that a snapshot needs: trees, lists, content, xattrs,
 * symlink targets, the texts of its manifest.
 *
 * The caller says for each chunk whether to go into it, so whoever knows a
 * subtree already pays nothing for it.  No path is known here, and no order
 * but that a chunk is met before what it refers to.
 */
#ifndef TOOLS_GRAPH_H
#define TOOLS_GRAPH_H

#include "store/read/reader.h"
#include "store/read/snapshots.h"

struct cr_graph_ref {
	enum cr_chunk_type type;
	struct cr_id id;
	struct cr_hint hint;
	uint64_t len; /* of the chunk; 0 where it must be read to know */
};

struct cr_graph {
	struct cr_reader *reader; /* borrowed */
	/* 1: go into it, 0: do not; else this ends the visit. */
	int (*meet)(void *arg, const struct cr_view *view,
		    const struct cr_graph_ref *ref);
	/* What it refers to could not be read: cr_detail() says why. */
	void (*damaged)(void *arg, const struct cr_graph_ref *ref);
	void *arg;
};

/* 0, what meet() returned, or an error that is no damage. */
cr_must_check int cr_graph_visit(const struct cr_graph *graph,
				 const struct cr_view *view,
				 const struct cr_snapshot *snapshot);

#endif
