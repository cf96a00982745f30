/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cursor.h - read little-endian fields from bytes that may be hostile.
 *
 * A read past the end yields zero and leaves the cursor exhausted for good,
 * so a parser checks once, at the end, instead of after every field.  Formats:
 * FORMAT.md section 3.
 */
#ifndef STORE_BASE_CURSOR_H
#define STORE_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/base/id.h"

struct cr_cursor {
	const uint8_t *next; /* borrowed */
	size_t left;
	bool overrun;
};

static inline struct cr_cursor cr_cursor(const void *bytes, size_t len)
{
	return (struct cr_cursor){ .next = bytes, .left = len };
}

/* Mark the bytes as bad: everything read from here on is zero. */
static inline void cr_cursor_fail(struct cr_cursor *cur)
{
	cur->left = 0;
	cur->overrun = true;
}

/* Whether every byte was read and none was missing or malformed. */
static inline bool cr_cursor_done(const struct cr_cursor *cur)
{
	return !cur->overrun && cur->left == 0;
}

static inline void cr_cursor_bytes(struct cr_cursor *cur, void *out, size_t len)
{
	if (len > cur->left) {
		memset(out, 0, len);
		cr_cursor_fail(cur);
		return;
	}
	memcpy(out, cur->next, len);
	cur->next += len;
	cur->left -= len;
}

/* The next @len bytes in place, or NULL; nothing is copied. */
static inline const uint8_t *cr_cursor_view(struct cr_cursor *cur, size_t len)
{
	const uint8_t *at = cur->next;

	if (cur->overrun || len > cur->left) {
		cr_cursor_fail(cur);
		return NULL;
	}
	cur->next += len;
	cur->left -= len;
	return at;
}

static inline uint8_t cr_cursor_u8(struct cr_cursor *cur)
{
	uint8_t b;

	cr_cursor_bytes(cur, &b, 1);
	return b;
}

static inline uint16_t cr_cursor_u16(struct cr_cursor *cur)
{
	uint8_t b[2];

	cr_cursor_bytes(cur, b, sizeof(b));
	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t cr_cursor_u32(struct cr_cursor *cur)
{
	uint8_t b[4];

	cr_cursor_bytes(cur, b, sizeof(b));
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

static inline uint64_t cr_cursor_u64(struct cr_cursor *cur)
{
	uint64_t low = cr_cursor_u32(cur);

	return low | (uint64_t)cr_cursor_u32(cur) << 32;
}

static inline struct cr_id cr_cursor_id(struct cr_cursor *cur)
{
	struct cr_id id;

	cr_cursor_bytes(cur, id.bytes, sizeof(id.bytes));
	return id;
}

static inline struct cr_uid cr_cursor_uid(struct cr_cursor *cur)
{
	struct cr_uid uid;

	cr_cursor_bytes(cur, uid.bytes, sizeof(uid.bytes));
	return uid;
}

/* LEB128 in its shortest form. */
static inline uint64_t cr_cursor_varint(struct cr_cursor *cur)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		uint8_t b = cr_cursor_u8(cur);

		if (shift == 63 && b > 1)
			break;
		value |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			if (b == 0 && shift > 0)
				break;
			return value;
		}
	}
	cr_cursor_fail(cur);
	return 0;
}

/* A varint that must not exceed @max. */
static inline uint64_t cr_cursor_max(struct cr_cursor *cur, uint64_t max)
{
	uint64_t value = cr_cursor_varint(cur);

	if (value > max) {
		cr_cursor_fail(cur);
		return 0;
	}
	return value;
}

static inline int64_t cr_cursor_svarint(struct cr_cursor *cur)
{
	uint64_t v = cr_cursor_varint(cur);

	return (int64_t)((v >> 1) ^ (~(v & 1) + 1));
}

#endif
