/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.h - id -> bytes: follow the hint, else ask the index, else search
 * segments and footers; authenticate; decode each block once.
 *
 * One reader serves any number of threads.  No lock is held over I/O, decode
 * or RocksDB: a block wanted by two threads is decoded by the first, the other
 * waits for that block only.  FORMAT.md section 6, "A reader serves a chunk
 * only if".
 */
#ifndef STORE_READ_READER_H
#define STORE_READ_READER_H

#include "store/codec/object.h"
#include "store/disk/index.h"
#include "store/disk/pack.h"
#include "store/disk/repo.h"
#include "store/read/blocks.h"

struct cr_list_item;
struct cr_reader;
struct cr_snapshot;

/* On whose behalf something is read: decides what must be re-hashed. */
struct cr_view {
	const struct cr_domain_keys *domain; /* borrowed */
	struct cr_uid writer;		     /* the snapshot's own */
	/* A pack of its time: of several copies, later ones come after.  Or
	 * zero.  Only a hint. */
	struct cr_uid until;
};

/* The view of @snapshot; -CR_ECAPABILITY when its domain is not ours. */
cr_must_check int cr_view_init(const struct cr_repo *repo,
			       const struct cr_snapshot *snapshot,
			       struct cr_view *ret);

enum cr_pin_use {
	CR_PIN_KEPT,   /* somebody may want these bytes again */
	CR_PIN_PASSED, /* somebody had them all, and reads on */
	CR_PIN_SPENT,  /* nobody will want them again */
};

/* Chunk bytes that stay where they are until the pin is released. */
struct cr_pin {
	struct cr_piece bytes;
	enum cr_pin_use use; /* set by who has it */
	struct cr_hint at;   /* where the first chunk lies */
	uint32_t more;	     /* chunks behind that one whose bytes it has too */
	/* The reader's own. */
	struct cr_cached *cached;
};

/*
 * @repo is borrowed; @index (may be NULL) too.  @cache_bytes bounds decoded
 * blocks and pack tables together.
 */
cr_must_check int cr_reader_new(const struct cr_repo *repo,
				struct cr_index *index, size_t cache_bytes,
				struct cr_reader **ret);
void cr_reader_free(struct cr_reader *reader);

/*
 * The index is yet to come: whoever needs one calls @get, from any thread, as
 * often as he needs it.  It may wait; NULL is none, and what was returned once
 * stays.  Set it before others read.
 */
typedef struct cr_index *cr_reader_index(void *arg);
void cr_reader_expect_index(struct cr_reader *reader, cr_reader_index *get,
			    void *arg);

const struct cr_repo *cr_reader_repo(const struct cr_reader *reader);

/*
 * Call when snapshots have appeared, before anything of them is read: their
 * packs may be newer than what is known of packs.
 */
void cr_reader_expect_packs(struct cr_reader *reader);

/*
 * The bytes of chunk @id.  For metadata types these are the hashed bytes;
 * @tail (may be NULL) receives the tail, valid as long as the pin.  @hint may
 * be NULL.  Every copy is tried before it fails.
 *
 * Errors: -CR_EMISSING (in no pack), -CR_ECORRUPT, -CR_EAUTH (the best copy's
 * error; the sentence names pack and block), -CR_ECAPABILITY, -ENOMEM, -errno.
 */
cr_must_check int cr_reader_get(struct cr_reader *reader,
				const struct cr_view *view,
				enum cr_chunk_type type, const struct cr_id *id,
				const struct cr_hint *hint, struct cr_pin *ret,
				struct cr_piece *tail);
void cr_pin_release(struct cr_pin *pin);

/*
 * The same for data of a file in its order, where the chunk before it lies at
 * @before (zero: unknown): what was stored together is found without a search.
 */
cr_must_check int cr_reader_get_after(struct cr_reader *reader,
				      const struct cr_view *view,
				      const struct cr_id *id,
				      const struct cr_hint *before,
				      struct cr_pin *ret);

/*
 * Let @pin, of such a chunk, go on with those that come after it in the file,
 * @item[0..@n), as far as they lie behind it in its block and are what they
 * should be.  How many; for the next, ask with cr_reader_get_after().
 */
uint32_t cr_reader_go_on(struct cr_reader *reader, const struct cr_view *view,
			 const struct cr_list_item *item, uint32_t n,
			 struct cr_pin *pin);

/*
 * Decode the block of such a chunk for somebody who will ask for it, unless it
 * is decoded or another thread is about it: nobody waits for that here.  *@at,
 * where the chunk before it lies, becomes where this one does.
 */
cr_must_check int cr_reader_fetch_after(struct cr_reader *reader,
					const struct cr_view *view,
					const struct cr_id *id,
					struct cr_hint *at);

/*
 * How many of @item[0..@n) need no fetching, as they lie behind the chunk at
 * *@at in its block.  *@at becomes where the last of them lies.
 */
uint32_t cr_reader_skip_after(struct cr_reader *reader,
			      const struct cr_list_item *item, uint32_t n,
			      struct cr_hint *at);

/* As cr_blocks_on_use(), of blocks of data.  Set it before others read. */
void cr_reader_on_use(struct cr_reader *reader, cr_blocks_used *used,
		      void *arg);

/*
 * Decode data block @block of @pack for somebody who will ask for it.  0: it
 * was there already, 1: it is now; -CR_EMISSING: the pack is not there, or ends
 * before it; or as cr_reader_get().
 */
cr_must_check int cr_reader_bring(struct cr_reader *reader,
				  const struct cr_uid *pack, uint32_t block);

/* Where a chunk lies, by hint or index, without reading it.  -CR_EMISSING. */
cr_must_check int cr_reader_locate(struct cr_reader *reader,
				   const struct cr_view *view,
				   enum cr_chunk_type type,
				   const struct cr_id *id,
				   const struct cr_hint *hint,
				   struct cr_hint *ret);

/*
 * The same for somebody who checks copies: look at them until one is accepted.
 * Errors as cr_reader_get(), the first of those that were refused among them.
 */
struct cr_want {
	const struct cr_view *view; /* borrowed */
	enum cr_chunk_type type;
	struct cr_id id;
	struct cr_hint hint; /* zero: none */
};

struct cr_copies {
	/* May this copy be used?  0, or an error with its sentence. */
	int (*use)(void *arg, const struct cr_pack *pack,
		   const struct cr_place *place);
	/* A copy should be in @pack, which cannot be opened. */
	void (*no_pack)(void *arg, enum cr_pack_kind kind,
			const struct cr_uid *pack);
	void *arg;
};

cr_must_check int cr_reader_choose(struct cr_reader *reader,
				   const struct cr_want *want,
				   const struct cr_copies *copies);

/* The whole of a manifest's text, appended to @out. */
struct cr_text;
cr_must_check int cr_reader_text(struct cr_reader *reader,
				 const struct cr_view *view,
				 const struct cr_text *text,
				 struct cr_buf *out);

struct cr_reader_stats {
	uint64_t hits, misses; /* of decoded blocks */
	uint64_t blocks_decoded, bytes_decoded;
	uint64_t hints_followed, hints_stale, index_lookups, searches;
	uint64_t cached_bytes;
};
void cr_reader_get_stats(struct cr_reader *reader, struct cr_reader_stats *ret);

static inline void cr_reader_freep(struct cr_reader **reader)
{
	cr_reader_free(*reader);
}

#endif
