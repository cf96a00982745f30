/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * walk.h - who goes through directories file by file, and what he will ask for
 * next: whole directories may then be brought before he does.
 *
 * A directory is walked once three of its files were asked for one after the
 * other, or eight in any order; right after another that was walked, it is
 * enough that it was listed, or its first file asked for.  What follows is
 * given out in windows that double.  Files that are brought are not asked for
 * any more, so one in each window is left out: that it is asked for says that
 * somebody still comes by.  Where nobody does, the next directories have to be
 * recognised again.
 *
 * The way of Linux's own read-ahead (mm/readahead.c, its marker page), with
 * files in the place of pages.
 *
 * Any thread may call anything.  One lock, held over nothing but a short scan.
 */
#ifndef FS_WALK_H
#define FS_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_walks;

cr_must_check int cr_walks_new(struct cr_walks **ret);
void cr_walks_free(struct cr_walks *walks);

/*
 * The first bytes of entry @ordinal of directory @dir were asked for.  Whether
 * to begin, or go on, with cr_walks_next() until that says no: true for one
 * caller at a time.
 */
bool cr_walks_ask(struct cr_walks *walks, uint64_t dir, uint64_t ordinal);

/*
 * All names of @dir were listed.  Likewise: where directories are walked, one
 * after the other, who lists the next is about to read it.
 */
bool cr_walks_enter(struct cr_walks *walks, uint64_t dir);

/* Whether somebody went through directories lately. */
bool cr_walks_go_on(struct cr_walks *walks);

/* The entry of @dir to look at now; false when that is enough for the time. */
bool cr_walks_next(struct cr_walks *walks, uint64_t dir, uint64_t *ordinal);

/* There is no such entry: the directory ends before it. */
void cr_walks_end(struct cr_walks *walks, uint64_t dir);
/* Stop: what is brought is not taken. */
void cr_walks_drop(struct cr_walks *walks, uint64_t dir);

/*
 * Entry @ordinal, just given out, is a file that could be brought; @last: no
 * other follows.  Whether to; else it is the one left out.
 */
bool cr_walks_bring(struct cr_walks *walks, uint64_t dir, uint64_t ordinal,
		    bool last);

static inline void cr_walks_freep(struct cr_walks **walks)
{
	cr_walks_free(*walks);
}

#endif
