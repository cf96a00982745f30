/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/object_encode.h"

#include "store/base/buf.h"
#include "store/base/error.h"

static size_t varint_len(uint64_t v)
{
	size_t len = 1;

	for (; v >= 0x80; v >>= 7)
		len++;
	return len;
}

int cr_object_join(struct cr_piece hashed, struct cr_piece tail,
		   struct cr_buf *out)
{
	size_t len = varint_len(hashed.len) + hashed.len;

	assert(hashed.len > 0);
	if (len > CR_OBJECT_MAX)
		return cr_fail(EFBIG, "object: %zu bytes", hashed.len);
	cr_buf_string(out, hashed.bytes, hashed.len);
	if (tail.len <= CR_OBJECT_MAX - len)
		cr_buf_put(out, tail.bytes, tail.len);
	return cr_buf_error(out);
}

/* The ordinal of @pack in @packs, where it is put if it is new. */
static size_t pack_ordinal(struct cr_buf *packs, const struct cr_uid *pack)
{
	size_t count = packs->len / CR_UID_LEN;

	/* Backwards: neighbours mostly lie in one pack. */
	for (size_t i = count; i-- > 0;) {
		if (memcmp(packs->bytes + i * CR_UID_LEN, pack->bytes,
			   CR_UID_LEN) == 0)
			return i;
	}
	if (count < CR_HINT_PACKS_MAX)
		cr_buf_uid(packs, pack);
	return count;
}

int cr_hints_encode(const struct cr_hint *hint, size_t n, struct cr_buf *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf packs = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf hints = { 0 };
	size_t count = 0, before = 0;

	for (size_t i = 0; i < n; i++) {
		size_t pack;

		if (cr_uid_zero(&hint[i].pack))
			continue;
		pack = pack_ordinal(&packs, &hint[i].pack);
		if (pack == CR_HINT_PACKS_MAX)
			continue;
		cr_buf_varint(&hints, i - before);
		cr_buf_varint(&hints, pack);
		cr_buf_varint(&hints, hint[i].block);
		cr_buf_varint(&hints, hint[i].slot);
		before = i;
		count++;
	}
	if (packs.failed || hints.failed)
		return -ENOMEM;
	if (count == 0)
		return 0;
	cr_buf_u8(out, 1);
	cr_buf_varint(out, packs.len / CR_UID_LEN);
	cr_buf_put(out, packs.bytes, packs.len);
	cr_buf_varint(out, count);
	cr_buf_put(out, hints.bytes, hints.len);
	return cr_buf_error(out);
}
