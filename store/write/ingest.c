/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/ingest.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/write/ingest_int.h"

#define WINDOWS	      (128u << 20) /* bytes: of all workers */
#define WARNINGS_KEPT (1u << 20)   /* bytes; the count goes on */

/*
 * How many batches workers share: two for each, so that none stands still; but
 * no more than there has to be where there are many.
 */
static unsigned int batches_of(unsigned int jobs)
{
	return jobs == 1 ? 2 : cr_max(jobs + 2, cr_min(2 * jobs + 2, 24u));
}

size_t cr_ingest_window(const struct cr_ingest *ingest)
{
	return cr_min((size_t)CR_INGESTER_WINDOW,
		      (size_t)WINDOWS / cr_max(ingest->opt.jobs, 1u));
}

int cr_ingest_new(const struct cr_ingest_options *options,
		  struct cr_ingest **ret)
{
	struct cr_ingest *ingest = calloc(1, sizeof(*ingest));

	if (!ingest)
		return -ENOMEM;
	ingest->opt = *options;
	(void)pthread_mutex_init(&ingest->lock, NULL);
	(void)pthread_mutex_init(&ingest->warn_lock, NULL);
	(void)pthread_cond_init(&ingest->work, NULL);
	(void)pthread_cond_init(&ingest->ready, NULL);
	(void)pthread_cond_init(&ingest->room, NULL);
	ingest->last_job = &ingest->first_job;
	ingest->last_event = &ingest->first_event;
	/* What cannot be told apart is not excluded; both are open. */
	if (cr_live_stat(options->repository_fd, "", &ingest->repository) < 0)
		ingest->repository = (struct cr_live_stat){ 0 };
	if (options->state_fd < 0 ||
	    cr_live_stat(options->state_fd, "", &ingest->state) < 0)
		ingest->state = (struct cr_live_stat){ 0 };
	if (options->writer &&
	    cr_batches_new(options->writer, batches_of(options->jobs),
			   cr_ingest_tell_batch, ingest,
			   &ingest->batches) < 0) {
		cr_ingest_free(ingest);
		return -ENOMEM;
	}
	*ret = ingest;
	return 0;
}

void cr_ingest_free(struct cr_ingest *ingest)
{
	if (!ingest)
		return;
	while (ingest->first_job) {
		struct cr_job *job = ingest->first_job;

		ingest->first_job = job->next;
		free(job);
	}
	while (ingest->first_event) {
		struct cr_event *event = ingest->first_event;

		ingest->first_event = event->next;
		cr_dirwork_drop(event->dir);
		cr_slice_free(event->slice);
		free(event);
	}
	while (ingest->abandoned) {
		struct cr_slice *slice = ingest->abandoned;

		ingest->abandoned = slice->next;
		cr_slice_free(slice);
	}
	while (ingest->opens > 0)
		cr_dirwork_drop(ingest->open[--ingest->opens]);
	free(ingest->open);
	cr_stream_free(ingest->stream);
	cr_batches_free(ingest->batches);
	cr_item_release(&ingest->root);
	cr_buf_release(&ingest->warnings);
	cr_buf_release(&ingest->mounts);
	cr_buf_release(&ingest->uids);
	cr_buf_release(&ingest->gids);
	cr_buf_release(&ingest->users);
	cr_buf_release(&ingest->groups);
	free(ingest->failed_why);
	(void)pthread_mutex_destroy(&ingest->lock);
	(void)pthread_mutex_destroy(&ingest->warn_lock);
	(void)pthread_cond_destroy(&ingest->work);
	(void)pthread_cond_destroy(&ingest->ready);
	(void)pthread_cond_destroy(&ingest->room);
	free(ingest);
}

const struct cr_ingest_progress *cr_ingest_progress(
	const struct cr_ingest *ingest)
{
	return &ingest->progress;
}

void cr_ingest_current(struct cr_ingest *ingest, char *out, size_t len)
{
	(void)pthread_mutex_lock(&ingest->warn_lock);
	(void)snprintf(out, len, "%s", ingest->progress.path);
	(void)pthread_mutex_unlock(&ingest->warn_lock);
}

