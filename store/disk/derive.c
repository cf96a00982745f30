/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/derive.h"

#include "store/base/put.h"
#include "store/base/secret.h"
#include "store/disk/keyring.h"

void cr_owner_epoch(const struct cr_key *s, uint32_t epoch,
		    struct cr_grant_epoch *out)
{
	uint8_t number[4];

	(void)cr_put_u32(number, epoch);
	out->epoch = epoch;
	cr_kdf_bytes(s, "epoch-meta", number, sizeof(number), &out->meta_seed);
	cr_kdf_bytes(s, "epoch-data", number, sizeof(number), &out->data_seed);
	cr_kdf_bytes(s, "epoch-psk", number, sizeof(number), &out->psk);
}

void cr_owner_domain(const struct cr_key *s, const struct cr_uid *domain,
		     struct cr_key *out)
{
	cr_kdf_bytes(s, "domain", domain->bytes, sizeof(domain->bytes), out);
}

void cr_domain_derive(const struct cr_uid *id, const struct cr_key *d,
		      struct cr_domain_keys *out)
{
	out->id = *id;
	cr_kdf(d, "dom-id", NULL, 0, &out->id_key);
	cr_kdf(d, "dom-chunker", NULL, 0, &out->chunker_key);
	cr_kdf(d, "dom-footer", NULL, 0, &out->footer_key);
	cr_kdf(d, "dom-name", NULL, 0, &out->name_key);
	cr_kdf(d, "dom-link", NULL, 0, &out->link_key);
}

void cr_bundle_sign_seed(const struct cr_bundle *bundle, struct cr_key *out)
{
	if (bundle->role == CR_ROLE_OWNER)
		cr_kdf(&bundle->secret, "owner-sign", NULL, 0, out);
	else
		*out = bundle->secret;
}

void cr_bundle_box_seed(const struct cr_bundle *bundle, struct cr_key *out)
{
	if (bundle->role == CR_ROLE_OWNER)
		cr_kdf(&bundle->secret, "owner-box", NULL, 0, out);
	else
		*out = bundle->box_seed;
}

void cr_bundle_roster_key(const struct cr_bundle *bundle, struct cr_key *out)
{
	if (bundle->role == CR_ROLE_OWNER)
		cr_kdf(&bundle->secret, "roster", NULL, 0, out);
	else
		*out = bundle->roster_key;
}

struct cr_sign_pk cr_bundle_owner(const struct cr_bundle *bundle)
{
	cr_cleanup(cr_key_wipe) struct cr_key seed;

	if (bundle->role != CR_ROLE_OWNER)
		return bundle->owner;
	cr_bundle_sign_seed(bundle, &seed);
	return cr_sign_public(&seed);
}

int cr_slot_wrap_key(const struct cr_slot *slot, struct cr_piece secret,
		     struct cr_key *out)
{
	cr_cleanup(cr_key_wipe) struct cr_key key;

	if (slot->method == CR_SLOT_PASSPHRASE)
		return cr_argon2id(&slot->argon, secret, out);
	assert(secret.len == sizeof(key.bytes));
	memcpy(key.bytes, secret.bytes, sizeof(key.bytes));
	cr_kdf_bytes(&key, "slot-file", slot->id.bytes, sizeof(slot->id.bytes),
		     out);
	return 0;
}

struct cr_id cr_slot_commitment(const struct cr_uid *slot,
				const struct cr_key *wrap)
{
	return cr_commitment(wrap, "slot-commit", slot);
}

void cr_key_wipe(struct cr_key *key)
{
	cr_wipe(key, sizeof(*key));
}

void cr_bundle_freep(struct cr_bundle **bundle)
{
	cr_secret_free(*bundle);
}
