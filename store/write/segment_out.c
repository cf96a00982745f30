/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/segment_out.h"

#include <stdio.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/segment_encode.h"
#include "store/disk/pack.h"

struct cr_segment_out {
	const struct cr_repo *repo;   /* borrowed */
	struct cr_storage_w *storage; /* borrowed */
	struct cr_index *index;	      /* borrowed */
	struct cr_buf items;	      /* encoded */
	struct cr_buf numbers;	      /* uint32_t: the packs in @items */
	struct cr_buf ids;	      /* struct cr_id: written */
};

int cr_segment_out_new(const struct cr_repo *repo, struct cr_storage_w *storage,
		       struct cr_index *index, struct cr_segment_out **ret)
{
	struct cr_segment_out *out = calloc(1, sizeof(*out));

	if (!out)
		return -ENOMEM;
	out->repo = repo;
	out->storage = storage;
	out->index = index;
	*ret = out;
	return 0;
}

void cr_segment_out_free(struct cr_segment_out *out)
{
	if (!out)
		return;
	cr_buf_release(&out->items);
	cr_buf_release(&out->numbers);
	cr_buf_release(&out->ids);
	free(out);
}

struct cr_id *cr_segment_out_ids(const struct cr_segment_out *out,
				 uint32_t *count)
{
	*count = (uint32_t)(out->ids.len / sizeof(struct cr_id));
	return (void *)out->ids.bytes;
}

static int note_written(struct cr_segment_out *out, const struct cr_id *id)
{
	const uint32_t *number = (const void *)out->numbers.bytes;
	int r = cr_index_add_segment(out->index, id);

	for (size_t i = 0; r == 0 && i < out->numbers.len / sizeof(*number);
	     i++)
		r = cr_index_set_in_segment(out->index, number[i]);
	if (r < 0)
		return r;
	cr_buf_clear(&out->items);
	cr_buf_clear(&out->numbers);
	cr_buf_id(&out->ids, id);
	return cr_buf_error(&out->ids);
}

static int write_segment(struct cr_segment_out *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	uint32_t packs = (uint32_t)(out->numbers.len / sizeof(uint32_t));
	char name[16 + 2 * CR_ID_LEN];
	struct cr_id id;
	int r;

	if (packs == 0)
		return 0;
	cr_segment_begin(&out->repo->info.id,
			 cr_keyring_id(out->repo->keys->ring), packs, &bytes);
	cr_buf_put(&bytes, out->items.bytes, out->items.len);
	r = cr_buf_error(&bytes);
	if (r < 0)
		return r;
	id = cr_segment_id((struct cr_piece){ bytes.bytes, bytes.len });
	(void)snprintf(name, sizeof(name), "index/%s", cr_id_hex(&id).text);
	r = cr_storage_put(out->storage, name, bytes.bytes, bytes.len);
	/* Named by its content: what is there already is the same. */
	if (r < 0 && r != -EEXIST)
		return r;
	return note_written(out, &id);
}

int cr_segment_out_add(struct cr_segment_out *out,
		       const struct cr_segment_item *item, uint32_t number)
{
	int r;

	cr_segment_add(item, &out->items);
	cr_buf_put(&out->numbers, &number, sizeof(number));
	r = cr_buf_error(&out->items);
	if (r == 0)
		r = cr_buf_error(&out->numbers);
	if (r == 0 &&
	    (out->items.len >= CR_SEGMENT_TARGET ||
	     out->numbers.len / sizeof(number) >= CR_SEGMENT_PACKS_MAX))
		r = write_segment(out);
	return r;
}

struct strays {
	const struct cr_segment_out *out;
	struct cr_buf found; /* struct stray */
};

struct stray {
	uint32_t number;
	uint8_t kind;
	struct cr_uid pack;
};

static int find_stray(void *arg, uint32_t number,
		      const struct cr_pack_facts *facts)
{
	struct strays *strays = arg;
	const uint32_t *mine = (const void *)strays->out->numbers.bytes;
	size_t n = strays->out->numbers.len / sizeof(*mine);
	struct stray stray = { number, facts->kind, facts->pack };

	if (facts->in_segment || facts->opaque ||
	    !cr_uid_equal(&facts->writer,
			  cr_keyring_id(strays->out->repo->keys->ring)))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (mine[i] == number)
			return 0;
	cr_buf_put(&strays->found, &stray, sizeof(stray));
	return cr_buf_error(&strays->found);
}

static int add_stray(struct cr_segment_out *out, const struct stray *stray)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf footer = { 0 };
	struct cr_segment_item item;
	int r = cr_pack_open(out->repo, stray->kind, &stray->pack, &pack);

	if (r < 0) /* damaged: deduplication does not use it either */
		return cr_is_damage(r) ? 0 : r;
	r = cr_pack_item(pack, &footer, &item);
	return r < 0 ? r : cr_segment_out_add(out, &item, stray->number);
}

int cr_segment_out_flush(struct cr_segment_out *out)
{
	struct strays strays = { .out = out };
	const struct stray *stray;
	int r = cr_index_each_pack(out->index, find_stray, &strays);

	stray = (const void *)strays.found.bytes;
	for (size_t i = 0; r == 0 && i < strays.found.len / sizeof(*stray); i++)
		r = add_stray(out, &stray[i]);
	cr_buf_release(&strays.found);
	return r < 0 ? r : write_segment(out);
}
