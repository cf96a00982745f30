/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_work.c - what a worker does: read the files of a job.
 */
#include <fcntl.h>
#include <time.h>

#include "store/base/error.h"
#include "store/write/ingest_int.h"

#define RETRIES	     2		/* of a file that changes under the reader */
#define READ_UNSEEN  (1u << 20) /* bytes that it costs little to read again */
#define RACY_SECONDS 2
#define JOBS_KEPT    8 /* each keeps a directory open */

static bool same_time(const struct cr_time *a, const struct cr_time *b)
{
	return a->sec == b->sec && a->nsec == b->nsec;
}

static bool same_file(const struct cr_live_stat *a,
		      const struct cr_live_stat *b)
{
	return a->entry.size == b->entry.size &&
	       same_time(&a->entry.mtime, &b->entry.mtime) &&
	       same_time(&a->entry.ctime, &b->entry.ctime);
}

static int64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

/*
 * A change within the clock's grain of the one before leaves the times as they
 * are.  What counts is the time when reading began: a second change may fall
 * behind the reader, however long it then takes.
 */
static bool is_racy(const struct cr_live_stat *st, int64_t began)
{
	int64_t newest = st->entry.ctime.sec;

	/* A time of the future was set by somebody: it is no recent change. */
	if (st->entry.mtime.sec <= began)
		newest = cr_max(newest, st->entry.mtime.sec);
	return newest > began - RACY_SECONDS;
}

int cr_ingest_take_xattrs(struct cr_ingest *ingest, struct cr_item *item)
{
	struct cr_known_file *known = &item->known;
	struct cr_piece set = { item->xattrs.bytes, item->xattrs.len };

	known->has &= (uint8_t) ~(CR_HAS_XATTR_HERE | CR_HAS_XATTR_OBJECT);
	known->xattrs = (struct cr_piece){ NULL, 0 };
	if (set.len == 0)
		return 0;
	if (set.len <= CR_INLINE_MAX) {
		known->has |= CR_HAS_XATTR_HERE;
		known->xattrs = set;
		return 0;
	}
	known->has |= CR_HAS_XATTR_OBJECT;
	if (!ingest->opt.writer)
		return 0;
	return cr_writer_put_object(ingest->opt.writer, CR_CHUNK_XATTR, set,
				    (struct cr_piece){ NULL, 0 },
				    &known->xattr_id, NULL);
}

static int read_xattrs(struct cr_ingest *ingest, const struct cr_dirwork *dir,
		       struct cr_item *item, int fd)
{
	int r;

	cr_buf_clear(&item->xattrs);
	r = cr_live_xattrs(fd, "", &item->xattrs, &item->known.has_acl);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		cr_ingest_warn(ingest, dir, item->name,
			       "extended attributes: %s", strerrordesc_np(-r));
		item->marks |= CR_MARK_INCOMPLETE;
	}
	return cr_ingest_take_xattrs(ingest, item);
}

static void not_read(struct cr_ingest *ingest, const struct cr_dirwork *dir,
		     struct cr_item *item, int error)
{
	item->gone = true;
	if (error == ENOENT || error == ESTALE)
		cr_ingest_warn(ingest, dir, item->name,
			       "vanished while it was backed up");
	else
		cr_ingest_warn(ingest, dir, item->name, "%s",
			       strerrordesc_np(error));
}

/* What the file is once it was read: 0 or the positive errno. */
static int look_again(const struct cr_item *item, int fd, int source_error,
		      struct cr_live_stat *after)
{
	if (cr_live_stat(fd, "", after) < 0)
		return source_error ? source_error : EIO;
	/* Another took its place before it was opened. */
	return cr_live_same(&item->st, after) ? source_error : ESTALE;
}

/* Read the open file once.  1: it held still; 0: it moved. */
static int read_once(struct cr_ingest *ingest, struct cr_ingester *ing,
		     const struct cr_dirwork *dir, struct cr_item *item, int fd)
{
	struct cr_known_file *known = &item->known;
	uint8_t previous = known->content.size_class;
	struct cr_live_stat after;
	int source_error = 0;
	int r;

	known->has = 0;
	known->flags = cr_live_flags(fd);
	if (known->flags)
		known->has |= CR_HAS_FLAGS;
	r = read_xattrs(ingest, dir, item, fd);
	if (r == 0)
		r = cr_ingest_file(ing, fd, item->st.entry.size, previous,
				   &known->content, &source_error);
	if (r < 0)
		return r;
	if (source_error == EINTR) {
		/* Stopped: there will be no snapshot. */
		item->gone = true;
		return 1;
	}
	source_error = look_again(item, fd, source_error, &after);
	if (source_error) {
		not_read(ingest, dir, item, source_error);
		return 1;
	}
	if (cr_stored_has_holes(&known->content))
		known->has |= CR_HAS_HOLES;
	if (same_file(&item->st, &after) &&
	    known->content.size == item->st.entry.size)
		return 1;
	item->st = after;
	return 0;
}

/*
 * Open a file.  A small one is not looked at before it is read: should it have
 * changed since it was listed, that is seen afterwards, and it is read again.
 */
