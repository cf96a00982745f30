/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/object_encode.h"

#define REFERENCES 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * What is read as hints is written as hints that read the same.  Not to the
 * same bytes: a pack may be listed in vain.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_hint hint[REFERENCES], again[REFERENCES];

	cr_hints_parse((struct cr_piece){ data, len }, hint, REFERENCES);
	if (cr_hints_encode(hint, REFERENCES, &out) < 0)
		return 0;
	cr_hints_parse((struct cr_piece){ out.bytes, out.len }, again,
		       REFERENCES);
	assert(memcmp(hint, again, sizeof(hint)) == 0);
	return 0;
}
