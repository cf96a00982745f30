/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/content.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/codec/chunker.h"
#include "store/write/batch.h"
#include "store/write/holes.h"
#include "store/write/large.h"
#include "store/write/pending.h"

/* Room for the longest chunk and for reading on. */
#define READ_LEN   (1u << 20)
#define BUFFER_LEN (CR_CHUNK_MAX + READ_LEN)

/* Batches of one who works alone. */
#define BATCHES_ALONE 2

/* How long a stream that is silent keeps us from seeing that we are to stop. */
#define STOP_MS 100

struct cr_ingester {
	struct cr_writer *writer;   /* borrowed */
	struct cr_stream *stream;   /* owned */
	struct cr_pending *pending; /* owned; what it holds lies in @buffer */
	struct cr_batches *batches; /* borrowed, unless @alone */
	struct cr_batches *alone;   /* owned; may be NULL */
	struct cr_large *large;	    /* owned; made for the first large file */
	atomic_ullong *read_bytes;  /* borrowed; may be NULL */
	const atomic_bool *stop;    /* borrowed; may be NULL */
	struct cr_gear gear;
	uint8_t *buffer;  /* owned; BUFFER_LEN */
	size_t used;	  /* of it, by what is pending */
	uint8_t *samples; /* owned */
};

/* One file on its way. */
struct job {
	struct cr_ingester *ing;
	int fd;
	bool seekable;
	bool large; /* its chunks go to ing->large, else to ing->pending */
	enum cr_size_class size_class;
	size_t longest;	  /* chunk of the class */
	uint64_t size;	  /* where reading ends, if it does not before */
	int source_error; /* positive errno */
	struct cr_stored_content *ret;

	/* The run being read: buffer[start..end) is not cut yet. */
	uint64_t read_at; /* file offset of buffer[end] */
	uint64_t run_end;
	uint8_t *buffer; /* of @room bytes */
	size_t room;
	size_t start, end;
	bool run_over;
};

int cr_ingester_new(struct cr_writer *writer, struct cr_batches *batches,
		    atomic_ullong *read_bytes, const atomic_bool *stop,
		    struct cr_ingester **ret)
{
	cr_cleanup(cr_ingester_freep) struct cr_ingester *ing =
		calloc(1, sizeof(*ing));
	int r;

	if (!ing)
		return -ENOMEM;
	ing->writer = writer;
	ing->batches = batches;
	ing->read_bytes = read_bytes;
	ing->stop = stop;
	ing->buffer = malloc(BUFFER_LEN);
	ing->samples = malloc(CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN);
	if (!ing->buffer || !ing->samples)
		return -ENOMEM;
	cr_gear_init(&ing->gear, &cr_writer_domain(writer)->chunker_key);
	r = cr_stream_new(writer, &ing->stream);
	if (r == 0)
		r = cr_pending_new(writer, ing->stream, &ing->pending);
	if (r < 0)
		return r;
	*ret = cr_take(ing);
	return 0;
}

void cr_ingester_free(struct cr_ingester *ing)
{
	if (!ing)
		return;
	cr_pending_free(ing->pending);
	cr_large_free(ing->large);
	cr_batches_free(ing->alone);
	cr_stream_free(ing->stream);
	if (ing->buffer)
		explicit_bzero(ing->buffer, BUFFER_LEN);
	free(ing->buffer);
	free(ing->samples);
	free(ing);
}

struct cr_stream *cr_ingester_stream(struct cr_ingester *ing)
{
	return ing->stream;
}

int cr_ingester_settle(struct cr_ingester *ing)
{
	int r = cr_pending_settle(ing->pending);

	if (r == 0)
		ing->used = 0;
	return r;
}

bool cr_ingester_idle(const struct cr_ingester *ing)
{
	return cr_pending_idle(ing->pending);
}

/* ---- Reading ---- */

/*
 * Wait until there is something to read.  A signal may come before a read()
 * that then blocks, or to another thread: hence the time limit.
 */
