/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content.h - store the bytes of one file or stream: find its holes, cut its
 * runs, hash, deduplicate, list.  FORMAT.md sections 5 and 9.
 *
 * An ingester belongs to one thread.
 */
#ifndef STORE_WRITE_CONTENT_H
#define STORE_WRITE_CONTENT_H

#include <stdatomic.h>

#include "store/codec/format.h"
#include "store/codec/tree.h"
#include "store/write/writer.h"

struct cr_batches;
struct cr_ingester;

/*
 * From so many bytes on a file is large: its chunks are stored by all workers,
 * and those that lie in too many blocks are stored again (capping.h).  One that
 * does not compress (photographs, films) is not changed in places, and takes as
 * long to be hashed as to be stored: it is large from more bytes on, and hashed
 * side by side with others.
 */
#define CR_LARGE_FILE  (4u << 20)
#define CR_LARGE_NOISE (16u << 20)

/* The most that waits for this; the least is CR_INGESTER_WINDOW_MIN. */
#define CR_INGESTER_WINDOW     (32u << 20)
#define CR_INGESTER_WINDOW_MIN (CR_CHUNK_MAX + (1u << 20))

/* What a file holds, as its entry and its leaf's refs will say it. */
struct cr_stored_content {
	uint8_t content;    /* CR_CONTENT_NONE to _LNODE */
	uint8_t size_class; /* for CHUNK and above */
	struct cr_id id;    /* for CHUNK and above */
	uint64_t size;	    /* bytes stored, holes included */
	uint64_t data_bytes;
	uint8_t inlined[CR_INLINE_MAX];
};

static inline bool cr_stored_has_holes(const struct cr_stored_content *c)
{
	return c->data_bytes != c->size;
}

/*
 * @window: bytes of files that may wait to be hashed together.  Memory is taken
 * as it is needed: for small files only, the least.
 * @batches (borrowed) has room for large files: shared by all workers; NULL for
 * one that works alone.  @read_bytes (may be NULL) is raised as bytes are read:
 * for progress.  Once @stop (may be NULL) is set, reading ends with the source
 * error EINTR.
 */
cr_must_check int cr_ingester_new(struct cr_writer *writer, size_t window,
				  struct cr_batches *batches,
				  atomic_ullong *read_bytes,
				  const atomic_bool *stop,
				  struct cr_ingester **ret);
void cr_ingester_free(struct cr_ingester *ing);
struct cr_stream *cr_ingester_stream(struct cr_ingester *ing);

/*
 * Files are stored some at a time: what cr_ingest_file() says of one, but for
 * its sizes, is true once all that waits was settled; and @ret must stay where
 * it is until then.  Errors: the writer's.
 */
cr_must_check int cr_ingester_settle(struct cr_ingester *ing);
/* Whether nothing waits. */
bool cr_ingester_idle(const struct cr_ingester *ing);

/*
 * Store a regular file of @size bytes (as fstat() just said).  @previous is the
 * class it had, or 0.  A read error of the source goes to *@source_error (a
 * positive errno; then @ret is not set) and the return value is 0: a negative
 * value is an error of the repository.
 */
cr_must_check int cr_ingest_file(struct cr_ingester *ing, int fd, uint64_t size,
				 uint8_t previous,
				 struct cr_stored_content *ret,
				 int *source_error);

/* Store what @fd, a pipe, gives until it ends. */
cr_must_check int cr_ingest_stream(struct cr_ingester *ing, int fd,
				   struct cr_stored_content *ret,
				   int *source_error);

static inline void cr_ingester_freep(struct cr_ingester **ing)
{
	cr_ingester_free(*ing);
}

#endif
