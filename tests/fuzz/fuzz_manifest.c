/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/manifest_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_manifest_release) struct cr_manifest manifest = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	int r = cr_manifest_parse((struct cr_piece){ data, len }, &manifest);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(cr_source_valid(manifest.source));
	if (cr_manifest_encode(&manifest, &again) == 0)
		fuzz_same(&again, data, len);
	return 0;
}
