/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/reader_int.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/read/blocks.h"
#include "store/read/packs.h"
#include "store/read/snapshots.h"
#include "store/read/unindexed.h"

#define COPIES_MAX   8 /* of one chunk that the index is asked for */
#define RECENT_PACKS 4

struct cr_reader {
	const struct cr_repo *repo;	/* borrowed */
	struct cr_index *index;		/* borrowed; may be NULL */
	cr_reader_index *get_index;	/* set before others read; or NULL */
	void *get_arg;			/* borrowed */
	struct cr_blocks *blocks;	/* owned */
	struct cr_packs *packs;		/* owned */
	struct cr_unindexed *unindexed; /* owned */
	pthread_mutex_t lock;
	struct cr_uid recent[RECENT_PACKS]; /* data packs; under: lock */
	unsigned int recent_next;	    /* under: lock */
	struct cr_uid until;		    /* of the last view; under: lock */
	uint32_t until_number;		    /* under: lock */
	atomic_ullong hints_followed, hints_stale, lookups, searches;
};

int cr_view_init(const struct cr_repo *repo, const struct cr_snapshot *snapshot,
		 struct cr_view *ret)
{
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		repo->keys->ring, &snapshot->manifest.domain);

	if (!domain)
		return cr_fail(CR_ECAPABILITY,
			       "this key does not have the domain of %s",
			       snapshot->object);
	*ret = (struct cr_view){ domain, snapshot->head.writer,
				 snapshot->manifest.root_hint.pack };
	return 0;
}

static enum cr_pack_kind kind_of(enum cr_chunk_type type)
{
	return type == CR_CHUNK_DATA || type == CR_CHUNK_INLINE ? CR_PACK_DATA
								: CR_PACK_META;
}

/* ---- Life -----------------------------------------------------------------
 */

int cr_reader_new(const struct cr_repo *repo, struct cr_index *index,
		  size_t cache_bytes, struct cr_reader **ret)
{
	cr_cleanup(cr_reader_freep) struct cr_reader *reader =
		calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	(void)pthread_mutex_init(&reader->lock, NULL);
	reader->repo = repo;
	reader->index = index;
	r = cr_packs_new(repo, cache_bytes / 4, &reader->packs);
	if (r == 0)
		r = cr_blocks_new(cache_bytes - cache_bytes / 4,
				  &reader->blocks);
	if (r == 0)
		r = cr_unindexed_new(repo, &reader->unindexed);
	if (r < 0)
		return r;
	*ret = cr_take(reader);
	return 0;
}

void cr_reader_free(struct cr_reader *reader)
{
	if (!reader)
		return;
	cr_blocks_free(reader->blocks);
	cr_packs_free(reader->packs);
	cr_unindexed_free(reader->unindexed);
	(void)pthread_mutex_destroy(&reader->lock);
	free(reader);
}

void cr_reader_expect_index(struct cr_reader *reader, cr_reader_index *get,
			    void *arg)
{
	reader->get_index = get;
	reader->get_arg = arg;
}

const struct cr_repo *cr_reader_repo(const struct cr_reader *reader)
{
	return reader->repo;
}

struct cr_packs *cr_reader_packs(struct cr_reader *reader)
{
	return reader->packs;
}

void cr_reader_expect_packs(struct cr_reader *reader)
{
	cr_unindexed_outdate(reader->unindexed);
}

void cr_reader_get_stats(struct cr_reader *reader, struct cr_reader_stats *ret)
{
	struct cr_blocks_stats blocks;
	struct cr_cache_stats packs;

	cr_blocks_get_stats(reader->blocks, &blocks);
	cr_packs_get_stats(reader->packs, &packs);
	*ret = (struct cr_reader_stats){
		.hits = blocks.cache.hits,
		.misses = blocks.cache.misses,
		.blocks_decoded = blocks.decoded,
		.bytes_decoded = blocks.decoded_bytes,
		.hints_followed = atomic_load(&reader->hints_followed),
		.hints_stale = atomic_load(&reader->hints_stale),
		.index_lookups = atomic_load(&reader->lookups),
		.searches = atomic_load(&reader->searches),
		.cached_bytes = blocks.cache.bytes + packs.bytes,
	};
}

/* ---- One copy of a chunk ---------------------------------------------------
 */

static void remember(struct cr_wanted *w, int error)
{
	/* The first copy's story is the one to tell, damage before absence. */
	if (w->error != 0 &&
	    !(w->error == -CR_EMISSING && error != -CR_EMISSING))
		return;
	w->error = error;
	(void)snprintf(w->why, sizeof(w->why), "%s", cr_detail());
}

