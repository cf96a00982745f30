/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/paper.h"

#include <ctype.h>

#include "store/base/error.h"
#include "store/base/secret.h"

#define SYMBOL_BITS 5
#define BYTES_MAX   (CR_BUNDLE_MAX + CR_PAPER_SUM)
#define SYMBOLS_MAX ((BYTES_MAX * 8 + SYMBOL_BITS - 1) / SYMBOL_BITS)

/* "NN:" and the symbols, blanks left out; one more byte to see excess. */
#define TYPED_MAX (3 + CR_PAPER_LINE + CR_PAPER_CHECK + 1)

/* What has been typed so far: all of it is secret. */
struct typed {
	char line[TYPED_MAX];
	size_t len; /* of the line */
	char symbol[SYMBOLS_MAX];
	size_t symbols;
	unsigned int lines;
	uint8_t bytes[BYTES_MAX];
};

static void typed_release(struct typed *typed)
{
	cr_wipe(typed, sizeof(*typed));
}

void cr_paper_line_check(unsigned int number, const char *line, size_t len,
			 char out[CR_PAPER_CHECK])
{
	const char digits[2] = { (char)('0' + number / 10),
				 (char)('0' + number % 10) };
	const struct cr_piece piece[] = { { digits, sizeof(digits) },
					  { line, len } };
	struct cr_id hash = cr_hash("paper-line", piece, CR_ARRAY_LEN(piece));

	/* The first 10 bits, the most significant first. */
	out[0] = CR_PAPER_ALPHABET[hash.bytes[0] >> 3];
	out[1] = CR_PAPER_ALPHABET[(hash.bytes[0] & 7) << 2 |
				   hash.bytes[1] >> 6];
	cr_wipe(&hash, sizeof(hash));
}

/* The symbol that the typed @c stands for, or 0. */
static char symbol_of(char c)
{
	char upper = (char)toupper((unsigned char)c);

	if (upper == 'O')
		return '0';
	if (upper == 'I' || upper == 'L')
		return '1';
	return upper != '\0' && strchr(CR_PAPER_ALPHABET, upper) ? upper : 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Take the line typed, which has a number and symbols. */
static int take_line(struct typed *typed)
{
	char check[CR_PAPER_CHECK], *symbol = typed->line + 3;
	unsigned int number = ++typed->lines;
	size_t len = typed->len - 3;

	if (typed->line[0] - '0' != (int)(number / 10) ||
	    typed->line[1] - '0' != (int)(number % 10))
		return cr_fail(CR_ECORRUPT,
			       "paper key: line %.2s where line %02u belongs",
			       typed->line, number);
	for (size_t i = 0; i < len; i++) {
		symbol[i] = symbol_of(symbol[i]);
		if (!symbol[i])
			return cr_fail(CR_ECORRUPT,
				       "paper key: line %02u: symbol %zu "
				       "is not one of the alphabet",
				       number, i + 1);
	}
	if (len <= CR_PAPER_CHECK || len > CR_PAPER_LINE + CR_PAPER_CHECK)
		return cr_fail(CR_ECORRUPT, "paper key: line %02u: %s", number,
			       len > CR_PAPER_CHECK ? "too many symbols"
						    : "too few symbols");
	len -= CR_PAPER_CHECK;
	cr_paper_line_check(number, symbol, len, check);
	if (memcmp(symbol + len, check, sizeof(check)) != 0)
		return cr_fail(CR_ECORRUPT, "paper key: line %02u is mistyped",
			       number);
	/* Only the last line may be short: after such a one none may come. */
	if (typed->symbols % CR_PAPER_LINE != 0 ||
	    typed->symbols + len > SYMBOLS_MAX)
		return cr_fail(CR_ECORRUPT,
			       "paper key: line %02u comes after the end",
			       number);
	memcpy(typed->symbol + typed->symbols, symbol, len);
	typed->symbols += len;
	return 0;
}

/* End a line of text: take it unless it is a comment. */
static int end_line(struct typed *typed)
{
	const char *line = typed->line;
	int r = 0;

	if (typed->len >= 3 && is_digit(line[0]) && is_digit(line[1]) &&
	    line[2] == ':')
		r = take_line(typed);
	typed->len = 0;
	return r;
}

static int read_lines(struct cr_piece text, struct typed *typed)
{
	const char *at = text.bytes;

	for (size_t i = 0; i < text.len; i++) {
		int r = at[i] == '\n' ? end_line(typed) : 0;

		if (r < 0)
			return r;
		if (!isspace((unsigned char)at[i]) && typed->len < TYPED_MAX)
			typed->line[typed->len++] = at[i];
	}
	return end_line(typed);
}

/* Symbols to bytes; the bits that are left over must be zero. */
static int decode(struct typed *typed, size_t *ret)
{
	unsigned int bits = 0, held = 0;
	size_t len = 0;

	for (size_t i = 0; i < typed->symbols; i++) {
		const char *at = strchr(CR_PAPER_ALPHABET, typed->symbol[i]);

		held = (held << SYMBOL_BITS |
			(unsigned int)(at - CR_PAPER_ALPHABET)) &
		       0xfff;
		bits += SYMBOL_BITS;
		if (bits >= 8) {
			bits -= 8;
			typed->bytes[len++] = (uint8_t)(held >> bits);
		}
	}
	if (len <= CR_PAPER_SUM || bits >= SYMBOL_BITS ||
	    (held & ((1u << bits) - 1)) != 0)
		return cr_fail(CR_ECORRUPT,
			       "paper key: %u lines are not a whole key",
			       typed->lines);
	*ret = len - CR_PAPER_SUM;
	return 0;
}

int cr_paper_parse(struct cr_piece text, uint8_t out[CR_BUNDLE_MAX])
{
	cr_cleanup(typed_release) struct typed typed = { 0 };
	struct cr_id sum;
	size_t len = 0;
	int r = read_lines(text, &typed);

	if (r < 0)
		return r;
	r = decode(&typed, &len);
	if (r < 0)
		return r;
	sum = cr_hash_bytes("paper", typed.bytes, len);
	if (!cr_secret_equal(sum.bytes, typed.bytes + len, CR_PAPER_SUM))
		return cr_fail(CR_ECORRUPT,
			       "paper key: the %u lines do not agree as a "
			       "whole: one is missing or mistyped",
			       typed.lines);
	memcpy(out, typed.bytes, len);
	return (int)len;
}
