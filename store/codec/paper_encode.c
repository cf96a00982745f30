/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/paper_encode.h"

#include "store/base/buf.h"
#include "store/base/secret.h"

#define SYMBOL_BITS 5
#define GROUP	    4
#define BYTES_MAX   (CR_BUNDLE_MAX + CR_PAPER_SUM)

struct bits {
	uint8_t bytes[BYTES_MAX + 1]; /* a zero byte follows the last */
	size_t len;
};

static void bits_release(struct bits *bits)
{
	cr_wipe(bits, sizeof(*bits));
}

/* Symbol number @i: five bits from bit 5 i on, zero beyond the end. */
static char symbol_at(const struct bits *bits, size_t i)
{
	size_t bit = i * SYMBOL_BITS, byte = bit / 8;
	unsigned int two =
		(unsigned int)bits->bytes[byte] << 8 | bits->bytes[byte + 1];

	return CR_PAPER_ALPHABET[two >> (16 - SYMBOL_BITS - bit % 8) & 31];
}

static void put_line(unsigned int number, const char *line, size_t len,
		     struct cr_buf *out)
{
	char check[CR_PAPER_CHECK];

	cr_buf_u8(out, (uint8_t)('0' + number / 10));
	cr_buf_u8(out, (uint8_t)('0' + number % 10));
	cr_buf_u8(out, ':');
	for (size_t i = 0; i < len; i += GROUP) {
		cr_buf_u8(out, ' ');
		cr_buf_put(out, line + i, cr_min(len - i, (size_t)GROUP));
	}
	cr_paper_line_check(number, line, len, check);
	cr_buf_put(out, "  ", 2);
	cr_buf_put(out, check, sizeof(check));
	cr_buf_u8(out, '\n');
}

int cr_paper_encode(struct cr_piece bundle, struct cr_buf *out)
{
	cr_cleanup(bits_release) struct bits bits = { 0 };
	char line[CR_PAPER_LINE];
	struct cr_id sum;
	size_t symbols, len;

	assert(bundle.len > 0 && bundle.len <= CR_BUNDLE_MAX);
	sum = cr_hash("paper", &bundle, 1);
	memcpy(bits.bytes, bundle.bytes, bundle.len);
	memcpy(bits.bytes + bundle.len, sum.bytes, CR_PAPER_SUM);
	bits.len = bundle.len + CR_PAPER_SUM;
	symbols = (bits.len * 8 + SYMBOL_BITS - 1) / SYMBOL_BITS;

	for (size_t i = 0; i < symbols; i += len) {
		len = cr_min(symbols - i, (size_t)CR_PAPER_LINE);
		for (size_t s = 0; s < len; s++)
			line[s] = symbol_at(&bits, i + s);
		put_line((unsigned int)(i / CR_PAPER_LINE) + 1, line, len, out);
	}
	cr_wipe(line, sizeof(line));
	return cr_buf_error(out);
}
