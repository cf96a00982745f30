/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/capping.h"

#include <errno.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/codec/hash.h"

/* Large, so that few blocks are cut by its ends; and bounded all the same. */
#define WINDOW_BYTES  (64u << 20)
#define WINDOW_CHUNKS (1u << 15)
#define WINDOW_BLOCKS (1u << 11)
/* A window ends some chunks later; its further blocks are not counted. */
#define ROWS  (2 * WINDOW_BLOCKS)
#define SLOTS (2 * ROWS)
#define NONE  UINT32_MAX

/* A chunk that was known. */
struct dup {
	struct cr_id id;
	uint64_t offset;
	uint32_t len;
	uint32_t row;
};

struct cr_capping {
	struct cr_writer *writer; /* borrowed */
	struct cr_stream *stream; /* borrowed */
	enum cr_size_class size_class;
	uint64_t bytes;	    /* of the window */
	struct cr_buf dups; /* struct dup */
	uint32_t rows;
	struct cr_hint at[ROWS]; /* the slot is not used */
	struct cr_capping_block row[ROWS];
	uint32_t order[ROWS];
	uint32_t slot[SLOTS]; /* row + 1, by hash; 0: free */
	uint8_t chunk[CR_CHUNK_MAX];
};

int cr_capping_new(struct cr_writer *writer, struct cr_stream *stream,
		   struct cr_capping **ret)
{
	struct cr_capping *capping = calloc(1, sizeof(*capping));

	if (!capping)
		return -ENOMEM;
	capping->writer = writer;
	capping->stream = stream;
	*ret = capping;
	return 0;
}

void cr_capping_free(struct cr_capping *capping)
{
	if (!capping)
		return;
	cr_buf_release(&capping->dups);
	explicit_bzero(capping->chunk, sizeof(capping->chunk));
	free(capping);
}

/* ---- The decision ---- */

/* Blocks that a window of @bytes may touch, by those it would fill. */
static uint64_t allowed(uint64_t bytes, size_t block_len)
{
	return bytes / block_len * 7 / 4 + 2;
}

static bool is_sparse(const struct cr_capping_block *block)
{
	return block->served < block->len / 2;
}

static int by_use(const void *a, const void *b, void *arg)
{
	const struct cr_capping_block *block = arg;
	uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
	uint64_t x = block[i].served * block[j].len;
	uint64_t y = block[j].served * block[i].len;

	if (x != y)
		return x < y ? -1 : 1;
	return i < j ? -1 : i > j;
}

uint64_t cr_capping_choose(struct cr_capping_block *block, uint32_t n,
			   uint64_t bytes, size_t block_len, uint32_t *order)
{
	const uint64_t most = allowed(bytes, block_len),
		       budget = bytes / CR_CAPPING_BUDGET;
	uint64_t again = 0;
	uint32_t left = n;

	for (uint32_t i = 0; i < n; i++) {
		block[i].again = false;
		order[i] = i;
	}
	if (n <= most)
		return 0;
	qsort_r(order, n, sizeof(*order), by_use, block);
	for (uint32_t i = 0; i < n && left > most; i++) {
		struct cr_capping_block *b = &block[order[i]];

		if (!is_sparse(b))
			break;
		if (b->served > budget - again)
			continue;
		b->again = true;
		again += b->served;
		left--;
	}
	return again;
}

/* ---- A window ---- */

static struct dup *dups_of(struct cr_capping *capping, size_t *n)
{
	*n = capping->dups.len / sizeof(struct dup);
	return (struct dup *)(void *)capping->dups.bytes;
}

static void clear(struct cr_capping *capping)
{
	capping->bytes = 0;
	cr_buf_clear(&capping->dups);
	if (capping->rows > 0)
		memset(capping->slot, 0, sizeof(capping->slot));
	capping->rows = 0;
}

void cr_capping_begin(struct cr_capping *capping, enum cr_size_class size_class)
{
	clear(capping);
	capping->size_class = size_class;
}

/* The row of the block, made if need be; NONE when there is no room. */
static uint32_t row_of(struct cr_capping *capping, const struct cr_hint *at)
{
	uint64_t hash;
	uint32_t i;

	/* Names are random: their first bytes are hash enough. */
	memcpy(&hash, at->pack.bytes, sizeof(hash));
	hash = (hash ^ at->block) * 0x9e3779b97f4a7c15u >> 32;
	for (i = (uint32_t)hash % SLOTS; capping->slot[i];
	     i = (i + 1) % SLOTS) {
		uint32_t row = capping->slot[i] - 1;

		if (capping->at[row].block == at->block &&
		    cr_uid_equal(&capping->at[row].pack, &at->pack))
			return row;
	}
	if (capping->rows == ROWS)
		return NONE;
	capping->at[capping->rows] = *at;
	capping->row[capping->rows] = (struct cr_capping_block){ 0 };
	capping->slot[i] = ++capping->rows;
	return capping->rows - 1;
}

