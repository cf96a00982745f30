/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/footer.h"

#include <errno.h>
#include <inttypes.h>
#include <xxhash.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/put.h"

#define CHUNK_LEN     (1 + CR_ID_LEN)
#define BLOCK_LEN_MIN (1 + 1 + 1 + CR_NONCE_LEN + CR_TAG_LEN + CR_ID_LEN + 1)

/* Commitment, one block and the signature. */
#define FOOTER_LEN_MIN (CR_ID_LEN + 1 + BLOCK_LEN_MIN + CR_SIGN_LEN)

/* A trailer's last fields: its own XXH3 and the magic. */
#define TRAILER_SUM_LEN (8 + CR_MAGIC_LEN)

static bool type_fits(uint8_t type, enum cr_pack_kind kind)
{
	if (kind == CR_PACK_DATA)
		return type == CR_CHUNK_DATA || type == CR_CHUNK_INLINE;
	return type >= CR_CHUNK_LEAF && type < CR_CHUNK_TYPES;
}

/* What the coding and the two lengths of block @n may be together. */
static int check_lengths(uint32_t n, const struct cr_footer_block *block)
{
	bool padding = block->chunks == 0;

	if (block->payload_len < 1 ||
	    block->payload_len >
		    (padding ? CR_BLOCK_PAYLOAD_MAX : CR_BLOCK_RAW_MAX))
		return cr_fail(CR_ECORRUPT,
			       "footer: block %" PRIu32 ": payload of %" PRIu32
			       " bytes",
			       n, block->payload_len);
	if (block->raw_len < 1 || block->raw_len > CR_BLOCK_RAW_MAX)
		return cr_fail(CR_ECORRUPT,
			       "footer: block %" PRIu32 ": %" PRIu32
			       " raw bytes",
			       n, block->raw_len);
	if (padding) {
		if (block->coding == CR_CODING_RAW && block->raw_len == 1)
			return 0;
	} else if (block->coding == CR_CODING_RAW) {
		if (block->payload_len == block->raw_len)
			return 0;
	} else if (block->coding == CR_CODING_ZSTD) {
		if (block->payload_len < block->raw_len)
			return 0;
	}
	return cr_fail(CR_ECORRUPT,
		       "footer: block %" PRIu32
		       ": coding %u, payload of %" PRIu32 " bytes for %" PRIu32
		       " in %" PRIu32 " chunks",
		       n, block->coding, block->payload_len, block->raw_len,
		       block->chunks);
}

static int parse_chunks(struct cr_cursor *cur, enum cr_pack_kind kind,
			struct cr_footer *footer)
{
	uint32_t n = footer->blocks;
	const struct cr_footer_block *block = &footer->block[n];

	if (cur->left < (uint64_t)block->chunks * CHUNK_LEN)
		return cr_fail(CR_ECORRUPT,
			       "footer: block %" PRIu32 ": %" PRIu32
			       " chunks in %zu bytes",
			       n, block->chunks, cur->left);
	for (uint32_t i = 0; i < block->chunks; i++) {
		/* There is room: it was made for all the bytes at hand. */
		struct cr_footer_chunk *chunk =
			&footer->chunk[footer->chunks++];

		chunk->type = cr_cursor_u8(cur);
		chunk->id = cr_cursor_id(cur);
		if (!type_fits(chunk->type, kind))
			return cr_fail(
				CR_ECORRUPT,
				"footer: block %" PRIu32
				": chunk of type %u in a pack of kind %d",
				n, chunk->type, (int)kind);
	}
	return 0;
}

/* Block number footer->blocks, which begins at @offset in the pack. */
static int parse_block(struct cr_cursor *cur, enum cr_pack_kind kind,
		       uint64_t offset, struct cr_footer *footer)
{
	struct cr_footer_block *block = &footer->block[footer->blocks];
	int r;

	block->offset = offset;
	block->coding = cr_cursor_u8(cur);
	block->payload_len = (uint32_t)cr_cursor_max(cur, CR_BLOCK_PAYLOAD_MAX);
	block->raw_len = (uint32_t)cr_cursor_max(cur, CR_BLOCK_RAW_MAX);
	cr_cursor_bytes(cur, block->nonce.bytes, sizeof(block->nonce.bytes));
	cr_cursor_bytes(cur, block->tag.bytes, sizeof(block->tag.bytes));
	block->stored_hash = cr_cursor_id(cur);
	block->first = footer->chunks;
	block->chunks = (uint32_t)cr_cursor_max(cur, CR_BLOCK_CHUNKS_MAX);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT,
			       "footer: block %" PRIu32
			       " is cut short or has a number out of bounds",
			       footer->blocks);
	r = check_lengths(footer->blocks, block);
	return r < 0 ? r : parse_chunks(cur, kind, footer);
}

