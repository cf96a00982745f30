/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/segment_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_segment segment;
	struct cr_segment_item item;
	int r = cr_segment_parse((struct cr_piece){ data, len }, &segment);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	cr_segment_begin(&segment.repository, &segment.writer, segment.packs,
			 &again);
	while ((r = cr_segment_next(&segment, &item)) > 0) {
		assert(item.data_end + item.footer_len < item.pack_len);
		cr_segment_add(&item, &again);
	}
	if (r < 0)
		fuzz_refused(r);
	else
		fuzz_same(&again, data, len);
	return 0;
}
