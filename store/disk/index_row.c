/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_row.h"

#include <stdlib.h>
#include <string.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/put.h"

const struct cr_kv_family cr_index_families[CR_FAMILIES] = {
	[CR_FAMILY_CHUNKS] = { "c", CR_PREFIX_LEN },
	[CR_FAMILY_PACKS] = { "p", 0 },
	[CR_FAMILY_NUMBERS] = { "q", 0 },
	[CR_FAMILY_MANIFESTS] = { "s", 0 },
	[CR_FAMILY_FACTS] = { "k", 0 },
};

const struct cr_piece cr_fact_layout = { "v", 1 };
const struct cr_piece cr_fact_generation = { "g", 1 };
const struct cr_piece cr_fact_next = { "n", 1 };
const struct cr_piece cr_fact_dropped = { "d", 1 };
const struct cr_piece cr_fact_listed = { "l", 1 };

struct cr_piece cr_number_key(uint32_t number, uint8_t out[4])
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(number >> (24 - 8 * i));
	return (struct cr_piece){ out, 4 };
}

uint32_t cr_number_of(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
}

struct cr_piece cr_segment_key(const struct cr_id *id,
			       uint8_t out[CR_SEGMENT_KEY_LEN])
{
	out[0] = 's';
	memcpy(out + 1, id->bytes, sizeof(id->bytes));
	return (struct cr_piece){ out, CR_SEGMENT_KEY_LEN };
}

struct cr_piece cr_opaque_key(const struct cr_uid *domain,
			      uint8_t out[CR_OPAQUE_KEY_LEN])
{
	out[0] = 'o';
	memcpy(out + 1, domain->bytes, sizeof(domain->bytes));
	return (struct cr_piece){ out, CR_OPAQUE_KEY_LEN };
}

struct cr_piece cr_manifest_key(const struct cr_manifest_head *head,
				uint8_t out[CR_MANIFEST_KEY_LEN])
{
	uint8_t *at = out;

	memcpy(at, head->writer.bytes, CR_UID_LEN);
	at += CR_UID_LEN;
	memcpy(at, head->incarnation.bytes, CR_UID_LEN);
	at += CR_UID_LEN;
	(void)cr_number_key((uint32_t)(head->seq >> 32), at);
	(void)cr_number_key((uint32_t)head->seq, at + 4);
	return (struct cr_piece){ out, CR_MANIFEST_KEY_LEN };
}

struct cr_piece cr_row_key(const struct cr_id *id, uint32_t number,
			   uint8_t out[CR_ROW_KEY_LEN])
{
	memcpy(out, id->bytes, CR_PREFIX_LEN);
	(void)cr_number_key(number, out + CR_PREFIX_LEN);
	return (struct cr_piece){ out, CR_ROW_KEY_LEN };
}

static uint8_t *put_varint(uint8_t *at, uint32_t v)
{
	for (; v >= 0x80; v >>= 7)
		*at++ = (uint8_t)(v | 0x80);
	*at++ = (uint8_t)v;
	return at;
}

struct cr_piece cr_row_value(uint32_t block, uint32_t slot,
			     uint8_t out[CR_ROW_VALUE_MAX])
{
	const uint8_t *end = put_varint(put_varint(out, block), slot);

	return (struct cr_piece){ out, (size_t)(end - out) };
}

bool cr_row_decode(struct cr_piece key, struct cr_piece value,
		   struct cr_location *ret)
{
	struct cr_cursor cur = cr_cursor(value.bytes, value.len);
	struct cr_location at;

	at.block = (uint32_t)cr_cursor_max(&cur, UINT32_MAX);
	at.slot = (uint32_t)cr_cursor_max(&cur, UINT32_MAX);
	if (key.len != CR_ROW_KEY_LEN || !cr_cursor_done(&cur))
		return false;
	at.pack = cr_number_of((const uint8_t *)key.bytes + CR_PREFIX_LEN);
	*ret = at;
	return true;
}

void cr_row_set(struct cr_row *row, const struct cr_id *id,
		const struct cr_location *at)
{
	assert(at->block <= UINT16_MAX && at->slot <= UINT16_MAX);
	(void)cr_row_key(id, at->pack, row->key);
	row->block = (uint16_t)at->block;
	row->slot = (uint16_t)at->slot;
}

static int compare(const void *a, const void *b)
{
	const struct cr_row *x = a, *y = b;
	int r = memcmp(x->key, y->key, sizeof(x->key));

	if (r == 0)
		r = (x->block > y->block) - (x->block < y->block);
	return r != 0 ? r : (x->slot > y->slot) - (x->slot < y->slot);
}

void cr_rows_sort(struct cr_row *row, size_t n)
{
	if (n > 0)
		qsort(row, n, sizeof(*row), compare);
}

int cr_rows_each(const struct cr_row *row, size_t n, cr_row_fn fn, void *arg)
{
	for (size_t i = 0; i < n; i++, row++) {
		uint8_t value[CR_ROW_VALUE_MAX];
		int r;

		if (i > 0 &&
		    memcmp(row[-1].key, row->key, sizeof(row->key)) == 0)
			continue;
		r = fn(arg, (struct cr_piece)CR_PIECE(&row->key),
		       cr_row_value(row->block, row->slot, value));
		if (r != 0)
			return r;
	}
	return 0;
}

enum { IN_SEGMENT = 1, OPAQUE = 2 };

struct cr_piece cr_pack_facts_encode(const struct cr_pack_facts *facts,
				     uint8_t out[CR_PACK_FACTS_LEN])
{
	uint8_t *at = cr_put_uid(out, &facts->pack);

	at = cr_put_uid(at, &facts->writer);
	at = cr_put_uid(at, &facts->domain);
	at = cr_put_u8(at, facts->kind);
	at = cr_put_u8(at, (uint8_t)((facts->in_segment ? IN_SEGMENT : 0) |
				     (facts->opaque ? OPAQUE : 0)));
	at = cr_put_u64(at, facts->len);
	(void)cr_put_u32(at, facts->chunks);
	return (struct cr_piece){ out, CR_PACK_FACTS_LEN };
}

int cr_pack_facts_decode(struct cr_piece value, struct cr_pack_facts *ret)
{
	struct cr_cursor cur = cr_cursor(value.bytes, value.len);
	struct cr_pack_facts facts = { 0 };
	uint8_t flags;

	facts.pack = cr_cursor_uid(&cur);
	facts.writer = cr_cursor_uid(&cur);
	facts.domain = cr_cursor_uid(&cur);
	facts.kind = cr_cursor_u8(&cur);
	flags = cr_cursor_u8(&cur);
	facts.in_segment = (flags & IN_SEGMENT) != 0;
	facts.opaque = (flags & OPAQUE) != 0;
	facts.len = cr_cursor_u64(&cur);
	facts.chunks = cr_cursor_u32(&cur);
	if (!cr_cursor_done(&cur))
		return cr_fail(CR_EINDEX, "the facts of a pack make no sense");
	*ret = facts;
	return 0;
}
