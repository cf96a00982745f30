/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash.h - BLAKE2b-256 (RFC 7693) in its four uses: labelled hash, key
 * derivation, chunk id, whole-file hash.  FORMAT.md sections 3, 5 and 9.
 *
 * All functions are pure and may be called from any thread.
 */
#ifndef STORE_CODEC_HASH_H
#define STORE_CODEC_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/id.h"
#include "store/base/util.h"
#include "store/codec/blake2b.h"
#include "store/codec/format.h"

struct cr_key {
	uint8_t bytes[CR_KEY_LEN];
};

/* One piece of what is hashed; pieces are joined without separators. */
struct cr_piece {
	const void *bytes; /* borrowed */
	size_t len;
};

#define CR_PIECE(object)                    \
	{                                   \
		(object), sizeof(*(object)) \
	}

/* Hash(@label, the @n pieces): label is 1 to 16 ASCII characters. */
struct cr_id cr_hash(const char *label, const struct cr_piece *piece, size_t n);
struct cr_id cr_hash_bytes(const char *label, const void *bytes, size_t len);

/* Kdf(@key, @label, the @n pieces) to @out, which may be @key. */
void cr_kdf(const struct cr_key *key, const char *label,
	    const struct cr_piece *piece, size_t n, struct cr_key *out);
void cr_kdf_bytes(const struct cr_key *key, const char *label,
		  const void *bytes, size_t len, struct cr_key *out);

/* What @key is said to be, to who has it: Kdf(key, label, uid). */
struct cr_id cr_commitment(const struct cr_key *key, const char *label,
			   const struct cr_uid *uid);

/* The id of a chunk of @type under a domain's id key. */
struct cr_id cr_chunk_id(const struct cr_key *id_key, enum cr_chunk_type type,
			 const void *bytes, size_t len);

/* One of many ids to be made; or, of type 0, the hash of a whole file. */
struct cr_id_wanted {
	enum cr_chunk_type type;
	struct cr_piece bytes; /* borrowed */
	struct cr_id *id;      /* borrowed: where it goes */
};

/* The @n ids, several times as fast together as one by one. */
void cr_chunk_ids(const struct cr_key *id_key, const struct cr_id_wanted *want,
		  size_t n);

/* The stored hash of a block's @len bytes of ciphertext (section 6). */
struct cr_id cr_stored_hash(const void *bytes, size_t len);

/* The unkeyed hash of a whole file, fed piece by piece. */
struct cr_file_hash {
	struct cr_blake2b state;
};

void cr_file_hash_init(struct cr_file_hash *hash);
void cr_file_hash_update(struct cr_file_hash *hash, const void *bytes,
			 size_t len);
void cr_file_hash_zeros(struct cr_file_hash *hash, uint64_t len);
struct cr_id cr_file_hash_final(struct cr_file_hash *hash);

#endif
