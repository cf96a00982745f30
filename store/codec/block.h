/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block.h - the raw block: a table of chunk lengths, then the chunks.
 * FORMAT.md section 6.
 */
#ifndef STORE_CODEC_BLOCK_H
#define STORE_CODEC_BLOCK_H

#include "store/codec/hash.h"

/* A parsed raw block; chunk i is raw.bytes[start[i] .. start[i + 1]). */
struct cr_block_table {
	uint32_t *start; /* owned; chunks + 1 offsets in the raw block */
	uint32_t chunks;
};

/* -CR_ECORRUPT unless it holds exactly @chunks; -ENOMEM. */
cr_must_check int cr_block_parse(struct cr_piece raw, uint32_t chunks,
				 struct cr_block_table *ret);
void cr_block_table_release(struct cr_block_table *table);

#endif
