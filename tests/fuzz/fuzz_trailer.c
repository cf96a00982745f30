/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/cursor.h"
#include "store/codec/footer_encode.h"
#include "tests/fuzz/fuzz.h"

/* A good whole trailer encodes to itself. */
static void check_whole(struct cr_piece whole, const struct cr_trailer *trailer)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_cursor cur = cr_cursor(whole.bytes, whole.len);
	uint64_t shard[64];

	if (trailer->shards > CR_ARRAY_LEN(shard) ||
	    whole.len != 8 * trailer->shards + CR_TRAILER_TAIL_LEN)
		return;
	for (uint32_t i = 0; i < trailer->shards; i++)
		shard[i] = cr_cursor_u64(&cur);
	if (cr_trailer_encode(trailer, shard, &again) == 0)
		fuzz_same(&again, whole.bytes, whole.len);
}

/* The input: u64 length of the pack, hashes of shards, tail. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct cr_cursor cur = cr_cursor(data, len);
	uint64_t pack_len = cr_cursor_u64(&cur);
	const struct cr_piece whole = { cur.next, cur.left };
	struct cr_trailer trailer;
	int r, good = cr_trailer_check(whole);

	if (good < 0)
		fuzz_refused(good);
	if (whole.len < CR_TRAILER_TAIL_LEN)
		return 0;
	r = cr_trailer_parse(cur.next + cur.left - CR_TRAILER_TAIL_LEN,
			     pack_len, &trailer);
	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(trailer.footer_offset + trailer.footer_len +
		       8 * (uint64_t)trailer.shards + CR_TRAILER_TAIL_LEN ==
	       pack_len);
	if (good == 0)
		check_whole(whole, &trailer);
	return 0;
}
