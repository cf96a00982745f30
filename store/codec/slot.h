/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slot.h - one key, wrapped by a passphrase or a key file, and the bundle
 * inside.  FORMAT.md section 4.2.
 */
#ifndef STORE_CODEC_SLOT_H
#define STORE_CODEC_SLOT_H

#include "store/codec/roster.h"

enum cr_slot_method {
	CR_SLOT_PASSPHRASE = 1,
	CR_SLOT_KEY_FILE = 2,
};

#define CR_SLOT_HEAD_LEN 124 /* up to and with the body's length */

struct cr_slot {
	struct cr_uid repository;
	struct cr_uid id;
	struct cr_uid key;
	uint8_t method; /* enum cr_slot_method */
	uint8_t role;
	struct cr_argon argon;
	struct cr_id commitment;
	struct cr_piece head;	/* borrowed: the associated data */
	struct cr_piece sealed; /* borrowed: nonce, ciphertext, tag */
	struct cr_id signed_hash;
	struct cr_signature signature;
};

/* Lives in guarded memory: cr_secret_alloc(sizeof(struct cr_bundle)). */
struct cr_bundle {
	uint8_t role; /* enum cr_role */
	struct cr_uid key;
	struct cr_id repository_hash;
	struct cr_key secret;	  /* owner: S; others: Ed25519 seed */
	struct cr_key box_seed;	  /* not owner */
	struct cr_sign_pk owner;  /* not owner */
	struct cr_key roster_key; /* not owner */
};

#define CR_BUNDLE_OWNER_LEN 82
#define CR_BUNDLE_MAX	    178

/* @bytes must outlive @ret.  -CR_ECORRUPT, -CR_EVERSION. */
cr_must_check int cr_slot_parse(struct cr_piece bytes, struct cr_slot *ret);

/* *@ret is untouched on failure.  -CR_ECORRUPT, -CR_EVERSION. */
cr_must_check int cr_bundle_parse(struct cr_piece plain, struct cr_bundle *ret);

#endif
