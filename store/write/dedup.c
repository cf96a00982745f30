/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/dedup.h"

#include <pthread.h>

#include "store/base/error.h"
#include "store/read/packs.h"

#define SHARDS	     16
#define BUCKETS	     1024 /* a shard */
#define RECENT_PACKS 4
#define COPIES_MAX   8

struct pending {
	struct cr_id id;
	uint8_t type;
	struct cr_hint where;
	struct pending *next; /* owned */
};

struct shard {
	pthread_mutex_t lock;
	struct pending *bucket[BUCKETS]; /* under: lock */
};

struct recent {
	struct cr_uid pack;
	uint8_t kind;
};

struct cr_dedup {
	const struct cr_repo *repo; /* borrowed */
	struct cr_index *index;	    /* borrowed */
	struct cr_packs *packs;	    /* owned */
	pthread_mutex_t lock;
	struct recent recent[RECENT_PACKS]; /* under: lock */
	unsigned int recent_next;	    /* under: lock */
	struct shard shard[SHARDS];
};

int cr_dedup_new(const struct cr_repo *repo, struct cr_index *index,
		 size_t bytes, struct cr_dedup **ret)
{
	struct cr_dedup *dedup = calloc(1, sizeof(*dedup));
	int r;

	if (!dedup)
		return -ENOMEM;
	dedup->repo = repo;
	dedup->index = index;
	r = cr_packs_new(repo, bytes, &dedup->packs);
	if (r < 0) {
		free(dedup);
		return r;
	}
	(void)pthread_mutex_init(&dedup->lock, NULL);
	for (int i = 0; i < SHARDS; i++)
		(void)pthread_mutex_init(&dedup->shard[i].lock, NULL);
	*ret = dedup;
	return 0;
}

void cr_dedup_free(struct cr_dedup *dedup)
{
	if (!dedup)
		return;
	for (int i = 0; i < SHARDS; i++) {
		for (int b = 0; b < BUCKETS; b++) {
			struct pending *p;

			while ((p = dedup->shard[i].bucket[b])) {
				dedup->shard[i].bucket[b] = p->next;
				free(p);
			}
		}
		(void)pthread_mutex_destroy(&dedup->shard[i].lock);
	}
	(void)pthread_mutex_destroy(&dedup->lock);
	cr_packs_free(dedup->packs);
	free(dedup);
}

/* ---- Pending ---- */

static struct shard *shard_of(struct cr_dedup *dedup, const struct cr_id *id)
{
	return &dedup->shard[id->bytes[0] % SHARDS];
}

static struct pending **pending_at(struct shard *shard, const struct cr_id *id,
				   enum cr_chunk_type type)
{
	struct pending **at;
	uint16_t hash;

	memcpy(&hash, id->bytes + 1, sizeof(hash));
	for (at = &shard->bucket[hash % BUCKETS]; *at; at = &(*at)->next)
		if ((*at)->type == type && cr_id_equal(&(*at)->id, id))
			break;
	return at;
}

static bool find_pending(struct cr_dedup *dedup, enum cr_chunk_type type,
			 const struct cr_id *id, struct cr_hint *where)
{
	struct shard *shard = shard_of(dedup, id);
	struct pending *p;

	(void)pthread_mutex_lock(&shard->lock);
	p = *pending_at(shard, id, type);
	if (p && where)
		*where = p->where;
	(void)pthread_mutex_unlock(&shard->lock);
	return p;
}

void cr_dedup_settle(struct cr_dedup *dedup,
		     const struct cr_footer_chunk *chunk, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct shard *shard = shard_of(dedup, &chunk[i].id);
		struct pending **at, *p;

		(void)pthread_mutex_lock(&shard->lock);
		at = pending_at(shard, &chunk[i].id, chunk[i].type);
		p = *at;
		if (p)
			*at = p->next;
		(void)pthread_mutex_unlock(&shard->lock);
		free(p);
	}
}

/* ---- Stored ---- */

static bool may_use(const struct cr_dedup *dedup,
		    const struct cr_pack_facts *facts)
{
	return !facts->opaque &&
	       cr_uid_equal(&facts->domain,
			    cr_keyring_domain(dedup->repo->keys->ring)) &&
	       (cr_uid_equal(&facts->writer,
			     cr_keyring_id(dedup->repo->keys->ring)) ||
		cr_uid_equal(&facts->writer,
			     &dedup->repo->keys->roster.key[0].id));
}

static uint8_t kind_of(enum cr_chunk_type type)
{
	return type == CR_CHUNK_DATA || type == CR_CHUNK_INLINE ? CR_PACK_DATA
								: CR_PACK_META;
}

/*
 * What was stored together is met together: the last packs come first.  One
 * whose table has left the cache is not opened for that: of large tables the
 * cache holds fewer than there are packs here, and each look would open all.
 */
