/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/hash.h"

#include <sodium.h>

/*
 * The four-lane layout of section 6 hashes shards one by one, so that a
 * multi-buffer BLAKE2b can take several at once with the same result.
 */

_Static_assert(sizeof(struct cr_file_hash) >=
		       sizeof(crypto_generichash_blake2b_state),
	       "cr_file_hash must hold libsodium's state");

static void personal(const char *label, uint8_t out[16])
{
	size_t len = strlen(label);

	assert(len > 0 && len <= 16);
	memset(out, 0, 16);
	memcpy(out, label, len);
}

static void blake2b(const struct cr_key *key, const char *label,
		    const struct cr_piece *piece, size_t n, uint8_t out[32])
{
	static const uint8_t salt[16];
	crypto_generichash_blake2b_state state;
	uint8_t label16[16];

	personal(label, label16);
	/* None of these can fail: lengths are constant and in range. */
	(void)crypto_generichash_blake2b_init_salt_personal(
		&state, key ? key->bytes : NULL, key ? CR_KEY_LEN : 0, 32, salt,
		label16);
	for (size_t i = 0; i < n; i++)
		(void)crypto_generichash_blake2b_update(&state, piece[i].bytes,
							piece[i].len);
	(void)crypto_generichash_blake2b_final(&state, out, 32);
	sodium_memzero(&state, sizeof(state));
}

struct cr_id cr_hash(const char *label, const struct cr_piece *piece, size_t n)
{
	struct cr_id id;

	blake2b(NULL, label, piece, n, id.bytes);
	return id;
}

struct cr_id cr_hash_bytes(const char *label, const void *bytes, size_t len)
{
	return cr_hash(label, &(struct cr_piece){ bytes, len }, 1);
}

void cr_kdf(const struct cr_key *key, const char *label,
	    const struct cr_piece *piece, size_t n, struct cr_key *out)
{
	blake2b(key, label, piece, n, out->bytes);
}

void cr_kdf_bytes(const struct cr_key *key, const char *label,
		  const void *bytes, size_t len, struct cr_key *out)
{
	cr_kdf(key, label, &(struct cr_piece){ bytes, len }, 1, out);
}

struct cr_id cr_commitment(const struct cr_key *key, const char *label,
			   const struct cr_uid *uid)
{
	struct cr_key made;
	struct cr_id ret;

	cr_kdf_bytes(key, label, uid->bytes, sizeof(uid->bytes), &made);
	memcpy(ret.bytes, made.bytes, sizeof(ret.bytes));
	return ret;
}

struct cr_id cr_chunk_id(const struct cr_key *id_key, enum cr_chunk_type type,
			 const void *bytes, size_t len)
{
	static const char labels[CR_CHUNK_TYPES][16] = {
		[CR_CHUNK_DATA] = "id-data",   [CR_CHUNK_INLINE] = "id-inline",
		[CR_CHUNK_LEAF] = "id-leaf",   [CR_CHUNK_REFS] = "id-refs",
		[CR_CHUNK_DNODE] = "id-dnode", [CR_CHUNK_LLIST] = "id-llist",
		[CR_CHUNK_LNODE] = "id-lnode", [CR_CHUNK_XATTR] = "id-xattr",
		[CR_CHUNK_LINK] = "id-link",   [CR_CHUNK_TEXT] = "id-text",
	};
	static const uint8_t salt[16];
	struct cr_id id;

	assert(type > 0 && type < CR_CHUNK_TYPES);
	(void)crypto_generichash_blake2b_salt_personal(
		id.bytes, sizeof(id.bytes), bytes, len, id_key->bytes,
		CR_KEY_LEN, salt, (const uint8_t *)labels[type]);
	return id;
}

struct cr_id cr_stored_hash(const void *bytes, size_t len)
{
	struct cr_id shard[CR_BLOCK_PAYLOAD_MAX / CR_SHARD_LEN + 1];
	const uint8_t *at = bytes;
	size_t n = 0;

	assert(len <= CR_BLOCK_PAYLOAD_MAX);
	while (len > 0) {
		size_t part = cr_min(len, (size_t)CR_SHARD_LEN);

		shard[n++] = cr_hash_bytes("stored-shard", at, part);
		at += part;
		len -= part;
	}
	return cr_hash_bytes("stored", shard, n * sizeof(shard[0]));
}

void cr_file_hash_init(struct cr_file_hash *hash)
{
	(void)crypto_generichash_blake2b_init((void *)hash->state, NULL, 0, 32);
}

void cr_file_hash_update(struct cr_file_hash *hash, const void *bytes,
			 size_t len)
{
	(void)crypto_generichash_blake2b_update((void *)hash->state, bytes,
						len);
}

void cr_file_hash_zeros(struct cr_file_hash *hash, uint64_t len)
{
	static const uint8_t zeros[65536];

	while (len > 0) {
		size_t part = (size_t)cr_min(len, (uint64_t)sizeof(zeros));

		cr_file_hash_update(hash, zeros, part);
		len -= part;
	}
}

struct cr_id cr_file_hash_final(struct cr_file_hash *hash)
{
	struct cr_id id;

	(void)crypto_generichash_blake2b_final((void *)hash->state, id.bytes,
					       sizeof(id.bytes));
	return id;
}
