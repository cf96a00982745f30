/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/content.h"

#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/heap.h"
#include "store/write/batch.h"
#include "store/write/content_int.h"
#include "store/write/holes.h"
#include "store/write/large.h"
#include "store/write/pending.h"

/* Batches of one who works alone. */
#define BATCHES_ALONE 2

/* Small files wait together until they have so many bytes: caches hold it. */
#define SMALL_LEN CR_INGESTER_WINDOW_MIN

/* File systems have no smaller blocks. */
#define SECTOR 512u

int cr_ingester_new(struct cr_writer *writer, size_t window,
		    struct cr_batches *batches, atomic_ullong *read_bytes,
		    const atomic_bool *stop, struct cr_ingester **ret)
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
	ing->window = cr_max(window, (size_t)SMALL_LEN);
	ing->touched = SMALL_LEN;
	ing->buffer = cr_heap_huge(ing->window);
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
		explicit_bzero(ing->buffer, ing->touched);
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

/* ---- Small files: into what is pending ---- */

static void begin_small(struct cr_cut *cut)
{
	cut->buffer = cut->ing->buffer;
	cut->room = cut->held ? cut->ing->window : SMALL_LEN;
	cut->start = cut->end = cut->ing->used;
}

static int turn_small(struct cr_cut *cut, size_t rest)
{
	int r = cr_ingester_settle(cut->ing);

	if (r == 0)
		memmove(cut->buffer, cut->buffer + cut->start, rest);
	return r;
}

static int chunk_small(struct cr_cut *cut, size_t len)
{
	struct cr_ingester *ing = cut->ing;
	int r = cr_pending_chunk(ing->pending, cut->buffer + cut->start, len);

	if (r == 0)
		ing->used = cut->start + len;
	return r;
}

static int hole_small(struct cr_cut *cut, uint64_t len)
{
	return cr_pending_hole(cut->ing->pending, len);
}

static const struct cr_cut_to to_pending = {
	.begin = begin_small,
	.turn = turn_small,
	.chunk = chunk_small,
	.hole = hole_small,
};

static int ingest_small(struct cr_cut *cut, bool sparse, bool hashed)
{
	struct cr_pending *pending = cut->ing->pending;
	int r = 0;

	cut->to = &to_pending;
	if (!cut->held && cut->ing->used > SMALL_LEN)
		r = cr_ingester_settle(cut->ing);
	if (r == 0)
		r = cr_pending_begin(pending, cut->ret, hashed);
	if (r == 0)
		r = cr_cut_file(cut, sparse);
	if (r == 0 && !cut->source_error)
		r = cr_pending_end(pending);
	cr_pending_drop(pending); /* unless it ended */
	return r;
}

static int ingest_tiny(struct cr_cut *cut)
{
	size_t got = 0;

	while (got < cut->size) {
		size_t n = cr_cut_read(cut, cut->ret->inlined + got,
				       (size_t)cut->size - got, got);

		if (n == 0)
			break;
		got += n;
	}
	cut->ret->size = cut->ret->data_bytes = got;
	cut->ret->content = got > 0 ? CR_CONTENT_INLINE : CR_CONTENT_NONE;
	return 0;
}

/* ---- Large files: into batches ---- */

static void begin_large(struct cr_cut *cut)
{
	struct cr_large *large = cut->ing->large;

	cut->buffer = cr_large_buffer(large);
	cut->room = CR_BATCH_LEN;
	cut->start = cut->end = cr_large_used(large);
}

static int turn_large(struct cr_cut *cut, size_t rest)
{
	struct cr_large *large = cut->ing->large;
	int r = cr_large_turn(large, rest);

	if (r == 0)
		cut->buffer = cr_large_buffer(large);
	return r;
}

/* Have room for another part. */
static int make_part_room(struct cr_cut *cut)
{
	return cr_large_full(cut->ing->large) ? cr_cut_turn(cut) : 0;
}

static int chunk_large(struct cr_cut *cut, size_t len)
{
	int r = make_part_room(cut);

	if (r == 0)
		cr_large_chunk(cut->ing->large, len);
	return r;
}

static int hole_large(struct cr_cut *cut, uint64_t len)
{
	int r = make_part_room(cut);

	if (r == 0)
		cr_large_hole(cut->ing->large, len);
	return r;
}

static const struct cr_cut_to to_batches = {
	.begin = begin_large,
	.turn = turn_large,
	.chunk = chunk_large,
	.hole = hole_large,
};

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

static int ingest_large(struct cr_cut *cut, bool sparse, bool hashed)
{
	struct cr_large_file file = {
		.ret = cut->ret,
		.hashed = hashed,
		.size_class = cut->size_class,
		.again = cut->seekable ? cut->fd : -1,
	};
	struct cr_large *large;
	int r = make_large(cut->ing);

	if (r < 0)
		return r;
	large = cut->ing->large;
	cut->to = &to_batches;
	r = cr_large_begin(large, &file);
	if (r == 0)
		r = cr_cut_file(cut, sparse);
	if (r == 0 && !cut->source_error)
		return cr_large_end(large);
	cr_large_drop(large);
	return r;
}