/* Metadata always; data unless its packer is the snapshot's writer or owner. */
static bool must_hash(const struct cr_wanted *w, const struct cr_pack *pack)
{
	const struct cr_uid *writer = &cr_pack_header(pack)->writer;

	return kind_of(w->type) == CR_PACK_META ||
	       (!cr_uid_equal(writer, &w->view->writer) &&
		!cr_uid_equal(writer,
			      &w->reader->repo->keys->roster.key[0].id));
}

int cr_wanted_check(struct cr_wanted *w, const struct cr_pack *pack,
		    const struct cr_place *place, struct cr_cached *block,
		    struct cr_piece *hashed, struct cr_piece *tail)
{
	struct cr_piece chunk = cr_blocks_chunk(block, place->slot);
	char name[CR_PACK_NAME_LEN];
	struct cr_id is;
	int r;

	*hashed = chunk;
	*tail = (struct cr_piece){ NULL, 0 };
	if (kind_of(w->type) == CR_PACK_META) {
		r = cr_object_split(chunk, hashed, tail);
		if (r < 0)
			return r;
	}
	if (!must_hash(w, pack) || cr_blocks_is_checked(block, place->slot))
		return 0;
	is = cr_chunk_id(&w->view->domain->id_key, w->type, hashed->bytes,
			 hashed->len);
	if (cr_id_equal(&is, w->id)) {
		cr_blocks_set_checked(block, place->slot);
		return 0;
	}
	cr_pack_name(cr_pack_header(pack)->kind, &cr_pack_header(pack)->pack,
		     name);
	return cr_fail(CR_ECORRUPT, "%s: block %u slot %u is not %.16s", name,
		       place->block, place->slot, cr_id_hex(w->id).text);
}

static int take_chunk(struct cr_wanted *w, const struct cr_pack *pack,
		      const struct cr_place *place)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	struct cr_blocks *blocks = w->reader->blocks;
	const struct cr_hint at = { cr_pack_header(pack)->pack, place->block,
				    place->slot };
	struct cr_piece hashed, tail;
	int r;

	if (w->copies) {
		r = w->copies->use(w->copies->arg, pack, place);
		if (r < 0)
			return r;
	}
	if (w->found)
		*w->found = at;
	if (!w->pin || (w->fetch && cr_blocks_has(blocks, &at.pack, at.block)))
		return 0;
	r = cr_blocks_get(blocks, pack, place->block, &cached);
	if (r < 0)
		return r;
	if (kind_of(w->type) == CR_PACK_DATA)
		cr_blocks_note_use(blocks, pack, place->block, cached);
	r = cr_wanted_check(w, pack, place, cached, &hashed, &tail);
	if (r < 0)
		return r;
	if (w->tail)
		*w->tail = tail;
	*w->pin = (struct cr_pin){ .bytes = hashed,
				   .at = at,
				   .cached = cr_take(cached) };
	return 0;
}

/*
 * Take the chunk from pack @uid: at @place if that is right (NULL: unknown),
 * else wherever its footer has it.  1 when taken, 0 when the pack does not hold
 * it or is bad (remembered).
 */
static int try_pack(struct cr_wanted *w, const struct cr_uid *uid,
		    const struct cr_place *place)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	const struct cr_pack *pack;
	struct cr_place at;
	int r = cr_packs_get(w->reader->packs, kind_of(w->type), uid, &cached);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		remember(w, r);
		if (w->copies)
			w->copies->no_pack(w->copies->arg, kind_of(w->type),
					   uid);
		return 0;
	}
	pack = cr_packs_pack(cached);
	if (!cr_uid_equal(&cr_pack_header(pack)->domain, &w->view->domain->id))
		return 0;
	if (place && cr_pack_holds(pack, place, w->id, w->type))
		at = *place;
	else if (!cr_pack_find(pack, w->id, w->type, &at))
		return 0;
	if (w->cached && !cr_blocks_has(w->reader->blocks, uid, at.block))
		return 0;
	r = take_chunk(w, pack, &at);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		remember(w, r);
		return 0;
	}
	return 1;
}

/* ---- Where to look ---------------------------------------------------------
 */

static void note_recent(struct cr_reader *reader, const struct cr_uid *pack)
{
	(void)pthread_mutex_lock(&reader->lock);
	reader->recent[reader->recent_next++ % RECENT_PACKS] = *pack;
	(void)pthread_mutex_unlock(&reader->lock);
}

