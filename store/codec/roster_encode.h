/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roster_encode.h - the writing half of roster.h.
 */
#ifndef STORE_CODEC_ROSTER_ENCODE_H
#define STORE_CODEC_ROSTER_ENCODE_H

#include "store/codec/roster.h"

struct cr_buf;

/* Append the head: everything that the seal covers as associated data. */
void cr_roster_head_encode(const struct cr_roster_head *head,
			   struct cr_buf *out);

/* Append the body.  -ENOMEM. */
cr_must_check int cr_roster_encode(const struct cr_roster *roster,
				   struct cr_buf *out);

/* Append the plaintext of a grant for a key of @role: read or put.  -ENOMEM. */
cr_must_check int cr_grant_encode(enum cr_role role,
				  const struct cr_grant *grant,
				  struct cr_buf *out);

#endif
