/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/tree_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int encode(const struct cr_leaf *leaf, uint32_t *owners,
		  struct cr_buf *out)
{
	cr_cleanup(cr_leaf_encoder_release) struct cr_leaf_encoder enc = { 0 };
	int r = cr_leaf_encoder_init(&enc);

	for (uint32_t i = 0; i < leaf->entries && r == 0; i++)
		r = cr_leaf_encoder_add(&enc, &leaf->entry[i]);
	if (r < 0)
		return r;
	*owners = enc.owner_count;
	return cr_leaf_encoder_finish(
		&enc, leaf->has_refs ? &leaf->refs_id : NULL, out);
}

/* A leaf that lists no owner in vain is encoded to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_cursor cur = cr_cursor(data, len);
	uint32_t used = 0;
	int r = cr_leaf_parse((struct cr_piece){ data, len }, &leaf);

	if (r < 0) {
		assert(r == -CR_ECORRUPT || r == -ENOMEM);
		return 0;
	}
	if (encode(&leaf, &used, &out) < 0)
		return 0;
	(void)cr_cursor_u8(&cur);
	if (used < cr_cursor_varint(&cur)) {
		assert(out.len < len);
		return 0;
	}
	assert(out.len == len && memcmp(out.bytes, data, len) == 0);
	return 0;
}
