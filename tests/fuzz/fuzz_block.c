/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The lengths that follow from a table are the table. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cr_cleanup(cr_block_table_release) struct cr_block_table table = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_cursor cur = cr_cursor(data, len);
	uint32_t chunks = (uint32_t)cr_cursor_varint(&cur);
	int r = cr_block_parse((struct cr_piece){ data, len }, chunks, &table);

	if (r < 0) {
		assert(r == -CR_ECORRUPT || r == -ENOMEM);
		return 0;
	}
	assert(table.chunks == chunks && table.start[chunks] == len);
	cr_buf_varint(&out, chunks);
	for (uint32_t i = 0; i < chunks; i++)
		cr_buf_varint(&out, table.start[i + 1] - table.start[i]);
	if (out.failed)
		return 0;
	assert(out.len == table.start[0]);
	assert(memcmp(out.bytes, data, out.len) == 0);
	return 0;
}
