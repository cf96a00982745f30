/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * diff_live.h - what is different between a tree of a snapshot and a live
 * directory, by what stat tells; with read_data by content too, which is hashed
 * and compared with the ids that are stored: no content of the repository is
 * read but that of the smallest files.
 *
 * The live side is walked by descriptor, and not beyond mount points, but where
 * the backup went there.
 */
#ifndef TOOLS_DIFF_LIVE_H
#define TOOLS_DIFF_LIVE_H

#include "store/write/live.h"
#include "tools/diff.h"

struct cr_diff_live {
	struct cr_reader *reader; /* borrowed */
	struct cr_view view;
	const struct cr_found *start; /* borrowed; the older side */
	const char *path;	      /* borrowed; the newer one */
	bool read_data;
	/* As those of struct cr_diff.  The newer node has an entry only. */
	int (*found)(void *arg, const struct cr_diff_item *item);
	void (*damaged)(void *arg, struct cr_piece path);
	/* Called where the live side cannot be read; cr_detail() has it. */
	void (*unreadable)(void *arg, struct cr_piece path);
	void *arg;
};

/*
 * 0, what found() returned, or an error that is not about one path.
 * -CR_ESOURCE: diff->path cannot be opened, or is no directory or file.
 */
cr_must_check int cr_diff_live_run(const struct cr_diff_live *diff);

/* Something live: @name in @dir; or "" and @dir itself, which is open. */
struct cr_live_place {
	int dir;
	const char *name;
	struct cr_live_stat st;
};

/*
 * What is different between entries of one type: a set of aspects, -CR_ESOURCE,
 * or an error.
 */
cr_must_check int cr_diff_live_node(const struct cr_diff_live *diff,
				    const struct cr_diff_node *older,
				    const struct cr_live_place *newer);

#endif
