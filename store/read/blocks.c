/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/blocks.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store/base/pool.h"
#include "store/codec/compress.h"

#define PASSED_OF   64 /* who had one of the last of so many had them all */
#define PASSED_LEFT 8  /* and who had all but one of so many */
#define UNDER_WAY   (16u << 20) /* bytes: blocks as stored, or pinned */

struct shown_block {
	struct cr_block *block; /* owned */
	bool brought;		/* before anybody asked */
	atomic_bool used;
	atomic_uint left; /* chunks that nobody had */
	struct {
		atomic_bool checked, had;
	} slot[];
};

struct spare {
	struct cr_decompressor *dec; /* owned */
	struct spare *next;
};

struct cr_blocks {
	struct cr_cache *cache; /* owned; struct shown_block */
	struct cr_pool *pool;	/* owned; of their bytes */
	cr_blocks_used *used;	/* may be NULL */
	void *used_arg;
	pthread_mutex_t lock;
	struct spare *spare; /* under: lock */
	atomic_ullong decoded, decoded_bytes;
};

/* ---- Loading ---- */

static int take_decompressor(struct cr_blocks *blocks, struct spare **ret)
{
	struct spare *spare;
	int r;

	(void)pthread_mutex_lock(&blocks->lock);
	spare = blocks->spare;
	if (spare)
		blocks->spare = spare->next;
	(void)pthread_mutex_unlock(&blocks->lock);
	if (!spare) {
		spare = calloc(1, sizeof(*spare));
		if (!spare)
			return -ENOMEM;
		r = cr_decompressor_new(&spare->dec);
		if (r < 0) {
			free(spare);
			return r;
		}
	}
	*ret = spare;
	return 0;
}

static void give_decompressor(struct cr_blocks *blocks, struct spare *spare)
{
	(void)pthread_mutex_lock(&blocks->lock);
	spare->next = blocks->spare;
	blocks->spare = spare;
	(void)pthread_mutex_unlock(&blocks->lock);
}

struct source {
	struct cr_blocks *blocks;
	const struct cr_pack *pack;
	bool ahead;  /* nobody asked for it yet */
	bool loaded; /* out */
};

static int load(void *arg, const struct cr_cache_key *key, void **value,
		size_t *weight)
{
	cr_cleanup(cr_block_freep) struct cr_block *block = NULL;
	struct source *source = arg;
	struct cr_blocks *blocks = source->blocks;
	struct shown_block *shown;
	struct spare *spare;
	int r = take_decompressor(blocks, &spare);

	if (r < 0)
		return r;
	r = cr_pack_read(source->pack, key->n, spare->dec, blocks->pool,
			 &block);
	give_decompressor(blocks, spare);
	if (r < 0)
		return r;
	shown = calloc(1, sizeof(*shown) +
				  block->table.chunks * sizeof(shown->slot[0]));
	if (!shown)
		return -ENOMEM;
	(void)atomic_fetch_add(&blocks->decoded, 1);
	(void)atomic_fetch_add(&blocks->decoded_bytes, block->raw_len);
	*weight = sizeof(*shown) + block->raw_len +
		  block->table.chunks *
			  (sizeof(uint32_t) + sizeof(shown->slot[0]));
	atomic_init(&shown->left, block->table.chunks);
	shown->block = cr_take(block);
	shown->brought = source->ahead;
	source->loaded = true;
	*value = shown;
	return 0;
}

static void drop(void *value)
{
	struct shown_block *shown = value;

	cr_block_free(shown->block);
	free(shown);
}

/* ---- Life ---- */

int cr_blocks_new(size_t bytes, struct cr_blocks **ret)
{
	static const struct cr_cache_ops ops = { load, drop };
	struct cr_blocks *blocks = calloc(1, sizeof(*blocks));
	int r;

	if (!blocks)
		return -ENOMEM;
	(void)pthread_mutex_init(&blocks->lock, NULL);
	r = cr_cache_new(bytes, &ops, &blocks->cache);
	if (r == 0)
		r = cr_pool_new(bytes + UNDER_WAY, &blocks->pool);
	if (r < 0) {
		cr_blocks_free(blocks);
		return r;
	}
	*ret = blocks;
	return 0;
}

void cr_blocks_free(struct cr_blocks *blocks)
{
	if (!blocks)
		return;
	cr_cache_free(blocks->cache);
	cr_pool_free(blocks->pool);
	while (blocks->spare) {
		struct spare *spare = blocks->spare;

		blocks->spare = spare->next;
		cr_decompressor_free(spare->dec);
		free(spare);
	}
	(void)pthread_mutex_destroy(&blocks->lock);
	free(blocks);
}

