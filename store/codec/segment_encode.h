/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment_encode.h - the writing half of segment.h.  As every put into a
 * buffer, these fail silently; cr_buf_error() tells.
 */
#ifndef STORE_CODEC_SEGMENT_ENCODE_H
#define STORE_CODEC_SEGMENT_ENCODE_H

#include "store/codec/segment.h"

struct cr_buf;

/* Append the head of a segment of @packs packs, and one item. */
void cr_segment_begin(const struct cr_uid *repository,
		      const struct cr_uid *writer, uint32_t packs,
		      struct cr_buf *out);
void cr_segment_add(const struct cr_segment_item *item, struct cr_buf *out);

#endif
