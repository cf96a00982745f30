/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blake2b.h - BLAKE2b-256 (RFC 7693) of much: one long stream, or many
 * messages side by side in the lanes of vector registers.  The same bytes as
 * libsodium's crypto_generichash, which makes what is short (hash.c).
 *
 * All functions are pure and may be called from any thread.
 */
#ifndef STORE_CODEC_BLAKE2B_H
#define STORE_CODEC_BLAKE2B_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CR_BLAKE2B_LEN	    32
#define CR_BLAKE2B_KEY_LEN  32
#define CR_BLAKE2B_BLOCK    128
#define CR_BLAKE2B_PERSONAL 16

/* ---- One stream, without key or personalisation ---- */

struct cr_blake2b {
	uint64_t h[8];
	uint64_t len; /* bytes taken, those that wait included */
	uint8_t block[CR_BLAKE2B_BLOCK];
	size_t waiting; /* bytes in @block; the last block waits for the end */
};

void cr_blake2b_init(struct cr_blake2b *state);
void cr_blake2b_update(struct cr_blake2b *state, const void *bytes, size_t len);
void cr_blake2b_final(struct cr_blake2b *state, uint8_t out[CR_BLAKE2B_LEN]);

/* ---- Many messages ---- */

struct cr_blake2b_job {
	const void *bytes; /* borrowed */
	size_t len;
	const uint8_t *key; /* borrowed; CR_BLAKE2B_KEY_LEN bytes, or NULL */
	uint8_t personal[CR_BLAKE2B_PERSONAL];
	uint8_t *out; /* borrowed; CR_BLAKE2B_LEN bytes */
};

/* Hash the @n messages by the fastest means that this processor has. */
void cr_blake2b_many(const struct cr_blake2b_job *job, size_t n);

/* The means, for who tests or compares them: the best is the last usable. */
enum cr_blake2b_means {
	CR_BLAKE2B_PLAIN,  /* one after the other, on any processor */
	CR_BLAKE2B_AVX2,   /* four side by side */
	CR_BLAKE2B_AVX512, /* eight */
	CR_BLAKE2B_MEANS
};

bool cr_blake2b_usable(enum cr_blake2b_means means);
/* The same result by @means, which is usable. */
void cr_blake2b_many_by(enum cr_blake2b_means means,
			const struct cr_blake2b_job *job, size_t n);

#endif
