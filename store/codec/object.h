/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * object.h - the shell of every metadata object: hashed bytes, then a tail of
 * hints that may be ignored.  FORMAT.md section 5.
 */
#ifndef STORE_CODEC_OBJECT_H
#define STORE_CODEC_OBJECT_H

#include "store/codec/hash.h"

/* Where a chunk was when somebody referred to it.  Never trusted. */
struct cr_hint {
	struct cr_uid pack; /* zero: no hint */
	uint32_t block;
	uint32_t slot;
};

/* Split an object.  Both pieces point into @bytes.  -CR_ECORRUPT. */
cr_must_check int cr_object_split(struct cr_piece bytes,
				  struct cr_piece *hashed,
				  struct cr_piece *tail);

/*
 * Hints for the @n references of an object, by ordinal; a zero pack means
 * none.  A tail that does not parse, or that hints at a reference the object
 * does not have, gives none: this cannot fail.  @hint is filled whole.
 */
void cr_hints_parse(struct cr_piece tail, struct cr_hint *hint, size_t n);

#endif
