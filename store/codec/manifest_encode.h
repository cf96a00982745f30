/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest_encode.h - the writing half of manifest.h.
 */
#ifndef STORE_CODEC_MANIFEST_ENCODE_H
#define STORE_CODEC_MANIFEST_ENCODE_H

#include "store/codec/manifest.h"

struct cr_buf;

/* Append the head: everything that the seal covers as associated data. */
void cr_manifest_head_encode(const struct cr_manifest_head *head,
			     struct cr_buf *out);

/* Append the body.  -ENOMEM. */
cr_must_check int cr_manifest_encode(const struct cr_manifest *manifest,
				     struct cr_buf *out);

#endif