/* ---- Which ---- */

/*
 * Hold a file: it is read before it is cut, and is hashed side by side with
 * others.
 */
static int hold(struct cr_cut *cut)
{
	struct cr_ingester *ing = cut->ing;
	bool small = cut->size <= SMALL_LEN && ing->used <= SMALL_LEN;
	size_t room = small ? SMALL_LEN : ing->window;
	int r = 0;

	if (cut->size > room - ing->used)
		r = cr_ingester_settle(ing);
	if (r < 0)
		return r;
	cr_cut_hold(cut, ing->buffer + ing->used);
	ing->touched = cr_max(ing->touched, ing->used + cut->held_len);
	return 0;
}

/*
 * Whether a file may have holes.  A hole reads as zeros and begins and ends
 * with a sector, or with the file: where no sector is all zeros there is none,
 * and asking is a call for every file.
 */
static bool may_be_sparse(const struct cr_cut *cut)
{
	const uint8_t *at = cut->held;
	size_t left = cut->held_len;

	if (!at)
		return cut->seekable && cut->size > 0;
	while (left > 0) {
		size_t part = cr_min(left, (size_t)SECTOR);

		/* All are as the first, and that is zero. */
		if (at[0] == 0 && memcmp(at, at + 1, part - 1) == 0)
			return true;
		at += part;
		left -= part;
	}
	return false;
}

static bool is_sparse(const struct cr_cut *cut)
{
	uint64_t from = 0, to = cut->size;

	if (may_be_sparse(cut))
		cr_next_run(cut->fd, cut->size, 0, &from, &to);
	return from > 0 || to < cut->size;
}

/* Whether there was a sample to take. */
static bool take_sample(const struct cr_cut *cut, unsigned int k, uint8_t *out)
{
	uint64_t offset = cr_class_sample_offset(cut->size, k);

	if (!cut->held)
		return pread(cut->fd, out, CR_CLASS_SAMPLE_LEN,
			     (off_t)offset) == CR_CLASS_SAMPLE_LEN;
	if (offset + CR_CLASS_SAMPLE_LEN > cut->held_len)
		return false;
	memcpy(out, cut->held + offset, CR_CLASS_SAMPLE_LEN);
	return true;
}

static enum cr_form form_of(const struct cr_cut *cut)
{
	uint8_t *samples = cut->ing->samples;

	if (cut->size < CR_CLASS_SAMPLE_MIN)
		return CR_FORM_PLAIN;
	for (unsigned int k = 0; k < CR_CLASS_SAMPLES; k++)
		if (!take_sample(cut, k, samples + k * CR_CLASS_SAMPLE_LEN))
			return CR_FORM_PLAIN; /* reading will say why */
	return cr_class_form(samples);
}

static bool is_large(const struct cr_cut *cut)
{
	return cut->size >= (cut->size_class == CR_CLASS_64K ? CR_LARGE_NOISE
							     : CR_LARGE_FILE);
}

/* Store a file that is not tiny, and whose class is known. */
static int ingest_more(struct cr_cut *cut, bool sparse)
{
	bool hashed = !sparse || cr_hash_pays(cut->fd, cut->size);
	int r = 0;

	if (is_large(cut) || (cut->size >= CR_LARGE_FILE &&
			      (sparse || cut->size > cut->ing->window)))
		return ingest_large(cut, sparse, hashed);
	if (!cut->held && !sparse && cut->size <= cut->ing->window)
		r = hold(cut);
	return r < 0 || cut->source_error ? r
					  : ingest_small(cut, sparse, hashed);
}

static int ingest(struct cr_cut *cut, uint8_t previous)
{
	int r = cut->seekable && cut->size <= SMALL_LEN ? hold(cut) : 0;
	bool sparse;

	if (r < 0 || cut->source_error)
		return r;
	sparse = is_sparse(cut);
	if (cut->seekable && !sparse && cut->size <= CR_INLINE_MAX)
		return ingest_tiny(cut);
	cut->size_class =
		!cut->seekable ? CR_CLASS_16K
			       : cr_class_of(cut->size, form_of(cut), previous);
	cut->ret->size_class = (uint8_t)cut->size_class;
	cut->longest = cr_class_max(cut->size_class);
	return ingest_more(cut, sparse);
}

static int run(struct cr_cut *cut, uint8_t previous, int *source_error)
{
	int r;

	*cut->ret = (struct cr_stored_content){ 0 };
	r = ingest(cut, previous);
	*source_error = cut->source_error;
	return r;
}

int cr_ingest_file(struct cr_ingester *ing, int fd, uint64_t size,
		   uint8_t previous, struct cr_stored_content *ret,
		   int *source_error)
{
	struct cr_cut cut = {
		.ing = ing, .fd = fd, .seekable = true, .size = size, .ret = ret
	};

	return run(&cut, previous, source_error);
}

int cr_ingest_stream(struct cr_ingester *ing, int fd,
		     struct cr_stored_content *ret, int *source_error)
{
	struct cr_cut cut = {
		.ing = ing, .fd = fd, .size = INT64_MAX, .ret = ret
	};

	return run(&cut, 0, source_error);
}
