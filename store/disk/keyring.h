/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keyring.h - the keys that one unlocked bundle and the roster give.
 *
 * Built once, then immutable: any thread may use it.  Lives in guarded memory.
 * FORMAT.md section 4.
 */
#ifndef STORE_DISK_KEYRING_H
#define STORE_DISK_KEYRING_H

#include "store/codec/pack_header.h"
#include "store/codec/roster.h"
#include "store/codec/slot.h"

struct cr_keyring;

/*
 * Derive everything @bundle and @roster give.  Both are copied from.
 * -CR_ECORRUPT when a grant or a sealed domain does not open (owner and read
 * keys: each domain; put keys: their grant), -CR_ECAPABILITY when the roster
 * does not know the key or has revoked it.  A revoked key gets no keyring.
 */
cr_must_check int cr_keyring_new(const struct cr_bundle *bundle,
				 const struct cr_roster *roster,
				 struct cr_keyring **ret);
void cr_keyring_free(struct cr_keyring *ring);

enum cr_role cr_keyring_role(const struct cr_keyring *ring);
const struct cr_uid *cr_keyring_id(const struct cr_keyring *ring);
/* The domain this key writes in; zero for read. */
const struct cr_uid *cr_keyring_domain(const struct cr_keyring *ring);
/* Whether it can open data and manifests: owner and read. */
bool cr_keyring_reads(const struct cr_keyring *ring);
/* Whether it can sign packs and manifests: owner and put. */
bool cr_keyring_writes(const struct cr_keyring *ring);
uint32_t cr_keyring_epoch(const struct cr_keyring *ring); /* the newest */

/* The keys of one domain, or NULL when this key does not have them. */
struct cr_domain_keys {
	struct cr_uid id;
	struct cr_key id_key;
	struct cr_key chunker_key;
	struct cr_key footer_key;
	struct cr_key name_key;
	struct cr_key link_key;
};
const struct cr_domain_keys *cr_keyring_domain_keys(
	const struct cr_keyring *ring, const struct cr_uid *domain);

/* Sign as this key.  Only where cr_keyring_writes(). */
struct cr_signature cr_keyring_sign(const struct cr_keyring *ring,
				    const char *label,
				    const struct cr_id *hash);

/*
 * The data key of the pack with @header.  -CR_ECAPABILITY for keys that do not
 * read or lack the epoch, -CR_EAUTH when the box does not open.
 */
cr_must_check int cr_keyring_pack_key(const struct cr_keyring *ring,
				      const struct cr_pack_header *header,
				      struct cr_key *out);
/* Make a fresh data key: fills header->sealed_key, ->epoch and @out. */
cr_must_check int cr_keyring_pack_key_make(const struct cr_keyring *ring,
					   struct cr_pack_header *header,
					   struct cr_key *out);
/* The footer key of a pack.  -CR_ECAPABILITY without the domain's keys. */
cr_must_check int cr_keyring_footer_key(const struct cr_keyring *ring,
					const struct cr_pack_header *header,
					struct cr_key *out);
struct cr_id cr_pack_commitment(const struct cr_key *data_key,
				const struct cr_uid *pack);

struct cr_manifest_head;
/* The body key of a manifest, to open it and to make it. */
cr_must_check int cr_keyring_manifest_key(const struct cr_keyring *ring,
					  const struct cr_manifest_head *head,
					  struct cr_key *out);
cr_must_check int cr_keyring_manifest_key_make(const struct cr_keyring *ring,
					       struct cr_manifest_head *head,
					       struct cr_key *out);

/*
 * A key for what this machine keeps of manifests: only who can open them has
 * it.  -CR_ECAPABILITY for keys that do not read.
 */
cr_must_check int cr_keyring_state_key(const struct cr_keyring *ring,
				       struct cr_key *out);

static inline void cr_keyring_freep(struct cr_keyring **ring)
{
	cr_keyring_free(*ring);
}

#endif
