/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack_header_encode.h - the writing half of pack_header.h.
 */
#ifndef STORE_CODEC_PACK_HEADER_ENCODE_H
#define STORE_CODEC_PACK_HEADER_ENCODE_H

#include "store/codec/pack_header.h"

void cr_pack_header_encode(const struct cr_pack_header *header,
			   uint8_t out[CR_PACK_HEADER_LEN]);

#endif
