/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/tree_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What parses is encoded to the same bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_id id[CR_LEAF_ENTRIES_MAX];
	struct cr_refs refs;
	int r = cr_refs_parse((struct cr_piece){ data, len }, NULL, &refs);

	if (r < 0) {
		assert(r == -CR_ECORRUPT);
		return 0;
	}
	for (uint32_t i = 0; i < refs.count; i++)
		id[i] = cr_refs_id(&refs, i);
	r = cr_refs_encode(refs.has_inline ? &refs.inline_id : NULL, id,
			   refs.count, &out);
	if (r < 0)
		return 0;
	assert(out.len == len && memcmp(out.bytes, data, len) == 0);
	return 0;
}
