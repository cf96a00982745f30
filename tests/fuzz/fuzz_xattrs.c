/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/tree_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What parses is encoded to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	cr_cleanup(cr_freep) struct cr_xattr *xattr = NULL;
	struct cr_xattrs xattrs;
	uint32_t n;
	int r = cr_xattrs_parse((struct cr_piece){ data, len }, &xattrs);

	if (r < 0) {
		assert(r == -CR_ECORRUPT);
		return 0;
	}
	n = xattrs.left;
	xattr = calloc(n, sizeof(*xattr));
	if (!xattr)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		assert(cr_xattr_next(&xattrs, &xattr[i]));
	assert(xattrs.left == 0 && xattrs.rest.len == 0);
	if (cr_xattrs_encode(xattr, n, &out) < 0)
		return 0;
	assert(out.len == len && memcmp(out.bytes, data, len) == 0);
	return 0;
}
