/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/seal.h"

#include <sodium.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/seal_impl.h"

struct cr_nonce cr_seal_nonce(const struct cr_key *key,
			      const struct cr_piece *material, size_t n)
{
	struct cr_piece piece[8];
	uint8_t fresh[32];
	struct cr_nonce nonce;
	struct cr_key out;

	assert(n < CR_ARRAY_LEN(piece));
	randombytes_buf(fresh, sizeof(fresh));
	piece[0] = (struct cr_piece){ fresh, sizeof(fresh) };
	for (size_t i = 0; i < n; i++)
		piece[i + 1] = material[i];
	cr_kdf(key, "seal-nonce", piece, n + 1, &out);
	memcpy(nonce.bytes, out.bytes, sizeof(nonce.bytes));
	return nonce;
}

/* ---- By libsodium ---- */

static const uint8_t cipher_nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

void cr_sodium_seal(const struct cr_cipher_job *job, struct cr_tag *tag)
{
	(void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(
		job->to, tag->bytes, NULL, job->from.bytes, job->from.len,
		job->ad.bytes, job->ad.len, NULL, cipher_nonce,
		job->key->bytes);
}

int cr_sodium_open(const struct cr_cipher_job *job, const struct cr_tag *tag)
{
	int r = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
		job->to, NULL, job->from.bytes, job->from.len, tag->bytes,
		job->ad.bytes, job->ad.len, cipher_nonce, job->key->bytes);

	return r == 0 ? 0 : -CR_EAUTH;
}

/* ---- By either ---- */

static enum cr_seal_means means_for(size_t len)
{
	return cr_libcrypto_pays(len) ? CR_SEAL_LIBCRYPTO : CR_SEAL_SODIUM;
}

bool cr_seal_usable(enum cr_seal_means means)
{
	return means == CR_SEAL_SODIUM || cr_libcrypto_load();
}

static void derive(const struct cr_seal_with *with, struct cr_key *ret)
{
	cr_kdf(with->key, "seal-key",
	       &(struct cr_piece){ with->nonce, sizeof(*with->nonce) }, 1, ret);
}

void cr_seal_by(enum cr_seal_means means, const struct cr_seal_with *with,
		struct cr_piece plain, void *out, struct cr_tag *tag)
{
	struct cr_key key;
	struct cr_cipher_job job = { &key, with->ad, plain, out };

	derive(with, &key);
	if (means != CR_SEAL_LIBCRYPTO || !cr_libcrypto_seal(&job, tag))
		cr_sodium_seal(&job, tag);
	sodium_memzero(&key, sizeof(key));
}

int cr_open_by(enum cr_seal_means means, const struct cr_seal_with *with,
	       struct cr_piece sealed, void *out, const struct cr_tag *tag)
{
	struct cr_key key;
	struct cr_cipher_job job = { &key, with->ad, sealed, out };
	int r;

	derive(with, &key);
	if (means != CR_SEAL_LIBCRYPTO || !cr_libcrypto_open(&job, tag, &r))
		r = cr_sodium_open(&job, tag);
	sodium_memzero(&key, sizeof(key));
	/* What libcrypto has made of it so far was made before it knew. */
	if (r < 0 && sealed.len > 0)
		sodium_memzero(out, sealed.len);
	return r;
}

void cr_seal(const struct cr_seal_with *with, struct cr_piece plain, void *out,
	     struct cr_tag *tag)
{
	cr_seal_by(means_for(plain.len), with, plain, out, tag);
}

int cr_open(const struct cr_seal_with *with, struct cr_piece sealed, void *out,
	    const struct cr_tag *tag)
{
	return cr_open_by(means_for(sealed.len), with, sealed, out, tag);
}

/* ---- Records ---- */

int cr_seal_append(const struct cr_key *key, struct cr_piece ad,
		   struct cr_piece plain, struct cr_buf *out)
{
	struct cr_nonce nonce = cr_seal_nonce(key, &plain, 1);
	struct cr_tag tag;
	uint8_t *at = cr_buf_extend(out, plain.len + CR_SEAL_OVERHEAD);

	if (!at)
		return -ENOMEM;
	memcpy(at, nonce.bytes, sizeof(nonce.bytes));
	cr_seal(&(struct cr_seal_with){ key, &nonce, ad }, plain,
		at + CR_NONCE_LEN, &tag);
	memcpy(at + CR_NONCE_LEN + plain.len, tag.bytes, sizeof(tag.bytes));
	return 0;
}

/* Open a record of at least its overhead; @out has room for the rest. */
static int open_record(const struct cr_key *key, struct cr_piece ad,
		       struct cr_piece sealed, uint8_t *out)
{
	const uint8_t *from = sealed.bytes;
	size_t len = sealed.len - CR_SEAL_OVERHEAD;
	struct cr_nonce nonce;
	struct cr_tag tag;

	memcpy(nonce.bytes, from, sizeof(nonce.bytes));
	memcpy(tag.bytes, from + CR_NONCE_LEN + len, sizeof(tag.bytes));
	return cr_open(&(struct cr_seal_with){ key, &nonce, ad },
		       (struct cr_piece){ from + CR_NONCE_LEN, len }, out,
		       &tag);
}

int cr_open_append(const struct cr_key *key, struct cr_piece ad,
		   struct cr_piece sealed, struct cr_buf *out)
{
	uint8_t *at;
	int r;

	if (sealed.len < CR_SEAL_OVERHEAD)
		return -CR_EAUTH;
	at = cr_buf_extend(out, sealed.len - CR_SEAL_OVERHEAD);
	if (!at)
		return -ENOMEM;
	r = open_record(key, ad, sealed, at);
	if (r < 0)
		out->len -= sealed.len - CR_SEAL_OVERHEAD;
	return r;
}

int cr_open_in_place(const struct cr_key *key, struct cr_piece ad,
		     uint8_t *sealed, size_t len, struct cr_piece *ret)
{
	uint8_t *at = sealed + CR_NONCE_LEN;
	int r;

	if (len < CR_SEAL_OVERHEAD)
		return -CR_EAUTH;
	r = open_record(key, ad, (struct cr_piece){ sealed, len }, at);
	if (r == 0)
		*ret = (struct cr_piece){ at, len - CR_SEAL_OVERHEAD };
	return r;
}
