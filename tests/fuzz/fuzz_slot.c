/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/slot_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	struct cr_slot slot;
	int r = cr_slot_parse((struct cr_piece){ data, len }, &slot);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	assert(slot.head.len + slot.sealed.len + CR_SIGN_LEN == len);
	cr_slot_head_encode(
		&slot, (uint32_t)(slot.sealed.len - CR_SEAL_OVERHEAD), &again);
	fuzz_same(&again, slot.head.bytes, slot.head.len);
	return 0;
}
