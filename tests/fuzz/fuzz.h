/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what the fuzz targets of the records share.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A parser refuses with one of its codes, and says why. */
static inline void fuzz_refused(int r)
{
	assert(r == -CR_ECORRUPT || r == -CR_EVERSION || r == -ENOMEM);
	assert(r == -ENOMEM || cr_detail()[0] != '\0');
	cr_detail_clear();
}

/* What was parsed is encoded to the bytes that it came from. */
static inline void fuzz_same(const struct cr_buf *again, const void *bytes,
			     size_t len)
{
	if (cr_buf_error(again) < 0)
		return;
	assert(again->len == len);
	assert(len == 0 || memcmp(again->bytes, bytes, len) == 0);
}

#endif
