/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index.h"

#include <string.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/disk/index_bulk.h"
#include "store/disk/index_impl.h"

int cr_index_judge(struct cr_index *index, int r)
{
	uint_fast32_t n = atomic_load(&index->n);

	if (cr_kv_damaged(r) && atomic_exchange(&index->spoiled, n) != n)
		cr_index_db_spoil(index->base, (uint32_t)n);
	return r;
}

int cr_index_fact(struct cr_kv *kv, struct cr_piece key, void *out, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r = cr_kv_get(kv, CR_FAMILY_FACTS, key, &value);

	if (r < 0)
		return r;
	if (value.len != len)
		return cr_fail(CR_EINDEX, "the fact \"%c\" is %zu bytes",
			       *(const char *)key.bytes, value.len);
	memcpy(out, value.bytes, len);
	return 0;
}

struct search {
	struct cr_index *index;
	struct cr_kv *kv;
	struct cr_location *out;
	size_t max;
	size_t found;
	bool dropped; /* there may be rows of dropped packs */
};

static int has_pack(struct cr_kv *kv, uint32_t number)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	uint8_t key[4];
	int r = cr_kv_get(kv, CR_FAMILY_PACKS, cr_number_key(number, key),
			  &value);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int take_row(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct search *s = arg;
	struct cr_location at;
	size_t older;

	if (!cr_row_decode(key, value, &at))
		return 0;
	if (s->dropped) {
		int r = has_pack(s->kv, at.pack);

		if (r <= 0)
			return r;
	}
	/* They come oldest first.  The oldest but one makes room. */
	older = s->found < s->max ? s->found : s->max - 2;
	memmove(s->out + 1, s->out, older * sizeof(*s->out));
	s->out[0] = at;
	s->found = cr_min(s->found + 1, s->max);
	return 0;
}

static int search(struct search *s, const struct cr_id *id)
{
	struct cr_piece prefix = { id->bytes, CR_PREFIX_LEN };
	int r;

	s->kv = cr_index_kv(s->index);
	s->found = 0;
	s->dropped = atomic_load_explicit(&s->index->dropped_packs,
					  memory_order_relaxed) > 0;
	r = cr_kv_each(s->kv, CR_FAMILY_CHUNKS, prefix, take_row, s);
	return r < 0 ? r : (int)s->found;
}

int cr_index_find(struct cr_index *index, const struct cr_id *id,
		  struct cr_location *out, size_t max)
{
	struct search s = { .index = index, .out = out, .max = max };
	int r;

	if (index->ids && !cr_ids_may_have(index->ids, id))
		return 0;
	r = search(&s, id);
	/* The primary may have deleted what a secondary did not hold. */
	if (r == -CR_EINDEX && !cr_kv_damaged(r) &&
	    index->mode == CR_INDEX_SECONDARY && cr_kv_catch_up(s.kv) == 0)
		r = search(&s, id);
	return cr_index_judge(index, r);
}

int cr_index_pack(struct cr_index *index, uint32_t number,
		  struct cr_pack_facts *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	uint8_t key[4];
	int r = cr_kv_get(cr_index_kv(index), CR_FAMILY_PACKS,
			  cr_number_key(number, key), &value);

	if (r < 0)
		return cr_index_judge(index, r);
	return cr_pack_facts_decode((struct cr_piece){ value.bytes, value.len },
				    ret);
}

int cr_index_pack_number(struct cr_index *index, const struct cr_uid *pack,
			 uint32_t *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r;

	if (index->bulk && cr_bulk_pack_number(index->bulk, pack, ret))
		return 0;
	r = cr_kv_get(cr_index_kv(index), CR_FAMILY_NUMBERS, cr_uid_key(pack),
		      &value);
	if (r < 0)
		return cr_index_judge(index, r);
	if (value.len != 4)
		return cr_fail(CR_EINDEX, "the number of a pack is %zu bytes",
			       value.len);
	*ret = cr_number_of(value.bytes);
	return 0;
}

struct walk {
	cr_index_pack_fn fn;
	void *arg;
};

static int walk_pack(void *arg, struct cr_piece key, struct cr_piece value)
{
	const struct walk *walk = arg;
	struct cr_pack_facts facts;
	int r = cr_pack_facts_decode(value, &facts);

	if (r < 0 || key.len != 4)
		return r < 0 ? r : cr_fail(CR_EINDEX, "a pack has no number");
	return walk->fn(walk->arg, cr_number_of(key.bytes), &facts);
}

int cr_index_each_pack(struct cr_index *index, cr_index_pack_fn fn, void *arg)
{
	struct walk walk = { .fn = fn, .arg = arg };

	return cr_index_judge(index,
			      cr_kv_each(cr_index_kv(index), CR_FAMILY_PACKS,
					 cr_no_bytes(), walk_pack, &walk));
}

int cr_index_manifest_time(struct cr_index *index,
			   const struct cr_manifest_head *head, int64_t *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	uint8_t key[CR_MANIFEST_KEY_LEN];
	struct cr_cursor cur;
	int64_t time;
	int r = cr_kv_get(cr_index_kv(index), CR_FAMILY_MANIFESTS,
			  cr_manifest_key(head, key), &value);

	if (r < 0)
		return r == -ENOENT ? r : cr_index_judge(index, r);
	cur = cr_cursor(value.bytes, value.len);
	time = (int64_t)cr_cursor_u64(&cur);
	if (!cr_cursor_done(&cur))
		return cr_index_judge(index,
				      cr_fail(CR_EINDEX,
					      "the index has a manifest whose "
					      "time makes no sense"));
	*ret = time;
	return 0;
}

int cr_index_generation(struct cr_index *index, uint64_t *ret)
{
	uint8_t bytes[8];
	struct cr_cursor cur = cr_cursor(bytes, sizeof(bytes));
	int r = cr_index_fact(cr_index_kv(index), cr_fact_generation, bytes,
			      sizeof(bytes));

	if (r == -ENOENT)
		return cr_fail(CR_EINDEX, "the index has no generation");
	if (r < 0)
		return cr_index_judge(index, r);
	*ret = cr_cursor_u64(&cur);
	return 0;
}

/* 1, 0, or what went wrong. */
static int has_fact(struct cr_index *index, struct cr_piece key)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r = cr_kv_get(cr_index_kv(index), CR_FAMILY_FACTS, key, &value);

	return r == -ENOENT ? 0 : r < 0 ? cr_index_judge(index, r) : 1;
}

int cr_index_has_segment(struct cr_index *index, const struct cr_id *id)
{
	uint8_t key[CR_SEGMENT_KEY_LEN];

	return has_fact(index, cr_segment_key(id, key));
}

int cr_index_listed(struct cr_index *index)
{
	return has_fact(index, cr_fact_listed);
}

int cr_index_has_opaque(struct cr_index *index, const struct cr_uid *domain)
{
	uint8_t key[CR_OPAQUE_KEY_LEN];

	return has_fact(index, cr_opaque_key(domain, key));
}
