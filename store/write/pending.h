/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pending.h - files that are cut and wait for the ids of their chunks.
 *
 * A processor makes four or eight BLAKE2b hashes side by side in the time of
 * one, so the chunks of several files wait until there are enough of them.
 * They are stored in the order in which they came: what is stored together is
 * read together.
 *
 * Belongs to one thread.
 */
#ifndef STORE_WRITE_PENDING_H
#define STORE_WRITE_PENDING_H

#include "store/write/content.h"

struct cr_pending;

/* Both are borrowed. */
cr_must_check int cr_pending_new(struct cr_writer *writer,
				 struct cr_stream *stream,
				 struct cr_pending **ret);
void cr_pending_free(struct cr_pending *p);

/*
 * A file begins, of class ret->size_class; with @hashed its whole-file hash is
 * made, should it have more than a chunk.  Once it has ended, the next
 * settling completes @ret; until then @ret stays where it is.  Then the parts
 * of the file, in order; bytes are borrowed until the next settling.
 */
cr_must_check int cr_pending_begin(struct cr_pending *p,
				   struct cr_stored_content *ret, bool hashed);
cr_must_check int cr_pending_chunk(struct cr_pending *p, const uint8_t *bytes,
				   size_t len);
cr_must_check int cr_pending_hole(struct cr_pending *p, uint64_t len);
cr_must_check int cr_pending_end(struct cr_pending *p);
/* It was not read to its end: chunks are kept, @ret is not touched. */
void cr_pending_drop(struct cr_pending *p);

/* Whether no file waits. */
bool cr_pending_idle(const struct cr_pending *p);

/* Store what waits.  Errors: the writer's. */
cr_must_check int cr_pending_settle(struct cr_pending *p);

static inline void cr_pending_freep(struct cr_pending **p)
{
	cr_pending_free(*p);
}

#endif