/* ---- Errors ---- */

void cr_ingest_fail(struct cr_ingest *ingest, int error)
{
	(void)pthread_mutex_lock(&ingest->lock);
	if (ingest->failed == 0) {
		ingest->failed = error;
		ingest->failed_why = strdup(cr_detail());
	}
	cr_ingest_wake_all(ingest);
	(void)pthread_mutex_unlock(&ingest->lock);
	/* What they say then comes too late to be told. */
	if (ingest->batches)
		cr_batches_cancel(ingest->batches);
}

bool cr_ingest_failed(struct cr_ingest *ingest)
{
	bool failed;

	(void)pthread_mutex_lock(&ingest->lock);
	failed = ingest->failed != 0;
	(void)pthread_mutex_unlock(&ingest->lock);
	return failed || (ingest->opt.stop && atomic_load(ingest->opt.stop));
}

void cr_ingest_warn(struct cr_ingest *ingest, const struct cr_dirwork *dir,
		    const char *name, const char *fmt, ...)
{
	cr_cleanup(cr_freep) char *what = NULL;
	cr_cleanup(cr_freep) char *path = NULL;
	bool below = dir && *dir->path && *name;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&what, fmt, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return;
	}
	if (asprintf(&path, "%s%s%s", dir ? dir->path : "", below ? "/" : "",
		     name) < 0) {
		path = NULL;
		return;
	}
	(void)pthread_mutex_lock(&ingest->warn_lock);
	ingest->warned++;
	if (ingest->warnings.len < WARNINGS_KEPT) {
		cr_buf_put(&ingest->warnings, path, strlen(path));
		cr_buf_put(&ingest->warnings, ": ", 2);
		cr_buf_put(&ingest->warnings, what, strlen(what) + 1);
	}
	if (ingest->opt.warn)
		ingest->opt.warn(ingest->opt.arg, path, what);
	(void)pthread_mutex_unlock(&ingest->warn_lock);
}

/* ---- What is passed along ---- */

int cr_dirwork_new(const char *path, const char *fs_top,
		   struct cr_dirwork **ret)
{
	struct cr_dirwork *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->fd = -1;
	atomic_init(&dir->users, 1);
	atomic_init(&dir->openers, 1);
	dir->path = strdup(path);
	dir->fs_top = strdup(fs_top);
	if (!dir->path || !dir->fs_top) {
		cr_dirwork_drop(dir);
		return -ENOMEM;
	}
	*ret = dir;
	return 0;
}

void cr_dirwork_use(struct cr_dirwork *dir)
{
	(void)atomic_fetch_add(&dir->users, 1);
}

void cr_dirwork_close(struct cr_dirwork *dir)
{
	if (atomic_fetch_sub(&dir->openers, 1) == 1)
		cr_closep(&dir->fd);
}

void cr_dirwork_drop(struct cr_dirwork *dir)
{
	if (!dir || atomic_fetch_sub(&dir->users, 1) > 1)
		return;
	cr_closep(&dir->fd);
	cr_dir_builder_release(&dir->builder);
	cr_noted_dir_abort(dir->noted);
	free(dir->path);
	free(dir->fs_top);
	free(dir);
}

void cr_item_release(struct cr_item *item)
{
	cr_buf_release(&item->xattrs);
	cr_buf_release(&item->target);
}

void cr_slice_free(struct cr_slice *slice)
{
	if (!slice)
		return;
	for (size_t i = 0; i < slice->items; i++)
		cr_item_release(&slice->item[i]);
	free(slice->item);
	cr_buf_release(&slice->names);
	cr_dirwork_drop(slice->dir);
	free(slice);
}

void cr_ingest_abandon(struct cr_ingest *ingest, struct cr_slice *slice)
{
	if (!slice)
		return;
	(void)pthread_mutex_lock(&ingest->lock);
	slice->next = ingest->abandoned;
	ingest->abandoned = slice;
	(void)pthread_mutex_unlock(&ingest->lock);
}

/* ---- Running
 * ---------------------------------------------------------------------------
 */

struct threads {
	pthread_t *worker; /* owned */
	unsigned int workers;
	pthread_t encoder;
	bool encoding;
};

