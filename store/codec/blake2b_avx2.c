/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blake2b_avx2.c - four messages in the lanes of 256-bit registers.
 */
#include "store/codec/blake2b_impl.h"

#if CR_BLAKE2B_X86

#include <immintrin.h>

#define AVX2   __attribute__((target("avx2")))
#define INLINE static inline __attribute__((always_inline))

#define LANES 4

typedef __m256i word;

AVX2 INLINE word load(const void *from)
{
	return _mm256_loadu_si256(from);
}

AVX2 INLINE word rotate_32(word x)
{
	return _mm256_shuffle_epi32(x, _MM_SHUFFLE(2, 3, 0, 1));
}

AVX2 INLINE word rotate_24(word x)
{
	return _mm256_shuffle_epi8(
		x, _mm256_setr_epi8(3, 4, 5, 6, 7, 0, 1, 2, 11, 12, 13, 14, 15,
				    8, 9, 10, 3, 4, 5, 6, 7, 0, 1, 2, 11, 12,
				    13, 14, 15, 8, 9, 10));
}

AVX2 INLINE word rotate_16(word x)
{
	return _mm256_shuffle_epi8(
		x, _mm256_setr_epi8(2, 3, 4, 5, 6, 7, 0, 1, 10, 11, 12, 13, 14,
				    15, 8, 9, 2, 3, 4, 5, 6, 7, 0, 1, 10, 11,
				    12, 13, 14, 15, 8, 9));
}

AVX2 INLINE word rotate_63(word x)
{
	return _mm256_or_si256(_mm256_srli_epi64(x, 63),
			       _mm256_add_epi64(x, x));
}

#define ADD _mm256_add_epi64
#define XOR _mm256_xor_si256

#define MIX(a, b, c, d, x, y)                   \
	do {                                    \
		(a) = ADD(ADD((a), (x)), (b));  \
		(d) = rotate_32(XOR((d), (a))); \
		(c) = ADD((c), (d));            \
		(b) = rotate_24(XOR((b), (c))); \
		(a) = ADD(ADD((a), (y)), (b));  \
		(d) = rotate_16(XOR((d), (a))); \
		(c) = ADD((c), (d));            \
		(b) = rotate_63(XOR((b), (c))); \
	} while (0)

/* Four words of each lane's block, @offset bytes in, to four vectors. */
AVX2 INLINE void message(word m[4], const uint8_t *const at[LANES],
			 size_t offset)
{
	word a = load(at[0] + offset), b = load(at[1] + offset);
	word c = load(at[2] + offset), d = load(at[3] + offset);
	word ab = _mm256_unpacklo_epi64(a, b), AB = _mm256_unpackhi_epi64(a, b);
	word cd = _mm256_unpacklo_epi64(c, d), CD = _mm256_unpackhi_epi64(c, d);

	m[0] = _mm256_permute2x128_si256(ab, cd, 0x20);
	m[1] = _mm256_permute2x128_si256(AB, CD, 0x20);
	m[2] = _mm256_permute2x128_si256(ab, cd, 0x31);
	m[3] = _mm256_permute2x128_si256(AB, CD, 0x31);
}

AVX2 void cr_blake2b_avx2(struct cr_blake2b_lanes *lanes, size_t blocks)
{
	const word f = load(lanes->f), step = _mm256_set1_epi64x(128);
	word h[8], t = load(lanes->t);

	for (size_t i = 0; i < 8; i++)
		h[i] = load(lanes->h[i]);
	for (size_t n = 0; n < blocks; n++) {
		word v[16] CR_UNSET, m[16] CR_UNSET;

		for (size_t i = 0; i < 4; i++)
			message(m + 4 * i, lanes->at,
				CR_BLAKE2B_BLOCK * n + 32 * i);
		for (size_t i = 0; i < 8; i++) {
			v[i] = h[i];
			v[i + 8] =
				_mm256_set1_epi64x((long long)cr_blake2b_iv[i]);
		}
		t = ADD(t, step);
		v[12] = XOR(v[12], t);
		v[14] = XOR(v[14], f);
		CR_BLAKE2B_ROUNDS(MIX, v, m);
		for (size_t i = 0; i < 8; i++)
			h[i] = XOR(h[i], XOR(v[i], v[i + 8]));
	}
	for (size_t i = 0; i < 8; i++)
		_mm256_storeu_si256((word *)(void *)lanes->h[i], h[i]);
	_mm256_storeu_si256((word *)(void *)lanes->t, t);
}

#endif
