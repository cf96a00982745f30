/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chunks of a file in its order: what was stored together lies together. */
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

void cr_pin_release(struct cr_pin *pin)
{
	if (pin->cached && pin->last)
		cr_blocks_spend(pin->cached, pin->at.slot);
	else if (pin->cached && pin->passed)
		cr_blocks_pass(pin->cached, pin->at.slot);
	else
		cr_cached_unpin(pin->cached);
	*pin = (struct cr_pin){ 0 };
}
