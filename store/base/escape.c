/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/escape.h"

#include <stdint.h>
#include <stdio.h>

#include "store/base/buf.h"

/* The length of the character at @at and its code, or 0: not UTF-8. */
static size_t utf8_next(const uint8_t *at, size_t left, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = at[0] < 0x80	      ? 1
		     : (at[0] & 0xe0) == 0xc0 ? 2
		     : (at[0] & 0xf0) == 0xe0 ? 3
		     : (at[0] & 0xf8) == 0xf0 ? 4
					      : 0;
	uint32_t c;

	if (len == 0 || len > left)
		return 0;
	c = len == 1 ? at[0] : at[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (at[i] & 0x3fu);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	*code = c;
	return len;
}

/* Whether a terminal might take the character for a command. */
static bool commands(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) ||
	       (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void cr_escape(const void *bytes, size_t len, struct cr_buf *out)
{
	const uint8_t *at = bytes;
	char text[8];

	while (len > 0) {
		uint32_t code = at[0];
		size_t n = utf8_next(at, len, &code);

		if (n > 0 && !commands(code)) {
			cr_buf_put(out, at, n);
		} else {
			bool byte = n <= 1;
			int said = snprintf(text, sizeof(text),
					    byte ? "\\x%02x" : "\\u%04x",
					    byte ? at[0] : code);

			cr_buf_put(out, text, (size_t)said);
		}
		n = n > 0 ? n : 1;
		at += n;
		len -= n;
	}
}

bool cr_utf8_valid(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t code;

	while (len > 0) {
		size_t n = utf8_next(at, len, &code);

		if (n == 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}
