/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/cursor.h"
#include "store/codec/footer_encode.h"
#include "tests/fuzz/fuzz.h"

/* Blocks fill the data, chunks the blocks: none is out of its array. */
static void check(const struct cr_footer *footer, uint64_t data_end)
{
	uint64_t offset = CR_PACK_HEADER_LEN;
	uint32_t chunks = 0;

	for (uint32_t i = 0; i < footer->blocks; i++) {
		assert(footer->block[i].offset == offset);
		assert(footer->block[i].first == chunks);
		offset += cr_block_stored_len(&footer->block[i]);
		chunks += footer->block[i].chunks;
	}
	assert(offset == data_end);
	assert(chunks == footer->chunks);
}

/* The input: u8 kind, u64 end of the data, footer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_footer_release) struct cr_footer footer = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_cursor cur = cr_cursor(data, len);
	enum cr_pack_kind kind =
		cr_cursor_u8(&cur) & 1 ? CR_PACK_DATA : CR_PACK_META;
	uint64_t data_end = cr_cursor_u64(&cur);
	int r = cr_footer_parse((struct cr_piece){ cur.next, cur.left }, kind,
				data_end, &footer);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	check(&footer, data_end);
	if (cr_footer_encode(&footer, &again) == 0)
		fuzz_same(&again, cur.next, cur.left - CR_SIGN_LEN);
	return 0;
}
