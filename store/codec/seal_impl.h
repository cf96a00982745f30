/* SPDX-License-Identifier: GPL-2.0-or-later */
/* seal_impl.h - seal.c and libcrypto's part of it.  Any thread. */
#ifndef STORE_CODEC_SEAL_IMPL_H
#define STORE_CODEC_SEAL_IMPL_H

#include "store/codec/seal.h"

/* Under a zero nonce: each (key, nonce) pair has a cipher key of its own. */
struct cr_cipher_job {
	const struct cr_key *key; /* of the cipher; borrowed */
	struct cr_piece ad;
	struct cr_piece from;
	uint8_t *to; /* where @from is, or apart from it */
};

void cr_sodium_seal(const struct cr_cipher_job *job, struct cr_tag *tag);
/* -CR_EAUTH: what is at job->to is not to be used. */
cr_must_check int cr_sodium_open(const struct cr_cipher_job *job,
				 const struct cr_tag *tag);

/* Load libcrypto, unless that was tried before; whether it can be used. */
bool cr_libcrypto_load(void);

/* Whether it is loaded; by and by it is, if @len bytes at a time come often. */
bool cr_libcrypto_pays(size_t len);

/* False: nothing was done, for lack of memory. */
cr_must_check bool cr_libcrypto_seal(const struct cr_cipher_job *job,
				     struct cr_tag *tag);
/* The same, with cr_sodium_open()'s result in @ret. */
cr_must_check bool cr_libcrypto_open(const struct cr_cipher_job *job,
				     const struct cr_tag *tag, int *ret);

#endif
