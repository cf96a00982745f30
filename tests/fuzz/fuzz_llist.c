/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/list_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What parses is encoded to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_llist_release) struct cr_llist list = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	int r = cr_llist_parse((struct cr_piece){ data, len }, &list);

	if (r < 0) {
		assert(r == -CR_ECORRUPT || r == -ENOMEM);
		return 0;
	}
	if (cr_llist_encode(&list, &out) < 0)
		return 0;
	assert(out.len == len && memcmp(out.bytes, data, len) == 0);
	return 0;
}
