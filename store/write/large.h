/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * large.h - a large file or a stream on its way: its chunks go by batch to
 * whichever worker is free, and come back as one list in the order of the file.
 *
 * Belongs to one thread, the cutter; it holds one file at a time.
 */
#ifndef STORE_WRITE_LARGE_H
#define STORE_WRITE_LARGE_H

#include "store/write/batch.h"
#include "store/write/content.h"

struct cr_large;

/* All are borrowed. */
cr_must_check int cr_large_new(struct cr_writer *writer,
			       struct cr_stream *stream,
			       struct cr_batches *batches,
			       struct cr_large **ret);
void cr_large_free(struct cr_large *large);

struct cr_large_file {
	struct cr_stored_content *ret; /* borrowed */
	bool hashed; /* its whole-file hash is made, should it need a list */
	enum cr_size_class size_class;
	int again; /* where it can be read again, for capping; or -1 */
};

/* A file begins.  Errors, here and below: the writer's. */
cr_must_check int cr_large_begin(struct cr_large *large,
				 const struct cr_large_file *file);
/* The buffer, of CR_BATCH_LEN; and where in it the next chunk begins. */
uint8_t *cr_large_buffer(const struct cr_large *large);
size_t cr_large_used(const struct cr_large *large);
/* The next @len bytes are a chunk; or no bytes, a hole. */
void cr_large_chunk(struct cr_large *large, size_t len);
void cr_large_hole(struct cr_large *large, uint64_t len);
/* Whether there is no room for another part. */
bool cr_large_full(const struct cr_large *large);
/*
 * Send what was cut; there is another buffer, which begins with the @rest bytes
 * that followed.
 */
cr_must_check int cr_large_turn(struct cr_large *large, size_t rest);
/* The file ends: what it holds is told, all of it is on its way. */
cr_must_check int cr_large_end(struct cr_large *large);
/* It was not read to its end: chunks are kept, nothing is told. */
void cr_large_drop(struct cr_large *large);

#endif
