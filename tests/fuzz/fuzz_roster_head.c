/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_roster_head head;
	int r = cr_roster_head_parse((struct cr_piece){ data, len }, &head);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(len == CR_ROSTER_HEAD_LEN + head.body_len + CR_SEAL_OVERHEAD +
			      CR_SIGN_LEN);
	cr_roster_head_encode(&head, &again);
	fuzz_same(&again, data, CR_ROSTER_HEAD_LEN);
	return 0;
}