static int open_file(const struct cr_dirwork *dir, struct cr_item *item,
		     int *fd, int *tries)
{
	if (item->st.entry.size > READ_UNSEEN) {
		*tries = 1 + RETRIES;
		return cr_live_open(dir->fd, item->name, &item->st, &item->st,
				    fd);
	}
	*tries = 2 + RETRIES;
	*fd = cr_live_open_unseen(dir->fd, item->name);
	return *fd < 0 ? *fd : 0;
}

static int read_file(struct cr_ingest *ingest, struct cr_ingester *ing,
		     const struct cr_dirwork *dir, struct cr_item *item)
{
	cr_cleanup(cr_closep) int fd = -1;
	int64_t began = 0;
	int tries = 0;
	int r = open_file(dir, item, &fd, &tries);

	if (r < 0) {
		not_read(ingest, dir, item, -r);
		return 0;
	}
	for (int i = 0; i < tries; i++) {
		/* What waits would be written over what is read now. */
		r = i > 0 ? cr_ingester_settle(ing) : 0;
		if (r < 0)
			return r;
		began = now();
		r = read_once(ingest, ing, dir, item, fd);
		if (r != 0)
			break;
	}
	if (r < 0)
		return r;
	if (r == 0) {
		item->marks |= CR_MARK_CHANGED;
		cr_ingest_warn(ingest, dir, item->name,
			       "changed while it was read");
	}
	item->racy = r == 0 || is_racy(&item->st, began);
	item->st.entry.size = item->known.content.size;
	return 0;
}

static int do_job(struct cr_ingest *ingest, struct cr_ingester *ing,
		  const struct cr_job *job)
{
	for (size_t i = job->first; i < job->end; i++) {
		struct cr_item *item = &job->slice->item[i];
		int r;

		if (!item->read)
			continue;
		if (cr_ingest_failed(ingest)) {
			/* Not read: it must not pass for an empty file. */
			item->gone = true;
			continue;
		}
		r = read_file(ingest, ing, job->slice->dir, item);
		if (r < 0)
			return r;
		(void)atomic_fetch_add(&ingest->progress.files, 1);
		(void)atomic_fetch_add(&ingest->progress.bytes,
				       item->st.entry.size);
	}
	return 0;
}

/*
 * Jobs that are done but for ids that wait: some are kept, so that the ids of
 * small directories, too, are made many at a time.
 */
struct kept {
	struct cr_job *job[JOBS_KEPT];
	size_t jobs;
};

static int settle(struct cr_ingest *ingest, struct cr_ingester *ing,
		  struct kept *kept)
{
	int r = ing ? cr_ingester_settle(ing) : 0;

	if (r < 0)
		cr_ingest_fail(ingest, r); /* before the encoder goes on */
	while (kept->jobs > 0)
		cr_ingest_finish_job(ingest, kept->job[--kept->jobs]);
	return r;
}

/* Whether the first file of @job is large: it may take hours. */
static bool is_long(const struct cr_job *job)
{
	return job->slice->item[job->first].st.entry.size >= CR_LARGE_NOISE;
}

static int take_up(struct cr_ingest *ingest, struct cr_ingester *ing,
		   struct kept *kept, struct cr_job *job)
{
	int r = kept->jobs > 0 && is_long(job) ? settle(ingest, ing, kept) : 0;

	kept->job[kept->jobs++] = job;
	if (r == 0 && ing)
		r = do_job(ingest, ing, job);
	if (r == 0 &&
	    (kept->jobs == JOBS_KEPT || !ing || cr_ingester_idle(ing)))
		r = settle(ingest, ing, kept);
	return r;
}

/* Jobs first: their cutters store batches themselves while they wait. */
static int work(struct cr_ingest *ingest, struct cr_ingester *ing,
		struct kept *kept)
{
	int r = 0;

	while (r == 0) {
		/* Nobody may wait for what waits here. */
		struct cr_job *job =
			cr_ingest_take_job(ingest, kept->jobs == 0);

		if (job)
			r = take_up(ingest, ing, kept, job);
		else if (kept->jobs > 0)
			r = settle(ingest, ing, kept);
		else if ((!ing || !cr_batches_help(ingest->batches,
						   cr_ingester_stream(ing))) &&
			 cr_ingest_is_over(ingest))
			return 0;
	}
	return r;
}

void *cr_ingest_work(void *arg)
{
	cr_cleanup(cr_ingester_freep) struct cr_ingester *ing = NULL;
	struct cr_ingest *ingest = arg;
	struct kept kept = { .jobs = 0 };
	int r = 0;

	if (ingest->opt.writer)
		r = cr_ingester_new(ingest->opt.writer,
				    cr_ingest_window(ingest), ingest->batches,
				    &ingest->progress.bytes_read,
				    ingest->opt.stop, &ing);
	if (r == 0)
		r = work(ingest, ing, &kept);
	if (r == 0 && ing)
		r = cr_stream_flush(cr_ingester_stream(ing));
	if (r < 0)
		cr_ingest_fail(ingest, r);
	while (kept.jobs > 0)
		cr_ingest_finish_job(ingest, kept.job[--kept.jobs]);
	return NULL;
}
