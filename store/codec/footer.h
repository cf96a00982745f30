/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footer.h - a pack's signed table of contents, and the plain trailer that
 * finds it.  Bytes in, structs out: no I/O and no keys.  FORMAT.md section 6.
 */
#ifndef STORE_CODEC_FOOTER_H
#define STORE_CODEC_FOOTER_H

#include "store/codec/pack_header.h"
#include "store/codec/seal.h"
#include "store/codec/sign.h"

struct cr_footer_chunk {
	struct cr_id id;
	uint8_t type; /* enum cr_chunk_type */
};

struct cr_footer_block {
	uint64_t offset; /* in the pack; follows from the lengths */
	uint32_t payload_len;
	uint32_t raw_len;
	uint32_t first; /* ordinal of its first chunk in the footer */
	uint32_t chunks;
	uint8_t coding; /* enum cr_coding */
	struct cr_nonce nonce;
	struct cr_tag tag;
	struct cr_id stored_hash;
};

struct cr_footer {
	struct cr_id commitment;
	struct cr_footer_block *block; /* owned */
	uint32_t blocks;
	struct cr_footer_chunk *chunk; /* owned; of all blocks, in order */
	uint32_t chunks;
	struct cr_signature signature;
	struct cr_id body_hash; /* Hash("footer-body", all but the signature) */
};

/* Bytes that @block takes in the pack. */
static inline uint64_t cr_block_stored_len(const struct cr_footer_block *block)
{
	if (block->chunks == 0)
		return block->payload_len;
	return ((uint64_t)block->payload_len + CR_BLOCK_ALIGN - 1) &
	       ~(uint64_t)(CR_BLOCK_ALIGN - 1);
}

/*
 * Parse the plaintext footer @bytes of a pack of @kind whose blocks fill
 * [CR_PACK_HEADER_LEN, @data_end).  The signature is taken, not checked.
 * -CR_ECORRUPT or -ENOMEM with *@ret untouched.
 */
cr_must_check int cr_footer_parse(struct cr_piece bytes, enum cr_pack_kind kind,
				  uint64_t data_end, struct cr_footer *ret);
void cr_footer_release(struct cr_footer *footer);

/* The hash that the writer signs under the label "sign-footer". */
struct cr_id cr_footer_signed_hash(const uint8_t header[CR_PACK_HEADER_LEN],
				   const struct cr_pack_header *parsed,
				   const struct cr_id *commitment,
				   const struct cr_id *body_hash);

/* The associated data of block number @n: 16 + 16 + 4 + 1 + 1 + 4 + 4 bytes. */
#define CR_BLOCK_AD_LEN 46
void cr_block_ad(const struct cr_pack_header *header, uint32_t n,
		 const struct cr_footer_block *block,
		 uint8_t out[CR_BLOCK_AD_LEN]);

/* The fixed end of the trailer; the shard hashes lie before it. */
struct cr_trailer {
	uint8_t header[CR_PACK_HEADER_LEN];
	uint64_t footer_offset;
	uint32_t footer_len;
	uint32_t shards;
};

/*
 * Parse the last CR_TRAILER_TAIL_LEN bytes of a pack of @pack_len bytes: all
 * lengths agree with @pack_len, and the magic is there.  The XXH3 over the
 * whole trailer is for cr_trailer_check().  -CR_ECORRUPT.
 */
cr_must_check int cr_trailer_parse(const uint8_t tail[CR_TRAILER_TAIL_LEN],
				   uint64_t pack_len, struct cr_trailer *ret);

/*
 * Where the blocks end, so the sealed footer begins, in a pack of @pack_len
 * bytes whose sealed footer takes @footer_len: it follows from the two.
 * -CR_ECORRUPT when no pack has these lengths.
 */
cr_must_check int cr_footer_place(uint64_t pack_len, uint32_t footer_len,
				  uint64_t *ret);

/* Whether the whole trailer (shard hashes and tail) carries its own XXH3. */
cr_must_check int cr_trailer_check(struct cr_piece whole);

/* XXH3-64 with seed 0. */
uint64_t cr_shard_hash(const void *bytes, size_t len);

#endif
