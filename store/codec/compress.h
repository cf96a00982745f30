/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * compress.h - zstd both ways (RFC 8878), output bounded.
 */
#ifndef STORE_CODEC_COMPRESS_H
#define STORE_CODEC_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"
#include "store/codec/hash.h"

struct cr_buf;
struct cr_compressor;	/* one a thread */
struct cr_decompressor; /* one a thread */

cr_must_check int cr_compressor_new(int level, struct cr_compressor **ret);
void cr_compressor_free(struct cr_compressor *comp);

/* The level, and libzstd's version number: part of a block's nonce. */
int cr_compressor_level(const struct cr_compressor *comp);
uint32_t cr_compressor_version(void);

/*
 * Append one frame without checksum or content size to @out.  Returns its
 * length, or 0 (with @out as it was) when it would not be shorter than @raw.
 * -ENOMEM.
 */
cr_must_check int cr_compress(struct cr_compressor *comp, struct cr_piece raw,
			      struct cr_buf *out);

cr_must_check int cr_decompressor_new(struct cr_decompressor **ret);
void cr_decompressor_free(struct cr_decompressor *dec);

/*
 * Decode exactly one frame into exactly @len bytes at @out.  A checksum, a
 * content size, a dictionary, a window above CR_BLOCK_RAW_MAX are refused.
 * -CR_ECORRUPT, without a sentence.
 */
cr_must_check int cr_decompress(struct cr_decompressor *dec,
				struct cr_piece frame, void *out, size_t len);

#endif