/*
 * Chunks of one file lie together: the packs just used come first.  But of what
 * was stored again these may have a copy in a block that nothing else is wanted
 * from, so what must be decoded anew is left to the index.
 */
static int try_recent(struct cr_wanted *w)
{
	struct cr_uid recent[RECENT_PACKS];
	int r = 0;

	if (kind_of(w->type) != CR_PACK_DATA)
		return 0;
	(void)pthread_mutex_lock(&w->reader->lock);
	memcpy(recent, w->reader->recent, sizeof(recent));
	(void)pthread_mutex_unlock(&w->reader->lock);
	w->cached = w->pin;
	for (int i = 0; i < RECENT_PACKS && r == 0; i++)
		if (!cr_uid_zero(&recent[i]))
			r = try_pack(w, &recent[i], NULL);
	w->cached = false;
	return r;
}

/* What comes after @before in its pack, if that is decoded.  As try_pack(). */
static int try_after(struct cr_wanted *w, const struct cr_hint *before)
{
	struct cr_place place = { before->block, before->slot + 1 };
	int r;

	w->cached = true;
	r = try_pack(w, &before->pack, &place);
	w->cached = false;
	return r;
}

/* One of the copies that the index knows.  As try_pack(). */
static int try_location(struct cr_wanted *w, const struct cr_location *location)
{
	struct cr_place place = { location->block, location->slot };
	struct cr_pack_facts facts;
	int r;

	if (cr_index_pack(w->index, location->pack, &facts) < 0 ||
	    facts.kind != kind_of(w->type))
		return 0;
	r = try_pack(w, &facts.pack, &place);
	w->misled = r == 0 && w->error == 0;
	if (r == 1 && facts.kind == CR_PACK_DATA)
		note_recent(w->reader, &facts.pack);
	return r;
}

/*
 * The number of the view's last pack: of packs up to that, the newest copies
 * lie together as the snapshot has them.  What was stored again for later ones
 * does not.
 */
static uint32_t last_number(const struct cr_wanted *w)
{
	struct cr_reader *reader = w->reader;
	const struct cr_uid *until = &w->view->until;
	uint32_t number = UINT32_MAX;
	bool known;

	if (cr_uid_zero(until))
		return number;
	(void)pthread_mutex_lock(&reader->lock);
	known = cr_uid_equal(&reader->until, until);
	if (known)
		number = reader->until_number;
	(void)pthread_mutex_unlock(&reader->lock);
	if (known)
		return number;
	if (cr_index_pack_number(w->index, until, &number) < 0)
		number = UINT32_MAX;
	(void)pthread_mutex_lock(&reader->lock);
	reader->until = *until;
	reader->until_number = number;
	(void)pthread_mutex_unlock(&reader->lock);
	return number;
}

/* Of @n copies, the newest first: what is decoded already costs nothing. */
static int try_copies(struct cr_wanted *w, const struct cr_location *copy,
		      int n)
{
	const uint32_t last = n > 1 ? last_number(w) : UINT32_MAX;
	int r = 0;

	w->cached = w->pin;
	for (int i = 0; n > 1 && i < n && r == 0; i++)
		r = try_location(w, &copy[i]);
	w->cached = false;
	for (int i = 0; i < n && r == 0; i++)
		if (copy[i].pack <= last)
			r = try_location(w, &copy[i]);
	for (int i = 0; i < n && r == 0; i++)
		if (copy[i].pack > last)
			r = try_location(w, &copy[i]);
	return r;
}

static int try_index(struct cr_wanted *w)
{
	struct cr_location location[COPIES_MAX];
	int n;

	w->index = w->reader->get_index
			   ? w->reader->get_index(w->reader->get_arg)
			   : w->reader->index;
	if (!w->index)
		return 0;
	w->misled = false;
	(void)atomic_fetch_add(&w->reader->lookups, 1);
	n = cr_index_find(w->index, w->id, location, COPIES_MAX);
	if (n < 0) {
		/* The index is only a view: the packs are still there. */
		remember(w, n);
		return 0;
	}
	return try_copies(w, location, n);
}

static int try_unindexed(void *arg, const struct cr_uid *pack)
{
	return try_pack(arg, pack, NULL);
}

static int try_indexed(void *arg, uint32_t number,
		       const struct cr_pack_facts *facts)
{
	struct cr_wanted *w = arg;

	(void)number;
	if (facts->kind != kind_of(w->type) || facts->opaque)
		return 0;
	return try_pack(w, &facts->pack, NULL);
}

