/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * field.h - fields that many records share.  FORMAT.md section 3.
 */
#ifndef STORE_CODEC_FIELD_H
#define STORE_CODEC_FIELD_H

#include "store/codec/hash.h"

struct cr_cursor;

/*
 * Read the magic and the version that begin the record @what.  -CR_ECORRUPT,
 * -CR_EVERSION.
 */
cr_must_check int cr_field_magic(struct cr_cursor *cur, const char *what,
				 const char *magic);

/* A string of @min to @max bytes, in place; the cursor fails otherwise. */
struct cr_piece cr_field_string(struct cr_cursor *cur, size_t min, size_t max);

#endif
