/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seal.h - authenticated encryption: ChaCha20-Poly1305 (RFC 8439) under a key
 * derived from the nonce.  FORMAT.md section 3.  Pure; any thread.
 */
#ifndef STORE_CODEC_SEAL_H
#define STORE_CODEC_SEAL_H

#include "store/codec/hash.h"

struct cr_nonce {
	uint8_t bytes[CR_NONCE_LEN];
};

struct cr_tag {
	uint8_t bytes[CR_TAG_LEN];
};

/* The one place where nonces come from.  @material fixes the plaintext. */
struct cr_nonce cr_seal_nonce(const struct cr_key *key,
			      const struct cr_piece *material, size_t n);

/* Encrypt @len bytes in place and set @tag. */
void cr_seal(const struct cr_key *key, const struct cr_nonce *nonce,
	     struct cr_piece ad, void *bytes, size_t len, struct cr_tag *tag);

/* Decrypt @len bytes in place.  -CR_EAUTH, without a sentence, leaves zeroes.
 */
cr_must_check int cr_open(const struct cr_key *key,
			  const struct cr_nonce *nonce, struct cr_piece ad,
			  void *bytes, size_t len, const struct cr_tag *tag);

struct cr_buf;

/*
 * The common form of small records: append "nonce, ciphertext, tag" of @plain
 * to @out, its nonce made from @plain.  -ENOMEM.
 */
cr_must_check int cr_seal_append(const struct cr_key *key, struct cr_piece ad,
				 struct cr_piece plain, struct cr_buf *out);

/*
 * Append to @out the plaintext of @sealed, in that form.  -CR_EAUTH without a
 * sentence (also when @sealed is too short), -ENOMEM.
 */
cr_must_check int cr_open_append(const struct cr_key *key, struct cr_piece ad,
				 struct cr_piece sealed, struct cr_buf *out);

#endif
