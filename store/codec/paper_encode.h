/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paper_encode.h - the writing half of paper.h.
 */
#ifndef STORE_CODEC_PAPER_ENCODE_H
#define STORE_CODEC_PAPER_ENCODE_H

#include "store/codec/paper.h"

struct cr_buf;

/*
 * Append the numbered lines of a paper key, each ending with a newline, for a
 * bundle of 1 to CR_BUNDLE_MAX bytes.  -ENOMEM.
 */
cr_must_check int cr_paper_encode(struct cr_piece bundle, struct cr_buf *out);

#endif
