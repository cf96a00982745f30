/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/object.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

/* A reference, a pack, a block and a slot of one byte each. */
#define HINT_MIN 4

int cr_object_split(struct cr_piece bytes, struct cr_piece *hashed,
		    struct cr_piece *tail)
{
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	uint64_t len = cr_cursor_varint(&cur);

	if (bytes.len > CR_OBJECT_MAX)
		return cr_fail(CR_ECORRUPT, "object: %zu bytes", bytes.len);
	if (cur.overrun || len == 0 || len > cur.left)
		return cr_fail(CR_ECORRUPT,
			       "object: %" PRIu64 " hashed bytes in %zu", len,
			       bytes.len);
	*hashed = (struct cr_piece){ cur.next, (size_t)len };
	*tail = (struct cr_piece){ cur.next + len, cur.left - (size_t)len };
	return 0;
}

static void hints_read(struct cr_cursor *cur, struct cr_hint *hint, size_t n)
{
	uint8_t version = cr_cursor_u8(cur);
	uint64_t packs = cr_cursor_max(cur, CR_HINT_PACKS_MAX);
	const uint8_t *pack = cr_cursor_view(cur, packs * CR_UID_LEN);
	uint64_t hints = cr_cursor_varint(cur);
	uint64_t at = 0;

	if (version != 1 || packs == 0 || hints > cur->left / HINT_MIN)
		cr_cursor_fail(cur);
	for (uint64_t i = 0; i < hints && !cur->overrun; i++) {
		uint64_t step = cr_cursor_max(cur, n);
		uint64_t from = cr_cursor_max(cur, packs - 1);
		struct cr_hint one = { .block = 0 };

		one.block =
			(uint32_t)cr_cursor_max(cur, CR_PACK_BLOCKS_MAX - 1);
		one.slot =
			(uint32_t)cr_cursor_max(cur, CR_BLOCK_CHUNKS_MAX - 1);
		at += step; /* both at most n: no overflow */
		if (cur->overrun || at >= n || (step == 0 && i > 0)) {
			cr_cursor_fail(cur);
			return;
		}
		memcpy(one.pack.bytes, pack + from * CR_UID_LEN, CR_UID_LEN);
		if (cr_uid_zero(&one.pack))
			cr_cursor_fail(cur);
		hint[at] = one;
	}
}

void cr_hints_parse(struct cr_piece tail, struct cr_hint *hint, size_t n)
{
	struct cr_cursor cur = cr_cursor(tail.bytes, tail.len);

	if (n == 0)
		return;
	memset(hint, 0, n * sizeof(*hint));
	hints_read(&cur, hint, n);
	if (!cr_cursor_done(&cur))
		memset(hint, 0, n * sizeof(*hint));
}
