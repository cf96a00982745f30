/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * put.h - write little-endian fields to a record of fixed length: cursor.h the
 * other way round.  Each returns the byte after; that there is room is for the
 * caller to know.
 */
#ifndef STORE_BASE_PUT_H
#define STORE_BASE_PUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store/base/id.h"

static inline uint8_t *cr_put_bytes(uint8_t *at, const void *bytes, size_t len)
{
	memcpy(at, bytes, len);
	return at + len;
}

static inline uint8_t *cr_put_le(uint8_t *at, uint64_t v, size_t len)
{
	for (size_t i = 0; i < len; i++)
		*at++ = (uint8_t)(v >> (8 * i));
	return at;
}

static inline uint8_t *cr_put_u8(uint8_t *at, uint8_t v)
{
	return cr_put_le(at, v, 1);
}

static inline uint8_t *cr_put_u16(uint8_t *at, uint16_t v)
{
	return cr_put_le(at, v, 2);
}

static inline uint8_t *cr_put_u32(uint8_t *at, uint32_t v)
{
	return cr_put_le(at, v, 4);
}

static inline uint8_t *cr_put_u64(uint8_t *at, uint64_t v)
{
	return cr_put_le(at, v, 8);
}

static inline uint8_t *cr_put_uid(uint8_t *at, const struct cr_uid *uid)
{
	return cr_put_bytes(at, uid->bytes, sizeof(uid->bytes));
}

static inline uint8_t *cr_put_id(uint8_t *at, const struct cr_id *id)
{
	return cr_put_bytes(at, id->bytes, sizeof(id->bytes));
}

#endif
