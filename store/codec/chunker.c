/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/chunker.h"

#include <sodium.h>

#include "store/base/cursor.h"
#include "store/codec/pages.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/*
 * No cut lies before the least length, which is more than the window: so the
 * hash at every place where a cut may fall sees bytes of this chunk only.
 */
_Static_assert((1u << 12) / 4 >= CR_GEAR_WINDOW,
	       "the window must fit into the shortest chunk");

void cr_gear_init(struct cr_gear *gear, const struct cr_key *chunker_key)
{
	static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	uint8_t stream[sizeof(gear->table)];
	struct cr_cursor cur = cr_cursor(stream, sizeof(stream));

	(void)crypto_stream_chacha20(stream, sizeof(stream), nonce,
				     chunker_key->bytes);
	for (size_t i = 0; i < CR_ARRAY_LEN(gear->table); i++)
		gear->table[i] = cr_cursor_u64(&cur);
	sodium_memzero(stream, sizeof(stream));
}

unsigned int cr_class_bits(enum cr_size_class size_class)
{
	return size_class >= CR_CLASS_4K ? 12 : 13 + (unsigned int)size_class;
}

size_t cr_class_max(enum cr_size_class size_class)
{
	return size_class == CR_CLASS_PAGES
		       ? CR_PAGE_LEN
		       : (size_t)4 << cr_class_bits(size_class);
}

/*
 * The first i from @from on with a hash below @limit, else @to; *@hash is the
 * hash at @from - 1, and becomes that at @to - 1.
 *
 * Four bytes a turn: that their hashes are compared together leaves one branch,
 * which is never taken but at the end.
 */
static size_t scan(const uint64_t table[256], const uint8_t *b, size_t from,
		   size_t to, uint64_t limit, uint64_t *hash)
{
	uint64_t h = *hash;
	size_t i = from;

	for (; i + 4 <= to; i += 4) {
		uint64_t h0 = (h << 1) + table[b[i]];
		uint64_t h1 = (h0 << 1) + table[b[i + 1]];
		uint64_t h2 = (h1 << 1) + table[b[i + 2]];
		uint64_t h3 = (h2 << 1) + table[b[i + 3]];

		if ((h0 < limit) | (h1 < limit) | (h2 < limit) | (h3 < limit))
			break;
		h = h3;
	}
	for (; i < to; i++) {
		h = (h << 1) + table[b[i]];
		if (h < limit)
			return i;
	}
	*hash = h;
	return to;
}

static size_t cut_by_content(const struct cr_gear *gear,
			     enum cr_size_class size_class,
			     const uint8_t *bytes, size_t len)
{
	const unsigned int bits = cr_class_bits(size_class);
	const size_t avg = (size_t)1 << bits, min = avg / 4;
	const size_t end = cr_min(len, 4 * avg);
	const size_t turn = cr_min(end, avg);
	uint64_t hash = 0;
	size_t i;

	if (len <= min)
		return len;
	/* A bit leaves the hash 64 bytes later: start that long before. */
	for (i = min - CR_GEAR_WINDOW; i < min - 1; i++)
		hash = (hash << 1) + gear->table[bytes[i]];
	/* A chunk that ends after byte i is i + 1 long. */
	i = scan(gear->table, bytes, min - 1, turn - 1,
		 UINT64_C(1) << (64 - (bits + 2)), &hash);
	if (i == turn - 1)
		i = scan(gear->table, bytes, turn - 1, end - 1,
			 UINT64_C(1) << (64 - (bits - 2)), &hash);
	return i + 1;
}

size_t cr_chunk_cut(const struct cr_gear *gear, enum cr_size_class size_class,
		    const uint8_t *bytes, size_t len, uint64_t offset)
{
	if (size_class == CR_CLASS_PAGES)
		return cr_min(len,
			      CR_PAGE_LEN - (size_t)(offset % CR_PAGE_LEN));
	return cut_by_content(gear, size_class, bytes, len);
}

bool cr_bytes_random(const uint8_t *bytes, size_t len)
{
	uint64_t count[256] = { 0 }, squares = 0;

	assert(len <= CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN);
	for (size_t i = 0; i < len; i++)
		count[bytes[i]]++;
	for (size_t b = 0; b < CR_ARRAY_LEN(count); b++)
		squares += count[b] * count[b];
	/* Squares add up to 2^32 at most: nothing here reaches 2^45. */
	return 256 * squares * 20 <= 21 * (uint64_t)len * len;
}

enum cr_form cr_class_form(
	const uint8_t samples[CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN])
{
	if (cr_bytes_random(samples, CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN))
		return CR_FORM_RANDOM;
	return cr_pages_head(samples) ? CR_FORM_PAGES : CR_FORM_PLAIN;
}

uint64_t cr_class_sample_offset(uint64_t size, unsigned int k)
{
	const uint64_t steps = CR_CLASS_SAMPLES - 1;
	uint64_t span = size - CR_CLASS_SAMPLE_LEN;

	assert(size >= CR_CLASS_SAMPLE_LEN && k < CR_CLASS_SAMPLES);
	/* floor(k * span / 63), where k * span might not fit. */
	return k * (span / steps) + k * (span % steps) / steps;
}

/* Whether a file stays in the class it had: it went half as far as it may. */
static bool keeps(uint64_t size, enum cr_size_class previous)
{
	if (previous == CR_CLASS_4K)
		return size >= 8 * MIB && size <= 8 * GIB;
	if (previous == CR_CLASS_16K)
		return size <= 32 * MIB ||
		       (size >= 2 * GIB && size <= 128 * GIB);
	return previous == CR_CLASS_32K && size >= 32 * GIB;
}

/* Of class 5 a file may be from half the least size to twice the greatest. */
static bool by_pages(uint64_t size, enum cr_size_class previous)
{
	if (previous == CR_CLASS_PAGES)
		return size >= MIB / 2 && size <= 8 * GIB;
	return size >= MIB && size < 4 * GIB;
}

enum cr_size_class cr_class_of(uint64_t size, enum cr_form form,
			       enum cr_size_class previous)
{
	if (form == CR_FORM_RANDOM && size >= CR_CLASS_SAMPLE_MIN)
		return CR_CLASS_64K;
	if (form == CR_FORM_PAGES && by_pages(size, previous))
		return CR_CLASS_PAGES;
	if (keeps(size, previous))
		return previous;
	if (size >= 64 * GIB)
		return CR_CLASS_32K;
	return size >= 16 * MIB && size < 4 * GIB ? CR_CLASS_4K : CR_CLASS_16K;
}
