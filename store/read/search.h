/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * search.h - which names there ever were, in all snapshots of a source at once,
 * each with its history (history.h).
 *
 * Directories are gone through as one tree: each version of each is read once,
 * and what did not change is not read again for another snapshot.  A tree in
 * which nothing was found is remembered by its id, and not looked into again
 * wherever it appears.  Memory is bounded: of large directories as many names
 * are held at once as there is room for, and of many trees some are forgotten.
 */
#ifndef STORE_READ_SEARCH_H
#define STORE_READ_SEARCH_H

#include "store/read/history.h"

struct cr_search;

struct cr_search_options {
	struct cr_reader *reader; /* borrowed */
	size_t memory;
	/*
	 * Whether @path is looked for; @name is the last part of it.  With
	 * @by_path it may depend on all of it: then a tree is looked into
	 * wherever it appears.
	 */
	bool (*matches)(void *arg, struct cr_piece path, struct cr_piece name);
	bool by_path;
	/* Something is found.  Not 0 ends the search and is returned. */
	int (*found)(void *arg, struct cr_piece path,
		     const struct cr_history *history);
	/* What is below @path in @snapshot cannot be told: cr_detail(). */
	void (*damaged)(void *arg, struct cr_piece path,
			const struct cr_snapshot *snapshot, int error);
	void *arg;
};

cr_must_check int cr_search_new(const struct cr_search_options *options,
				struct cr_search **ret);
void cr_search_free(struct cr_search *search);

/*
 * Search the snapshots of one source; where there is more than they say, that
 * is told as damage and ends it (lookup.h); what is found comes in the order of
 * paths, directories before what is in them.  -ENOMEM, -errno from storage.
 */
cr_must_check int cr_search_run(struct cr_search *search,
				const struct cr_history_of *of);

static inline void cr_search_freep(struct cr_search **search)
{
	cr_search_free(*search);
}

#endif
