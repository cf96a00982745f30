/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/census.h"

#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/read/packs.h"
#include "tools/graph.h"

/* One bit for each chunk. */
enum { ONCE, SEVERAL, MINE, MAPS };

/* What is kept of a block: where its chunks are counted, what they weigh. */
struct block {
	uint32_t first; /* in its pack */
	uint32_t stored;
	uint32_t raw;
};

struct known_pack {
	struct cr_uid uid;
	uint64_t first; /* ordinal of its first chunk over all packs */
	uint32_t block; /* in the array of all blocks */
	uint32_t blocks;
};

struct cr_census {
	struct cr_reader *reader; /* borrowed */
	struct cr_packs *packs;	  /* owned */
	struct known_pack *pack;  /* owned; a hash table, open addressing */
	size_t pack_room;	  /* a power of two, or 0 */
	size_t pack_count;
	struct block *block; /* owned */
	size_t block_count, block_room;
	uint8_t *map[MAPS];	   /* owned */
	uint64_t chunks, map_room; /* in bits */
	uint64_t damaged;
	uint64_t unique; /* of the snapshot that is asked about */
};

/* Where a chunk is counted. */
struct place {
	uint64_t ordinal;
	const struct block *block; /* borrowed until another pack is met */
};

int cr_census_new(struct cr_reader *reader, size_t cache_bytes,
		  struct cr_census **ret)
{
	cr_cleanup(cr_census_freep) struct cr_census *census =
		calloc(1, sizeof(*census));
	int r;

	if (!census)
		return -ENOMEM;
	census->reader = reader;
	r = cr_packs_new(cr_reader_repo(reader), cache_bytes, &census->packs);
	if (r == 0)
		*ret = cr_take(census);
	return r;
}

void cr_census_free(struct cr_census *census)
{
	if (!census)
		return;
	cr_packs_free(census->packs);
	free(census->pack);
	free(census->block);
	for (size_t i = 0; i < MAPS; i++)
		free(census->map[i]);
	free(census);
}

uint64_t cr_census_damaged(const struct cr_census *census)
{
	return census->damaged;
}

static bool bit(const struct cr_census *census, int map, uint64_t ordinal)
{
	return census->map[map][ordinal / 8] >> (ordinal % 8) & 1;
}

static void set_bit(struct cr_census *census, int map, uint64_t ordinal)
{
	census->map[map][ordinal / 8] |= (uint8_t)(1u << (ordinal % 8));
}

/* Room for @chunks more, their bits zero. */
static int grow_maps(struct cr_census *census, uint32_t chunks)
{
	uint64_t want = census->chunks + chunks, room;

	if (want <= census->map_room)
		return 0;
	room = cr_max(2 * census->map_room, (want + 65535) / 65536 * 65536);
	for (size_t i = 0; i < MAPS; i++) {
		uint8_t *map = realloc(census->map[i], room / 8);

		if (!map)
			return -ENOMEM;
		memset(map + census->map_room / 8, 0,
		       (room - census->map_room) / 8);
		census->map[i] = map;
	}
	census->map_room = room;
	return 0;
}

static int grow_blocks(struct cr_census *census, uint32_t blocks)
{
	size_t want = census->block_count + blocks, room;
	struct block *block;

	if (want > UINT32_MAX)
		return cr_fail(EOVERFLOW, "more than 2^32 blocks");
	if (want <= census->block_room)
		return 0;
	room = cr_max(2 * census->block_room, want);
	block = reallocarray(census->block, room, sizeof(*block));
	if (!block)
		return -ENOMEM;
	census->block = block;
	census->block_room = room;
	return 0;
}

/* The row of @uid, or the empty one where it belongs. */
static struct known_pack *find_row(const struct cr_census *census,
				   const struct cr_uid *uid)
{
	size_t mask = census->pack_room - 1, i;

	memcpy(&i, uid->bytes, sizeof(i)); /* random as it is */
	for (i &= mask; census->pack[i].blocks > 0; i = (i + 1) & mask) {
		if (cr_uid_equal(&census->pack[i].uid, uid))
			break;
	}
	return &census->pack[i];
}

static int grow_packs(struct cr_census *census)
{
	struct cr_census old = *census;

	if (4 * (census->pack_count + 1) <= 3 * census->pack_room)
		return 0;
	census->pack_room = cr_max(2 * old.pack_room, (size_t)64);
	census->pack = calloc(census->pack_room, sizeof(*census->pack));
	if (!census->pack) {
		*census = old;
		return -ENOMEM;
	}
	for (size_t i = 0; i < old.pack_room; i++) {
		if (old.pack[i].blocks > 0)
			*find_row(census, &old.pack[i].uid) = old.pack[i];
	}
	free(old.pack);
	return 0;
}

static int add_footer(struct cr_census *census, const struct cr_uid *uid,
		      const struct cr_footer *footer)
{
	int r;

	r = grow_packs(census);
	if (r == 0)
		r = grow_blocks(census, footer->blocks);
	if (r == 0)
		r = grow_maps(census, footer->chunks);
	if (r < 0)
		return r;
	*find_row(census, uid) = (struct known_pack){
		.uid = *uid,
		.first = census->chunks,
		.block = (uint32_t)census->block_count,
		.blocks = footer->blocks,
	};
	census->pack_count++;
	census->chunks += footer->chunks;
	for (uint32_t i = 0; i < footer->blocks; i++)
		census->block[census->block_count++] = (struct block){
			.first = footer->block[i].first,
			.stored = (uint32_t)cr_block_stored_len(
				&footer->block[i]),
			.raw = footer->block[i].raw_len,
		};
	return 0;
}

