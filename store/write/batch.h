/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * batch.h - neighbouring chunks of a large file, to be stored by whichever
 * worker is free.
 *
 * One thread, the cutter, reads the file and says where its chunks end: they
 * are the same however many workers there are.  The rest costs most of the
 * time and is done by batch.  To store its chunks (ids, deduplication,
 * compression, sealing) is a task that can be done in any order; to hash the
 * file on by its bytes is another, which waits for that of the batch before.
 * The cutter then takes what came out in the order of the file.
 *
 *   taken -> filled by the cutter -> pushed -> done by anybody -> given back
 *
 * A cutter that finds no empty batch does one that waits.  It may keep one
 * while it waits for another, so there have to be more of them than cutters.
 *
 * Any number of threads; a batch is its cutter's but between pushed and done.
 */
#ifndef STORE_WRITE_BATCH_H
#define STORE_WRITE_BATCH_H

#include <stdatomic.h>

#include "store/codec/hash.h"
#include "store/write/writer.h"

#define CR_BATCH_LEN   (2u << 20) /* bytes: a huge page, several chunks */
#define CR_BATCH_PARTS 2048	  /* as many as there are shortest chunks */

/* A chunk or a hole. */
struct cr_batch_part {
	uint64_t len;
	bool hole;
	/* Of a chunk, once the batch is done: */
	bool known; /* it was stored, or on its way */
	struct cr_id id;
	struct cr_hint where; /* if @known; a zero pack when not known yet */
};

/* The hash of a whole file, of the batches that were pushed with it. */
struct cr_hash_chain {
	struct cr_file_hash hash; /* the cutter's before the first is pushed and
				     when all are done */
	struct cr_batch *last;	  /* batch.c's; under: lock; not hashed yet */
};

struct cr_batch {
	uint8_t *bytes; /* owned; CR_BATCH_LEN; chunks lie end to end */
	enum cr_size_class size_class;
	struct cr_hash_chain *chain; /* borrowed; NULL: no hash is made */
	unsigned int parts;
	struct cr_batch_part part[CR_BATCH_PARTS];
	struct cr_batch *next; /* the cutter's, while the batch is */

	/* batch.c's: */
	struct cr_id_wanted want[CR_BATCH_PARTS];
	struct cr_batch
		*queued[2];	/* under: lock; by task, the one behind it; */
	struct cr_batch *after; /* and the next of its chain */
	unsigned int left;	/* under: lock; tasks */
	atomic_bool done;
	int result; /* once done: 0 or the writer's error; */
	char *why;  /* owned; and what cr_detail() said */
};

struct cr_batches;

/*
 * At most @most batches, at least two; memory for each is taken when it is
 * first needed.  @queued (may be NULL) is called for each task of a batch that
 * was pushed: who has nothing to do may come for it.
 */
cr_must_check int cr_batches_new(struct cr_writer *writer, unsigned int most,
				 void (*queued)(void *arg), void *arg,
				 struct cr_batches **ret);
/* All were given back. */
void cr_batches_free(struct cr_batches *batches);

/*
 * 1 with an empty batch in *@ret; 0 when none is left; -ENOMEM; -ECANCELED from
 * cr_batches_cancel() on.
 */
cr_must_check int cr_batch_take(struct cr_batches *batches,
				struct cr_batch **ret);
void cr_batch_give_back(struct cr_batches *batches, struct cr_batch *batch);

/* What was stored so far is of no use: cutters are to end. */
void cr_batches_cancel(struct cr_batches *batches);

void cr_batch_push(struct cr_batches *batches, struct cr_batch *batch);
static inline bool cr_batch_is_done(const struct cr_batch *batch)
{
	return atomic_load(&batch->done);
}
/* What became of it, when done; the detail is the calling thread's then. */
cr_must_check int cr_batch_result(const struct cr_batch *batch);

/* Whether a task waits to be done. */
bool cr_batches_waiting(struct cr_batches *batches);
/*
 * Store the batch that has waited longest, by @stream, or hash what waits of a
 * file; false when there is nothing to do.
 */
bool cr_batches_help(struct cr_batches *batches, struct cr_stream *stream);
/*
 * Sleep until @batch (may be NULL) is done, a task waits or, if @take, a batch
 * can be taken.
 */
void cr_batches_sleep(struct cr_batches *batches, const struct cr_batch *batch,
		      bool take);

#endif
