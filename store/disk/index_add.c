/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The changes a primary makes. */
#include <inttypes.h>
#include <string.h>

#include "store/base/bloom.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/put.h"
#include "store/disk/index_bulk.h"
#include "store/disk/index_impl.h"

/* Fewer rows of dropped packs than this are not worth a walk. */
#define SWEEP_MIN 65536u
/* Else one row in so many. */
#define SWEEP_PART 8u

#define BATCH_ROWS 4096u

static int write(struct cr_index *index)
{
	return cr_kv_write(cr_index_kv(index), index->batch);
}

static void put_fact(struct cr_kv_batch *batch, struct cr_piece key,
		     const void *bytes, size_t len)
{
	cr_kv_put(batch, CR_FAMILY_FACTS, key, (struct cr_piece){ bytes, len });
}

static void put_next(struct cr_kv_batch *batch, uint32_t next)
{
	uint8_t bytes[4];

	put_fact(batch, cr_fact_next, bytes,
		 (size_t)(cr_put_u32(bytes, next) - bytes));
}

static void put_dropped(struct cr_kv_batch *batch, uint64_t packs,
			uint64_t rows)
{
	uint8_t bytes[16];

	(void)cr_put_u64(cr_put_u64(bytes, packs), rows);
	put_fact(batch, cr_fact_dropped, bytes, sizeof(bytes));
}

static void put_pack(struct cr_kv_batch *batch, uint32_t number,
		     const struct cr_pack_facts *facts)
{
	uint8_t key[4], value[CR_PACK_FACTS_LEN], opaque[CR_OPAQUE_KEY_LEN];

	if (facts->opaque)
		put_fact(batch, cr_opaque_key(&facts->domain, opaque), "", 0);

	cr_kv_put(batch, CR_FAMILY_PACKS, cr_number_key(number, key),
		  cr_pack_facts_encode(facts, value));
	cr_kv_put(batch, CR_FAMILY_NUMBERS, cr_uid_key(&facts->pack),
		  cr_number_key(number, key));
}

/* Adding. */

static int put_row(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct cr_index *index = arg;

	cr_kv_put(index->batch, CR_FAMILY_CHUNKS, key, value);
	return 0;
}

/*
 * All rows of a pack, in the order of their keys: that is how the database
 * takes them in with the fewest steps.
 */
static int put_rows(struct cr_index *index, uint32_t number,
		    const struct cr_footer *footer)
{
	cr_cleanup(cr_freep) struct cr_row *row = NULL;
	size_t n = 0;

	if (footer->chunks == 0)
		return 0;
	row = malloc(footer->chunks * sizeof(*row));
	if (!row)
		return -ENOMEM;
	for (uint32_t b = 0; b < footer->blocks; b++) {
		const struct cr_footer_block *block = &footer->block[b];

		for (uint32_t s = 0; s < block->chunks; s++) {
			struct cr_location at = { number, b, s };

			cr_row_set(&row[n++],
				   &footer->chunk[block->first + s].id, &at);
		}
	}
	cr_rows_sort(row, n);
	return cr_rows_each(row, n, put_row, index);
}

/* Numbers given away must be durable before rows are that bear them. */
static int commit_bulk(struct cr_index *index)
{
	int r;

	put_next(index->batch, index->next);
	r = write(index);
	if (r == 0)
		r = cr_kv_flush(cr_index_kv(index));
	return r < 0 ? r : cr_bulk_commit(index->bulk, cr_index_kv(index));
}

static int hold_row(struct cr_index *index, const struct cr_id *id,
		    const struct cr_location *at)
{
	if (cr_bulk_full(index->bulk)) {
		int r = commit_bulk(index);

		if (r < 0)
			return r;
	}
	return cr_bulk_add_row(index->bulk, id, at);
}

