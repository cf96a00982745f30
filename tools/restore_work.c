/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_work.c - batches of entries, from the walker to the workers.
 *
 * Neighbours go to one worker: small files that were stored together lie in one
 * block, which then is decoded by the one that needs it while others decode
 * theirs.  Batches are taken in the order of the walk, which the link groups
 * rely on (restore_links.c).
 */
#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "tools/restore_int.h"

#define BATCH_ITEMS 32u
#define BATCH_BYTES (4u << 20)
#define WORKERS_MAX 16u

/* What malloc() keeps of a thread's; and what it never asks the kernel for. */
#define KEPT_FREE (8 << 20)
#define KEPT_MAX  (4 << 20)

struct cr_batch {
	struct cr_batch *next;
	size_t items;
	uint64_t bytes;
	struct cr_ritem *item[BATCH_ITEMS]; /* owned */
};

static void batch_free(struct cr_restore *run, struct cr_batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->items; i++)
		cr_ritem_free(run, batch->item[i]);
	free(batch);
}

/* The next batch, or NULL at the end.  Under: lock. */
static struct cr_batch *take(struct cr_restore *run)
{
	struct cr_restore_work *work = &run->work;
	struct cr_batch *batch;

	while (!work->first) {
		if (cr_restore_help(run))
			continue;
		if (work->closed)
			return NULL;
		(void)pthread_cond_wait(&work->filled, &run->lock);
	}
	batch = work->first;
	work->first = batch->next;
	if (!work->first)
		work->last = NULL;
	work->waiting--;
	work->busy++;
	(void)pthread_cond_broadcast(&work->emptied);
	return batch;
}

static void do_batch(struct cr_restore *run, struct cr_batch *batch)
{
	for (size_t i = 0; i < batch->items; i++) {
		int r;

		if (cr_restore_stopped(run))
			break;
		r = run->each(run, batch->item[i]);
		if (r < 0)
			cr_restore_stop(run, r);
	}
	batch_free(run, batch);
}

static void *work(void *arg)
{
	struct cr_restore *run = arg;
	struct cr_batch *batch;

	(void)pthread_mutex_lock(&run->lock);
	while ((batch = take(run))) {
		(void)pthread_mutex_unlock(&run->lock);
		do_batch(run, batch);
		(void)pthread_mutex_lock(&run->lock);
		run->work.busy--;
		(void)pthread_cond_broadcast(&run->work.emptied);
	}
	(void)pthread_mutex_unlock(&run->lock);
	return NULL;
}

int cr_work_start(struct cr_restore *run)
{
	struct cr_restore_work *w = &run->work;
	unsigned int want = cr_min(cr_max(cr_cores(), 2u), WORKERS_MAX);

	/* Each block would be freed to the kernel, and have new pages. */
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_MAX);
	w->closed = false;
	w->thread = calloc(want, sizeof(*w->thread));
	if (!w->thread)
		return -ENOMEM;
	for (; w->threads < want; w->threads++) {
		int err =
			pthread_create(&w->thread[w->threads], NULL, work, run);

		/* Fewer will do. */
		if (err != 0 && w->threads > 0)
			break;
		if (err != 0)
			return cr_fail(err, "no thread: %s",
				       strerrordesc_np(err));
	}
	return 0;
}

/* Pass the batch on, when there is room for it. */
static void flush(struct cr_restore *run)
{
	struct cr_restore_work *w = &run->work;
	struct cr_batch *batch = cr_take(w->filling);

	if (!batch)
		return;
	(void)pthread_mutex_lock(&run->lock);
	while (w->waiting >= 2 * w->threads)
		(void)pthread_cond_wait(&w->emptied, &run->lock);
	if (w->last)
		w->last->next = batch;
	else
		w->first = batch;
	w->last = batch;
	w->waiting++;
	(void)pthread_cond_broadcast(&w->filled);
	(void)pthread_mutex_unlock(&run->lock);
}

int cr_work_push(struct cr_restore *run, struct cr_ritem *item)
{
	struct cr_restore_work *w = &run->work;

	if (!w->filling)
		w->filling = calloc(1, sizeof(*w->filling));
	if (!w->filling) {
		cr_ritem_free(run, item);
		return -ENOMEM;
	}
	w->filling->item[w->filling->items++] = item;
	if (item->entry.type == CR_ENTRY_FILE)
		w->filling->bytes += item->entry.data_bytes;
	if (w->filling->items == BATCH_ITEMS ||
	    w->filling->bytes >= BATCH_BYTES)
		flush(run);
	return 0;
}

void cr_work_drain(struct cr_restore *run)
{
	struct cr_restore_work *w = &run->work;

	flush(run);
	(void)pthread_mutex_lock(&run->lock);
	while (w->waiting > 0 || w->busy > 0)
		(void)pthread_cond_wait(&w->emptied, &run->lock);
	(void)pthread_mutex_unlock(&run->lock);
}

void cr_work_finish(struct cr_restore *run)
{
	struct cr_restore_work *w = &run->work;

	if (w->threads > 0)
		flush(run);
	(void)pthread_mutex_lock(&run->lock);
	w->closed = true;
	(void)pthread_cond_broadcast(&w->filled);
	(void)pthread_mutex_unlock(&run->lock);
	while (w->threads > 0)
		(void)pthread_join(w->thread[--w->threads], NULL);
	/* Without a thread nothing was taken. */
	batch_free(run, cr_take(w->filling));
	free(cr_take(w->thread));
}
