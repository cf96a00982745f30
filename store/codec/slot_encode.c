/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/slot_encode.h"

#include "store/base/buf.h"
#include "store/base/put.h"

void cr_slot_head_encode(const struct cr_slot *slot, uint32_t body_len,
			 struct cr_buf *out)
{
	cr_buf_put(out, CR_MAGIC_SLOT, CR_MAGIC_LEN);
	cr_buf_u32(out, CR_FORMAT_VERSION);
	cr_buf_uid(out, &slot->repository);
	cr_buf_uid(out, &slot->id);
	cr_buf_uid(out, &slot->key);
	cr_buf_u8(out, slot->method);
	cr_buf_u8(out, slot->role);
	cr_buf_u16(out, 0);
	cr_buf_u32(out, slot->argon.passes);
	cr_buf_u32(out, slot->argon.mib);
	cr_buf_put(out, slot->argon.salt, sizeof(slot->argon.salt));
	cr_buf_put(out, slot->commitment.bytes, sizeof(slot->commitment.bytes));
	cr_buf_u32(out, body_len);
}

size_t cr_bundle_encode(const struct cr_bundle *bundle,
			uint8_t out[CR_BUNDLE_MAX])
{
	uint8_t *at = cr_put_u8(out, CR_FORMAT_VERSION);

	at = cr_put_u8(at, bundle->role);
	at = cr_put_uid(at, &bundle->key);
	at = cr_put_id(at, &bundle->repository_hash);
	at = cr_put_bytes(at, bundle->secret.bytes, CR_KEY_LEN);
	if (bundle->role != CR_ROLE_OWNER) {
		at = cr_put_bytes(at, bundle->box_seed.bytes, CR_KEY_LEN);
		at = cr_put_bytes(at, bundle->owner.bytes, CR_SIGN_PK_LEN);
		at = cr_put_bytes(at, bundle->roster_key.bytes, CR_KEY_LEN);
	}
	return (size_t)(at - out);
}
