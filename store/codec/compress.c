/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/compress.h"

#include <zstd.h>

#include "store/base/buf.h"
#include "store/base/error.h"

#define WINDOW_LOG_MAX 21

_Static_assert(1u << WINDOW_LOG_MAX == CR_BLOCK_RAW_MAX,
	       "a window never needs to be longer than a raw block");

struct cr_compressor {
	ZSTD_CCtx *ctx; /* owned */
	int level;
};

struct cr_decompressor {
	ZSTD_DCtx *ctx; /* owned */
};

static void compressor_freep(struct cr_compressor **comp)
{
	cr_compressor_free(*comp);
}

static void decompressor_freep(struct cr_decompressor **dec)
{
	cr_decompressor_free(*dec);
}

int cr_compressor_new(int level, struct cr_compressor **ret)
{
	const struct {
		ZSTD_cParameter name;
		int value;
	} params[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, WINDOW_LOG_MAX },
		{ ZSTD_c_contentSizeFlag, 0 },
		{ ZSTD_c_checksumFlag, 0 },
		{ ZSTD_c_dictIDFlag, 0 },
	};
	cr_cleanup(compressor_freep) struct cr_compressor *comp = NULL;

	/* zstd itself would take the nearest level and not say so. */
	if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel())
		return cr_fail(EINVAL, "compression level %d: not %d to %d",
			       level, ZSTD_minCLevel(), ZSTD_maxCLevel());
	comp = calloc(1, sizeof(*comp));
	if (!comp)
		return -ENOMEM;
	comp->level = level;
	comp->ctx = ZSTD_createCCtx();
	if (!comp->ctx)
		return -ENOMEM;
	for (size_t i = 0; i < CR_ARRAY_LEN(params); i++) {
		size_t z = ZSTD_CCtx_setParameter(comp->ctx, params[i].name,
						  params[i].value);

		if (ZSTD_isError(z))
			return cr_fail(EINVAL, "zstd: %s",
				       ZSTD_getErrorName(z));
	}
	*ret = cr_take(comp);
	return 0;
}

void cr_compressor_free(struct cr_compressor *comp)
{
	if (comp)
		(void)ZSTD_freeCCtx(comp->ctx);
	free(comp);
}

int cr_compressor_level(const struct cr_compressor *comp)
{
	return comp->level;
}

uint32_t cr_compressor_version(void)
{
	return ZSTD_versionNumber();
}

int cr_compress(struct cr_compressor *comp, struct cr_piece raw,
		struct cr_buf *out)
{
	size_t start = out->len, room = ZSTD_compressBound(raw.len), z;
	uint8_t *at;

	assert(raw.len <= CR_BLOCK_RAW_MAX);
	/* All that the worst case needs: zstd may give up early with less. */
	at = cr_buf_extend(out, room);
	if (!at)
		return -ENOMEM;
	z = ZSTD_compress2(comp->ctx, at, room, raw.bytes, raw.len);
	out->len = start;
	if (ZSTD_isError(z)) /* there is room: only memory can be short */
		return -ENOMEM;
	if (z >= raw.len)
		return 0;
	out->len = start + z;
	return (int)z;
}

int cr_decompressor_new(struct cr_decompressor **ret)
{
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;

	dec = calloc(1, sizeof(*dec));
	if (!dec)
		return -ENOMEM;
	dec->ctx = ZSTD_createDCtx();
	if (!dec->ctx)
		return -ENOMEM;
	*ret = cr_take(dec);
	return 0;
}

void cr_decompressor_free(struct cr_decompressor *dec)
{
	if (dec)
		(void)ZSTD_freeDCtx(dec->ctx);
	free(dec);
}

/*
 * Whether the header is that of a frame we write (RFC 8878, 3.1.1.1): a zero
 * descriptor, so no checksum, dictionary or content size, then a small window.
 * ZSTD_d_windowLogMax would bind streaming calls only.
 */
static bool header_valid(const uint8_t *b, size_t len)
{
	static const uint8_t start[5] = { 0x28, 0xb5, 0x2f, 0xfd, 0 };
	uint64_t base;

	if (len < 6 || memcmp(b, start, sizeof(start)) != 0)
		return false;
	base = UINT64_C(1) << (10 + (b[5] >> 3));
	return base + base / 8 * (b[5] & 7) <= CR_BLOCK_RAW_MAX;
}

int cr_decompress(struct cr_decompressor *dec, struct cr_piece frame, void *out,
		  size_t len)
{
	size_t z;

	if (len > CR_BLOCK_RAW_MAX || !header_valid(frame.bytes, frame.len))
		return -CR_ECORRUPT;
	/* ZSTD_decompressDCtx() would join any number of frames. */
	z = ZSTD_findFrameCompressedSize(frame.bytes, frame.len);
	if (ZSTD_isError(z) || z != frame.len)
		return -CR_ECORRUPT;
	z = ZSTD_decompressDCtx(dec->ctx, out, len, frame.bytes, frame.len);
	if (ZSTD_isError(z) || z != len)
		return -CR_ECORRUPT;
	return 0;
}
