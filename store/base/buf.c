/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"

#include <errno.h>
#include <string.h>

void cr_buf_release(struct cr_buf *buf)
{
	if (buf->bytes)
		explicit_bzero(buf->bytes, buf->room);
	free(buf->bytes);
	*buf = (struct cr_buf){ 0 };
}

void cr_buf_clear(struct cr_buf *buf)
{
	buf->len = 0;
	buf->failed = false;
}

int cr_buf_error(const struct cr_buf *buf)
{
	return buf->failed ? -ENOMEM : 0;
}

int cr_buf_reserve(struct cr_buf *buf, size_t len)
{
	size_t want, room = cr_max(buf->room + buf->room / 2, (size_t)64);
	uint8_t *bytes;

	if (buf->failed || __builtin_add_overflow(buf->len, len, &want))
		goto failed;
	if (want <= buf->room)
		return 0;
	room = cr_max(want, room);
	bytes = malloc(room);
	if (!bytes)
		goto failed;
	/* Not realloc: the old place may hold plaintext and must be wiped. */
	if (buf->bytes) {
		memcpy(bytes, buf->bytes, buf->len);
		explicit_bzero(buf->bytes, buf->len);
		free(buf->bytes);
	}
	buf->bytes = bytes;
	buf->room = room;
	return 0;
failed:
	buf->failed = true;
	return -ENOMEM;
}

uint8_t *cr_buf_extend(struct cr_buf *buf, size_t len)
{
	uint8_t *at;

	if (cr_buf_reserve(buf, len) < 0)
		return NULL;
	at = buf->bytes + buf->len;
	buf->len += len;
	return at;
}

void cr_buf_put(struct cr_buf *buf, const void *bytes, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return;
	at = cr_buf_extend(buf, len);
	if (at)
		memcpy(at, bytes, len);
}

void cr_buf_u8(struct cr_buf *buf, uint8_t v)
{
	cr_buf_put(buf, &v, 1);
}

static void put_le(struct cr_buf *buf, uint64_t v, size_t len)
{
	uint8_t b[8];

	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	cr_buf_put(buf, b, len);
}

void cr_buf_u16(struct cr_buf *buf, uint16_t v)
{
	put_le(buf, v, 2);
}

void cr_buf_u32(struct cr_buf *buf, uint32_t v)
{
	put_le(buf, v, 4);
}

void cr_buf_u64(struct cr_buf *buf, uint64_t v)
{
	put_le(buf, v, 8);
}

void cr_buf_varint(struct cr_buf *buf, uint64_t v)
{
	uint8_t b[10];
	size_t len = 0;

	while (v >= 0x80) {
		b[len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	b[len++] = (uint8_t)v;
	cr_buf_put(buf, b, len);
}

void cr_buf_svarint(struct cr_buf *buf, int64_t v)
{
	cr_buf_varint(buf, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

void cr_buf_string(struct cr_buf *buf, const void *bytes, size_t len)
{
	cr_buf_varint(buf, len);
	cr_buf_put(buf, bytes, len);
}

void cr_buf_id(struct cr_buf *buf, const struct cr_id *id)
{
	cr_buf_put(buf, id->bytes, sizeof(id->bytes));
}

void cr_buf_uid(struct cr_buf *buf, const struct cr_uid *uid)
{
	cr_buf_put(buf, uid->bytes, sizeof(uid->bytes));
}

void cr_buf_zero(struct cr_buf *buf, size_t len)
{
	uint8_t *at = cr_buf_extend(buf, len);

	if (at)
		memset(at, 0, len);
}
