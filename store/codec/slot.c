/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/slot.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/field.h"

static size_t bundle_len(uint8_t role)
{
	return role == CR_ROLE_OWNER ? CR_BUNDLE_OWNER_LEN : CR_BUNDLE_MAX;
}

static bool role_valid(uint8_t role)
{
	return role >= CR_ROLE_OWNER && role <= CR_ROLE_PUT;
}

static bool argon_zero(const struct cr_argon *argon)
{
	static const uint8_t zero[sizeof(argon->salt)];

	return argon->passes == 0 && argon->mib == 0 &&
	       memcmp(argon->salt, zero, sizeof(zero)) == 0;
}

static bool argon_bounded(const struct cr_argon *argon)
{
	return argon->passes >= CR_ARGON_PASSES_MIN &&
	       argon->passes <= CR_ARGON_PASSES_MAX &&
	       argon->mib >= CR_ARGON_MIB_MIN && argon->mib <= CR_ARGON_MIB_MAX;
}

/* What the fields of the head may be together. */
static int check_head(const struct cr_slot *slot, uint16_t reserved,
		      uint32_t body_len)
{
	if (slot->method != CR_SLOT_PASSPHRASE &&
	    slot->method != CR_SLOT_KEY_FILE)
		return cr_fail(CR_ECORRUPT, "key slot: method %u",
			       slot->method);
	if (!role_valid(slot->role))
		return cr_fail(CR_ECORRUPT, "key slot: role %u", slot->role);
	if (reserved != 0)
		return cr_fail(CR_ECORRUPT, "key slot: reserved field is %u",
			       reserved);
	if (slot->method == CR_SLOT_PASSPHRASE ? !argon_bounded(&slot->argon)
					       : !argon_zero(&slot->argon))
		return cr_fail(CR_ECORRUPT,
			       "key slot: %" PRIu32 " passes over %" PRIu32
			       " MiB",
			       slot->argon.passes, slot->argon.mib);
	if (body_len != bundle_len(slot->role))
		return cr_fail(CR_ECORRUPT,
			       "key slot: bundle of %" PRIu32 " bytes",
			       body_len);
	return 0;
}

int cr_slot_parse(struct cr_piece bytes, struct cr_slot *ret)
{
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	struct cr_slot slot = { 0 };
	uint32_t body_len;
	uint16_t reserved;
	int r = cr_field_magic(&cur, "key slot", CR_MAGIC_SLOT);

	if (r < 0)
		return r;
	slot.repository = cr_cursor_uid(&cur);
	slot.id = cr_cursor_uid(&cur);
	slot.key = cr_cursor_uid(&cur);
	slot.method = cr_cursor_u8(&cur);
	slot.role = cr_cursor_u8(&cur);
	reserved = cr_cursor_u16(&cur);
	slot.argon.passes = cr_cursor_u32(&cur);
	slot.argon.mib = cr_cursor_u32(&cur);
	cr_cursor_bytes(&cur, slot.argon.salt, sizeof(slot.argon.salt));
	slot.commitment = cr_cursor_id(&cur);
	body_len = cr_cursor_u32(&cur);
	if (cur.overrun || bytes.len > CR_SLOT_MAX ||
	    cur.left != (uint64_t)body_len + CR_SEAL_OVERHEAD + CR_SIGN_LEN)
		return cr_fail(CR_ECORRUPT,
			       "key slot: bundle of %" PRIu32 " bytes in %zu",
			       body_len, bytes.len);
	r = check_head(&slot, reserved, body_len);
	if (r < 0)
		return r;

	slot.head = (struct cr_piece){ bytes.bytes, CR_SLOT_HEAD_LEN };
	slot.sealed.len = body_len + CR_SEAL_OVERHEAD;
	slot.sealed.bytes = cr_cursor_view(&cur, slot.sealed.len);
	slot.signed_hash =
		cr_hash_bytes("slot", bytes.bytes, bytes.len - CR_SIGN_LEN);
	cr_cursor_bytes(&cur, slot.signature.bytes, CR_SIGN_LEN);
	*ret = slot;
	return 0;
}

int cr_bundle_parse(struct cr_piece plain, struct cr_bundle *ret)
{
	struct cr_cursor cur = cr_cursor(plain.bytes, plain.len);
	uint8_t version = cr_cursor_u8(&cur);
	uint8_t role = cr_cursor_u8(&cur);

	if (cur.overrun)
		return cr_fail(CR_ECORRUPT, "key bundle: %zu bytes", plain.len);
	if (version != CR_FORMAT_VERSION)
		return cr_fail(CR_EVERSION, "key bundle: version %u", version);
	if (!role_valid(role))
		return cr_fail(CR_ECORRUPT, "key bundle: role %u", role);
	if (plain.len != bundle_len(role))
		return cr_fail(CR_ECORRUPT, "key bundle: %zu bytes for role %u",
			       plain.len, role);

	/* Nothing fails from here on: secrets go straight to their place. */
	memset(ret, 0, sizeof(*ret));
	ret->role = role;
	ret->key = cr_cursor_uid(&cur);
	ret->repository_hash = cr_cursor_id(&cur);
	cr_cursor_bytes(&cur, ret->secret.bytes, sizeof(ret->secret.bytes));
	if (role == CR_ROLE_OWNER)
		return 0;
	cr_cursor_bytes(&cur, ret->box_seed.bytes, sizeof(ret->box_seed.bytes));
	cr_cursor_bytes(&cur, ret->owner.bytes, sizeof(ret->owner.bytes));
	cr_cursor_bytes(&cur, ret->roster_key.bytes,
			sizeof(ret->roster_key.bytes));
	return 0;
}
