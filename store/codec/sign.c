/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/sign.h"

#include <inttypes.h>
#include <sodium.h>

#include "store/base/error.h"

struct cr_sign_pk cr_sign_public(const struct cr_key *seed)
{
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	struct cr_sign_pk pk;

	(void)crypto_sign_seed_keypair(pk.bytes, sk, seed->bytes);
	sodium_memzero(sk, sizeof(sk));
	return pk;
}

struct cr_box_pk cr_box_public(const struct cr_key *seed)
{
	uint8_t sk[crypto_box_SECRETKEYBYTES];
	struct cr_box_pk pk;

	(void)crypto_box_seed_keypair(pk.bytes, sk, seed->bytes);
	sodium_memzero(sk, sizeof(sk));
	return pk;
}

/* pad16(label) || hash: what is signed everywhere. */
static void signed_message(const char *label, const struct cr_id *hash,
			   uint8_t out[16 + CR_ID_LEN])
{
	size_t len = strlen(label);

	assert(len > 0 && len <= 16);
	memset(out, 0, 16);
	memcpy(out, label, len);
	memcpy(out + 16, hash->bytes, CR_ID_LEN);
}

struct cr_signature cr_sign(const struct cr_key *seed, const char *label,
			    const struct cr_id *hash)
{
	uint8_t message[16 + CR_ID_LEN], pk[crypto_sign_PUBLICKEYBYTES];
	uint8_t sk[crypto_sign_SECRETKEYBYTES];
	struct cr_signature sig;

	signed_message(label, hash, message);
	(void)crypto_sign_seed_keypair(pk, sk, seed->bytes);
	(void)crypto_sign_detached(sig.bytes, NULL, message, sizeof(message),
				   sk);
	sodium_memzero(sk, sizeof(sk));
	return sig;
}

int cr_sign_verify(const struct cr_sign_pk *pk, const char *label,
		   const struct cr_id *hash, const struct cr_signature *sig)
{
	uint8_t message[16 + CR_ID_LEN];

	signed_message(label, hash, message);
	if (crypto_sign_verify_detached(sig->bytes, message, sizeof(message),
					pk->bytes) != 0)
		return -CR_EAUTH;
	return 0;
}

int cr_box_seal(const struct cr_box_pk *pk, struct cr_piece plain, void *out)
{
	if (crypto_box_seal(out, plain.bytes, plain.len, pk->bytes) != 0)
		return cr_fail(CR_ECORRUPT, "a public key is not a point");
	return 0;
}

int cr_box_open(const struct cr_key *seed, struct cr_piece sealed, void *out)
{
	uint8_t pk[crypto_box_PUBLICKEYBYTES], sk[crypto_box_SECRETKEYBYTES];
	int r;

	(void)crypto_box_seed_keypair(pk, sk, seed->bytes);
	r = crypto_box_seal_open(out, sealed.bytes, sealed.len, pk, sk);
	sodium_memzero(sk, sizeof(sk));
	return r == 0 ? 0 : -CR_EAUTH;
}

int cr_argon2id(const struct cr_argon *param, struct cr_piece passphrase,
		struct cr_key *out)
{
	/* Before anything is allocated: the numbers may be an attacker's. */
	if (param->passes < CR_ARGON_PASSES_MIN ||
	    param->passes > CR_ARGON_PASSES_MAX ||
	    param->mib < CR_ARGON_MIB_MIN || param->mib > CR_ARGON_MIB_MAX)
		return cr_fail(CR_ECORRUPT,
			       "key slot asks for %" PRIu32
			       " passes over %" PRIu32 " MiB",
			       param->passes, param->mib);
	if (crypto_pwhash(out->bytes, sizeof(out->bytes), passphrase.bytes,
			  passphrase.len, param->salt, param->passes,
			  (size_t)param->mib << 20,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return cr_fail(ENOMEM, "no %" PRIu32 " MiB for the passphrase",
			       param->mib);
	return 0;
}
