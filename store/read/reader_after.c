/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks of a file in its order: what was stored together lies together. */
#include "store/codec/list.h"
#include "store/read/packs.h"
#include "store/read/reader_int.h"

int cr_reader_get_after(struct cr_reader *reader, const struct cr_view *view,
			const struct cr_id *id, const struct cr_hint *before,
			struct cr_pin *ret)
{
	struct cr_wanted w = { .reader = reader,
			       .view = view,
			       .type = CR_CHUNK_DATA,
			       .id = id,
			       .pin = ret };

	return cr_wanted_find_after(&w, before);
}

int cr_reader_fetch_after(struct cr_reader *reader, const struct cr_view *view,
			  const struct cr_id *id, struct cr_hint *at)
{
	const struct cr_hint before = *at;
	struct cr_pin pin = { 0 };
	struct cr_wanted w = { .reader = reader,
			       .view = view,
			       .type = CR_CHUNK_DATA,
			       .id = id,
			       .pin = &pin,
			       .found = at,
			       .fetch = true };
	int r = cr_wanted_find_after(&w, &before);

	if (r == 0)
		cr_pin_release(&pin);
	return r;
}

/* ---- Behind a chunk, in its block ---- */

/*
 * How many of @item[0..@n) lie behind the chunk at @at in its block, one after
 * the other.  If any do, *@table is their pack's, pinned.
 */
static uint32_t count_behind(struct cr_reader *reader, const struct cr_hint *at,
			     const struct cr_list_item *item, uint32_t n,
			     struct cr_cached **table)
{
	struct cr_place place = { at->block, at->slot };
	uint32_t i;

	if (n == 0 || cr_packs_get(cr_reader_packs(reader), CR_PACK_DATA,
				   &at->pack, table) < 0)
		return 0;
	for (i = 0; i < n && !item[i].hole; i++) {
		place.slot++;
		if (!cr_pack_holds(cr_packs_pack(*table), &place, &item[i].id,
				   CR_CHUNK_DATA))
			break;
	}
	return i;
}

uint32_t cr_reader_go_on(struct cr_reader *reader, const struct cr_view *view,
			 const struct cr_list_item *item, uint32_t n,
			 struct cr_pin *pin)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *table = NULL;
	struct cr_hint at = pin->at;
	struct cr_place place = { at.block, at.slot + pin->more };
	struct cr_wanted w = { .reader = reader,
			       .view = view,
			       .type = CR_CHUNK_DATA };
	struct cr_piece bytes, none;
	uint32_t i;

	at.slot = place.slot;
	n = count_behind(reader, &at, item, n, &table);
	for (i = 0; i < n; i++) {
		place.slot++;
		w.id = &item[i].id;
		if (cr_wanted_check(&w, cr_packs_pack(table), &place,
				    pin->cached, &bytes, &none) < 0 ||
		    bytes.len != item[i].len)
			break;
		pin->bytes.len += bytes.len;
	}
	pin->more += i;
	return i;
}

uint32_t cr_reader_skip_after(struct cr_reader *reader,
			      const struct cr_list_item *item, uint32_t n,
			      struct cr_hint *at)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *table = NULL;
	const uint32_t count = count_behind(reader, at, item, n, &table);

	at->slot += count;
	return count;
}

void cr_pin_release(struct cr_pin *pin)
{
	const uint32_t chunks = 1 + pin->more;

	if (pin->cached && pin->use == CR_PIN_SPENT)
		cr_blocks_spend(pin->cached, pin->at.slot, chunks);
	else if (pin->cached && pin->use == CR_PIN_PASSED)
		cr_blocks_pass(pin->cached, pin->at.slot, chunks);
	else
		cr_cached_unpin(pin->cached);
	*pin = (struct cr_pin){ 0 };
}
