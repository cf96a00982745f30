/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/pack_header_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CR_PACK_HEADER_LEN];
	struct cr_pack_header header;
	int r;

	if (len < CR_PACK_HEADER_LEN)
		return 0;
	r = cr_pack_header_parse(data, &header);
	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	cr_pack_header_encode(&header, again);
	assert(memcmp(again, data, sizeof(again)) == 0);
	return 0;
}
