/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/segment.h"

#include <inttypes.h>

#include "store/base/error.h"
#include "store/codec/field.h"
#include "store/codec/footer.h"

#define ITEM_LEN_MIN (8 + CR_PACK_HEADER_LEN + 4 + CR_SEAL_OVERHEAD)

int cr_segment_parse(struct cr_piece bytes, struct cr_segment *ret)
{
	struct cr_segment segment = { .rest = cr_cursor(bytes.bytes,
							bytes.len) };
	int r;

	if (bytes.len > CR_SEGMENT_MAX)
		return cr_fail(CR_ECORRUPT, "segment: %zu bytes", bytes.len);
	r = cr_field_magic(&segment.rest, "segment", CR_MAGIC_SEGMENT);
	if (r < 0)
		return r;
	segment.repository = cr_cursor_uid(&segment.rest);
	segment.writer = cr_cursor_uid(&segment.rest);
	segment.packs = cr_cursor_u32(&segment.rest);
	segment.left = segment.packs;
	if (segment.rest.overrun || segment.packs < 1 ||
	    segment.packs > CR_SEGMENT_PACKS_MAX ||
	    segment.rest.left < (uint64_t)segment.packs * ITEM_LEN_MIN)
		return cr_fail(CR_ECORRUPT,
			       "segment: %" PRIu32 " packs in %zu bytes",
			       segment.packs, bytes.len);
	*ret = segment;
	return 0;
}

int cr_segment_next(struct cr_segment *segment, struct cr_segment_item *ret)
{
	struct cr_cursor *cur = &segment->rest;
	struct cr_segment_item item;
	int r;

	if (segment->left == 0 && cr_cursor_done(cur))
		return 0;
	if (segment->left == 0)
		return cr_fail(CR_ECORRUPT,
			       "segment: %zu bytes after the last pack",
			       cur->left);
	item.pack_len = cr_cursor_u64(cur);
	item.header = cr_cursor_view(cur, CR_PACK_HEADER_LEN);
	item.footer_len = cr_cursor_u32(cur);
	item.footer = cr_cursor_view(cur, item.footer_len);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT,
			       "segment: pack %" PRIu32 " of %" PRIu32
			       " is cut short",
			       segment->packs - segment->left, segment->packs);
	r = cr_footer_place(item.pack_len, item.footer_len, &item.data_end);
	if (r < 0)
		return r;
	segment->left--;
	*ret = item;
	return 1;
}

struct cr_id cr_segment_id(struct cr_piece bytes)
{
	return cr_hash("segment", &bytes, 1);
}
