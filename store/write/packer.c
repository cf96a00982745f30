/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/packer.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/base/error.h"
#include "store/codec/chunker.h"
#include "store/codec/compress.h"
#include "store/disk/pack.h"
#include "store/write/pack_out.h"

/*
 * A pack that is full whatever its size: by blocks, and by chunks, whose ids
 * (33 bytes each) must fit a footer and are held in memory.
 */
#define BLOCKS_FULL (CR_PACK_BLOCKS_MAX - 2)
#define CHUNKS_FULL (1u << 18)

/*
 * Before the chunks of a block, room for the longest table: chunks of less than
 * 128 bytes take a byte each, longer ones two, those of 16 KiB and more three.
 */
#define TABLE_ROOM                                                 \
	(3u + CR_BLOCK_CHUNKS_MAX + CR_BLOCK_RAW_MAX / (1u << 7) + \
	 CR_BLOCK_RAW_MAX / (1u << 14))

/*
 * Where so many blocks in a row did not shrink, one in EVERY is tried, and
 * those in between whose bytes are not all about as frequent.
 */
#define HOPELESS 4u
#define EVERY	 8u
#define SAMPLES	 16u

struct cr_packer {
	struct cr_packer_options opt;
	pthread_mutex_t lock;
	struct cr_pack_out *open; /* owned; under: lock */
	atomic_ullong bytes;
};

void cr_open_block_release(struct cr_open_block *block)
{
	cr_buf_release(&block->lengths);
	cr_buf_release(&block->bytes);
	cr_buf_release(&block->chunks);
	cr_buf_release(&block->sealed);
	block->count = 0;
}

static void open_block_clear(struct cr_open_block *block)
{
	cr_buf_clear(&block->lengths);
	cr_buf_clear(&block->bytes);
	cr_buf_clear(&block->chunks);
	block->count = 0;
}

int cr_open_block_add(struct cr_open_block *block, enum cr_chunk_type type,
		      const struct cr_id *id, struct cr_piece bytes)
{
	struct cr_footer_chunk chunk = { *id, (uint8_t)type };

	assert(bytes.len > 0 && bytes.len <= CR_CHUNK_MAX);
	if (block->bytes.len == 0 && !cr_buf_extend(&block->bytes, TABLE_ROOM))
		return -ENOMEM;
	cr_buf_varint(&block->lengths, bytes.len);
	cr_buf_put(&block->bytes, bytes.bytes, bytes.len);
	cr_buf_put(&block->chunks, &chunk, sizeof(chunk));
	block->count++;
	if (cr_buf_error(&block->lengths) < 0 ||
	    cr_buf_error(&block->bytes) < 0 || cr_buf_error(&block->chunks) < 0)
		return -ENOMEM;
	return 0;
}

size_t cr_open_block_len(const struct cr_open_block *block)
{
	if (block->count == 0)
		return 0;
	return block->lengths.len + block->bytes.len - TABLE_ROOM;
}

bool cr_open_block_full(const struct cr_open_block *block, size_t target)
{
	return cr_open_block_len(block) >= target ||
	       block->count >= CR_BLOCK_CHUNKS_MAX;
}

int cr_packer_new(const struct cr_packer_options *options,
		  struct cr_packer **ret)
{
	struct cr_packer *packer = calloc(1, sizeof(*packer));

	if (!packer)
		return -ENOMEM;
	packer->opt = *options;
	(void)pthread_mutex_init(&packer->lock, NULL);
	*ret = packer;
	return 0;
}

void cr_packer_free(struct cr_packer *packer)
{
	if (!packer)
		return;
	cr_pack_out_abort(packer->open);
	(void)pthread_mutex_destroy(&packer->lock);
	free(packer);
}

uint64_t cr_packer_bytes(struct cr_packer *packer)
{
	return atomic_load(&packer->bytes);
}

/* The open pack, begun if there is none.  Locked. */
static int open_pack(struct cr_packer *packer)
{
	const struct cr_packer_options *opt = &packer->opt;

	if (packer->open)
		return 0;
	return cr_pack_out_begin(opt->repo, opt->storage, opt->kind,
				 &packer->open);
}

static int publish(struct cr_packer *packer, struct cr_pack_out *out, bool pad)
{
	struct cr_packed packed;
	int r = cr_pack_out_publish(out, pad, &packed);

	if (r == 0) {
		(void)atomic_fetch_add(&packer->bytes, packed.len);
		r = packer->opt.packed(packer->opt.arg, &packed);
	}
	cr_pack_out_abort(out);
	return r;
}

