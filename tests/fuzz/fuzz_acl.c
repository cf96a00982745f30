/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/acl.h"
#include "tests/fuzz/fuzz.h"

/* What has entries is made of them again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_acl_entry entry;
	struct cr_cursor cur;

	if (!cr_acl_begin((struct cr_piece){ data, len }, &cur))
		return 0;
	cr_acl_put_header(&again);
	while (cr_acl_next(&cur, &entry))
		cr_acl_put(&again, &entry);
	assert(cr_cursor_done(&cur));
	fuzz_same(&again, data, len);
	return 0;
}