/*
 * Memory for @blocks, and for as many chunks as the bytes at hand can hold: no
 * fewer, since the chunks of the first block may take what the others need.
 */
static int allocate(struct cr_footer *footer, uint64_t blocks, size_t left)
{
	footer->block = calloc(blocks, sizeof(*footer->block));
	footer->chunk = calloc(left / CHUNK_LEN, sizeof(*footer->chunk));
	return footer->block && footer->chunk ? 0 : -ENOMEM;
}

static int parse_blocks(struct cr_cursor *cur, enum cr_pack_kind kind,
			uint64_t data_end, struct cr_footer *footer)
{
	uint64_t blocks = cr_cursor_varint(cur);
	uint64_t offset = CR_PACK_HEADER_LEN;
	int r;

	/* Before anything is allocated: a count must fit the bytes at hand. */
	if (blocks < 1 || blocks > CR_PACK_BLOCKS_MAX ||
	    cur->left < blocks * BLOCK_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "footer: %" PRIu64 " blocks in %zu bytes",
			       blocks, cur->left);
	r = allocate(footer, blocks, cur->left);
	if (r < 0)
		return r;
	for (; footer->blocks < blocks; footer->blocks++) {
		r = parse_block(cur, kind, offset, footer);
		if (r < 0)
			return r;
		/* 2^16 blocks of 2^22 bytes stay far below 2^64. */
		offset += cr_block_stored_len(&footer->block[footer->blocks]);
	}
	if (!cr_cursor_done(cur))
		return cr_fail(CR_ECORRUPT,
			       "footer: %zu bytes after the last block",
			       cur->left);
	if (offset != data_end)
		return cr_fail(CR_ECORRUPT,
			       "footer: blocks end at %" PRIu64
			       ", data at %" PRIu64,
			       offset, data_end);
	return 0;
}

int cr_footer_parse(struct cr_piece bytes, enum cr_pack_kind kind,
		    uint64_t data_end, struct cr_footer *ret)
{
	cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	struct cr_cursor body;
	int r;

	if (bytes.len < FOOTER_LEN_MIN ||
	    bytes.len > CR_FOOTER_MAX - CR_SEAL_OVERHEAD)
		return cr_fail(CR_ECORRUPT, "footer: %zu bytes", bytes.len);
	body = cr_cursor(bytes.bytes, bytes.len - CR_SIGN_LEN);
	footer.body_hash = cr_hash_bytes("footer-body", body.next, body.left);
	(void)cr_cursor_view(&cur, body.left);
	cr_cursor_bytes(&cur, footer.signature.bytes, CR_SIGN_LEN);

	footer.commitment = cr_cursor_id(&body);
	r = parse_blocks(&body, kind, data_end, &footer);
	if (r < 0)
		return r;
	*ret = cr_take(footer);
	return 0;
}

void cr_footer_release(struct cr_footer *footer)
{
	free(footer->block);
	free(footer->chunk);
	*footer = (struct cr_footer){ 0 };
}

struct cr_id cr_footer_signed_hash(const uint8_t header[CR_PACK_HEADER_LEN],
				   const struct cr_pack_header *parsed,
				   const struct cr_id *commitment,
				   const struct cr_id *body_hash)
{
	struct cr_id header_hash =
		cr_hash_bytes("pack-header", header, CR_PACK_HEADER_LEN);
	uint8_t said[4 + 2 + 1 + 3 * CR_UID_LEN + 3 * CR_ID_LEN];
	uint8_t *at = cr_put_u32(said, CR_FORMAT_VERSION);

	at = cr_put_u16(at, CR_SUITE_CHACHA20);
	at = cr_put_u8(at, (uint8_t)parsed->kind);
	at = cr_put_uid(at, &parsed->repository);
	at = cr_put_uid(at, &parsed->pack);
	at = cr_put_uid(at, &parsed->writer);
	at = cr_put_id(at, &header_hash);
	at = cr_put_id(at, commitment);
	at = cr_put_id(at, body_hash);
	assert(at == said + sizeof(said));
	return cr_hash_bytes("footer-sig", said, sizeof(said));
}

