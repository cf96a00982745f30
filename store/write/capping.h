/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capping.h - keep large files quick to read, version after version.
 *
 * Of a large file that changes a little all over, each version lies in more
 * blocks than the one before: all that hold something of it must be decoded.
 * So where a window of the file was found in too many blocks, what lies in
 * those that serve it least is stored again, next to what is new: container
 * capping, M. Lillibridge, K. Eshghi, D. Bhagwat, "Improving restore speed for
 * backup systems that use inline chunk-based deduplication", FAST 2013.  What
 * a block is worth is measured by the part of it that is used, as in M.
 * Rosenblum, J. Ousterhout, "The design and implementation of a log-structured
 * file system", 1992.
 *
 * Ids do not depend on it.  What is stored again comes from the source, which
 * is read a second time: a writer need not be able to open its own packs.  It
 * is never more than 1 / CR_CAPPING_BUDGET of the bytes of a window, hence of
 * what a session reads.
 *
 * Belongs to one thread.
 */
#ifndef STORE_WRITE_CAPPING_H
#define STORE_WRITE_CAPPING_H

#include "store/write/writer.h"

#define CR_CAPPING_BUDGET 34 /* at most a 34th: less than 3% */

/* A block in which some of a window was found. */
struct cr_capping_block {
	uint64_t served; /* bytes of the window */
	uint32_t len;	 /* raw, of the block; may lie */
	bool again;	 /* decided: what it serves is stored again */
};

/*
 * Decide for a window of @bytes bytes, new ones too, that was found in @n
 * blocks, of bytes that would fill blocks of @block_len.  While there are too
 * many of them, the one of which the least part is used goes, if that is less
 * than half of it and within the budget; of equals the first.  @order is
 * scratch of @n.  Returns the bytes to be stored again.
 */
uint64_t cr_capping_choose(struct cr_capping_block *block, uint32_t n,
			   uint64_t bytes, size_t block_len, uint32_t *order);

struct cr_capping;

/* Both are borrowed. */
cr_must_check int cr_capping_new(struct cr_writer *writer,
				 struct cr_stream *stream,
				 struct cr_capping **ret);
void cr_capping_free(struct cr_capping *capping);

/* A file begins; what another left is dropped. */
void cr_capping_begin(struct cr_capping *capping,
		      enum cr_size_class size_class);

/*
 * The next bytes of the file, a chunk at @offset, went to the stream.  @where
 * is where it was known to be; NULL when it is new.  -ENOMEM.
 */
cr_must_check int cr_capping_note(struct cr_capping *capping,
				  const struct cr_id *id, uint64_t offset,
				  uint32_t len, const struct cr_hint *where);

/* Whether the window has its size: it is to be settled. */
bool cr_capping_full(const struct cr_capping *capping);

/*
 * Decide, read again from @fd what is to be stored again, put it into the
 * stream, begin another window.  What the source no longer has is left as it
 * is.  Errors: the writer's.
 */
cr_must_check int cr_capping_settle(struct cr_capping *capping, int fd);

#endif
