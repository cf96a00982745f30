/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/hex.h"

#include <errno.h>

static const char digits[] = "0123456789abcdef";

void cr_hex(const void *bytes, size_t len, char *out)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[b[i] >> 4];
		*out++ = digits[b[i] & 15];
	}
	*out = '\0';
}

struct cr_id_hex cr_id_hex(const struct cr_id *id)
{
	struct cr_id_hex hex;

	cr_hex(id->bytes, sizeof(id->bytes), hex.text);
	return hex;
}

struct cr_uid_hex cr_uid_hex(const struct cr_uid *uid)
{
	struct cr_uid_hex hex;

	cr_hex(uid->bytes, sizeof(uid->bytes), hex.text);
	return hex;
}

int cr_unhex(const char *text, void *out, size_t len)
{
	uint8_t *b = out;

	if (strnlen(text, 2 * len + 1) != 2 * len)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		const char *high = strchr(digits, text[2 * i]);
		const char *low = strchr(digits, text[2 * i + 1]);

		if (!high || !low)
			return -EINVAL;
		b[i] = (uint8_t)((high - digits) << 4 | (low - digits));
	}
	return 0;
}
