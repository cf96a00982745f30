/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_sync.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/log.h"
#include "store/disk/index_impl.h"
#include "store/disk/known_packs.h"
#include "store/disk/pack.h"
#include "store/disk/segments.h"

struct sync {
	const struct cr_repo *repo; /* borrowed */
	struct cr_index *index;	    /* borrowed */
	struct cr_index_sync_stats stats;
	struct cr_buf seen; /* a bit for the number of each listed pack */
	struct cr_known_packs known; /* before packs are listed */
};

static void release(struct sync *sync)
{
	cr_buf_release(&sync->seen);
	cr_known_packs_release(&sync->known);
}

/* Whether @r ends the work; else it is about one object, and that is left. */
static bool is_fatal(int r)
{
	return r == -ENOMEM || r == -CR_EINDEX || r == -CR_EINTERRUPT;
}

static bool could_open(const struct cr_repo *repo, const struct cr_uid *domain)
{
	return cr_keyring_domain_keys(repo->keys->ring, domain) != NULL;
}

static int report_pack(struct sync *sync, const struct cr_uid *pack, int r)
{
	if (is_fatal(r))
		return r;
	cr_log(CR_LOG_WARNING, "pack %s is left out of the index: %s",
	       cr_uid_hex(pack).text,
	       *cr_detail() ? cr_detail() : cr_strerror(r));
	sync->stats.packs_damaged++;
	return 0;
}

/* Adding. */

static void mark_seen(struct sync *sync, uint32_t number)
{
	struct cr_buf *seen = &sync->seen;

	/* A failure sticks to the buffer, and is asked for before it matters.
	 */
	if (number / 8 >= seen->len)
		cr_buf_zero(seen, number / 8 + 1 - seen->len);
	if (number / 8 < seen->len)
		seen->bytes[number / 8] |= (uint8_t)(1u << number % 8);
}

static bool was_seen(const struct sync *sync, uint32_t number)
{
	return number / 8 < sync->seen.len &&
	       (sync->seen.bytes[number / 8] >> number % 8 & 1) != 0;
}

static struct cr_pack_facts facts_of(const struct cr_pack_header *header,
				     uint64_t len, bool in_segment)
{
	return (struct cr_pack_facts){ .pack = header->pack,
				       .writer = header->writer,
				       .domain = header->domain,
				       .kind = (uint8_t)header->kind,
				       .in_segment = in_segment,
				       .len = len };
}

static int add(struct sync *sync, const struct cr_pack_facts *facts,
	       const struct cr_footer *footer)
{
	uint32_t number;
	int r = cr_index_add_pack(sync->index, facts, footer, &number);

	if (r < 0)
		return r;
	mark_seen(sync, number);
	sync->stats.packs++;
	sync->stats.packs_opaque += facts->opaque;
	return 0;
}

static int add_opaque(struct sync *sync, const struct cr_pack_header *header,
		      uint64_t len, bool in_segment)
{
	struct cr_pack_facts facts = facts_of(header, len, in_segment);

	facts.opaque = true;
	return add(sync, &facts, NULL);
}

static int add_pack(struct sync *sync, const struct cr_pack *pack,
		    bool in_segment)
{
	const struct cr_footer *footer = cr_pack_footer(pack);
	struct cr_pack_facts facts =
		facts_of(cr_pack_header(pack), cr_pack_len(pack), in_segment);

	/*
	 * Its footer may be known from a segment though the end is gone.  No
	 * segment may ever say that footer and length belong together.
	 */
	if (!cr_pack_fits(pack))
		return report_pack(sync, &facts.pack,
				   cr_fail(CR_ECORRUPT,
					   "its length is not what its footer "
					   "says"));
	facts.chunks = footer->chunks;
	return add(sync, &facts, footer);
}

/* Segments. */

/* What the index has of @pack: 1 enough, 0 not. */
static int is_known(struct sync *sync, const struct cr_pack_header *header,
		    uint64_t len)
{
	struct cr_pack_facts facts;
	uint32_t number;
	int r = cr_index_pack_number(sync->index, &header->pack, &number);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cr_index_pack(sync->index, number, &facts);
	if (r == -ENOENT)
		return 1; /* just added, by another segment */
	if (r < 0)
		return r;
	if (facts.opaque && could_open(sync->repo, &facts.domain))
		return 0;
	if (facts.len == len)
		r = cr_index_set_in_segment(sync->index, number);
	return r < 0 ? r : 1;
}

