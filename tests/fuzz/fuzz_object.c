/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/object_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What splits, joins to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_piece hashed, tail;
	int r = cr_object_split((struct cr_piece){ data, len }, &hashed, &tail);

	if (r < 0) {
		assert(r == -CR_ECORRUPT);
		return 0;
	}
	if (cr_object_join(hashed, tail, &out) < 0)
		return 0;
	assert(out.len == len && memcmp(out.bytes, data, len) == 0);
	return 0;
}
