/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf.h - growable bytes, and the writers that mirror cursor.h.
 *
 * Like a cursor, a buffer remembers failure: once memory ran out every further
 * put does nothing, and cr_buf_error() says so once, at the end.
 */
#ifndef STORE_BASE_BUF_H
#define STORE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_buf {
	uint8_t *bytes; /* owned */
	size_t len;
	size_t room;
	bool failed;
};

void cr_buf_release(struct cr_buf *buf); /* wipes */

/* Forget the content, keep the memory. */
void cr_buf_clear(struct cr_buf *buf);

/* 0, or -ENOMEM when any put since the last clear failed. */
cr_must_check int cr_buf_error(const struct cr_buf *buf);

/* Make room for @len more bytes.  0 or -ENOMEM. */
cr_must_check int cr_buf_reserve(struct cr_buf *buf, size_t len);

/* Append @len bytes to be filled by the caller; NULL when there is no memory.
 */
uint8_t *cr_buf_extend(struct cr_buf *buf, size_t len);

void cr_buf_put(struct cr_buf *buf, const void *bytes, size_t len);
void cr_buf_u8(struct cr_buf *buf, uint8_t v);
void cr_buf_u16(struct cr_buf *buf, uint16_t v);
void cr_buf_u32(struct cr_buf *buf, uint32_t v);
void cr_buf_u64(struct cr_buf *buf, uint64_t v);
void cr_buf_varint(struct cr_buf *buf, uint64_t v);
void cr_buf_svarint(struct cr_buf *buf, int64_t v);
void cr_buf_string(struct cr_buf *buf, const void *bytes, size_t len);
void cr_buf_id(struct cr_buf *buf, const struct cr_id *id);
void cr_buf_uid(struct cr_buf *buf, const struct cr_uid *uid);
void cr_buf_zero(struct cr_buf *buf, size_t len);

#endif