static int find_recent(struct cr_dedup *dedup, enum cr_chunk_type type,
		       const struct cr_id *id, struct cr_hint *where)
{
	struct recent recent[RECENT_PACKS];

	(void)pthread_mutex_lock(&dedup->lock);
	memcpy(recent, dedup->recent, sizeof(recent));
	(void)pthread_mutex_unlock(&dedup->lock);
	for (int i = 0; i < RECENT_PACKS; i++) {
		cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
		struct cr_place place;

		if (recent[i].kind != kind_of(type) ||
		    !cr_packs_has(dedup->packs, recent[i].kind,
				  &recent[i].pack) ||
		    cr_packs_get(dedup->packs, recent[i].kind, &recent[i].pack,
				 &cached) < 0 ||
		    !cr_pack_find(cr_packs_pack(cached), id, type, &place))
			continue;
		*where = (struct cr_hint){ recent[i].pack, place.block,
					   place.slot };
		return 1;
	}
	return 0;
}

/* The footer has the last word; a pack that cannot be opened does not count. */
static bool confirm(struct cr_dedup *dedup, const struct cr_pack_facts *facts,
		    const struct cr_place *place, enum cr_chunk_type type,
		    const struct cr_id *id)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	bool holds;

	if (cr_packs_get(dedup->packs, facts->kind, &facts->pack, &cached) < 0)
		return false;
	holds = cr_pack_holds(cr_packs_pack(cached), place, id, type);
	if (holds) {
		(void)pthread_mutex_lock(&dedup->lock);
		dedup->recent[dedup->recent_next++ % RECENT_PACKS] =
			(struct recent){ facts->pack, facts->kind };
		(void)pthread_mutex_unlock(&dedup->lock);
	}
	return holds;
}

static int find_indexed(struct cr_dedup *dedup, enum cr_chunk_type type,
			const struct cr_id *id, struct cr_hint *where)
{
	struct cr_location location[COPIES_MAX];
	int n = cr_index_find(dedup->index, id, location, COPIES_MAX);

	for (int i = 0; i < n; i++) {
		struct cr_place place = { location[i].block, location[i].slot };
		struct cr_pack_facts facts;
		int r = cr_index_pack(dedup->index, location[i].pack, &facts);

		if (r == -ENOENT)
			continue;
		if (r < 0)
			return r;
		if (facts.kind != kind_of(type) || !may_use(dedup, &facts) ||
		    !confirm(dedup, &facts, &place, type, id))
			continue;
		*where =
			(struct cr_hint){ facts.pack, place.block, place.slot };
		return 1;
	}
	return n < 0 ? n : 0;
}

int cr_dedup_find(struct cr_dedup *dedup, enum cr_chunk_type type,
		  const struct cr_id *id, struct cr_hint *where)
{
	struct cr_hint unused;
	int r;

	if (!where)
		where = &unused;
	if (find_pending(dedup, type, id, where))
		return 1;
	r = find_recent(dedup, type, id, where);
	return r != 0 ? r : find_indexed(dedup, type, id, where);
}

int cr_dedup_newest(struct cr_dedup *dedup, enum cr_chunk_type type,
		    const struct cr_id *id, struct cr_hint *where)
{
	if (find_pending(dedup, type, id, where))
		return 1;
	return find_indexed(dedup, type, id, where);
}

uint32_t cr_dedup_block_len(struct cr_dedup *dedup, enum cr_chunk_type type,
			    const struct cr_hint *where)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	const struct cr_footer *footer;

	if (cr_packs_get(dedup->packs, kind_of(type), &where->pack, &cached) <
	    0)
		return 0;
	footer = cr_pack_footer(cr_packs_pack(cached));
	return where->block < footer->blocks
		       ? footer->block[where->block].raw_len
		       : 0;
}

uint64_t cr_dedup_opened(struct cr_dedup *dedup)
{
	struct cr_cache_stats stats;

	cr_packs_get_stats(dedup->packs, &stats);
	return stats.misses;
}

int cr_dedup_claim(struct cr_dedup *dedup, enum cr_chunk_type type,
		   const struct cr_id *id, const struct cr_hint *where,
		   struct cr_hint *found)
{
	int r = cr_dedup_find(dedup, type, id, found);

	return r != 0 ? r : cr_dedup_reclaim(dedup, type, id, where);
}

int cr_dedup_reclaim(struct cr_dedup *dedup, enum cr_chunk_type type,
		     const struct cr_id *id, const struct cr_hint *where)
{
	struct shard *shard = shard_of(dedup, id);
	struct pending **at, *p;
	int r = 0;

	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->id = *id;
	p->type = (uint8_t)type;
	if (where)
		p->where = *where;
	/*
	 * Another thread may have claimed it since; one that also stored,
	 * published and settled it in that time makes us store a second copy,
	 * which is allowed.
	 */
	(void)pthread_mutex_lock(&shard->lock);
	at = pending_at(shard, id, type);
	if (*at) {
		r = 1;
	} else {
		*at = p;
		p = NULL;
	}
	(void)pthread_mutex_unlock(&shard->lock);
	free(p);
	return r;
}
