/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * derive.h - the keys that follow from other keys.  FORMAT.md section 4.
 */
#ifndef STORE_DISK_DERIVE_H
#define STORE_DISK_DERIVE_H

#include "store/codec/roster.h"
#include "store/codec/slot.h"

struct cr_domain_keys;

/* From the owner's secret S. */
void cr_owner_epoch(const struct cr_key *s, uint32_t epoch,
		    struct cr_grant_epoch *out);
void cr_owner_domain(const struct cr_key *s, const struct cr_uid *domain,
		     struct cr_key *out);

/* From the secret D of domain @id. */
void cr_domain_derive(const struct cr_uid *id, const struct cr_key *d,
		      struct cr_domain_keys *out);

/* Of any bundle, whatever its role. */
void cr_bundle_sign_seed(const struct cr_bundle *bundle, struct cr_key *out);
void cr_bundle_box_seed(const struct cr_bundle *bundle, struct cr_key *out);
void cr_bundle_roster_key(const struct cr_bundle *bundle, struct cr_key *out);
struct cr_sign_pk cr_bundle_owner(const struct cr_bundle *bundle);

/* The wrap key of a slot.  -ENOMEM, -CR_ECORRUPT. */
cr_must_check int cr_slot_wrap_key(const struct cr_slot *slot,
				   struct cr_piece secret, struct cr_key *out);

/* What a slot says of its wrap key. */
struct cr_id cr_slot_commitment(const struct cr_uid *slot,
				const struct cr_key *wrap);

/* For cr_cleanup(). */
void cr_key_wipe(struct cr_key *key);
void cr_bundle_freep(struct cr_bundle **bundle);

#endif
