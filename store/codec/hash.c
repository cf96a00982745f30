/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/hash.h"

#include <sodium.h>

/* What is short goes to libsodium, what may be long to blake2b.h. */

_Static_assert(CR_KEY_LEN == CR_BLAKE2B_KEY_LEN, "ids are keyed whole");

/* Hashes made together: so many jobs fit the stack, and keep lanes filled. */
#define TOGETHER 1024

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

static struct cr_blake2b_job id_job(const struct cr_key *id_key,
				    enum cr_chunk_type type,
				    struct cr_piece bytes, struct cr_id *id)
{
	static const char labels[CR_CHUNK_TYPES][CR_BLAKE2B_PERSONAL] = {
		[CR_CHUNK_DATA] = "id-data",   [CR_CHUNK_INLINE] = "id-inline",
		[CR_CHUNK_LEAF] = "id-leaf",   [CR_CHUNK_REFS] = "id-refs",
		[CR_CHUNK_DNODE] = "id-dnode", [CR_CHUNK_LLIST] = "id-llist",
		[CR_CHUNK_LNODE] = "id-lnode", [CR_CHUNK_XATTR] = "id-xattr",
		[CR_CHUNK_LINK] = "id-link",   [CR_CHUNK_TEXT] = "id-text",
	};
	struct cr_blake2b_job job = {
		.bytes = bytes.bytes,
		.len = bytes.len,
		.key = id_key->bytes,
		.out = id->bytes,
	};

	assert(type < CR_CHUNK_TYPES);
	if (type == 0)
		job.key = NULL;
	memcpy(job.personal, labels[type], sizeof(job.personal));
	return job;
}

struct cr_id cr_chunk_id(const struct cr_key *id_key, enum cr_chunk_type type,
			 const void *bytes, size_t len)
{
	struct cr_id id;
	struct cr_blake2b_job job =
		id_job(id_key, type, (struct cr_piece){ bytes, len }, &id);

	assert(type > 0);
	cr_blake2b_many(&job, 1);
	return id;
}

void cr_chunk_ids(const struct cr_key *id_key, const struct cr_id_wanted *want,
		  size_t n)
{
	struct cr_blake2b_job job[TOGETHER];

	while (n > 0) {
		size_t part = cr_min(n, CR_ARRAY_LEN(job));

		for (size_t i = 0; i < part; i++)
			job[i] = id_job(id_key, want[i].type, want[i].bytes,
					want[i].id);
		cr_blake2b_many(job, part);
		want += part;
		n -= part;
	}
}

struct cr_id cr_stored_hash(const void *bytes, size_t len)
{
	struct cr_id shard[CR_BLOCK_PAYLOAD_MAX / CR_SHARD_LEN];
	struct cr_blake2b_job job[CR_ARRAY_LEN(shard)];
	const uint8_t *at = bytes;
	size_t n = 0;

	assert(len <= CR_BLOCK_PAYLOAD_MAX);
	for (; len > 0; n++) {
		size_t part = cr_min(len, (size_t)CR_SHARD_LEN);

		job[n] = (struct cr_blake2b_job){
			.bytes = at,
			.len = part,
			.personal = "stored-shard",
			.out = shard[n].bytes,
		};
		at += part;
		len -= part;
	}
	cr_blake2b_many(job, n);
	return cr_hash_bytes("stored", shard, n * sizeof(shard[0]));
}

void cr_file_hash_init(struct cr_file_hash *hash)
{
	cr_blake2b_init(&hash->state);
}

void cr_file_hash_update(struct cr_file_hash *hash, const void *bytes,
			 size_t len)
{
	cr_blake2b_update(&hash->state, bytes, len);
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

	cr_blake2b_final(&hash->state, id.bytes);
	return id;
}
