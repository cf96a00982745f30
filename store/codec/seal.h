/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seal.h - authenticated encryption: ChaCha20-Poly1305 (RFC 8439) under a key
 * derived from the nonce.  FORMAT.md section 3.  Any thread.
 *
 * libsodium seals what is short.  What is long goes to OpenSSL's libcrypto
 * where that can be had: the same bytes, three times as fast with AVX-512.
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

/* What a seal binds, beside the plaintext. */
struct cr_seal_with {
	const struct cr_key *key;     /* borrowed */
	const struct cr_nonce *nonce; /* borrowed */
	struct cr_piece ad;	      /* borrowed */
};

/* The one place where nonces come from.  @material fixes the plaintext. */
struct cr_nonce cr_seal_nonce(const struct cr_key *key,
			      const struct cr_piece *material, size_t n);

/*
 * Encrypt @plain to @out, which has as many bytes, and set @tag.  @out is
 * where @plain is, or apart from it.
 */
void cr_seal(const struct cr_seal_with *with, struct cr_piece plain, void *out,
	     struct cr_tag *tag);

/* Decrypt @sealed likewise.  -CR_EAUTH, without a sentence, leaves zeroes. */
cr_must_check int cr_open(const struct cr_seal_with *with,
			  struct cr_piece sealed, void *out,
			  const struct cr_tag *tag);

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

/*
 * The same, with the plaintext in place of the ciphertext in @sealed: what is
 * returned points there.  What does not open is zero afterwards, but for nonce
 * and tag.  -CR_EAUTH.
 */
cr_must_check int cr_open_in_place(const struct cr_key *key, struct cr_piece ad,
				   uint8_t *sealed, size_t len,
				   struct cr_piece *ret);

/* ---- The means, for who tests or compares them ---- */

enum cr_seal_means { CR_SEAL_SODIUM, CR_SEAL_LIBCRYPTO, CR_SEAL_MEANS };

/*
 * Whether @means can be had.  libcrypto is loaded for that, once a process,
 * which takes files and memory that may be run: who is about to renounce those
 * asks before.  Without, it is loaded when enough has been sealed and opened
 * for that to pay.
 */
bool cr_seal_usable(enum cr_seal_means means);

/* The same as above by @means, which is usable, whatever the length. */
void cr_seal_by(enum cr_seal_means means, const struct cr_seal_with *with,
		struct cr_piece plain, void *out, struct cr_tag *tag);
cr_must_check int cr_open_by(enum cr_seal_means means,
			     const struct cr_seal_with *with,
			     struct cr_piece sealed, void *out,
			     const struct cr_tag *tag);

#endif