/* Last to first, so that of a chunk twice in a pack the first place stays. */
static int hold_rows(struct cr_index *index, uint32_t number,
		     const struct cr_footer *footer)
{
	for (uint32_t b = footer->blocks; b-- > 0;) {
		const struct cr_footer_block *block = &footer->block[b];

		for (uint32_t s = block->chunks; s-- > 0;) {
			struct cr_location at = { number, b, s };
			int r = hold_row(index,
					 &footer->chunk[block->first + s].id,
					 &at);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int hold_pack(struct cr_index *index, const struct cr_pack_facts *facts,
		     const struct cr_footer *footer, uint32_t number)
{
	int r = footer ? hold_rows(index, number, footer) : 0;

	if (r == 0)
		r = cr_bulk_add_pack(index->bulk, &facts->pack, number);
	if (r == 0)
		put_pack(cr_bulk_batch(index->bulk), number, facts);
	return r;
}

/* Before the rows are there to be found. */
static int note_ids(struct cr_index *index, const struct cr_footer *footer)
{
	int r = footer->chunks > 0 ? cr_ids_touch(index->ids) : 0;

	for (uint32_t i = 0; r == 0 && i < footer->chunks; i++)
		cr_ids_add(index->ids, &footer->chunk[i].id);
	return r;
}

int cr_index_add_pack(struct cr_index *index, const struct cr_pack_facts *facts,
		      const struct cr_footer *footer, uint32_t *number)
{
	uint32_t n;
	int r = cr_index_pack_number(index, &facts->pack, &n);

	if (r == -ENOENT) {
		if (index->next == UINT32_MAX)
			return cr_fail(CR_EINDEX,
				       "the index is out of pack numbers");
		n = index->next++;
	} else if (r < 0) {
		return r;
	}
	r = footer ? note_ids(index, footer) : 0;
	if (r < 0)
		return r;
	if (index->bulk) {
		r = hold_pack(index, facts, footer, n);
	} else {
		r = footer ? put_rows(index, n, footer) : 0;
		put_pack(index->batch, n, facts);
		put_next(index->batch, index->next);
		if (r == 0)
			r = write(index);
	}
	if (r < 0)
		return r;
	*number = n;
	return 0;
}

int cr_index_bulk_begin(struct cr_index *index)
{
	assert(!index->bulk);
	return cr_bulk_new(cr_index_kv(index), index->cache_bytes / 4,
			   &index->bulk);
}

int cr_index_bulk_end(struct cr_index *index)
{
	int r = commit_bulk(index);

	cr_bulk_free(index->bulk);
	index->bulk = NULL;
	return r;
}

/* Facts. */

int cr_index_set_in_segment(struct cr_index *index, uint32_t number)
{
	struct cr_pack_facts facts;
	int r = cr_index_pack(index, number, &facts);

	if (r < 0 || facts.in_segment)
		return r;
	facts.in_segment = true;
	put_pack(index->batch, number, &facts);
	return write(index);
}

int cr_index_add_segment(struct cr_index *index, const struct cr_id *id)
{
	uint8_t key[CR_SEGMENT_KEY_LEN];

	if (index->bulk) {
		put_fact(cr_bulk_batch(index->bulk), cr_segment_key(id, key),
			 "", 0);
		return 0;
	}
	put_fact(index->batch, cr_segment_key(id, key), "", 0);
	return write(index);
}

int cr_index_clear_opaque(struct cr_index *index, const struct cr_uid *domain)
{
	uint8_t key[CR_OPAQUE_KEY_LEN];

	cr_kv_delete(index->batch, CR_FAMILY_FACTS, cr_opaque_key(domain, key));
	return write(index);
}

int cr_index_set_listed(struct cr_index *index)
{
	put_fact(index->batch, cr_fact_listed, "", 0);
	return write(index);
}

int cr_index_note_manifest(struct cr_index *index,
			   const struct cr_manifest_head *head)
{
	uint8_t key[CR_MANIFEST_KEY_LEN], value[8];

	(void)cr_put_u64(value, (uint64_t)head->time);
	cr_kv_put(index->batch, CR_FAMILY_MANIFESTS, cr_manifest_key(head, key),
		  (struct cr_piece){ value, sizeof(value) });
	return write(index);
}

static bool marks_equal(const struct cr_kv_mark *a, const struct cr_kv_mark *b)
{
	return a->sequence == b->sequence && a->list == b->list &&
	       a->list_len == b->list_len && a->list_hash == b->list_hash;
}

struct fill {
	struct cr_bloom *bloom;
	uint64_t rows;
};

static int fill_row(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct fill *fill = arg;
	struct cr_id id = { { 0 } };

	(void)value;
	if (key.len < CR_PREFIX_LEN)
		return 0;
	memcpy(id.bytes, key.bytes, CR_PREFIX_LEN);
	cr_bloom_add(fill->bloom, &id);
	fill->rows++;
	return 0;
}

/*
 * Make the filter of ids anew where it is lost or too full, which takes reading
 * all of them.  Where that fails there is none: nothing that was added is lost.
 */
static void fill_ids(struct cr_index *index)
{
	struct cr_kv *kv = cr_index_kv(index);
	uint64_t rows = cr_kv_estimate(kv, CR_FAMILY_CHUNKS);
	struct fill fill = { 0 };
	int r;

	/* While it is being opened there is nothing to fill. */
	if (!index->ids || !cr_ids_fill_begin(index->ids, rows, &fill.bloom))
		return;
	cr_log(CR_LOG_INFO, "the index: reading some %" PRIu64 " ids anew",
	       rows);
	r = cr_kv_each(kv, CR_FAMILY_CHUNKS, cr_no_bytes(), fill_row, &fill);
	cr_ids_fill_end(index->ids, fill.rows, r == 0);
	cr_index_make_room(index, cr_ids_bytes(index->ids));
	if (cr_index_judge(index, r) < 0)
		cr_log(CR_LOG_INFO, "the index: %s", cr_detail());
}

int cr_index_flush(struct cr_index *index)
{
	struct cr_kv *kv = cr_index_kv(index);
	struct cr_index_db db = { .n = index->db.n };
	int r = cr_kv_flush(kv);

	if (r < 0)
		return r;
	fill_ids(index);
	r = cr_kv_mark(kv, &db.mark);
	if (r < 0 || marks_equal(&db.mark, &index->db.mark))
		return r;
	/* In this order: the mark must never be ahead of the database. */
	r = cr_index_db_write(index->base, &db);
	if (r == 0)
		index->db = db;
	return r;
}

int cr_index_flush_soon(struct cr_index *index)
{
	return cr_kv_flush_soon(cr_index_kv(index));
}

/* Dropping. */

int cr_index_drop_pack(struct cr_index *index, uint32_t number)
{
	uint64_t packs = atomic_load(&index->dropped_packs);
	struct cr_pack_facts facts;
	uint8_t key[4], bytes[8];
	uint64_t generation = 0;
	int r;

	assert(!index->bulk);
	r = cr_index_pack(index, number, &facts);
	if (r == 0)
		r = cr_index_generation(index, &generation);
	if (r < 0)
		return r;
	cr_kv_delete(index->batch, CR_FAMILY_PACKS, cr_number_key(number, key));
	cr_kv_delete(index->batch, CR_FAMILY_NUMBERS, cr_uid_key(&facts.pack));
	(void)cr_put_u64(bytes, generation + 1);
	put_fact(index->batch, cr_fact_generation, bytes, sizeof(bytes));
	put_dropped(index->batch, packs + 1,
		    index->dropped_rows + facts.chunks);
	r = write(index);
	if (r < 0)
		return r;
	atomic_store(&index->dropped_packs, packs + 1);
	index->dropped_rows += facts.chunks;
	return 0;
}

struct sweep {
	struct cr_index *index;
	uint8_t *live; /* a bit for each number */
};

static int mark_live(void *arg, uint32_t number, const struct cr_pack_facts *f)
{
	struct sweep *s = arg;

	(void)f;
	if (number < s->index->next)
		s->live[number / 8] |= (uint8_t)(1u << number % 8);
	return 0;
}

static int sweep_row(void *arg, struct cr_piece key, struct cr_piece value)
{
	const struct sweep *s = arg;
	struct cr_location at;

	if (cr_row_decode(key, value, &at) && at.pack < s->index->next &&
	    (s->live[at.pack / 8] >> at.pack % 8 & 1) != 0)
		return 0;
	cr_kv_delete(s->index->batch, CR_FAMILY_CHUNKS, key);
	return cr_kv_batch_count(s->index->batch) < BATCH_ROWS
		       ? 0
		       : write(s->index);
}

int cr_index_sweep(struct cr_index *index)
{
	cr_cleanup(cr_freep) uint8_t *live = NULL;
	uint64_t rows = cr_kv_estimate(cr_index_kv(index), CR_FAMILY_CHUNKS);
	struct sweep sweep = { .index = index };
	int r;

	assert(!index->bulk);
	if (index->dropped_rows <
	    cr_max((uint64_t)SWEEP_MIN, rows / SWEEP_PART))
		return 0;
	live = calloc((size_t)index->next / 8 + 1, 1);
	if (!live)
		return -ENOMEM;
	sweep.live = live;
	r = cr_index_each_pack(index, mark_live, &sweep);
	if (r == 0)
		r = cr_index_judge(
			index, cr_kv_each(cr_index_kv(index), CR_FAMILY_CHUNKS,
					  cr_no_bytes(), sweep_row, &sweep));
	if (r < 0)
		return r;
	put_dropped(index->batch, 0, 0);
	r = write(index);
	if (r < 0)
		return r;
	atomic_store(&index->dropped_packs, 0);
	index->dropped_rows = 0;
	return 0;
}
