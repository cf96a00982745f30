/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/segment_encode.h"

#include "store/base/buf.h"

void cr_segment_begin(const struct cr_uid *repository,
		      const struct cr_uid *writer, uint32_t packs,
		      struct cr_buf *out)
{
	cr_buf_put(out, CR_MAGIC_SEGMENT, CR_MAGIC_LEN);
	cr_buf_u32(out, CR_FORMAT_VERSION);
	cr_buf_uid(out, repository);
	cr_buf_uid(out, writer);
	cr_buf_u32(out, packs);
}

void cr_segment_add(const struct cr_segment_item *item, struct cr_buf *out)
{
	cr_buf_u64(out, item->pack_len);
	cr_buf_put(out, item->header, CR_PACK_HEADER_LEN);
	cr_buf_u32(out, item->footer_len);
	cr_buf_put(out, item->footer, item->footer_len);
}
