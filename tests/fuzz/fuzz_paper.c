/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/paper_encode.h"
#include "tests/fuzz/fuzz.h"

static void parse(struct cr_piece text)
{
	cr_cleanup(cr_buf_release) struct cr_buf lines = { 0 };
	uint8_t bundle[CR_BUNDLE_MAX], again[CR_BUNDLE_MAX];
	int r = cr_paper_parse(text, bundle);

	if (r < 0) {
		fuzz_refused(r);
		return;
	}
	/* The text may have comments; the bundle has one form. */
	if (cr_paper_encode((struct cr_piece){ bundle, (size_t)r }, &lines) < 0)
		return;
	assert(cr_paper_parse((struct cr_piece){ lines.bytes, lines.len },
			      again) == r);
	assert(memcmp(again, bundle, (size_t)r) == 0);
}

/* Once as what is typed, once as a bundle, whose lines must be read back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf lines = { 0 };
	const struct cr_piece bundle = { data,
					 cr_min(len, (size_t)CR_BUNDLE_MAX) };
	uint8_t back[CR_BUNDLE_MAX];

	parse((struct cr_piece){ data, len });
	if (len == 0 || cr_paper_encode(bundle, &lines) < 0)
		return 0;
	assert(cr_paper_parse((struct cr_piece){ lines.bytes, lines.len },
			      back) == (int)bundle.len);
	assert(memcmp(back, data, bundle.len) == 0);
	return 0;
}
