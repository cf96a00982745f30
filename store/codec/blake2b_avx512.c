/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blake2b_avx512.c - eight messages in the lanes of 512-bit registers.
 */
#include "store/codec/blake2b_impl.h"

#if CR_BLAKE2B_X86

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))
#define INLINE static inline __attribute__((always_inline))

#define LANES 8

typedef __m512i word;

#define ADD _mm512_add_epi64
#define XOR _mm512_xor_si512
#define ROR _mm512_ror_epi64

#define MIX(a, b, c, d, x, y)                  \
	do {                                   \
		(a) = ADD(ADD((a), (x)), (b)); \
		(d) = ROR(XOR((d), (a)), 32);  \
		(c) = ADD((c), (d));           \
		(b) = ROR(XOR((b), (c)), 24);  \
		(a) = ADD(ADD((a), (y)), (b)); \
		(d) = ROR(XOR((d), (a)), 16);  \
		(c) = ADD((c), (d));           \
		(b) = ROR(XOR((b), (c)), 63);  \
	} while (0)

/* Eight words of each lane's block, @offset bytes in, to eight vectors. */
AVX512 INLINE void message(word m[8], const uint8_t *const at[LANES],
			   size_t offset)
{
	word row[8] CR_UNSET, pair[8] CR_UNSET, four[8] CR_UNSET;

	for (size_t i = 0; i < 8; i++)
		row[i] = _mm512_loadu_si512(at[i] + offset);
	/* Words 0 2 4 6 of two lanes, then their words 1 3 5 7. */
	for (size_t i = 0; i < 4; i++) {
		pair[i] = _mm512_unpacklo_epi64(row[2 * i], row[2 * i + 1]);
		pair[i + 4] = _mm512_unpackhi_epi64(row[2 * i], row[2 * i + 1]);
	}
	/* Words 0 4 of four lanes, or 2 6; then 1 5, or 3 7. */
	for (size_t i = 0; i < 2; i++) {
		word a = pair[4 * i], b = pair[4 * i + 1];
		word c = pair[4 * i + 2], d = pair[4 * i + 3];

		four[4 * i] = _mm512_shuffle_i64x2(a, b, 0x88);
		four[4 * i + 1] = _mm512_shuffle_i64x2(c, d, 0x88);
		four[4 * i + 2] = _mm512_shuffle_i64x2(a, b, 0xdd);
		four[4 * i + 3] = _mm512_shuffle_i64x2(c, d, 0xdd);
	}
	for (size_t i = 0; i < 2; i++) {
		const word *f = four + 4 * i;

		m[i] = _mm512_shuffle_i64x2(f[0], f[1], 0x88);
		m[i + 4] = _mm512_shuffle_i64x2(f[0], f[1], 0xdd);
		m[i + 2] = _mm512_shuffle_i64x2(f[2], f[3], 0x88);
		m[i + 6] = _mm512_shuffle_i64x2(f[2], f[3], 0xdd);
	}
}

AVX512 void cr_blake2b_avx512(struct cr_blake2b_lanes *lanes, size_t blocks)
{
	const word f = _mm512_load_si512(lanes->f);
	const word step = _mm512_set1_epi64(128);
	word h[8], t = _mm512_load_si512(lanes->t);

	for (size_t i = 0; i < 8; i++)
		h[i] = _mm512_load_si512(lanes->h[i]);
	for (size_t n = 0; n < blocks; n++) {
		word v[16] CR_UNSET, m[16] CR_UNSET;

		message(m, lanes->at, CR_BLAKE2B_BLOCK * n);
		message(m + 8, lanes->at, CR_BLAKE2B_BLOCK * n + 64);
		for (size_t i = 0; i < 8; i++) {
			v[i] = h[i];
			v[i + 8] =
				_mm512_set1_epi64((long long)cr_blake2b_iv[i]);
		}
		t = ADD(t, step);
		v[12] = XOR(v[12], t);
		v[14] = XOR(v[14], f);
		CR_BLAKE2B_ROUNDS(MIX, v, m);
		for (size_t i = 0; i < 8; i++)
			h[i] = XOR(h[i], XOR(v[i], v[i + 8]));
	}
	for (size_t i = 0; i < 8; i++)
		_mm512_store_si512(lanes->h[i], h[i]);
	_mm512_store_si512(lanes->t, t);
}

#endif
