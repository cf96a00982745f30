/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "store/codec/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void decompressor_freep(struct cr_decompressor **dec)
{
	cr_decompressor_free(*dec);
}

/* The first two bytes are the length that is expected, the rest the frame. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(decompressor_freep) struct cr_decompressor *dec = NULL;
	cr_cleanup(cr_freep) uint8_t *out = NULL;
	size_t want;
	int r;

	if (len < 2)
		return 0;
	want = (size_t)(data[0] | data[1] << 8);
	out = malloc(want > 0 ? want : 1);
	if (!out || cr_decompressor_new(&dec) < 0)
		return 0;
	r = cr_decompress(dec, (struct cr_piece){ data + 2, len - 2 }, out,
			  want);
	assert(r == 0 || r == -CR_ECORRUPT);
	return 0;
}