static int add_pack(struct cr_census *census, enum cr_chunk_type type,
		    const struct cr_uid *uid)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	enum cr_pack_kind kind =
		type == CR_CHUNK_DATA || type == CR_CHUNK_INLINE ? CR_PACK_DATA
								 : CR_PACK_META;
	int r;

	r = cr_packs_get(census->packs, kind, uid, &cached);
	if (r < 0)
		return r;
	return add_footer(census, uid, cr_pack_footer(cr_packs_pack(cached)));
}

static int find_place(struct cr_census *census, const struct cr_view *view,
		      const struct cr_graph_ref *ref, struct place *ret)
{
	const struct known_pack *pack;
	struct cr_hint at;
	int r;

	r = cr_reader_locate(census->reader, view, ref->type, &ref->id,
			     &ref->hint, &at);
	if (r < 0)
		return r;
	pack = census->pack_room > 0 ? find_row(census, &at.pack) : NULL;
	if (!pack || pack->blocks == 0) {
		r = add_pack(census, ref->type, &at.pack);
		if (r < 0)
			return r;
		pack = find_row(census, &at.pack);
	}
	assert(at.block < pack->blocks);
	ret->block = &census->block[pack->block + at.block];
	ret->ordinal = pack->first + ret->block->first + at.slot;
	assert(ret->ordinal < census->chunks);
	return 0;
}

/* Damage of one chunk costs that chunk's count. */
static int tolerate(struct cr_census *census, int r)
{
	if (!cr_is_damage(r))
		return r;
	census->damaged++;
	cr_log(CR_LOG_ERR, "%s", cr_detail());
	return 0;
}

static int count_one(void *arg, const struct cr_view *view,
		     const struct cr_graph_ref *ref)
{
	struct cr_census *census = arg;
	struct place place;
	int r = find_place(census, view, ref, &place);

	if (r < 0)
		return tolerate(census, r);
	/* What several use, and all below it, is known for what it is. */
	if (bit(census, SEVERAL, place.ordinal) ||
	    bit(census, MINE, place.ordinal))
		return 0;
	set_bit(census, MINE, place.ordinal);
	set_bit(census, bit(census, ONCE, place.ordinal) ? SEVERAL : ONCE,
		place.ordinal);
	return 1;
}

/* How long a chunk is, if need be by reading it. */
static int length_of(struct cr_census *census, const struct cr_view *view,
		     const struct cr_graph_ref *ref, uint64_t *ret)
{
	struct cr_piece tail;
	struct cr_pin pin;
	int r;

	*ret = ref->len;
	if (*ret > 0)
		return 0;
	r = cr_reader_get(census->reader, view, ref->type, &ref->id, &ref->hint,
			  &pin, &tail);
	if (r < 0)
		return r;
	*ret = pin.bytes.len + tail.len;
	cr_pin_release(&pin);
	return 0;
}

static int weigh_one(void *arg, const struct cr_view *view,
		     const struct cr_graph_ref *ref)
{
	struct cr_census *census = arg;
	struct place place;
	uint64_t len;
	int r = find_place(census, view, ref, &place);

	if (r < 0)
		return tolerate(census, r);
	if (bit(census, SEVERAL, place.ordinal) ||
	    bit(census, MINE, place.ordinal))
		return 0;
	set_bit(census, MINE, place.ordinal);
	r = length_of(census, view, ref, &len);
	if (r < 0)
		return tolerate(census, r);
	/* Below 2^63: neither factor reaches 2^32. */
	if (place.block->raw > 0)
		census->unique += len * place.block->stored / place.block->raw;
	return 1;
}

static void damaged(void *arg, const struct cr_graph_ref *ref)
{
	struct cr_census *census = arg;

	(void)ref;
	census->damaged++;
	cr_log(CR_LOG_ERR, "%s", cr_detail());
}

static int visit(struct cr_census *census, const struct cr_snapshot *snapshot,
		 int (*meet)(void *arg, const struct cr_view *view,
			     const struct cr_graph_ref *ref))
{
	const struct cr_graph graph = {
		.reader = census->reader,
		.meet = meet,
		.damaged = damaged,
		.arg = census,
	};
	struct cr_view view;
	int r;

	if (census->map_room > 0)
		memset(census->map[MINE], 0, census->map_room / 8);
	r = cr_view_init(cr_reader_repo(census->reader), snapshot, &view);
	return r < 0 ? r : cr_graph_visit(&graph, &view, snapshot);
}

int cr_census_count(struct cr_census *census,
		    const struct cr_snapshot *snapshot)
{
	return visit(census, snapshot, count_one);
}

int cr_census_unique(struct cr_census *census,
		     const struct cr_snapshot *snapshot, uint64_t *ret)
{
	int r;

	census->unique = 0;
	r = visit(census, snapshot, weigh_one);
	if (r == 0)
		*ret = census->unique;
	return r;
}
