/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/tree_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What parses is encoded to the bytes that were read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_cursor cur = cr_cursor(data, len);
	struct cr_entry root;
	int r = cr_root_parse(&cur, &root);

	if (r < 0) {
		assert(r == -CR_ECORRUPT && cur.overrun);
		return 0;
	}
	if (cr_root_encode(&root, &out) < 0)
		return 0;
	assert(out.len == len - cur.left);
	assert(memcmp(out.bytes, data, out.len) == 0);
	return 0;
}
