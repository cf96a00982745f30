/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/repository_encode.h"
#include "tests/fuzz/fuzz.h"

static void parse(const uint8_t *data, size_t len)
{
	uint8_t again[CR_REPOSITORY_LEN];
	struct cr_repository repository;
	int r = cr_repository_parse((struct cr_piece){ data, len },
				    &repository);

	if (r == -CR_ENOREPO)
		return;
	if (r < 0) {
		fuzz_refused(r);
		return;
	}
	assert(len == sizeof(again));
	cr_repository_encode(&repository, again);
	assert(memcmp(again, data, len) == 0);
}

/* Once as it is, once with the sum made right. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t bytes[CR_REPOSITORY_LEN];
	struct cr_id sum;

	parse(data, len);
	if (len < sizeof(bytes))
		return 0;
	memcpy(bytes, data, sizeof(bytes));
	sum = cr_hash_bytes("repository-sum", bytes,
			    sizeof(bytes) - sizeof(sum));
	memcpy(bytes + sizeof(bytes) - sizeof(sum), &sum, sizeof(sum));
	parse(bytes, sizeof(bytes));
	return 0;
}
