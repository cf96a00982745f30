/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/batch.h"

#include <pthread.h>

#include "store/base/error.h"
#include "store/base/heap.h"

/* What others wait for comes first. */
enum task { HASH, STORE, TASKS };

struct queue {
	struct cr_batch *first, **last;
};

struct cr_batches {
	struct cr_writer *writer;  /* borrowed */
	void (*queued)(void *arg); /* may be NULL */
	void *arg;
	unsigned int most;
	pthread_mutex_t lock;
	pthread_cond_t change;	   /* for cr_batches_sleep() */
	struct cr_batch *empty;	   /* owned; under: lock */
	struct queue queue[TASKS]; /* under: lock */
	unsigned int made;	   /* under: lock */
	bool cancelled;		   /* under: lock */
};

int cr_batches_new(struct cr_writer *writer, unsigned int most,
		   void (*queued)(void *arg), void *arg,
		   struct cr_batches **ret)
{
	struct cr_batches *batches = calloc(1, sizeof(*batches));

	assert(most >= 2);
	if (!batches)
		return -ENOMEM;
	batches->writer = writer;
	batches->most = most;
	batches->queued = queued;
	batches->arg = arg;
	for (int task = 0; task < TASKS; task++)
		batches->queue[task].last = &batches->queue[task].first;
	(void)pthread_mutex_init(&batches->lock, NULL);
	(void)pthread_cond_init(&batches->change, NULL);
	*ret = batches;
	return 0;
}

static void batch_free(struct cr_batch *batch)
{
	if (!batch)
		return;
	if (batch->bytes)
		explicit_bzero(batch->bytes, CR_BATCH_LEN);
	free(batch->bytes);
	free(batch->why);
	free(batch);
}

void cr_batches_free(struct cr_batches *batches)
{
	if (!batches)
		return;
	while (batches->empty) {
		struct cr_batch *batch = batches->empty;

		batches->empty = batch->queued[STORE];
		batch_free(batch);
		batches->made--;
	}
	assert(batches->made == 0);
	(void)pthread_mutex_destroy(&batches->lock);
	(void)pthread_cond_destroy(&batches->change);
	free(batches);
}

/* ---- Empty ones ---- */

static struct cr_batch *batch_new(void)
{
	struct cr_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->bytes = cr_heap_huge(CR_BATCH_LEN);
	if (!batch->bytes) {
		batch_free(batch);
		return NULL;
	}
	return batch;
}

int cr_batch_take(struct cr_batches *batches, struct cr_batch **ret)
{
	struct cr_batch *batch;
	bool make = false, cancelled;

	(void)pthread_mutex_lock(&batches->lock);
	cancelled = batches->cancelled;
	batch = cancelled ? NULL : batches->empty;
	if (batch) {
		batches->empty = batch->queued[STORE];
	} else if (!cancelled && batches->made < batches->most) {
		make = true;
		batches->made++;
	}
	(void)pthread_mutex_unlock(&batches->lock);
	if (cancelled)
		return cr_fail(ECANCELED, "given up");
	if (make) {
		batch = batch_new();
		if (!batch) {
			(void)pthread_mutex_lock(&batches->lock);
			batches->made--;
			(void)pthread_mutex_unlock(&batches->lock);
			return -ENOMEM;
		}
	}
	if (!batch)
		return 0;
	batch->parts = 0;
	batch->next = batch->after = NULL;
	batch->result = 0;
	atomic_store(&batch->done, false);
	*ret = batch;
	return 1;
}

void cr_batch_give_back(struct cr_batches *batches, struct cr_batch *batch)
{
	(void)pthread_mutex_lock(&batches->lock);
	batch->queued[STORE] = batches->empty;
	batches->empty = batch;
	(void)pthread_cond_broadcast(&batches->change);
	(void)pthread_mutex_unlock(&batches->lock);
}

void cr_batches_cancel(struct cr_batches *batches)
{
	(void)pthread_mutex_lock(&batches->lock);
	batches->cancelled = true;
	(void)pthread_mutex_unlock(&batches->lock);
}

/* ---- Tasks ---- */

/* Under: lock, as what follows. */
static void append(struct cr_batches *batches, enum task task,
		   struct cr_batch *batch)
{
	struct queue *queue = &batches->queue[task];

	batch->queued[task] = NULL;
	*queue->last = batch;
	queue->last = &batch->queued[task];
}

static struct cr_batch *pop(struct cr_batches *batches, enum task task)
{
	struct queue *queue = &batches->queue[task];
	struct cr_batch *batch = queue->first;

	if (batch) {
		queue->first = batch->queued[task];
		if (!queue->first)
			queue->last = &queue->first;
	}
	return batch;
}

static bool any_waits(const struct cr_batches *batches)
{
	return batches->queue[HASH].first || batches->queue[STORE].first;
}

/* Put it at the end of its chain; whether it is the first there. */
static bool chain(struct cr_batch *batch)
{
	struct cr_batch *last = batch->chain->last;

	batch->chain->last = batch;
	if (last)
		last->after = batch;
	return !last;
}

