/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index.h - "where is chunk X", from RocksDB: a view of the packs that can be
 * deleted at any time.  Nothing it says is trusted: a location is checked
 * against the pack's signed footer before it is used.
 *
 * Column families: "c" id prefix (16 bytes) + pack number (u32 big-endian) ->
 * varint block, varint slot; "p" pack number (u32 big-endian) -> facts; "q"
 * pack id -> pack number; "s" manifests -> their time; "k" small facts
 * (generation, segments seen).  Pack numbers are local to one database.
 *
 * Any number of threads may search; one adds.
 */
#ifndef STORE_DISK_INDEX_H
#define STORE_DISK_INDEX_H

#include "store/codec/footer.h"
#include "store/codec/manifest.h"
#include "store/disk/state.h"

struct cr_index;

struct cr_location {
	uint32_t pack; /* local number */
	uint32_t block;
	uint32_t slot;
};

struct cr_pack_facts {
	struct cr_uid pack;
	struct cr_uid writer;
	struct cr_uid domain;
	uint8_t kind;	 /* enum cr_pack_kind */
	bool in_segment; /* some segment lists it */
	bool opaque;	 /* the footer could not be opened with our keys */
	uint64_t len;	 /* of the pack */
	uint32_t chunks;
};

enum cr_index_mode {
	CR_INDEX_PRIMARY,   /* needs the state's lock */
	CR_INDEX_SECONDARY, /* follows the primary; any number */
};

/*
 * Open the database in @state, probing it first in a short-lived child (so:
 * before any thread is started and while no database is open).  As primary: a
 * missing database is made; one that kills the child, fails, or has lost rows
 * is set aside with a line in the log.  As secondary: -ENOENT without a
 * sentence when there is none, -CR_EINDEX when it is damaged.  @cache_bytes
 * bounds RocksDB's block cache, its write buffers and the filter of ids
 * (index_ids.h) together; of a primary that finds no rows that is a sixteenth
 * more.  @state need not outlive the index.  -CR_EINDEX with RocksDB's
 * sentence, -errno.
 */
cr_must_check int cr_index_open(const struct cr_state *state,
				enum cr_index_mode mode, size_t cache_bytes,
				struct cr_index **ret);
void cr_index_close(struct cr_index *index);

/*
 * Up to @max (2 or more) locations whose first 16 bytes of id are those of @id,
 * by number of pack the newest first.  Where there are more, it is the newest
 * and, so that nobody can hide it behind lies, the oldest.  Returns how many; 0
 * is a miss.  -CR_EINDEX.
 */
cr_must_check int cr_index_find(struct cr_index *index, const struct cr_id *id,
				struct cr_location *out, size_t max);

/* -ENOENT without a sentence. */
cr_must_check int cr_index_pack(struct cr_index *index, uint32_t number,
				struct cr_pack_facts *ret);
cr_must_check int cr_index_pack_number(struct cr_index *index,
				       const struct cr_uid *pack,
				       uint32_t *ret);

/* Every pack in order of number; a non-zero return ends and is returned. */
typedef int (*cr_index_pack_fn)(void *arg, uint32_t number,
				const struct cr_pack_facts *facts);
cr_must_check int cr_index_each_pack(struct cr_index *index,
				     cr_index_pack_fn fn, void *arg);

/*
 * Secondary: see what the primary flushed since.  A database that was set aside
 * is followed to its successor once packs were listed into that; there they
 * have other numbers.  Never from a request.
 */
cr_must_check int cr_index_catch_up(struct cr_index *index);

/*
 * Primary only.  Add (or replace the facts of) a pack that is durable, with all
 * its chunks, in one batch; its number is returned.  @footer NULL: facts only
 * (opaque).  Readable by this process at once; durable after
 * cr_index_flush().
 */
cr_must_check int cr_index_add_pack(struct cr_index *index,
				    const struct cr_pack_facts *facts,
				    const struct cr_footer *footer,
				    uint32_t *number);
/* Mark a pack as listed by a segment.  -ENOENT without a sentence. */
cr_must_check int cr_index_set_in_segment(struct cr_index *index,
					  uint32_t number);
/*
 * Forget a pack that is gone: its facts at once, its rows by a sweep (a row
 * whose pack has no facts is a miss).  Raises the generation.  -ENOENT without
 * a sentence.
 */
cr_must_check int cr_index_drop_pack(struct cr_index *index, uint32_t number);
/* Delete the rows of dropped packs where they are many; a walk over all rows.
 */
cr_must_check int cr_index_sweep(struct cr_index *index);
cr_must_check int cr_index_flush(struct cr_index *index);
/* As cr_kv_flush_soon(): when no more rows will come before the flush. */
cr_must_check int cr_index_flush_soon(struct cr_index *index);

/*
 * Between these two calls rows and facts of added packs and segments are held
 * in memory (@cache_bytes / 4 at most), then taken in as sorted runs: ten times
 * faster where there are millions.  Until the end only
 * cr_index_pack_number() finds them, and nothing may be dropped.  An index that
 * is closed without the end has added a part, each pack whole or not at all.
 */
cr_must_check int cr_index_bulk_begin(struct cr_index *index);
cr_must_check int cr_index_bulk_end(struct cr_index *index);

/*
 * Counts how often packs were lost since the database was made, mixed with a
 * random start: what was cached under another generation must be looked up.
 */
cr_must_check int cr_index_generation(struct cr_index *index, uint64_t *ret);

/* Whether segment @id was taken in, 1 or 0; remember that it was. */
cr_must_check int cr_index_has_segment(struct cr_index *index,
				       const struct cr_id *id);
cr_must_check int cr_index_add_segment(struct cr_index *index,
				       const struct cr_id *id);

/*
 * Whether opaque packs of @domain were added, 1 or 0, since that was last taken
 * back: they are worth another try with a key of that domain.
 */
cr_must_check int cr_index_has_opaque(struct cr_index *index,
				      const struct cr_uid *domain);
cr_must_check int cr_index_clear_opaque(struct cr_index *index,
					const struct cr_uid *domain);

/*
 * Whether the packs of the repository were ever listed into this database, so
 * that it may know packs that no segment has: 1, 0; remember that they were.
 */
cr_must_check int cr_index_listed(struct cr_index *index);
cr_must_check int cr_index_set_listed(struct cr_index *index);

/* Needs the state's lock.  Set the database aside and begin an empty one: db.<n
 * + 1>, pointer switched.
 */
cr_must_check int cr_index_reset(const struct cr_state *state);

/*
 * The time of the manifest that @head names (writer, incarnation, number), as
 * it was noted once.  -ENOENT without a sentence.  For who has the manifest
 * listed: rows of those that are gone stay.
 */
cr_must_check int cr_index_manifest_time(struct cr_index *index,
					 const struct cr_manifest_head *head,
					 int64_t *ret);
/* Primary only. */
cr_must_check int cr_index_note_manifest(struct cr_index *index,
					 const struct cr_manifest_head *head);

static inline void cr_index_closep(struct cr_index **index)
{
	cr_index_close(*index);
}

#endif
