/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slot_encode.h - the writing half of slot.h.
 */
#ifndef STORE_CODEC_SLOT_ENCODE_H
#define STORE_CODEC_SLOT_ENCODE_H

#include "store/codec/slot.h"

struct cr_buf;

/* Append the head: everything that the seal covers as associated data. */
void cr_slot_head_encode(const struct cr_slot *slot, uint32_t body_len,
			 struct cr_buf *out);

/* Returns the length, at most CR_BUNDLE_MAX.  @out is the caller's to wipe. */
size_t cr_bundle_encode(const struct cr_bundle *bundle,
			uint8_t out[CR_BUNDLE_MAX]);

#endif
