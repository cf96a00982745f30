/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment.h - headers and footers of many packs in one object.  FORMAT.md
 * section 7.  Items are read in place: a segment is never copied whole.
 */
#ifndef STORE_CODEC_SEGMENT_H
#define STORE_CODEC_SEGMENT_H

#include "store/base/cursor.h"
#include "store/codec/pack_header.h"

struct cr_segment {
	struct cr_uid repository;
	struct cr_uid writer;
	uint32_t packs;
	uint32_t left;	       /* items that were not read yet */
	struct cr_cursor rest; /* at the next item */
};

struct cr_segment_item {
	uint64_t pack_len;
	uint64_t data_end; /* of the pack's blocks; follows from the lengths */
	const uint8_t *header; /* borrowed; CR_PACK_HEADER_LEN bytes */
	const uint8_t *footer; /* borrowed; sealed */
	uint32_t footer_len;
};

/*
 * Parse the head of @bytes, which must outlive @ret.  -CR_ECORRUPT,
 * -CR_EVERSION.
 */
cr_must_check int cr_segment_parse(struct cr_piece bytes,
				   struct cr_segment *ret);

/* The next item: 1, 0 at the end, -CR_ECORRUPT. */
cr_must_check int cr_segment_next(struct cr_segment *segment,
				  struct cr_segment_item *ret);

/* The id, so the name, of a segment with these bytes. */
struct cr_id cr_segment_id(struct cr_piece bytes);

#endif
