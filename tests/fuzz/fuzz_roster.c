/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/roster_encode.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	int r = cr_roster_parse((struct cr_piece){ data, len }, &roster);

	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	for (uint32_t i = 0; i < roster.keys; i++)
		assert(cr_roster_find(&roster, &roster.key[i].id) ==
		       &roster.key[i]);
	if (cr_roster_encode(&roster, &again) == 0)
		fuzz_same(&again, data, len);
	return 0;
}
