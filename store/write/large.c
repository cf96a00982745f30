/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/large.h"

#include "store/base/error.h"
#include "store/codec/hash.h"
#include "store/write/capping.h"
#include "store/write/file_refs.h"

struct cr_large {
	struct cr_writer *writer;   /* borrowed */
	struct cr_stream *stream;   /* borrowed */
	struct cr_batches *batches; /* borrowed */
	struct cr_capping *capping; /* owned */

	struct cr_large_file file;
	struct cr_file_refs refs;
	struct cr_hash_chain chain;
	uint64_t at;		  /* in the file: of what is collected next */
	struct cr_batch *open;	  /* being filled; NULL between files */
	size_t used;		  /* of its bytes, by chunks */
	struct cr_batch *carried; /* sent; its rest is still to be copied */
	bool collected;		  /* it was, meanwhile */
	struct cr_batch *first, **last; /* sent, in the order of the file */
};

int cr_large_new(struct cr_writer *writer, struct cr_stream *stream,
		 struct cr_batches *batches, struct cr_large **ret)
{
	struct cr_large *large =
		aligned_alloc(_Alignof(struct cr_large), sizeof(*large));
	int r;

	if (!large)
		return -ENOMEM;
	memset(large, 0, sizeof(*large));
	large->writer = writer;
	large->stream = stream;
	large->batches = batches;
	large->last = &large->first;
	cr_file_refs_init(&large->refs, writer);
	r = cr_capping_new(writer, stream, &large->capping);
	if (r < 0) {
		free(large);
		return r;
	}
	*ret = large;
	return 0;
}

void cr_large_free(struct cr_large *large)
{
	if (!large)
		return;
	cr_large_drop(large);
	cr_capping_free(large->capping);
	free(large);
}

/* ---- What comes back ---- */

static int collect_part(struct cr_large *large,
			const struct cr_batch_part *part)
{
	struct cr_list_item item = { .id = part->id,
				     .len = part->len,
				     .hole = part->hole };
	int r = cr_file_refs_add(&large->refs, &item);

	if (r == 0 && large->file.again >= 0 && !part->hole)
		r = cr_capping_note(large->capping, &part->id, large->at,
				    (uint32_t)part->len,
				    part->known ? &part->where : NULL);
	large->at += part->len;
	return r;
}

/* List what the oldest holds, which is done. */
static int collect(struct cr_large *large)
{
	struct cr_batch *batch = large->first;
	int r = cr_batch_result(batch);

	for (unsigned int i = 0; i < batch->parts && r == 0; i++)
		r = collect_part(large, &batch->part[i]);
	large->first = batch->next;
	if (!large->first)
		large->last = &large->first;
	if (batch == large->carried)
		large->collected = true;
	else
		cr_batch_give_back(large->batches, batch);
	if (r == 0 && large->file.again >= 0 && cr_capping_full(large->capping))
		r = cr_capping_settle(large->capping, large->file.again);
	return r;
}

static int collect_done(struct cr_large *large)
{
	int r = 0;

	while (r == 0 && large->first && cr_batch_is_done(large->first))
		r = collect(large);
	return r;
}

/* Rather than wait for others, do what waits. */
static void help_or_sleep(struct cr_large *large, bool take)
{
	if (!cr_batches_help(large->batches, large->stream))
		cr_batches_sleep(large->batches, large->first, take);
}

static int take(struct cr_large *large)
{
	struct cr_batch *batch;
	int r;

	for (;;) {
		r = collect_done(large);
		if (r == 0)
			r = cr_batch_take(large->batches, &batch);
		if (r != 0)
			break;
		help_or_sleep(large, true);
	}
	if (r < 0)
		return r;
	batch->size_class = large->file.size_class;
	large->open = batch;
	batch->chain = large->file.hashed ? &large->chain : NULL;
	large->used = 0;
	return 0;
}

/* ---- What goes ---- */

static struct cr_batch *send(struct cr_large *large)
{
	struct cr_batch *batch = large->open;

	large->open = NULL;
	batch->next = NULL;
	*large->last = batch;
	large->last = &batch->next;
	cr_batch_push(large->batches, batch);
	return batch;
}

int cr_large_begin(struct cr_large *large, const struct cr_large_file *file)
{
	assert(!large->open && !large->first);
	large->file = *file;
	large->at = 0;
	cr_file_refs_init(&large->refs, large->writer);
	cr_file_hash_init(&large->chain.hash);
	cr_capping_begin(large->capping, file->size_class);
	return take(large);
}

uint8_t *cr_large_buffer(const struct cr_large *large)
{
	return large->open->bytes;
}

size_t cr_large_used(const struct cr_large *large)
{
	return large->used;
}

bool cr_large_full(const struct cr_large *large)
{
	return large->open->parts == CR_BATCH_PARTS;
}

static void add(struct cr_large *large, uint64_t len, bool hole)
{
	struct cr_batch *batch = large->open;

	assert(!cr_large_full(large));
	batch->part[batch->parts++] =
		(struct cr_batch_part){ .len = len, .hole = hole };
}

void cr_large_chunk(struct cr_large *large, size_t len)
{
	assert(len <= CR_BATCH_LEN - large->used);
	add(large, len, false);
	large->used += len;
}

void cr_large_hole(struct cr_large *large, uint64_t len)
{
	add(large, len, true);
}

int cr_large_turn(struct cr_large *large, size_t rest)
{
	size_t from = large->used;
	struct cr_batch *sent = send(large);
	int r;

	large->carried = sent;
	large->collected = false;
	r = take(large);
	large->carried = NULL;
	if (r == 0)
		memcpy(large->open->bytes, sent->bytes + from, rest);
	if (large->collected)
		cr_batch_give_back(large->batches, sent);
	return r;
}

/* ---- Ends ---- */

static int finish(struct cr_large *large)
{
	struct cr_id hash;
	int r = 0;

	(void)send(large);
	while (r == 0 && large->first) {
		r = collect_done(large);
		if (r == 0 && large->first)
			help_or_sleep(large, false);
	}
	if (r == 0 && large->file.again >= 0)
		r = cr_capping_settle(large->capping, large->file.again);
	if (r < 0)
		return r;
	hash = cr_file_hash_final(&large->chain.hash);
	return cr_file_refs_finish(&large->refs,
				   large->file.hashed ? &hash : NULL,
				   large->file.ret);
}

int cr_large_end(struct cr_large *large)
{
	int r = finish(large);

	cr_large_drop(large);
	return r;
}

void cr_large_drop(struct cr_large *large)
{
	if (large->open)
		(void)send(large);
	while (large->first) {
		struct cr_batch *batch = large->first;

		while (!cr_batch_is_done(batch))
			help_or_sleep(large, false);
		large->first = batch->next;
		cr_batch_give_back(large->batches, batch);
	}
	large->last = &large->first;
	cr_file_refs_release(&large->refs);
	cr_file_refs_init(&large->refs, large->writer);
}
