/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blocks.h - decoded blocks in memory: each is decoded once however many
 * threads want it, kept within a bound of bytes, and remembers which of its
 * chunks were found to match their id and which are not wanted again.
 *
 * Any thread may call anything.  No lock is held over I/O or decoding: who
 * wants a block that is being decoded waits for that block only.
 */
#ifndef STORE_READ_BLOCKS_H
#define STORE_READ_BLOCKS_H

#include "store/disk/pack.h"
#include "store/read/cache.h"

struct cr_blocks;

/*
 * Of each block that somebody takes a chunk of for the first time since it was
 * decoded; @brought: by cr_blocks_bring().
 */
typedef void cr_blocks_used(void *arg, const struct cr_uid *pack,
			    uint32_t block, bool brought);

/* @bytes: of decoded blocks, and 16 MiB more of those under way or pinned. */
cr_must_check int cr_blocks_new(size_t bytes, struct cr_blocks **ret);
/* Nothing may be pinned any more. */
void cr_blocks_free(struct cr_blocks *blocks);

/* Before others get any.  @used is called in their threads: it has to be quick.
 */
void cr_blocks_on_use(struct cr_blocks *blocks, cr_blocks_used *used,
		      void *arg);

/* Pin block @block of @pack.  Errors as cr_pack_read(). */
cr_must_check int cr_blocks_get(struct cr_blocks *blocks,
				const struct cr_pack *pack, uint32_t block,
				struct cr_cached **ret);
/* Decode it for later.  0: it was there, 1: it is now; errors likewise. */
cr_must_check int cr_blocks_bring(struct cr_blocks *blocks,
				  const struct cr_pack *pack, uint32_t block);
/* Whether it is there or being decoded.  It may go at once. */
bool cr_blocks_has(const struct cr_blocks *blocks, const struct cr_uid *pack,
		   uint32_t block);

/* ---- A pinned block ---- */

/* The bytes of a slot, as long as the pin.  @slot is one that the pack has. */
struct cr_piece cr_blocks_chunk(const struct cr_cached *cached, uint32_t slot);

/* Whether the chunk was found to match its id; and to say that it does. */
bool cr_blocks_is_checked(const struct cr_cached *cached, uint32_t slot);
void cr_blocks_set_checked(struct cr_cached *cached, uint32_t slot);

/* Tell on_use(), if it is the first time, that a chunk of it is used. */
void cr_blocks_note_use(struct cr_blocks *blocks, const struct cr_pack *pack,
			uint32_t block, const struct cr_cached *cached);

/*
 * Unpin it, @n chunks from @slot on being wanted for the last time: the block
 * goes when all of them were.
 */
void cr_blocks_spend(struct cr_cached *cached, uint32_t slot, uint32_t n);
/*
 * Unpin it, @n chunks from @slot on being some that somebody had the whole of
 * who reads on: with one of the last he is through with the block.
 */
void cr_blocks_pass(struct cr_cached *cached, uint32_t slot, uint32_t n);

struct cr_blocks_stats {
	struct cr_cache_stats cache;
	uint64_t decoded, decoded_bytes;
};
void cr_blocks_get_stats(struct cr_blocks *blocks, struct cr_blocks_stats *ret);

#endif
