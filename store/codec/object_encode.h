/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object_encode.h - the writing half of object.h.  FORMAT.md section 5.
 */
#ifndef STORE_CODEC_OBJECT_ENCODE_H
#define STORE_CODEC_OBJECT_ENCODE_H

#include "store/codec/object.h"

struct cr_buf;

/*
 * Append varint length, @hashed and @tail; hints that do not fit into
 * CR_OBJECT_MAX are left out.  -EFBIG when @hashed does not fit, -ENOMEM.
 */
cr_must_check int cr_object_join(struct cr_piece hashed, struct cr_piece tail,
				 struct cr_buf *out);

/*
 * Append the tail for @n references; nothing when no reference has a hint.
 * Beyond CR_HINT_PACKS_MAX packs, hints are left out.  -ENOMEM.
 */
cr_must_check int cr_hints_encode(const struct cr_hint *hint, size_t n,
				  struct cr_buf *out);

#endif