static void end_task(struct cr_batches *batches, struct cr_batch *batch)
{
	if (--batch->left > 0)
		return;
	atomic_store(&batch->done, true);
	(void)pthread_cond_broadcast(&batches->change);
}

/* ---- Full ones ---- */

void cr_batch_push(struct cr_batches *batches, struct cr_batch *batch)
{
	unsigned int ready = 1;

	(void)pthread_mutex_lock(&batches->lock);
	batch->left = batch->chain ? 2 : 1;
	append(batches, STORE, batch);
	if (batch->chain && chain(batch)) {
		append(batches, HASH, batch);
		ready++;
	}
	(void)pthread_cond_broadcast(&batches->change);
	(void)pthread_mutex_unlock(&batches->lock);
	while (batches->queued && ready-- > 0)
		batches->queued(batches->arg);
}

int cr_batch_result(const struct cr_batch *batch)
{
	return batch->result < 0 ? cr_fail(-batch->result, "%s",
					   batch->why ? batch->why : "")
				 : 0;
}

bool cr_batches_waiting(struct cr_batches *batches)
{
	bool waiting;

	(void)pthread_mutex_lock(&batches->lock);
	waiting = any_waits(batches);
	(void)pthread_mutex_unlock(&batches->lock);
	return waiting;
}

static void hash(struct cr_batch *batch)
{
	struct cr_file_hash *hash = &batch->chain->hash;
	const uint8_t *at = batch->bytes;

	for (unsigned int i = 0; i < batch->parts; i++) {
		const struct cr_batch_part *part = &batch->part[i];

		if (part->hole) {
			cr_file_hash_zeros(hash, part->len);
			continue;
		}
		cr_file_hash_update(hash, at, part->len);
		at += part->len;
	}
}

/* Nobody need be woken for the next: it is done by the same thread. */
static void hash_on(struct cr_batches *batches, struct cr_batch *batch)
{
	while (batch) {
		struct cr_batch *next;

		hash(batch);
		(void)pthread_mutex_lock(&batches->lock);
		next = batch->after;
		if (!next)
			batch->chain->last = NULL;
		end_task(batches, batch);
		(void)pthread_mutex_unlock(&batches->lock);
		batch = next;
	}
}

static void make_ids(struct cr_batches *batches, struct cr_batch *batch)
{
	const uint8_t *at = batch->bytes;
	size_t n = 0;

	for (unsigned int i = 0; i < batch->parts; i++) {
		struct cr_batch_part *part = &batch->part[i];

		if (part->hole)
			continue;
		batch->want[n++] = (struct cr_id_wanted){ CR_CHUNK_DATA,
							  { at, part->len },
							  &part->id };
		at += part->len;
	}
	cr_chunk_ids(&cr_writer_domain(batches->writer)->id_key, batch->want,
		     n);
}

static int store_chunks(struct cr_batch *batch, struct cr_stream *stream)
{
	const uint8_t *at = batch->bytes;

	for (unsigned int i = 0; i < batch->parts; i++) {
		struct cr_batch_part *part = &batch->part[i];
		int r;

		if (part->hole)
			continue;
		r = cr_stream_put_as(stream, CR_CHUNK_DATA, &part->id,
				     (struct cr_piece){ at, part->len },
				     batch->size_class, &part->where);
		if (r < 0)
			return r;
		part->known = r == 1;
		at += part->len;
	}
	return 0;
}

static void store(struct cr_batches *batches, struct cr_batch *batch,
		  struct cr_stream *stream)
{
	make_ids(batches, batch);
	batch->result = store_chunks(batch, stream);
	if (batch->result < 0) {
		free(batch->why);
		batch->why = strdup(cr_detail());
	}
	(void)pthread_mutex_lock(&batches->lock);
	end_task(batches, batch);
	(void)pthread_mutex_unlock(&batches->lock);
}

bool cr_batches_help(struct cr_batches *batches, struct cr_stream *stream)
{
	struct cr_batch *to_hash, *to_store = NULL;

	(void)pthread_mutex_lock(&batches->lock);
	to_hash = pop(batches, HASH);
	if (!to_hash)
		to_store = pop(batches, STORE);
	(void)pthread_mutex_unlock(&batches->lock);
	if (to_hash)
		hash_on(batches, to_hash);
	else if (to_store)
		store(batches, to_store, stream);
	return to_hash || to_store;
}

/* Under: lock. */
static bool can_take(const struct cr_batches *batches)
{
	return batches->empty || batches->made < batches->most;
}

void cr_batches_sleep(struct cr_batches *batches, const struct cr_batch *batch,
		      bool take)
{
	(void)pthread_mutex_lock(&batches->lock);
	while (!(batch && cr_batch_is_done(batch)) && !any_waits(batches) &&
	       !(take && can_take(batches)))
		(void)pthread_cond_wait(&batches->change, &batches->lock);
	(void)pthread_mutex_unlock(&batches->lock);
}
