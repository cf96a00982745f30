/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/pages.h"

#include <string.h>

/* Its zero byte belongs to it. */
static const char magic[16] = "SQLite format 3";

/* Big-endian; 1 stands for 65,536. */
static bool is_page_size(const uint8_t bytes[2])
{
	const unsigned int n = (unsigned int)bytes[0] << 8 | bytes[1];

	return n == 1 || (n >= 512 && (n & (n - 1)) == 0);
}

bool cr_pages_head(const uint8_t head[CR_PAGES_HEAD_LEN])
{
	/* Fractions of a page that its payloads may take: never others. */
	static const uint8_t fractions[] = { 64, 32, 32 };

	return memcmp(head, magic, sizeof(magic)) == 0 &&
	       is_page_size(head + 16) &&
	       memcmp(head + 21, fractions, sizeof(fractions)) == 0;
}
