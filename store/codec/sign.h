/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sign.h - signatures (Ed25519, RFC 8032), sealed boxes (libsodium's
 * crypto_box_seal) and passphrases (Argon2id, RFC 9106).  FORMAT.md sections
 * 3 and 4.  Pure; any thread.
 */
#ifndef STORE_CODEC_SIGN_H
#define STORE_CODEC_SIGN_H

#include "store/codec/hash.h"

struct cr_sign_pk {
	uint8_t bytes[CR_SIGN_PK_LEN];
};

struct cr_box_pk {
	uint8_t bytes[CR_BOX_PK_LEN];
};

struct cr_signature {
	uint8_t bytes[CR_SIGN_LEN];
};

/* A pair is kept as its seed: what a bundle or a grant holds. */
struct cr_sign_pk cr_sign_public(const struct cr_key *seed);
struct cr_box_pk cr_box_public(const struct cr_key *seed);

struct cr_signature cr_sign(const struct cr_key *seed, const char *label,
			    const struct cr_id *hash);

/* -CR_EAUTH, without a sentence, unless @sig is good. */
cr_must_check int cr_sign_verify(const struct cr_sign_pk *pk, const char *label,
				 const struct cr_id *hash,
				 const struct cr_signature *sig);

/* Write plain.len + CR_BOX_OVERHEAD bytes to @out. */
cr_must_check int cr_box_seal(const struct cr_box_pk *pk, struct cr_piece plain,
			      void *out);

/* Write sealed.len - CR_BOX_OVERHEAD bytes.  -CR_EAUTH without a sentence. */
cr_must_check int cr_box_open(const struct cr_key *seed, struct cr_piece sealed,
			      void *out);

struct cr_argon {
	uint32_t passes;
	uint32_t mib;
	uint8_t salt[16];
};

/* -CR_ECORRUPT outside the bounds of section 4.2, -ENOMEM. */
cr_must_check int cr_argon2id(const struct cr_argon *param,
			      struct cr_piece passphrase, struct cr_key *out);

#endif
