/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/footer_encode.h"

#include "store/base/buf.h"

static void put_block(const struct cr_footer *footer,
		      const struct cr_footer_block *block, struct cr_buf *out)
{
	cr_buf_u8(out, block->coding);
	cr_buf_varint(out, block->payload_len);
	cr_buf_varint(out, block->raw_len);
	cr_buf_put(out, block->nonce.bytes, sizeof(block->nonce.bytes));
	cr_buf_put(out, block->tag.bytes, sizeof(block->tag.bytes));
	cr_buf_id(out, &block->stored_hash);
	cr_buf_varint(out, block->chunks);
	for (uint32_t i = 0; i < block->chunks; i++) {
		const struct cr_footer_chunk *chunk =
			&footer->chunk[block->first + i];

		cr_buf_u8(out, chunk->type);
		cr_buf_id(out, &chunk->id);
	}
}

int cr_footer_encode(const struct cr_footer *footer, struct cr_buf *out)
{
	cr_buf_id(out, &footer->commitment);
	cr_buf_varint(out, footer->blocks);
	for (uint32_t i = 0; i < footer->blocks; i++)
		put_block(footer, &footer->block[i], out);
	return cr_buf_error(out);
}

int cr_trailer_encode(const struct cr_trailer *trailer,
		      const uint64_t *shard_hash, struct cr_buf *out)
{
	size_t start = out->len;
	int r;

	for (uint32_t i = 0; i < trailer->shards; i++)
		cr_buf_u64(out, shard_hash[i]);
	cr_buf_put(out, trailer->header, sizeof(trailer->header));
	cr_buf_u64(out, trailer->footer_offset);
	cr_buf_u32(out, trailer->footer_len);
	cr_buf_u32(out, trailer->shards);
	r = cr_buf_error(out);
	if (r < 0)
		return r;
	cr_buf_u64(out, cr_shard_hash(out->bytes + start, out->len - start));
	cr_buf_put(out, CR_MAGIC_TRAILER, CR_MAGIC_LEN);
	return cr_buf_error(out);
}