static int start_workers(struct cr_ingest *ingest, struct threads *threads,
			 unsigned int workers)
{
	threads->worker = calloc(workers, sizeof(*threads->worker));
	if (!threads->worker)
		return -ENOMEM;
	for (; threads->workers < workers; threads->workers++) {
		int r = pthread_create(&threads->worker[threads->workers], NULL,
				       cr_ingest_work, ingest);

		if (r != 0)
			return cr_fail(r, "no thread: %s", strerrordesc_np(r));
	}
	return 0;
}

static int start(struct cr_ingest *ingest, struct threads *threads)
{
	int r = pthread_create(&threads->encoder, NULL, cr_ingest_encode,
			       ingest);

	if (r != 0)
		return cr_fail(r, "no thread: %s", strerrordesc_np(r));
	threads->encoding = true;
	return start_workers(ingest, threads, ingest->opt.jobs);
}

static void join(struct cr_ingest *ingest, struct threads *threads)
{
	(void)pthread_mutex_lock(&ingest->lock);
	ingest->walked = true;
	cr_ingest_wake_all(ingest);
	(void)pthread_mutex_unlock(&ingest->lock);
	for (unsigned int i = 0; i < threads->workers; i++)
		(void)pthread_join(threads->worker[i], NULL);
	if (threads->encoding)
		(void)pthread_join(threads->encoder, NULL);
	free(threads->worker);
}

static struct cr_piece piece_of(const struct cr_buf *buf)
{
	return (struct cr_piece){ buf->bytes, buf->len };
}

/* Root, totals and texts, as far as the ingest knows them. */
static int fill_manifest(struct cr_ingest *ingest, struct cr_manifest *manifest)
{
	const struct cr_manifest *totals = &ingest->totals;
	const struct cr_item *root = &ingest->root;
	int r = cr_ingest_name_tables(ingest);

	if (r < 0)
		return r;
	manifest->root = root->st.entry;
	manifest->root.name = (struct cr_piece){ NULL, 0 };
	manifest->root.content = root->dir_content;
	manifest->root.marks = root->marks;
	manifest->root.has = root->known.has;
	manifest->root.flags = root->known.flags;
	manifest->root.xattrs = root->known.xattrs;
	manifest->root.xattr_id = root->known.xattr_id;
	manifest->root_id = root->dir_id;
	manifest->root_hint = root->dir_hint;
	manifest->flags |= totals->flags;
	if (ingest->warned > 0)
		manifest->flags |= CR_MANIFEST_INCOMPLETE;
	manifest->entries = totals->entries;
	manifest->files = totals->files;
	manifest->directories = totals->directories;
	manifest->bytes = totals->bytes;
	manifest->files_new = totals->files_new;
	manifest->files_changed = totals->files_changed;
	manifest->files_unchanged = totals->files_unchanged;
	manifest->bytes_read = atomic_load(&ingest->progress.bytes_read);
	manifest->warnings = ingest->warned;
	manifest->warning_text.here = piece_of(&ingest->warnings);
	manifest->mounts_text.here = piece_of(&ingest->mounts);
	manifest->users_text.here = piece_of(&ingest->users);
	manifest->groups_text.here = piece_of(&ingest->groups);
	return 0;
}

static int outcome(struct cr_ingest *ingest)
{
	if (ingest->failed)
		return cr_fail(-ingest->failed, "%s",
			       ingest->failed_why ? ingest->failed_why : "");
	if (ingest->opt.stop && atomic_load(ingest->opt.stop))
		return cr_fail(CR_EINTERRUPT, "interrupted");
	return 0;
}

int cr_ingest_run(struct cr_ingest *ingest, struct cr_manifest *manifest)
{
	struct threads threads = { 0 };
	int r = start(ingest, &threads);

	if (r == 0)
		r = cr_ingest_walk(ingest);
	if (r < 0)
		cr_ingest_fail(ingest, r);
	join(ingest, &threads);
	r = outcome(ingest);
	if (r < 0 && r != -CR_EINTERRUPT)
		return r;
	/* What an interrupted run cut is worth keeping, too. */
	if (ingest->stream) {
		int flushed = cr_stream_flush(ingest->stream);

		if (flushed < 0)
			return flushed;
	}
	return r < 0 ? r : fill_manifest(ingest, manifest);
}