int cr_capping_note(struct cr_capping *capping, const struct cr_id *id,
		    uint64_t offset, uint32_t len, const struct cr_hint *where)
{
	struct dup dup = { *id, offset, len, NONE };

	capping->bytes += len;
	/* What is on its way lies with what is new. */
	if (!where || cr_uid_zero(&where->pack))
		return 0;
	dup.row = row_of(capping, where);
	if (dup.row == NONE)
		return 0;
	capping->row[dup.row].served += len;
	cr_buf_put(&capping->dups, &dup, sizeof(dup));
	return cr_buf_error(&capping->dups);
}

bool cr_capping_full(const struct cr_capping *capping)
{
	return capping->bytes >= WINDOW_BYTES ||
	       capping->dups.len >= WINDOW_CHUNKS * sizeof(struct dup) ||
	       capping->rows >= WINDOW_BLOCKS;
}

/* ---- Settling ---- */

static void measure(struct cr_capping *capping, uint32_t from)
{
	for (uint32_t i = from; i < capping->rows; i++)
		capping->row[i].len = cr_writer_block_len(
			capping->writer, CR_CHUNK_DATA, &capping->at[i]);
}

/*
 * A chunk has been found in any pack that has it.  Of those in blocks that
 * could go, the newest copy counts: it may be one of an earlier session that
 * stored it again.
 */
static int look_closer(struct cr_capping *capping)
{
	uint32_t known = capping->rows;
	size_t n;
	struct dup *dup = dups_of(capping, &n);

	measure(capping, 0);
	for (uint32_t i = 0; i < known; i++)
		capping->row[i].again = is_sparse(&capping->row[i]);
	for (size_t i = 0; i < n; i++) {
		struct cr_hint where;
		uint32_t row;
		int r;

		if (!capping->row[dup[i].row].again)
			continue;
		r = cr_writer_newest(capping->writer, CR_CHUNK_DATA, &dup[i].id,
				     &where);
		if (r < 0)
			return r;
		row = r == 0 || cr_uid_zero(&where.pack)
			      ? NONE
			      : row_of(capping, &where);
		if (row == dup[i].row)
			continue;
		capping->row[dup[i].row].served -= dup[i].len;
		if (row != NONE)
			capping->row[row].served += dup[i].len;
		dup[i].row = row;
	}
	measure(capping, known);
	return 0;
}

/* Rows that nothing is left of do not count. */
static uint32_t drop_unused(struct cr_capping *capping, uint32_t *renamed)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < capping->rows; i++) {
		if (capping->row[i].served == 0) {
			renamed[i] = NONE;
			continue;
		}
		renamed[i] = n;
		capping->row[n++] = capping->row[i];
	}
	return n;
}

static int store_again(struct cr_capping *capping, int fd,
		       const struct dup *dup)
{
	struct cr_piece bytes = { capping->chunk, dup->len };
	struct cr_id id;

	if (cr_io_pread(fd, capping->chunk, dup->len, dup->offset) !=
	    (ssize_t)dup->len)
		return 0;
	id = cr_chunk_id(&cr_writer_domain(capping->writer)->id_key,
			 CR_CHUNK_DATA, bytes.bytes, bytes.len);
	/* It changes under the reader, who will see to that. */
	if (!cr_id_equal(&id, &dup->id))
		return 0;
	return cr_stream_put_again(capping->stream, CR_CHUNK_DATA, &id, bytes,
				   capping->size_class);
}

static int settle(struct cr_capping *capping, int fd)
{
	uint32_t *renamed = capping->slot; /* not used any more */
	size_t n;
	struct dup *dup = dups_of(capping, &n);
	uint32_t rows;
	int r = look_closer(capping);

	if (r < 0)
		return r;
	rows = drop_unused(capping, renamed);
	if (cr_capping_choose(capping->row, rows, capping->bytes,
			      cr_stream_block_len(capping->size_class),
			      capping->order) == 0)
		return 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		uint32_t row = dup[i].row == NONE ? NONE : renamed[dup[i].row];

		if (row != NONE && capping->row[row].again)
			r = store_again(capping, fd, &dup[i]);
	}
	return r;
}

int cr_capping_settle(struct cr_capping *capping, int fd)
{
	int r = 0;

	if (capping->rows >
	    allowed(capping->bytes, cr_stream_block_len(capping->size_class)))
		r = settle(capping, fd);
	clear(capping);
	return r;
}
