/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_queue.c - from the walker to the workers and to the encoder.
 *
 * Nobody is woken for less than it is worth: waking the encoder for every
 * directory of an unchanged tree cost more than the rest of its backup.
 */
#include "store/base/error.h"
#include "store/write/ingest_int.h"

#define QUEUED_ITEMS 16384 /* stat'ed, not yet encoded; */
#define ITEMS_LOW    12288 /* where a walker that waited goes on; */
#define ITEMS_WAKE   512   /* and what the encoder is woken for */
#define QUEUED_JOBS  64	   /* each may keep a directory open */
#define JOBS_LOW     48

void cr_ingest_wake_all(struct cr_ingest *ingest)
{
	(void)pthread_cond_broadcast(&ingest->work);
	(void)pthread_cond_broadcast(&ingest->ready);
	(void)pthread_cond_broadcast(&ingest->room);
}

/* ---- Jobs ---- */

int cr_ingest_push_job(struct cr_ingest *ingest, struct cr_slice *slice,
		       size_t first, size_t end)
{
	struct cr_job *job = malloc(sizeof(*job));

	if (!job)
		return -ENOMEM;
	*job = (struct cr_job){ slice, first, end, NULL };
	(void)atomic_fetch_add(&slice->dir->openers, 1);
	(void)pthread_mutex_lock(&ingest->lock);
	/* Descriptors are bounded here: workers wait for nobody. */
	while (ingest->queued_jobs >= QUEUED_JOBS && ingest->failed == 0)
		(void)pthread_cond_wait(&ingest->room, &ingest->lock);
	ingest->queued_jobs++;
	ingest->unfinished++;
	slice->jobs++;
	*ingest->last_job = job;
	ingest->last_job = &job->next;
	(void)pthread_cond_signal(&ingest->work);
	(void)pthread_mutex_unlock(&ingest->lock);
	return 0;
}

/* Under: lock.  Who is at work on a large file may still want help. */
static bool is_over(const struct cr_ingest *ingest)
{
	return ingest->failed != 0 ||
	       (ingest->walked && ingest->unfinished == 0);
}

struct cr_job *cr_ingest_take_job(struct cr_ingest *ingest, bool wait)
{
	struct cr_job *job;

	(void)pthread_mutex_lock(&ingest->lock);
	while (wait && !ingest->first_job && !is_over(ingest) &&
	       !(ingest->batches && cr_batches_waiting(ingest->batches)))
		(void)pthread_cond_wait(&ingest->work, &ingest->lock);
	job = ingest->failed ? NULL : ingest->first_job;
	if (job) {
		ingest->first_job = job->next;
		if (!ingest->first_job)
			ingest->last_job = &ingest->first_job;
		if (--ingest->queued_jobs <= JOBS_LOW)
			(void)pthread_cond_signal(&ingest->room);
	}
	(void)pthread_mutex_unlock(&ingest->lock);
	return job;
}

bool cr_ingest_is_over(struct cr_ingest *ingest)
{
	bool over;

	(void)pthread_mutex_lock(&ingest->lock);
	over = is_over(ingest);
	(void)pthread_mutex_unlock(&ingest->lock);
	return over;
}

void cr_ingest_tell_batch(void *arg)
{
	struct cr_ingest *ingest = arg;

	/* The lock: who found none is asleep by now. */
	(void)pthread_mutex_lock(&ingest->lock);
	(void)pthread_cond_signal(&ingest->work);
	(void)pthread_mutex_unlock(&ingest->lock);
}

void cr_ingest_finish_job(struct cr_ingest *ingest, struct cr_job *job)
{
	struct cr_slice *slice = job->slice;

	cr_dirwork_close(slice->dir);
	(void)pthread_mutex_lock(&ingest->lock);
	/* The slice may be gone once the encoder sees that it has no jobs. */
	if (--slice->jobs == 0 && ingest->first_event &&
	    ingest->first_event->slice == slice)
		(void)pthread_cond_signal(&ingest->ready);
	ingest->unfinished--;
	if (is_over(ingest))
		(void)pthread_cond_broadcast(&ingest->work);
	(void)pthread_mutex_unlock(&ingest->lock);
	free(job);
}

/* ---- Events ---- */

static size_t weight(const struct cr_event *event)
{
	return 1 + (event->slice ? event->slice->items : 0);
}

int cr_ingest_push_event(struct cr_ingest *ingest, enum cr_event_type type,
			 struct cr_dirwork *dir, struct cr_slice *slice)
{
	struct cr_event *event = malloc(sizeof(*event));

	if (!event) {
		cr_dirwork_drop(dir);
		cr_slice_free(slice);
		return -ENOMEM;
	}
	*event = (struct cr_event){ type, dir, slice, NULL };
	(void)pthread_mutex_lock(&ingest->lock);
	/* Too far ahead of the encoder: memory is bounded here. */
	while (ingest->queued_items > QUEUED_ITEMS && ingest->failed == 0)
		(void)pthread_cond_wait(&ingest->room, &ingest->lock);
	ingest->queued_items += weight(event);
	*ingest->last_event = event;
	ingest->last_event = &event->next;
	/* The walker never waits with fewer; in the end all are woken. */
	if (ingest->queued_items >= ITEMS_WAKE)
		(void)pthread_cond_signal(&ingest->ready);
	(void)pthread_mutex_unlock(&ingest->lock);
	return 0;
}

static bool is_ready(const struct cr_event *event)
{
	return !event->slice || event->slice->jobs == 0;
}

struct cr_event *cr_ingest_take_event(struct cr_ingest *ingest)
{
	struct cr_event *event;

	(void)pthread_mutex_lock(&ingest->lock);
	for (;;) {
		event = ingest->first_event;
		if (ingest->failed) {
			event = NULL;
			break;
		}
		if (event ? is_ready(event) : ingest->walked)
			break;
		(void)pthread_cond_wait(&ingest->ready, &ingest->lock);
	}
	if (event) {
		ingest->first_event = event->next;
		if (!ingest->first_event)
			ingest->last_event = &ingest->first_event;
		ingest->queued_items -= weight(event);
		if (ingest->queued_items <= ITEMS_LOW)
			(void)pthread_cond_signal(&ingest->room);
	}
	(void)pthread_mutex_unlock(&ingest->lock);
	return event;
}