/* 1 when taken; 0 when no copy is left; or -ENOMEM. */
static int look_everywhere(struct cr_wanted *w, const struct cr_hint *hint)
{
	int r = 0;

	if (hint && !cr_uid_zero(&hint->pack)) {
		struct cr_place place = { hint->block, hint->slot };

		r = try_pack(w, &hint->pack, &place);
		(void)atomic_fetch_add(r == 1 ? &w->reader->hints_followed
					      : &w->reader->hints_stale,
				       1);
	}
	if (r == 0)
		r = try_recent(w);
	if (r == 0)
		r = try_index(w);
	if (r == 0) {
		(void)atomic_fetch_add(&w->reader->searches, 1);
		r = cr_unindexed_each(w->reader->unindexed, w->index,
				      kind_of(w->type), try_unindexed, w);
	}
	/* It may have come or caught up between the two: it has the pack now.
	 */
	if (r == 0)
		r = try_index(w);
	/* A view that is wrong once says nothing of what it lacks. */
	if (r == 0 && w->misled)
		r = cr_index_each_pack(w->index, try_indexed, w);
	return r;
}

static int find_chunk(struct cr_wanted *w, const struct cr_hint *hint)
{
	int r = look_everywhere(w, hint);

	if (r < 0)
		return r;
	if (r == 1)
		return 0;
	if (w->error == 0)
		return cr_fail(CR_EMISSING, "chunk %.16s is in no pack",
			       cr_id_hex(w->id).text);
	return cr_fail(-w->error, "%s", w->why);
}

int cr_wanted_find_after(struct cr_wanted *w, const struct cr_hint *before)
{
	int r = cr_uid_zero(&before->pack) ? 0 : try_after(w, before);

	if (r < 0)
		return r;
	return r == 1 ? 0 : find_chunk(w, NULL);
}

int cr_reader_get(struct cr_reader *reader, const struct cr_view *view,
		  enum cr_chunk_type type, const struct cr_id *id,
		  const struct cr_hint *hint, struct cr_pin *ret,
		  struct cr_piece *tail)
{
	struct cr_wanted w = { .reader = reader,
			       .view = view,
			       .type = type,
			       .id = id,
			       .pin = ret,
			       .tail = tail };

	return find_chunk(&w, hint);
}

void cr_reader_on_use(struct cr_reader *reader, cr_blocks_used *used, void *arg)
{
	cr_blocks_on_use(reader->blocks, used, arg);
}

int cr_reader_bring(struct cr_reader *reader, const struct cr_uid *uid,
		    uint32_t block)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *table = NULL;
	const struct cr_footer *footer;
	const struct cr_pack *pack;
	int r = cr_packs_get(reader->packs, CR_PACK_DATA, uid, &table);

	if (r < 0)
		return r;
	pack = cr_packs_pack(table);
	footer = cr_pack_footer(pack);
	/* The last one may hold only padding. */
	if (block >= footer->blocks || footer->block[block].chunks == 0)
		return cr_fail(CR_EMISSING, "the pack ends before that");
	return cr_blocks_bring(reader->blocks, pack, block);
}

int cr_reader_locate(struct cr_reader *reader, const struct cr_view *view,
		     enum cr_chunk_type type, const struct cr_id *id,
		     const struct cr_hint *hint, struct cr_hint *ret)
{
	struct cr_wanted w = { .reader = reader,
			       .view = view,
			       .type = type,
			       .id = id,
			       .found = ret };

	return find_chunk(&w, hint);
}

int cr_reader_choose(struct cr_reader *reader, const struct cr_want *want,
		     const struct cr_copies *copies)
{
	struct cr_wanted w = { .reader = reader,
			       .view = want->view,
			       .type = want->type,
			       .id = &want->id,
			       .copies = copies };

	return find_chunk(&w, &want->hint);
}

int cr_reader_text(struct cr_reader *reader, const struct cr_view *view,
		   const struct cr_text *text, struct cr_buf *out)
{
	if (text->pieces == 0)
		cr_buf_put(out, text->here.bytes, text->here.len);
	for (uint32_t i = 0; i < text->pieces; i++) {
		struct cr_pin pin;
		int r = cr_reader_get(reader, view, CR_CHUNK_TEXT,
				      &text->piece[i], NULL, &pin, NULL);

		if (r < 0)
			return r;
		cr_buf_put(out, pin.bytes.bytes, pin.bytes.len);
		cr_pin_release(&pin);
	}
	return cr_buf_error(out);
}
