/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footer_encode.h - the writing half of footer.h.
 */
#ifndef STORE_CODEC_FOOTER_ENCODE_H
#define STORE_CODEC_FOOTER_ENCODE_H

#include "store/codec/footer.h"

struct cr_buf;

/* Append the body: everything before the signature.  -ENOMEM. */
cr_must_check int cr_footer_encode(const struct cr_footer *footer,
				   struct cr_buf *out);

/* Append the trailer, given the shard hashes of what lies before it. */
cr_must_check int cr_trailer_encode(const struct cr_trailer *trailer,
				    const uint64_t *shard_hash,
				    struct cr_buf *out);

#endif
