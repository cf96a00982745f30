/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/manifest_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_manifest_head head;
	int r = cr_manifest_head_parse((struct cr_piece){ data, len }, &head);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(len == CR_MANIFEST_HEAD_LEN + head.body_len + CR_SEAL_OVERHEAD +
			      CR_SIGN_LEN);
	cr_manifest_head_encode(&head, &again);
	fuzz_same(&again, data, CR_MANIFEST_HEAD_LEN);
	return 0;
}