void cr_block_ad(const struct cr_pack_header *header, uint32_t n,
		 const struct cr_footer_block *block,
		 uint8_t out[CR_BLOCK_AD_LEN])
{
	uint8_t *at = cr_put_uid(out, &header->repository);

	at = cr_put_uid(at, &header->pack);
	at = cr_put_u32(at, n);
	at = cr_put_u8(at, (uint8_t)header->kind);
	at = cr_put_u8(at, block->coding);
	at = cr_put_u32(at, block->payload_len);
	at = cr_put_u32(at, block->raw_len);
	assert(at == out + CR_BLOCK_AD_LEN);
}

int cr_footer_place(uint64_t pack_len, uint32_t footer_len, uint64_t *ret)
{
	uint64_t end, shards;

	if (pack_len <= CR_TRAILER_TAIL_LEN || pack_len > CR_PACK_MAX)
		return cr_fail(CR_ECORRUPT, "pack of %" PRIu64 " bytes",
			       pack_len);
	/* Each shard, the last one shorter, has a hash in the trailer. */
	shards = (pack_len - CR_TRAILER_TAIL_LEN + CR_SHARD_LEN + 7) /
		 (CR_SHARD_LEN + 8);
	end = pack_len - CR_TRAILER_TAIL_LEN - 8 * shards;
	if ((end + CR_SHARD_LEN - 1) / CR_SHARD_LEN != shards)
		return cr_fail(CR_ECORRUPT, "no pack has %" PRIu64 " bytes",
			       pack_len);
	if (footer_len < FOOTER_LEN_MIN + CR_SEAL_OVERHEAD ||
	    footer_len > CR_FOOTER_MAX ||
	    end <= CR_PACK_HEADER_LEN + (uint64_t)footer_len)
		return cr_fail(CR_ECORRUPT,
			       "footer of %" PRIu32
			       " bytes in a pack of %" PRIu64,
			       footer_len, pack_len);
	*ret = end - footer_len;
	return 0;
}

int cr_trailer_parse(const uint8_t tail[CR_TRAILER_TAIL_LEN], uint64_t pack_len,
		     struct cr_trailer *ret)
{
	struct cr_cursor cur = cr_cursor(tail, CR_TRAILER_TAIL_LEN);
	struct cr_trailer trailer = { 0 };
	uint8_t magic[CR_MAGIC_LEN];
	uint64_t place = 0, before;
	int r;

	cr_cursor_bytes(&cur, trailer.header, sizeof(trailer.header));
	trailer.footer_offset = cr_cursor_u64(&cur);
	trailer.footer_len = cr_cursor_u32(&cur);
	trailer.shards = cr_cursor_u32(&cur);
	(void)cr_cursor_u64(&cur); /* for cr_trailer_check() */
	cr_cursor_bytes(&cur, magic, sizeof(magic));
	if (memcmp(magic, CR_MAGIC_TRAILER, sizeof(magic)) != 0)
		return cr_fail(CR_ECORRUPT, "trailer: does not end with \"%s\"",
			       CR_MAGIC_TRAILER);
	r = cr_footer_place(pack_len, trailer.footer_len, &place);
	if (r < 0)
		return r;
	before = pack_len - CR_TRAILER_TAIL_LEN - 8ull * trailer.shards;
	if (trailer.footer_offset != place ||
	    before != place + trailer.footer_len)
		return cr_fail(CR_ECORRUPT,
			       "trailer: footer of %" PRIu32
			       " bytes at %" PRIu64 " and %" PRIu32
			       " shards in a pack of %" PRIu64,
			       trailer.footer_len, trailer.footer_offset,
			       trailer.shards, pack_len);
	*ret = trailer;
	return 0;
}

int cr_trailer_check(struct cr_piece whole)
{
	struct cr_cursor cur = cr_cursor(whole.bytes, whole.len);
	uint64_t sum;

	if (whole.len < CR_TRAILER_TAIL_LEN || whole.len % 8 != 0)
		return cr_fail(CR_ECORRUPT, "trailer: %zu bytes", whole.len);
	(void)cr_cursor_view(&cur, whole.len - TRAILER_SUM_LEN);
	sum = cr_cursor_u64(&cur);
	if (memcmp(cur.next, CR_MAGIC_TRAILER, CR_MAGIC_LEN) != 0)
		return cr_fail(CR_ECORRUPT, "trailer: does not end with \"%s\"",
			       CR_MAGIC_TRAILER);
	if (sum != cr_shard_hash(whole.bytes, whole.len - TRAILER_SUM_LEN))
		return cr_fail(CR_ECORRUPT, "trailer: the sum is wrong");
	return 0;
}

uint64_t cr_shard_hash(const void *bytes, size_t len)
{
	return XXH3_64bits(bytes, len);
}
