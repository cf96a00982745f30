/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/secret.h"
#include "store/codec/roster_encode.h"
#include "tests/fuzz/fuzz.h"

/* The input: u8 role, grant. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_grant_release) struct cr_grant grant = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf again = { 0 };
	enum cr_role role;
	int r;

	if (len == 0 || cr_sodium_init() < 0)
		return 0;
	role = (enum cr_role)data[0];
	r = cr_grant_parse(role, (struct cr_piece){ data + 1, len - 1 },
			   &grant);
	if (r < 0) {
		fuzz_refused(r);
		return 0;
	}
	if (cr_grant_encode(role, &grant, &again) == 0)
		fuzz_same(&again, data + 1, len - 1);
	return 0;
}
