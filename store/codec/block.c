/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/block.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

int cr_block_parse(struct cr_piece raw, uint32_t chunks,
		   struct cr_block_table *ret)
{
	cr_cleanup(cr_block_table_release) struct cr_block_table table = { 0 };
	struct cr_cursor cur = cr_cursor(raw.bytes, raw.len);
	uint64_t count = cr_cursor_varint(&cur);
	uint64_t sum = 0;

	if (raw.len > CR_BLOCK_RAW_MAX)
		return cr_fail(CR_ECORRUPT, "block: %zu bytes", raw.len);
	/* A chunk takes a byte of length and one of content at least. */
	if (cur.overrun || count != chunks || count > CR_BLOCK_CHUNKS_MAX ||
	    count > cur.left / 2)
		return cr_fail(CR_ECORRUPT,
			       "block: %" PRIu64
			       " chunks in %zu bytes, %" PRIu32 " expected",
			       count, raw.len, chunks);
	table.start = calloc((size_t)chunks + 1, sizeof(*table.start));
	if (!table.start)
		return -ENOMEM;
	for (; table.chunks < chunks; table.chunks++) {
		uint64_t len = cr_cursor_varint(&cur);

		if (cur.overrun || len == 0 || len > CR_CHUNK_MAX)
			return cr_fail(CR_ECORRUPT,
				       "block: chunk %" PRIu32 ": %" PRIu64
				       " bytes",
				       table.chunks, len);
		sum += len; /* at most 65,535 times 2^18 */
		table.start[table.chunks] = (uint32_t)len;
	}
	if (sum != cur.left)
		return cr_fail(CR_ECORRUPT,
			       "block: chunks of %" PRIu64 " bytes in %zu", sum,
			       cur.left);
	/* Lengths become offsets, from the end, where the last chunk ends. */
	table.start[chunks] = (uint32_t)raw.len;
	for (uint32_t i = chunks; i-- > 0;)
		table.start[i] = table.start[i + 1] - table.start[i];
	*ret = cr_take(table);
	return 0;
}

void cr_block_table_release(struct cr_block_table *table)
{
	free(table->start);
	*table = (struct cr_block_table){ 0 };
}