static int wait_for_input(const struct job *job)
{
	struct pollfd input = { .fd = job->fd, .events = POLLIN };
	int ready;

	do {
		if (job->ing->stop && atomic_load(job->ing->stop))
			return EINTR;
		ready = job->seekable ? 1 : poll(&input, 1, STOP_MS);
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	return ready < 0 ? errno : 0;
}

/* Up to @len bytes; 0 is the end or, with job->source_error, a failure. */
static size_t read_some(struct job *job, uint8_t *to, size_t len,
			uint64_t offset)
{
	int error = wait_for_input(job);
	ssize_t n;

	if (error) {
		job->source_error = error;
		return 0;
	}
	do
		n = job->seekable ? pread(job->fd, to, len, (off_t)offset)
				  : read(job->fd, to, len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		job->source_error = errno;
		return 0;
	}
	if (job->ing->read_bytes)
		(void)atomic_fetch_add(job->ing->read_bytes,
				       (unsigned long long)n);
	return (size_t)n;
}

/* Have room for @len bytes from job->start on: what lies before goes. */
static int make_room(struct job *job, size_t len)
{
	struct cr_ingester *ing = job->ing;
	size_t rest = job->end - job->start;
	int r;

	if (job->room - job->start >= len)
		return 0;
	if (job->large) {
		r = cr_large_turn(ing->large, rest);
		if (r < 0)
			return r;
		job->buffer = cr_large_buffer(ing->large);
	} else {
		r = cr_ingester_settle(ing);
		if (r < 0)
			return r;
		memmove(job->buffer, job->buffer + job->start, rest);
	}
	job->start = 0;
	job->end = rest;
	return 0;
}

/* Have a longest chunk's worth in the buffer, or all that is left of the run.
 */
static int fill(struct job *job)
{
	uint64_t left = job->run_end - job->read_at;
	int r;

	if (job->run_over || job->end - job->start >= job->longest)
		return 0;
	left += job->end - job->start;
	r = make_room(job, (size_t)cr_min(left, (uint64_t)job->longest));
	if (r < 0)
		return r;
	while (!job->run_over && job->end - job->start < job->longest) {
		size_t room = job->room - job->end;
		size_t want, got;

		left = job->run_end - job->read_at;
		want = (size_t)cr_min(left, (uint64_t)room);
		got = want > 0 ? read_some(job, job->buffer + job->end, want,
					   job->read_at)
			       : 0;
		/* Shorter than it was said to be: what is there is what counts.
		 */
		job->run_over = got == 0;
		job->end += got;
		job->read_at += got;
	}
	return 0;
}

/* ---- Parts ---- */

/* Have room for another part of a large file. */
static int make_part_room(struct job *job)
{
	return cr_large_full(job->ing->large) ? make_room(job, SIZE_MAX) : 0;
}

static int add_chunk(struct job *job, size_t len)
{
	struct cr_ingester *ing = job->ing;
	int r;

	if (job->large) {
		r = make_part_room(job);
		if (r == 0)
			cr_large_chunk(ing->large, len);
	} else {
		r = cr_pending_chunk(ing->pending, job->buffer + job->start,
				     len);
	}
	if (r < 0)
		return r;
	job->ret->size += len;
	job->ret->data_bytes += len;
	job->start += len;
	if (!job->large)
		ing->used = job->start;
	return 0;
}

static int add_hole(struct job *job, uint64_t len)
{
	int r;

	if (len == 0)
		return 0;
	job->ret->size += len;
	if (!job->large)
		return cr_pending_hole(job->ing->pending, len);
	r = make_part_room(job);
	if (r == 0)
		cr_large_hole(job->ing->large, len);
	return r;
}

/* Go on where the buffer of this file has room. */
static void begin_run(struct job *job)
{
	struct cr_ingester *ing = job->ing;

	job->buffer = job->large ? cr_large_buffer(ing->large) : ing->buffer;
	job->room = job->large ? CR_BATCH_LEN : BUFFER_LEN;
	job->start = job->end =
		job->large ? cr_large_used(ing->large) : ing->used;
	job->run_over = false;
}

/* Cut the data run [offset, end). */
static int ingest_run(struct job *job, uint64_t offset, uint64_t end)
{
	job->read_at = offset;
	job->run_end = end;
	begin_run(job);
	for (;;) {
		size_t len;
		int r = fill(job);

		if (r < 0)
			return r;
		if (job->source_error || job->start == job->end)
			return 0;
		len = cr_chunk_cut(&job->ing->gear, job->size_class,
				   job->buffer + job->start,
				   job->end - job->start,
				   job->read_at - (job->end - job->start));
		r = add_chunk(job, len);
		if (r < 0)
			return r;
	}
}

static int ingest_sparse(struct job *job)
{
	uint64_t at = 0;

	while (at < job->size && !job->source_error) {
		uint64_t from, to;
		int r;

		cr_next_run(job->fd, job->size, at, &from, &to);
		r = add_hole(job, from - at);
		if (r == 0 && from < to)
			r = ingest_run(job, from, to);
		if (r < 0)
			return r;
		/* Cut short under the reader: the rest is not there. */
		if (from < to && job->read_at < to)
			return 0;
		at = to;
	}
	return 0;
}

/* ---- Ends
 * ----------------------------------------------------------------------------------
 */

static int ingest_tiny(struct job *job)
{
	size_t got = 0;

	while (got < job->size) {
		size_t n = read_some(job, job->ret->inlined + got,
				     (size_t)job->size - got, got);

		if (n == 0)
			break;
		got += n;
	}
	job->ret->size = job->ret->data_bytes = got;
	job->ret->content = got > 0 ? CR_CONTENT_INLINE : CR_CONTENT_NONE;
	return 0;
}

static enum cr_form form_of(struct job *job)
{
	uint8_t *samples = job->ing->samples;

	if (job->size < CR_CLASS_SAMPLE_MIN)
		return CR_FORM_PLAIN;
	for (unsigned int k = 0; k < CR_CLASS_SAMPLES; k++) {
		ssize_t n = pread(job->fd, samples + k * CR_CLASS_SAMPLE_LEN,
				  CR_CLASS_SAMPLE_LEN,
				  (off_t)cr_class_sample_offset(job->size, k));

		if (n != CR_CLASS_SAMPLE_LEN)
			return CR_FORM_PLAIN; /* reading will say why */
	}
	return cr_class_form(samples);
}

static int make_large(struct cr_ingester *ing)
{
	int r = 0;

	if (ing->large)
		return 0;
	if (!ing->batches) {
		r = cr_batches_new(ing->writer, BATCHES_ALONE, NULL, NULL,
				   &ing->alone);
		ing->batches = ing->alone;
	}
	return r < 0 ? r
		     : cr_large_new(ing->writer, ing->stream, ing->batches,
				    &ing->large);
}

static int cut(struct job *job, bool sparse)
{
	return sparse ? ingest_sparse(job) : ingest_run(job, 0, job->size);
}

/* A file that is whole in the buffer is hashed side by side with others. */
static int keep_whole(struct job *job)
{
	struct cr_ingester *ing = job->ing;

	return job->size > BUFFER_LEN - ing->used && job->size <= BUFFER_LEN
		       ? cr_ingester_settle(ing)
		       : 0;
}

static int ingest_small(struct job *job, bool sparse, bool hashed)
{
	struct cr_pending *pending = job->ing->pending;
	int r = keep_whole(job);

	if (r == 0)
		r = cr_pending_begin(pending, job->ret, hashed);
	if (r == 0)
		r = cut(job, sparse);
	if (r == 0 && !job->source_error)
		r = cr_pending_end(pending);
	cr_pending_drop(pending); /* unless it ended */
	return r;
}

static int ingest_large(struct job *job, bool sparse, bool hashed)
{
	struct cr_large_file file = {
		.ret = job->ret,
		.hashed = hashed,
		.size_class = job->size_class,
		.again = job->seekable ? job->fd : -1,
	};
	struct cr_large *large;
	int r = make_large(job->ing);

	if (r < 0)
		return r;
	large = job->ing->large;
	r = cr_large_begin(large, &file);
	if (r == 0)
		r = cut(job, sparse);
	if (r == 0 && !job->source_error)
		return cr_large_end(large);
	cr_large_drop(large);
	return r;
}

static int ingest(struct job *job, uint8_t previous)
{
	uint64_t from = 0, to = job->size;
	bool sparse, hashed;

	if (job->seekable && job->size > 0)
		cr_next_run(job->fd, job->size, 0, &from, &to);
	sparse = from > 0 || to < job->size;
	if (job->seekable && !sparse && job->size <= CR_INLINE_MAX)
		return ingest_tiny(job);
	job->size_class =
		!job->seekable ? CR_CLASS_16K
			       : cr_class_of(job->size, form_of(job), previous);
	job->ret->size_class = (uint8_t)job->size_class;
	job->longest = cr_class_max(job->size_class);
	job->large = job->size >= CR_LARGE_FILE;
	hashed = !sparse || cr_hash_pays(job->fd, job->size);
	return job->large ? ingest_large(job, sparse, hashed)
			  : ingest_small(job, sparse, hashed);
}

static int run(struct job *job, uint8_t previous, int *source_error)
{
	int r;

	*job->ret = (struct cr_stored_content){ 0 };
	r = ingest(job, previous);
	*source_error = job->source_error;
	return r;
}

int cr_ingest_file(struct cr_ingester *ing, int fd, uint64_t size,
		   uint8_t previous, struct cr_stored_content *ret,
		   int *source_error)
{
	struct job job = {
		.ing = ing, .fd = fd, .seekable = true, .size = size, .ret = ret
	};

	return run(&job, previous, source_error);
}

int cr_ingest_stream(struct cr_ingester *ing, int fd,
		     struct cr_stored_content *ret, int *source_error)
{
	struct job job = {
		.ing = ing, .fd = fd, .size = INT64_MAX, .ret = ret
	};

	return run(&job, 0, source_error);
}
