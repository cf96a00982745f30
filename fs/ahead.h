/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ahead.h - do for those who read what they will ask for next, on other cores:
 * small files of a directory that is walked (walk.h) are decoded and stored in
 * the kernel's page cache before anybody asks for them, so that nobody waits
 * for us at all; of a large file that is read in order (stream.h) the next
 * blocks are decoded.
 *
 * It is done by threads of its own, which no request waits for: what is asked
 * for before it was brought is read by whoever was asked.  What cannot be read
 * is left to the request for it, which says why.  What is decoded is kept in
 * the reader's cache and bounded by it; a thread pins one file at a time.
 *
 * To store a page the kernel may have to wait for the answer to a request for
 * it.  So these threads hold nothing meanwhile, and they must have ended before
 * the last of those who answer.
 */
#ifndef FS_AHEAD_H
#define FS_AHEAD_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_ahead;
struct cr_mount;
struct cr_node;
struct fuse_session;

/* @cache_bytes: of decoded blocks in all. */
cr_must_check int cr_ahead_new(struct cr_mount *mount, size_t cache_bytes,
			       struct cr_ahead **ret);
/* Start the threads, once the session is there; without them nothing is done.
 */
cr_must_check int cr_ahead_start(struct cr_ahead *ahead);
/* Wait for their end.  Accepts NULL; the second time there are none. */
void cr_ahead_stop(struct cr_ahead *ahead);
void cr_ahead_free(struct cr_ahead *ahead); /* stopped */

/*
 * A request for @len bytes at @offset of the file @node is about to be
 * answered. Called in the order in which one reader asks.
 */
void cr_ahead_note(struct cr_ahead *ahead, const struct cr_node *node,
		   uint64_t offset, size_t len);

/* The last of the names of directory @id are about to be listed. */
void cr_ahead_listed(struct cr_ahead *ahead, uint64_t id);

struct cr_ahead_stats {
	uint64_t files, bytes; /* that the kernel was given */
	uint64_t refused;      /* files that it did not take */
	uint64_t decoded;      /* bytes of large files */
	uint64_t followed;     /* blocks that come after one in use */
	uint64_t dropped;      /* for want of threads */
};
void cr_ahead_get_stats(const struct cr_ahead *ahead,
			struct cr_ahead_stats *ret);

/* The same, to the log. */
void cr_ahead_log(const struct cr_ahead *ahead);

static inline void cr_ahead_freep(struct cr_ahead **ahead)
{
	cr_ahead_free(*ahead);
}

#endif
