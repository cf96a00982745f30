/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_bulk.h"

#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"

#define ROWS_MIN 4096u
#define ROWS_MAX (4u << 20)

/* From so many rows on a sorted run pays. */
#define RUN_MIN (1u << 20)

struct pending {
	struct cr_uid pack;
	uint32_t number;
};

struct cr_bulk {
	struct cr_kv_batch *batch; /* owned */
	struct cr_row *row;	   /* owned */
	size_t rows, room, rows_max;
	struct pending *pack; /* owned */
	size_t packs, packs_room;
	bool ran; /* at least one sorted run was taken in */
};

int cr_bulk_new(const struct cr_kv *kv, size_t bytes, struct cr_bulk **ret)
{
	struct cr_bulk *bulk = calloc(1, sizeof(*bulk));
	size_t rows = bytes / (2 * sizeof(struct cr_row)); /* qsort copies */
	int r;

	if (!bulk)
		return -ENOMEM;
	bulk->rows_max =
		cr_min(cr_max(rows, (size_t)ROWS_MIN), (size_t)ROWS_MAX);
	r = cr_kv_batch_new(kv, &bulk->batch);
	if (r < 0) {
		free(bulk);
		return r;
	}
	*ret = bulk;
	return 0;
}

void cr_bulk_free(struct cr_bulk *bulk)
{
	if (!bulk)
		return;
	cr_kv_batch_free(bulk->batch);
	free(bulk->row);
	free(bulk->pack);
	free(bulk);
}

bool cr_bulk_full(const struct cr_bulk *bulk)
{
	return bulk->rows == bulk->rows_max;
}

/* Room for one more of @size bytes in *@array, up to @max.  0 or -ENOMEM. */
static int grow(void *array, size_t count, size_t *room, size_t size,
		size_t max)
{
	void **at = array;
	size_t want = cr_min(cr_max(*room * 2, (size_t)1024), max);
	void *bigger;

	if (count < *room)
		return 0;
	bigger = reallocarray(*at, want, size);
	if (!bigger)
		return -ENOMEM;
	*at = bigger;
	*room = want;
	return 0;
}

int cr_bulk_add_row(struct cr_bulk *bulk, const struct cr_id *id,
		    const struct cr_location *at)
{
	int r;

	assert(!cr_bulk_full(bulk));
	r = grow(&bulk->row, bulk->rows, &bulk->room, sizeof(*bulk->row),
		 bulk->rows_max);
	if (r < 0)
		return r;
	cr_row_set(&bulk->row[bulk->rows++], id, at);
	return 0;
}

int cr_bulk_add_pack(struct cr_bulk *bulk, const struct cr_uid *pack,
		     uint32_t number)
{
	int r = grow(&bulk->pack, bulk->packs, &bulk->packs_room,
		     sizeof(*bulk->pack), SIZE_MAX / sizeof(*bulk->pack));

	if (r < 0)
		return r;
	bulk->pack[bulk->packs++] =
		(struct pending){ .pack = *pack, .number = number };
	return 0;
}

bool cr_bulk_pack_number(const struct cr_bulk *bulk, const struct cr_uid *pack,
			 uint32_t *ret)
{
	/* A few hundred at most: a run is some thousands of rows a pack. */
	for (size_t i = bulk->packs; i-- > 0;) {
		if (cr_uid_equal(&bulk->pack[i].pack, pack)) {
			*ret = bulk->pack[i].number;
			return true;
		}
	}
	return false;
}

struct cr_kv_batch *cr_bulk_batch(struct cr_bulk *bulk)
{
	return bulk->batch;
}

static int add_to_run(void *arg, struct cr_piece key, struct cr_piece value)
{
	return cr_kv_run_add(arg, key, value);
}

static int write_run(struct cr_bulk *bulk, struct cr_kv *kv)
{
	cr_cleanup(cr_kv_run_abortp) struct cr_kv_run *run = NULL;
	int r = cr_kv_run_begin(kv, CR_FAMILY_CHUNKS, &run);

	if (r == 0)
		r = cr_rows_each(bulk->row, bulk->rows, add_to_run, run);
	if (r == 0)
		r = cr_kv_run_commit(cr_take(run));
	bulk->ran = true;
	return r;
}

struct writing {
	struct cr_kv *kv;
	struct cr_kv_batch *batch;
};

static int add_to_batch(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct writing *w = arg;

	cr_kv_put(w->batch, CR_FAMILY_CHUNKS, key, value);
	return cr_kv_batch_count(w->batch) < ROWS_MIN
		       ? 0
		       : cr_kv_write(w->kv, w->batch);
}

static int write_batches(struct cr_bulk *bulk, struct cr_kv *kv)
{
	cr_cleanup(cr_kv_batch_freep) struct cr_kv_batch *batch = NULL;
	struct writing w = { .kv = kv };
	int r = cr_kv_batch_new(kv, &batch);

	w.batch = batch;
	if (r == 0)
		r = cr_rows_each(bulk->row, bulk->rows, add_to_batch, &w);
	return r == 0 ? cr_kv_write(kv, batch) : r;
}

int cr_bulk_commit(struct cr_bulk *bulk, struct cr_kv *kv)
{
	int r = 0;

	if (bulk->rows > 0) {
		cr_rows_sort(bulk->row, bulk->rows);
		if (bulk->ran ||
		    bulk->rows >= cr_min((size_t)RUN_MIN, bulk->rows_max))
			r = write_run(bulk, kv);
		else
			r = write_batches(bulk, kv);
	}
	if (r == 0)
		r = cr_kv_write(kv, bulk->batch);
	if (r < 0)
		return r;
	bulk->rows = 0;
	bulk->packs = 0;
	return 0;
}
