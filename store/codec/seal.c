/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/seal.h"

#include <sodium.h>

#include "store/base/buf.h"
#include "store/base/error.h"

/* Zero: each (key, nonce) pair has a cipher key of its own. */
static const uint8_t cipher_nonce[crypto_aead_chacha20poly1305_IETF_NPUBBYTES];

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

void cr_seal(const struct cr_key *key, const struct cr_nonce *nonce,
	     struct cr_piece ad, void *bytes, size_t len, struct cr_tag *tag)
{
	struct cr_key cipher;

	cr_kdf(key, "seal-key", &(struct cr_piece)CR_PIECE(nonce), 1, &cipher);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt_detached(
		bytes, tag->bytes, NULL, bytes, len, ad.bytes, ad.len, NULL,
		cipher_nonce, cipher.bytes);
	sodium_memzero(&cipher, sizeof(cipher));
}

int cr_open(const struct cr_key *key, const struct cr_nonce *nonce,
	    struct cr_piece ad, void *bytes, size_t len,
	    const struct cr_tag *tag)
{
	struct cr_key cipher;
	int r;

	cr_kdf(key, "seal-key", &(struct cr_piece)CR_PIECE(nonce), 1, &cipher);
	r = crypto_aead_chacha20poly1305_ietf_decrypt_detached(
		bytes, NULL, bytes, len, tag->bytes, ad.bytes, ad.len,
		cipher_nonce, cipher.bytes);
	sodium_memzero(&cipher, sizeof(cipher));
	if (r != 0) {
		memset(bytes, 0, len);
		return -CR_EAUTH;
	}
	return 0;
}

int cr_seal_append(const struct cr_key *key, struct cr_piece ad,
		   struct cr_piece plain, struct cr_buf *out)
{
	struct cr_nonce nonce = cr_seal_nonce(key, &plain, 1);
	struct cr_tag tag;
	uint8_t *at = cr_buf_extend(out, plain.len + CR_SEAL_OVERHEAD);

	if (!at)
		return -ENOMEM;
	memcpy(at, nonce.bytes, sizeof(nonce.bytes));
	if (plain.len > 0)
		memcpy(at + CR_NONCE_LEN, plain.bytes, plain.len);
	cr_seal(key, &nonce, ad, at + CR_NONCE_LEN, plain.len, &tag);
	memcpy(at + CR_NONCE_LEN + plain.len, tag.bytes, sizeof(tag.bytes));
	return 0;
}

int cr_open_append(const struct cr_key *key, struct cr_piece ad,
		   struct cr_piece sealed, struct cr_buf *out)
{
	const uint8_t *from = sealed.bytes;
	struct cr_nonce nonce;
	struct cr_tag tag;
	uint8_t *at;
	size_t len;
	int r;

	if (sealed.len < CR_SEAL_OVERHEAD)
		return -CR_EAUTH;
	len = sealed.len - CR_SEAL_OVERHEAD;
	memcpy(nonce.bytes, from, sizeof(nonce.bytes));
	memcpy(tag.bytes, from + CR_NONCE_LEN + len, sizeof(tag.bytes));
	at = cr_buf_extend(out, len);
	if (!at)
		return -ENOMEM;
	if (len > 0)
		memcpy(at, from + CR_NONCE_LEN, len);
	r = cr_open(key, &nonce, ad, at, len, &tag);
	if (r < 0)
		out->len -= len;
	return r;
}
