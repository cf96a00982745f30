/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blake2b_impl.h - what the implementations of BLAKE2b's compression function
 * (RFC 7693, section 3.2) share; see blake2b.h.
 */
#ifndef STORE_CODEC_BLAKE2B_IMPL_H
#define STORE_CODEC_BLAKE2B_IMPL_H

#include <stddef.h>
#include <stdint.h>

#include "store/codec/blake2b.h"

#define CR_BLAKE2B_LANES_MAX 8

/* Filled at once: zeroing these first, as we build, costs a fifth. */
#define CR_UNSET __attribute__((uninitialized))

/* Vector code is for processors that know it, and compilers that can say so. */
#if defined(__x86_64__)
#define CR_BLAKE2B_X86 1
#else
#define CR_BLAKE2B_X86 0
#endif

/* The state of all lanes: word by word, so that a vector holds one word. */
struct cr_blake2b_lanes {
	_Alignas(64) uint64_t h[8][CR_BLAKE2B_LANES_MAX];
	_Alignas(64) uint64_t t[CR_BLAKE2B_LANES_MAX]; /* bytes before */
	_Alignas(64) uint64_t f[CR_BLAKE2B_LANES_MAX]; /* all ones: the last */
	const uint8_t *at[CR_BLAKE2B_LANES_MAX];
};

/*
 * Take the next @blocks whole blocks of every lane, at @at: @h and @t go on, @f
 * and @at stay.  @t counts modulo 2^64.
 */
typedef void cr_blake2b_kernel(struct cr_blake2b_lanes *lanes, size_t blocks);

cr_blake2b_kernel cr_blake2b_plain; /* one lane */
#if CR_BLAKE2B_X86
cr_blake2b_kernel cr_blake2b_avx2;   /* four */
cr_blake2b_kernel cr_blake2b_avx512; /* eight */
#endif

extern const uint64_t cr_blake2b_iv[8];

/* The little-endian word at @bytes. */
static inline uint64_t cr_blake2b_word(const uint8_t *bytes)
{
	uint64_t word;

	__builtin_memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/*
 * The twelve rounds over the 16 words @v and the 16 of the message @m, of
 * whatever type the mixing function @g is for.
 */
#define CR_BLAKE2B_ROUND(g, v, m, a, b, c, d, e, f, i, j, k, l, n, o, p, q, r, \
			 s)                                                    \
	do {                                                                   \
		g((v)[0], (v)[4], (v)[8], (v)[12], (m)[a], (m)[b]);            \
		g((v)[1], (v)[5], (v)[9], (v)[13], (m)[c], (m)[d]);            \
		g((v)[2], (v)[6], (v)[10], (v)[14], (m)[e], (m)[f]);           \
		g((v)[3], (v)[7], (v)[11], (v)[15], (m)[i], (m)[j]);           \
		g((v)[0], (v)[5], (v)[10], (v)[15], (m)[k], (m)[l]);           \
		g((v)[1], (v)[6], (v)[11], (v)[12], (m)[n], (m)[o]);           \
		g((v)[2], (v)[7], (v)[8], (v)[13], (m)[p], (m)[q]);            \
		g((v)[3], (v)[4], (v)[9], (v)[14], (m)[r], (m)[s]);            \
	} while (0)

/* clang-format off */
#define CR_BLAKE2B_ROUNDS(g, v, m)                                             \
	do {                                                                   \
		CR_BLAKE2B_ROUND(g, v, m, 0, 1, 2, 3, 4, 5, 6, 7,              \
				 8, 9, 10, 11, 12, 13, 14, 15);                \
		CR_BLAKE2B_ROUND(g, v, m, 14, 10, 4, 8, 9, 15, 13, 6,          \
				 1, 12, 0, 2, 11, 7, 5, 3);                    \
		CR_BLAKE2B_ROUND(g, v, m, 11, 8, 12, 0, 5, 2, 15, 13,          \
				 10, 14, 3, 6, 7, 1, 9, 4);                    \
		CR_BLAKE2B_ROUND(g, v, m, 7, 9, 3, 1, 13, 12, 11, 14,          \
				 2, 6, 5, 10, 4, 0, 15, 8);                    \
		CR_BLAKE2B_ROUND(g, v, m, 9, 0, 5, 7, 2, 4, 10, 15,            \
				 14, 1, 11, 12, 6, 8, 3, 13);                  \
		CR_BLAKE2B_ROUND(g, v, m, 2, 12, 6, 10, 0, 11, 8, 3,           \
				 4, 13, 7, 5, 15, 14, 1, 9);                   \
		CR_BLAKE2B_ROUND(g, v, m, 12, 5, 1, 15, 14, 13, 4, 10,         \
				 0, 7, 6, 3, 9, 2, 8, 11);                     \
		CR_BLAKE2B_ROUND(g, v, m, 13, 11, 7, 14, 12, 1, 3, 9,          \
				 5, 0, 15, 4, 8, 6, 2, 10);                    \
		CR_BLAKE2B_ROUND(g, v, m, 6, 15, 14, 9, 11, 3, 0, 8,           \
				 12, 2, 13, 7, 1, 4, 10, 5);                   \
		CR_BLAKE2B_ROUND(g, v, m, 10, 2, 8, 4, 7, 6, 1, 5,             \
				 15, 11, 9, 14, 3, 12, 13, 0);                 \
		CR_BLAKE2B_ROUND(g, v, m, 0, 1, 2, 3, 4, 5, 6, 7,              \
				 8, 9, 10, 11, 12, 13, 14, 15);                \
		CR_BLAKE2B_ROUND(g, v, m, 14, 10, 4, 8, 9, 15, 13, 6,          \
				 1, 12, 0, 2, 11, 7, 5, 3);                    \
	} while (0)
/* clang-format on */

#endif