void cr_blocks_on_use(struct cr_blocks *blocks, cr_blocks_used *used, void *arg)
{
	blocks->used = used;
	blocks->used_arg = arg;
}

void cr_blocks_get_stats(struct cr_blocks *blocks, struct cr_blocks_stats *ret)
{
	*ret = (struct cr_blocks_stats){
		.decoded = atomic_load(&blocks->decoded),
		.decoded_bytes = atomic_load(&blocks->decoded_bytes),
	};
	cr_cache_get_stats(blocks->cache, &ret->cache);
}

/* ---- Blocks ---- */

static struct cr_cache_key key_of(const struct cr_pack *pack, uint32_t block)
{
	return (struct cr_cache_key){ cr_pack_header(pack)->pack, block };
}

int cr_blocks_get(struct cr_blocks *blocks, const struct cr_pack *pack,
		  uint32_t block, struct cr_cached **ret)
{
	const struct cr_cache_key key = key_of(pack, block);
	struct source source = { .blocks = blocks, .pack = pack };

	return cr_cache_get(blocks->cache, &key, &source, ret);
}

int cr_blocks_bring(struct cr_blocks *blocks, const struct cr_pack *pack,
		    uint32_t block)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	const struct cr_cache_key key = key_of(pack, block);
	struct source source = { .blocks = blocks,
				 .pack = pack,
				 .ahead = true };
	int r = cr_cache_get(blocks->cache, &key, &source, &cached);

	return r < 0 ? r : source.loaded;
}

bool cr_blocks_has(const struct cr_blocks *blocks, const struct cr_uid *pack,
		   uint32_t block)
{
	const struct cr_cache_key key = { *pack, block };

	return cr_cache_has(blocks->cache, &key);
}

/* ---- A pinned block ---- */

struct cr_piece cr_blocks_chunk(const struct cr_cached *cached, uint32_t slot)
{
	const struct shown_block *shown = cr_cached_value(cached);

	return cr_block_chunk(shown->block, slot);
}

bool cr_blocks_is_checked(const struct cr_cached *cached, uint32_t slot)
{
	struct shown_block *shown = cr_cached_value(cached);

	return atomic_load(&shown->slot[slot].checked);
}

void cr_blocks_set_checked(struct cr_cached *cached, uint32_t slot)
{
	struct shown_block *shown = cr_cached_value(cached);

	atomic_store(&shown->slot[slot].checked, true);
}

void cr_blocks_note_use(struct cr_blocks *blocks, const struct cr_pack *pack,
			uint32_t block, const struct cr_cached *cached)
{
	struct shown_block *shown = cr_cached_value(cached);

	if (!blocks->used || atomic_load(&shown->used) ||
	    atomic_exchange(&shown->used, true))
		return;
	blocks->used(blocks->used_arg, &cr_pack_header(pack)->pack, block,
		     shown->brought);
}

/* Somebody had @n chunks from @slot on.  How many nobody had yet. */
static unsigned int note_had(struct shown_block *shown, uint32_t slot,
			     uint32_t n)
{
	unsigned int first = 0;

	for (uint32_t i = slot; i < slot + n; i++)
		first += !atomic_exchange(&shown->slot[i].had, true);
	return atomic_fetch_sub(&shown->left, first) - first;
}

void cr_blocks_spend(struct cr_cached *cached, uint32_t slot, uint32_t n)
{
	if (note_had(cr_cached_value(cached), slot, n) == 0)
		cr_cached_spend(cached);
	else
		cr_cached_unpin(cached);
}

/*
 * Whether who had the chunks before @end is through with a block of @chunks, of
 * which nobody had @left.  What changed since is elsewhere: the very last may
 * not be wanted.  A block of a large file may hold parts of it in any order:
 * after one of them the others are still to come.
 */
static bool is_passed(uint32_t chunks, uint32_t end, unsigned int left)
{
	return end + chunks / PASSED_OF >= chunks &&
	       left <= chunks / PASSED_LEFT;
}

void cr_blocks_pass(struct cr_cached *cached, uint32_t slot, uint32_t n)
{
	struct shown_block *shown = cr_cached_value(cached);
	const unsigned int left = note_had(shown, slot, n);

	if (is_passed(shown->block->table.chunks, slot + n, left))
		cr_cached_pass(cached);
	else
		cr_cached_unpin(cached);
}
