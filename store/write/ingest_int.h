/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_int.h - what the parts of an ingest share; see ingest.h.
 */
#ifndef STORE_WRITE_INGEST_INT_H
#define STORE_WRITE_INGEST_INT_H

#include <pthread.h>

#include "store/write/batch.h"
#include "store/write/dir_builder.h"
#include "store/write/ingest.h"
#include "store/write/live.h"

#define SLICE_ITEMS 1024
#define JOB_ITEMS   128	       /* files a job, at most, */
#define JOB_BYTES   (8u << 20) /* and bytes, but for a single file */
/* A directory that is being backed up. */
struct cr_dirwork {
	int fd;	      /* owned */
	char *path;   /* owned; within the snapshot, "" for the root */
	char *fs_top; /* owned; where its file system begins in the source */
	struct cr_live_stat st;
	atomic_uint users;    /* walker, jobs and events */
	atomic_uint openers;  /* of those, who need @fd: walker and jobs */
	struct cr_item *self; /* borrowed: its entry in the slice above */

	/* Of the encoder: */
	struct cr_dir_builder builder;
	struct cr_noted_dir *noted; /* owned */
	bool failed;		    /* could not be listed to the end */
};

/* One entry on its way. */
struct cr_item {
	const char *name; /* borrowed: the slice's names */
	struct cr_live_stat st;
	struct cr_known_file known; /* files: what is known or found out */
	struct cr_buf xattrs;	    /* owned: the set */
	struct cr_buf target;	    /* owned: of a symlink */
	bool read;		    /* a worker is to read it */
	bool changed;		    /* it was known, as something else */
	bool linked;		    /* read in this run, under another name */
	struct cr_id dir_id;	    /* directories, when encoded */
	struct cr_hint dir_hint;
	uint8_t dir_content;
	/* The worker's, where it is to be read; so is all above but @read. */
	uint8_t marks;
	bool racy; /* too young to be trusted next time */
	bool gone; /* not stored: vanished, unreadable */
};

/* Up to SLICE_ITEMS neighbours in one directory. */
struct cr_slice {
	struct cr_dirwork *dir; /* a user of it */
	struct cr_buf names;
	struct cr_item *item; /* owned */
	size_t items;
	unsigned int jobs;     /* under: ingest lock; not finished yet */
	struct cr_slice *next; /* owned; of the abandoned */
};

struct cr_job {
	struct cr_slice *slice;
	size_t first, end;
	struct cr_job *next;
};

enum cr_event_type { CR_EVENT_BEGIN, CR_EVENT_SLICE, CR_EVENT_END };

struct cr_event {
	enum cr_event_type type;
	struct cr_dirwork *dir; /* BEGIN, END */
	struct cr_slice *slice; /* SLICE: owned */
	struct cr_event *next;
};

struct cr_ingest {
	struct cr_ingest_options opt;
	struct cr_ingest_progress progress;
	struct cr_live_stat repository, state; /* never entered */
	struct cr_batches *batches;	       /* owned; NULL in a dry run */

	pthread_mutex_t lock;
	pthread_cond_t work;  /* workers wait for a job or a batch */
	pthread_cond_t ready; /* the encoder waits for an event */
	pthread_cond_t room;  /* the walker waits for either queue */
	struct cr_job *first_job, **last_job; /* under: lock */
	unsigned int queued_jobs;	      /* under: lock */
	unsigned int unfinished; /* under: lock; jobs, those at work too */
	struct cr_event *first_event, **last_event; /* under: lock */
	size_t queued_items;	    /* under: lock; and events */
	bool walked;		    /* under: lock; no more jobs or events */
	struct cr_slice *abandoned; /* owned; under: lock */
	int failed;		    /* under: lock; the first fatal error */
	char *failed_why;	    /* under: lock; owned */

	pthread_mutex_t warn_lock;
	struct cr_buf warnings; /* under: warn_lock */
	uint64_t warned;	/* under: warn_lock */
	struct cr_buf mounts;	/* of the walker */

	/* Of the encoder: */
	struct cr_stream *stream;    /* owned; NULL in a dry run */
	struct cr_buf uids, gids;    /* uint32_t, sorted */
	struct cr_buf users, groups; /* text */
	struct cr_manifest totals;
	struct cr_item root;
	struct cr_dirwork **open;
	size_t opens, open_room;
};

/* ingest.c */
void cr_ingest_fail(struct cr_ingest *ingest, int error);
bool cr_ingest_failed(struct cr_ingest *ingest);
cr_printf(4, 5) void cr_ingest_warn(struct cr_ingest *ingest,
				    const struct cr_dirwork *dir,
				    const char *name, const char *fmt, ...);
cr_must_check int cr_dirwork_new(const char *path, const char *fs_top,
				 struct cr_dirwork **ret);
void cr_dirwork_use(struct cr_dirwork *dir);
void cr_dirwork_drop(struct cr_dirwork *dir); /* accepts NULL */
/* The walker, or a job, needs dir->fd no more; the last of them closes it. */
void cr_dirwork_close(struct cr_dirwork *dir);
void cr_item_release(struct cr_item *item);
void cr_slice_free(struct cr_slice *slice);
static inline void cr_slice_freep(struct cr_slice **slice)
{
	cr_slice_free(*slice);
}

/* ingest_queue.c.  Pushing takes what is given, also when it fails. */
cr_must_check int cr_ingest_push_job(struct cr_ingest *ingest,
				     struct cr_slice *slice, size_t first,
				     size_t end);
cr_must_check int cr_ingest_push_event(struct cr_ingest *ingest,
				       enum cr_event_type type,
				       struct cr_dirwork *dir,
				       struct cr_slice *slice);
/*
 * The next job; NULL when there is none now.  With @wait, there is none now but
 * a batch waits, or all is over.  Finishing frees it: all that it was to find
 * out is there.
 */
struct cr_job *cr_ingest_take_job(struct cr_ingest *ingest, bool wait);
/* Whether there is nothing left to do for workers, nor will be. */
bool cr_ingest_is_over(struct cr_ingest *ingest);
/* A batch waits; @arg is the ingest. */
void cr_ingest_tell_batch(void *arg);
void cr_ingest_finish_job(struct cr_ingest *ingest, struct cr_job *job);
/* The next event, its jobs done; NULL at the end or after a failure. */
struct cr_event *cr_ingest_take_event(struct cr_ingest *ingest);
/* All who wait look again.  Under: lock. */
void cr_ingest_wake_all(struct cr_ingest *ingest);

/*
 * Keep a slice that will not be encoded until the ingest is freed: workers may
 * still read its files.  Accepts NULL.
 */
void cr_ingest_abandon(struct cr_ingest *ingest, struct cr_slice *slice);

/* ingest_walk.c: on the caller's thread.  The root's item is filled in. */
cr_must_check int cr_ingest_walk(struct cr_ingest *ingest);
/* Bytes that an ingester of this ingest may let wait. */
size_t cr_ingest_window(const struct cr_ingest *ingest);
/* ingest_work.c: the body of a worker; @arg is the ingest. */
void *cr_ingest_work(void *arg);
/* ingest_encode.c: the body of the encoder. */
void *cr_ingest_encode(void *arg);
/* Store a set of xattrs over CR_INLINE_MAX as an object; note it in @file. */
cr_must_check int cr_ingest_take_xattrs(struct cr_ingest *ingest,
					struct cr_item *item);
/* Name tables of the uids and gids that were met. */
cr_must_check int cr_ingest_name_tables(struct cr_ingest *ingest);

#endif