/* The raw block: its table goes right before the chunks. */
static int make_raw(struct cr_open_block *block, struct cr_piece *raw)
{
	struct cr_buf *table = &block->sealed; /* not needed yet */
	uint8_t *at = block->bytes.bytes + TABLE_ROOM;

	cr_buf_clear(table);
	cr_buf_varint(table, block->count);
	cr_buf_put(table, block->lengths.bytes, block->lengths.len);
	if (cr_buf_error(table) < 0)
		return -ENOMEM;
	assert(table->len <= TABLE_ROOM);
	at -= table->len;
	memcpy(at, table->bytes, table->len);
	*raw = (struct cr_piece){ at,
				  block->bytes.len - TABLE_ROOM + table->len };
	return 0;
}

/* Whether bytes here and there in @raw are all about as frequent. */
static bool looks_random(struct cr_piece raw)
{
	uint8_t samples[SAMPLES * CR_CLASS_SAMPLE_LEN];
	const uint8_t *bytes = raw.bytes;

	if (raw.len < sizeof(samples))
		return false;
	for (size_t i = 0; i < SAMPLES; i++)
		memcpy(samples + i * CR_CLASS_SAMPLE_LEN,
		       bytes + i * ((raw.len - CR_CLASS_SAMPLE_LEN) / SAMPLES),
		       CR_CLASS_SAMPLE_LEN);
	return cr_bytes_random(samples, sizeof(samples));
}

/* Compress @raw to block->sealed: its length, or 0 where that does not pay. */
static int compress(struct cr_open_block *block, struct cr_compressor *comp,
		    struct cr_piece raw)
{
	int r = 0;

	cr_buf_clear(&block->sealed);
	if (block->unshrunk < HOPELESS || block->unshrunk % EVERY == 0 ||
	    !looks_random(raw))
		r = cr_compress(comp, raw, &block->sealed);
	block->unshrunk = r == 0 ? block->unshrunk + 1 : 0;
	return r;
}

/* Raw block and payload of @block: compressed where it pays, and padded. */
static int make_payload(struct cr_open_block *block, struct cr_compressor *comp,
			struct cr_footer_block *row)
{
	struct cr_buf *plain = &block->sealed;
	struct cr_piece raw;
	size_t payload, len;
	int r = make_raw(block, &raw);

	if (r == 0)
		r = compress(block, comp, raw);
	if (r < 0)
		return r;
	payload = r > 0 ? (size_t)r : raw.len;
	row->coding = r > 0 ? CR_CODING_ZSTD : CR_CODING_RAW;
	row->raw_len = (uint32_t)raw.len;
	row->payload_len = (uint32_t)payload;
	row->chunks = block->count;
	len = (size_t)cr_block_stored_len(row);
	if (r == 0) {
		/* Sealed from where it is. */
		plain = &block->bytes;
		if (!cr_buf_extend(&block->sealed, len))
			return -ENOMEM;
	}
	cr_buf_zero(plain, len - payload);
	block->plain =
		(struct cr_piece){ plain->bytes + plain->len - len, len };
	return cr_buf_error(plain);
}

int cr_packer_put(struct cr_packer *packer, struct cr_open_block *block,
		  struct cr_compressor *comp)
{
	struct cr_footer_block row = { 0 };
	struct cr_pack_out *out = NULL;
	struct cr_pack_place place;
	bool complete = false;
	int r;

	if (block->count == 0)
		return 0;
	r = make_payload(block, comp, &row);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&packer->lock);
	r = open_pack(packer);
	if (r == 0) {
		out = packer->open;
		r = cr_pack_out_place(out, &row, &block->chunks, &place);
	}
	if (r == 0 && (cr_pack_out_len(out) >= packer->opt.target ||
		       cr_pack_out_blocks(out) >= BLOCKS_FULL ||
		       cr_pack_out_chunks(out) >= CHUNKS_FULL)) {
		cr_pack_out_close(out);
		packer->open = NULL;
	}
	(void)pthread_mutex_unlock(&packer->lock);
	if (r < 0)
		return r;
	r = cr_pack_out_write(out, &place, comp, block, &complete);
	open_block_clear(block);
	if (complete && r == 0)
		return publish(packer, out, false);
	if (complete)
		cr_pack_out_abort(out);
	return r;
}

int cr_packer_next(struct cr_packer *packer, struct cr_uid *pack,
		   uint32_t *number)
{
	int r;

	(void)pthread_mutex_lock(&packer->lock);
	r = open_pack(packer);
	if (r == 0) {
		*pack = *cr_pack_out_id(packer->open);
		*number = cr_pack_out_blocks(packer->open);
	}
	(void)pthread_mutex_unlock(&packer->lock);
	return r;
}

int cr_packer_finish(struct cr_packer *packer)
{
	struct cr_pack_out *out;

	(void)pthread_mutex_lock(&packer->lock);
	out = packer->open;
	packer->open = NULL;
	(void)pthread_mutex_unlock(&packer->lock);
	if (!out)
		return 0;
	if (cr_pack_out_blocks(out) == 0) {
		cr_pack_out_abort(out);
		return 0;
	}
	cr_pack_out_close(out);
	return publish(packer, out, true);
}