/* ---- Streams
 * ------------------------------------------------------------------------------
 */

/* A root directory of our own making, and the one file in it. */
static int encode_stream(struct cr_ingest *ingest, struct cr_ingester *ing,
			 const char *name,
			 const struct cr_stored_content *content)
{
	cr_cleanup(
		cr_dir_builder_release) struct cr_dir_builder builder = { 0 };
	struct cr_entry *root = &ingest->root.st.entry;
	struct cr_entry_content refs = {
		.id = content->id,
		.inlined = { content->inlined, content->size },
	};
	struct cr_entry entry;
	struct timespec now;
	int r;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	*root = (struct cr_entry){
		.type = CR_ENTRY_DIRECTORY,
		.mode = 0700,
		.uid = geteuid(),
		.gid = getegid(),
		.mtime = { now.tv_sec, (uint32_t)now.tv_nsec },
		.ctime = { now.tv_sec, (uint32_t)now.tv_nsec },
		.nlink = 2,
	};
	entry = *root;
	entry.name = (struct cr_piece){ name, strlen(name) };
	entry.type = CR_ENTRY_FILE;
	entry.mode = 0600;
	entry.nlink = 1;
	entry.size = content->size;
	entry.data_bytes = content->data_bytes;
	entry.content = content->content;
	entry.size_class = content->size_class;
	r = cr_dir_builder_init(&builder, ingest->opt.writer,
				cr_ingester_stream(ing));
	if (r == 0)
		r = cr_dir_builder_add(&builder, &entry, &refs);
	if (r == 0)
		r = cr_dir_builder_finish(&builder, &ingest->root.dir_content,
					  &ingest->root.dir_id,
					  &ingest->root.dir_hint);
	return r < 0 ? r : cr_stream_flush(cr_ingester_stream(ing));
}

/* Store the stream on this thread, by the help of others. */
static int take_stream(struct cr_ingest *ingest, struct cr_ingester *ing,
		       int fd, struct cr_stored_content *content,
		       int *source_error)
{
	struct threads threads = { 0 };
	int r = ingest->opt.jobs > 1
			? start_workers(ingest, &threads, ingest->opt.jobs - 1)
			: 0;

	if (r == 0)
		r = cr_ingest_stream(ing, fd, content, source_error);
	if (r < 0)
		cr_ingest_fail(ingest, r);
	join(ingest, &threads);
	return ingest->failed ? outcome(ingest) : 0;
}

int cr_ingest_run_stream(struct cr_ingest *ingest, int fd, const char *name,
			 struct cr_manifest *manifest)
{
	cr_cleanup(cr_ingester_freep) struct cr_ingester *ing = NULL;
	struct cr_stored_content content;
	int source_error = 0;
	int r = cr_ingester_new(ingest->opt.writer, cr_ingest_window(ingest),
				ingest->batches, &ingest->progress.bytes_read,
				ingest->opt.stop, &ing);

	if (r == 0)
		r = take_stream(ingest, ing, fd, &content, &source_error);
	if (r < 0)
		return r;
	/* Half a dump is no dump: nothing is stored. */
	if (source_error == EINTR ||
	    (ingest->opt.stop && atomic_load(ingest->opt.stop))) {
		/* What was read so far need not be stored again. */
		r = cr_stream_flush(cr_ingester_stream(ing));
		return r < 0 ? r : cr_fail(CR_EINTERRUPT, "interrupted");
	}
	if (source_error)
		return cr_fail(CR_ESOURCE, "standard input: %s",
			       strerrordesc_np(source_error));
	r = encode_stream(ingest, ing, name, &content);
	if (r < 0)
		return r;
	ingest->totals.entries = ingest->totals.files = 1;
	ingest->totals.bytes = content.size;
	ingest->totals.files_new = 1;
	(void)atomic_fetch_add(&ingest->progress.files, 1);
	(void)atomic_fetch_add(&ingest->progress.bytes, content.size);
	return fill_manifest(ingest, manifest);
}