static int take_item(struct sync *sync, const struct cr_segment_item *item)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	struct cr_pack_header header = { 0 };
	int r;

	cr_detail_clear();
	r = cr_pack_header_parse(item->header, &header);
	if (r < 0)
		return report_pack(sync, &header.pack, r);
	r = is_known(sync, &header, item->pack_len);
	if (r != 0)
		return r < 0 ? r : 0;
	r = cr_pack_open_item(sync->repo, item, &pack);
	if (r == -CR_ECAPABILITY)
		return add_opaque(sync, &header, item->pack_len, true);
	return r < 0 ? report_pack(sync, &header.pack, r)
		     : add_pack(sync, pack, true);
}

static int take_items(struct sync *sync, struct cr_segment *segment)
{
	struct cr_segment_item item;
	int r;

	while ((r = cr_segment_next(segment, &item)) > 0) {
		r = take_item(sync, &item);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_segment(struct sync *sync, const struct cr_id *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	uint64_t damaged = sync->stats.packs_damaged;
	struct cr_segment segment;
	int r;

	cr_detail_clear();
	r = cr_segment_read(sync->repo, id, &bytes, &segment);
	if (r == -CR_EMISSING)
		return 0; /* it went after it was listed */
	if (r == 0)
		r = take_items(sync, &segment);
	if (is_fatal(r))
		return r;
	if (r < 0) {
		cr_log(CR_LOG_WARNING,
		       "segment %s is damaged, its packs are looked for one by "
		       "one: %s",
		       cr_id_hex(id).text,
		       *cr_detail() ? cr_detail() : cr_strerror(r));
		sync->stats.segments_damaged++;
		return 0;
	}
	/* A segment with a bad item is read again next time. */
	if (sync->stats.packs_damaged != damaged)
		return 0;
	sync->stats.segments++;
	return cr_index_add_segment(sync->index, id);
}

struct new_segments {
	struct cr_index *index;
	struct cr_buf ids; /* one after the other */
};

static void release_new(struct new_segments *new)
{
	cr_buf_release(&new->ids);
}

static int note_segment(void *arg, const char *name, uint64_t size)
{
	struct new_segments *new = arg;
	struct cr_id id;
	int r;

	(void)size;
	if (cr_unhex(name, id.bytes, sizeof(id.bytes)) < 0)
		return 0;
	r = cr_index_has_segment(new->index, &id);
	if (r == 0)
		cr_buf_id(&new->ids, &id);
	return r < 0 ? r : cr_buf_error(&new->ids);
}

/* The ids of segments that the index does not have. */
static int find_segments(const struct cr_repo *repo, struct new_segments *new)
{
	return cr_storage_list(repo->storage, "index", false, note_segment,
			       new);
}

static int sync_segments(struct sync *sync)
{
	cr_cleanup(
		release_new) struct new_segments new = { .index = sync->index };
	struct cr_cursor cur;
	int r = find_segments(sync->repo, &new);

	cur = cr_cursor(new.ids.bytes, new.ids.len);
	while (r == 0 && cur.left > 0) {
		struct cr_id id = cr_cursor_id(&cur);

		r = take_segment(sync, &id);
	}
	return r;
}

/* Packs. */

struct listing {
	struct sync *sync;
	enum cr_pack_kind kind;
	const char *folder; /* two digits: the names begin with them */
	struct cr_buf new;  /* uids to open */
};

static void release_listing(struct listing *listing)
{
	cr_buf_release(&listing->new);
}

/* The footer cannot be opened: what the plain header says. */
static int list_opaque(struct sync *sync, enum cr_pack_kind kind,
		       const struct cr_uid *id)
{
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	struct cr_pack_header header = { 0 };
	uint8_t bytes[CR_PACK_HEADER_LEN];
	char name[CR_PACK_NAME_LEN];
	int r;

	cr_pack_name(kind, id, name);
	r = cr_stored_open(sync->repo->storage, name, &stored);
	if (r == 0)
		r = cr_stored_read(stored, 0, bytes, sizeof(bytes));
	if (r == 0)
		r = cr_pack_header_parse(bytes, &header);
	if (r < 0)
		return r == -ENOENT ? 0 : report_pack(sync, id, r);
	if (!cr_uid_equal(&header.pack, id) || header.kind != kind)
		return report_pack(
			sync, id,
			cr_fail(CR_ECORRUPT, "the header is of another pack"));
	return add_opaque(sync, &header, cr_stored_len(stored), false);
}

static int open_listed(struct sync *sync, enum cr_pack_kind kind,
		       const struct cr_uid *id)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	int r;

	cr_detail_clear();
	r = cr_pack_open(sync->repo, kind, id, &pack);
	if (r == -CR_EMISSING)
		return 0; /* it went after it was listed */
	if (r == -CR_ECAPABILITY)
		return list_opaque(sync, kind, id);
	return r < 0 ? report_pack(sync, id, r) : add_pack(sync, pack, false);
}

static int list_pack(void *arg, const char *name, uint64_t size)
{
	struct listing *listing = arg;
	struct sync *sync = listing->sync;
	const struct cr_known_pack *known;
	struct cr_uid id;

	if (cr_unhex(name, id.bytes, sizeof(id.bytes)) < 0 ||
	    strncmp(name, listing->folder, 2) != 0)
		return 0;
	known = cr_known_packs_find(&sync->known, &id);
	if (known && known->kind == listing->kind && known->len == size) {
		mark_seen(sync, known->number);
		return 0;
	}
	/*
	 * New, or not what it was: that one is not marked, so it is dropped
	 * unless it can be added anew.
	 */
	cr_buf_uid(&listing->new, &id);
	return cr_buf_error(&listing->new);
}

static int list_folder(void *arg, const char *name, uint64_t size)
{
	struct listing *listing = arg;
	char prefix[32];
	struct cr_cursor cur;
	uint8_t byte;
	int r;

	(void)size;
	if (cr_unhex(name, &byte, 1) < 0)
		return 0;
	(void)snprintf(prefix, sizeof(prefix), "packs/%s/%s",
		       listing->kind == CR_PACK_DATA ? "data" : "meta", name);
	listing->folder = name;
	cr_buf_clear(&listing->new);
	r = cr_storage_list(listing->sync->repo->storage, prefix, false,
			    list_pack, listing);
	cur = cr_cursor(listing->new.bytes, listing->new.len);
	while (r == 0 && cur.left > 0) {
		struct cr_uid id = cr_cursor_uid(&cur);

		r = open_listed(listing->sync, listing->kind, &id);
	}
	return r;
}

static int list_kind(struct sync *sync, enum cr_pack_kind kind)
{
	cr_cleanup(release_listing) struct listing listing = { .sync = sync,
							       .kind = kind };

	return cr_storage_list(sync->repo->storage,
			       kind == CR_PACK_DATA ? "packs/data"
						    : "packs/meta",
			       true, list_folder, &listing);
}

/* What was added since was seen: only what was known before can be gone. */
static int drop_unseen(struct sync *sync)
{
	const struct cr_known_pack *pack;

	for (size_t i = 0; (pack = cr_known_packs_at(&sync->known, i)); i++) {
		int r;

		if (was_seen(sync, pack->number))
			continue;
		cr_log(CR_LOG_INFO, "pack %s is gone",
		       cr_uid_hex(&pack->id).text);
		r = cr_index_drop_pack(sync->index, pack->number);
		if (r < 0)
			return r;
		sync->stats.packs_dropped++;
	}
	return 0;
}

static int in_bulk(struct sync *sync, int (*work)(struct sync *sync))
{
	int r = cr_index_bulk_begin(sync->index);

	if (r < 0)
		return r;
	r = work(sync);
	if (r == 0)
		return cr_index_bulk_end(sync->index);
	/* What was read is good, but why it ended is what counts. */
	if (cr_index_bulk_end(sync->index) < 0)
		return r;
	return r;
}

static int list_packs(struct sync *sync)
{
	int r = list_kind(sync, CR_PACK_DATA);

	return r < 0 ? r : list_kind(sync, CR_PACK_META);
}

static int sync_packs(struct sync *sync)
{
	int r;

	/* What segments say does not count: only what lies there. */
	cr_buf_clear(&sync->seen);
	r = cr_known_packs_load(&sync->known, sync->index);
	if (r == 0)
		r = in_bulk(sync, list_packs);
	if (r == 0)
		r = cr_buf_error(&sync->seen);
	if (r == 0)
		r = drop_unseen(sync);
	if (r == 0)
		r = cr_index_sweep(sync->index);
	if (r == 0)
		r = cr_index_set_listed(sync->index);
	sync->stats.listed = r == 0;
	return r;
}

/* Opaque packs. */

struct retrying {
	struct sync *sync;
	const struct cr_uid *domain;
};

static int retry_pack(void *arg, uint32_t number,
		      const struct cr_pack_facts *facts)
{
	const struct retrying *t = arg;

	(void)number;
	if (!facts->opaque || !cr_uid_equal(&facts->domain, t->domain))
		return 0;
	return open_listed(t->sync, facts->kind, &facts->pack);
}

/* 1 when @domain has opaque packs that the keys here would open. */
static int is_worth_a_try(const struct cr_repo *repo, struct cr_index *index,
			  const struct cr_uid *domain)
{
	return could_open(repo, domain) ? cr_index_has_opaque(index, domain)
					: 0;
}

static int retry_opaque(struct sync *sync)
{
	const struct cr_roster *roster = &sync->repo->keys->roster;

	for (uint32_t i = 0; i < roster->domains; i++) {
		const struct cr_uid *domain = &roster->domain[i].id;
		struct retrying t = { sync, domain };
		int r = is_worth_a_try(sync->repo, sync->index, domain);

		if (r == 0)
			continue;
		if (r > 0)
			r = cr_index_each_pack(sync->index, retry_pack, &t);
		if (r == 0)
			r = cr_index_clear_opaque(sync->index, domain);
		if (r < 0)
			return r;
	}
	return 0;
}

int cr_index_sync(const struct cr_repo *repo, struct cr_index *index, bool list,
		  struct cr_index_sync_stats *stats)
{
	cr_cleanup(release) struct sync sync = { .repo = repo, .index = index };
	int r = in_bulk(&sync, sync_segments);

	if (r == 0)
		r = retry_opaque(&sync);
	if (r == 0 && !list) {
		r = cr_index_listed(index);
		list = r == 0 || sync.stats.segments_damaged > 0;
		r = cr_min(r, 0);
	}
	if (r == 0 && list)
		r = sync_packs(&sync);
	if (r == 0)
		r = cr_index_flush(index);
	*stats = sync.stats;
	return r;
}

/* For those who read. */

int cr_index_is_ready(const struct cr_repo *repo, struct cr_index *index)
{
	cr_cleanup(release_new) struct new_segments new = { .index = index };
	int r = cr_index_listed(index);

	if (r <= 0)
		return r;
	r = find_segments(repo, &new);
	if (r < 0 || new.ids.len > 0)
		return r;
	for (uint32_t i = 0; i < repo->keys->roster.domains; i++) {
		r = is_worth_a_try(repo, index,
				   &repo->keys->roster.domain[i].id);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return 1;
}

static int refresh(const struct cr_repo *repo, struct cr_state *state,
		   size_t cache_bytes)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	struct cr_index_sync_stats stats;
	int r = cr_index_open(state, CR_INDEX_PRIMARY, cache_bytes, &index);

	return r < 0 ? r : cr_index_sync(repo, index, false, &stats);
}

/* Say what is wrong with the index, but go on without: 0, or -ENOMEM. */
static int shrug(int r)
{
	if (r >= 0 || r == -ENOENT || r == -ENOMEM)
		return r == -ENOMEM ? r : 0;
	cr_log(CR_LOG_WARNING, "the local index: %s", cr_detail());
	return 0;
}

int cr_index_ready(const struct cr_repo *repo, struct cr_state *state,
		   size_t cache_bytes, struct cr_index **ret)
{
	cr_cleanup(cr_index_closep) struct cr_index *index = NULL;
	int r, locked;

	if (!state) {
		*ret = NULL;
		return 0;
	}
	/* First as secondary: opening as primary writes a good deal. */
	r = cr_index_open(state, CR_INDEX_SECONDARY, cache_bytes, &index);
	if (r == 0)
		r = cr_index_is_ready(repo, index);
	locked = r <= 0 ? cr_state_lock(state, false, NULL) : -CR_ELOCKED;
	if (locked == 0) {
		cr_index_close(cr_take(index));
		r = shrug(refresh(repo, state, cache_bytes));
		cr_state_unlock(state);
		if (r == 0)
			r = cr_index_reopen(state, cache_bytes, &index);
	}
	/* Who holds the lock is making it just now, or will mend it. */
	r = locked == -CR_ELOCKED && r == -CR_EINDEX ? 0 : shrug(r);
	if (r < 0)
		return r;
	*ret = cr_take(index);
	return 0;
}
