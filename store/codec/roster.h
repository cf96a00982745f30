/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roster.h - the owner-signed list of keys.  FORMAT.md section 4.3.
 */
#ifndef STORE_CODEC_ROSTER_H
#define STORE_CODEC_ROSTER_H

#include "store/codec/sign.h"

enum cr_role {
	CR_ROLE_OWNER = 1,
	CR_ROLE_READ = 2,
	CR_ROLE_PUT = 3,
};

#define CR_ROSTER_HEAD_LEN 72 /* up to and with the body's length */

struct cr_roster_head {
	struct cr_uid repository;
	uint64_t n;
	struct cr_id prev;
	uint32_t body_len; /* without nonce and tag */
};

struct cr_roster_epoch {
	struct cr_box_pk meta;
	struct cr_box_pk data;
};

struct cr_roster_domain {
	struct cr_uid id;
	uint32_t epoch;
	uint8_t sealed[CR_KEY_LEN + CR_BOX_OVERHEAD];
};

struct cr_roster_key {
	struct cr_uid id;
	uint8_t role; /* enum cr_role */
	struct cr_sign_pk sign_pk;
	struct cr_box_pk box_pk;
	char label[CR_LABEL_MAX + 1];
	struct cr_uid domain;		   /* zero for read */
	char (*source)[CR_SOURCE_MAX + 1]; /* owned array */
	uint32_t sources;
	bool revoked;
	struct cr_uid last_incarnation; /* when revoked */
	uint64_t last_seq;
	struct cr_id last_manifest;
	uint8_t *grant; /* owned; sealed */
	uint32_t grant_len;
};

struct cr_roster {
	struct cr_id repository_hash;
	int64_t time;
	struct cr_roster_epoch *epoch; /* owned; epoch e is epoch[e - 1] */
	uint32_t epochs;
	struct cr_roster_domain *domain; /* owned */
	uint32_t domains;
	struct cr_roster_key *key; /* owned; the first is the owner */
	uint32_t keys;
};

/* -CR_ECORRUPT, -CR_EVERSION; lengths agree with bytes.len. */
cr_must_check int cr_roster_head_parse(struct cr_piece bytes,
				       struct cr_roster_head *ret);

/* The decrypted body.  -CR_ECORRUPT or -ENOMEM with *@ret untouched. */
cr_must_check int cr_roster_parse(struct cr_piece body, struct cr_roster *ret);
void cr_roster_release(struct cr_roster *roster);

/* The admitted key @id, or NULL. */
const struct cr_roster_key *cr_roster_find(const struct cr_roster *roster,
					   const struct cr_uid *id);
/* Whether @key is granted @source by name. */
bool cr_roster_names(const struct cr_roster_key *key, struct cr_piece source);

/* What a grant holds when it is opened. */
struct cr_grant_epoch {
	uint32_t epoch;
	struct cr_key meta_seed; /* read only */
	struct cr_key data_seed; /* read only */
	struct cr_key psk;
};

struct cr_grant {
	struct cr_grant_epoch *epoch; /* owned, wiped on release */
	uint32_t epochs;
	struct cr_key domain_secret; /* put only */
};

cr_must_check int cr_grant_parse(enum cr_role role, struct cr_piece plain,
				 struct cr_grant *ret);
void cr_grant_release(struct cr_grant *grant);

#endif
