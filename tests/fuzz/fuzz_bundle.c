/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/slot_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t again[CR_BUNDLE_MAX];
	struct cr_bundle bundle;
	int r = cr_bundle_parse((struct cr_piece){ data, len }, &bundle);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(cr_bundle_encode(&bundle, again) == len);
	assert(memcmp(again, data, len) == 0);
	return 0;
}
