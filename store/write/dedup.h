/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dedup.h - is this chunk stored already?
 *
 * A chunk is known when it is pending (some thread of this session claimed it)
 * or when the index finds it in a pack that this writer or the owner signed, in
 * our domain, whose authenticated footer confirms the whole id.  FORMAT.md
 * section 6, "A writer deduplicates only".  Any number of threads.
 */
#ifndef STORE_WRITE_DEDUP_H
#define STORE_WRITE_DEDUP_H

#include "store/codec/footer.h"
#include "store/codec/object.h"
#include "store/disk/index.h"
#include "store/disk/repo.h"

struct cr_dedup;

/* Both are borrowed.  @bytes bounds the cache of pack tables. */
cr_must_check int cr_dedup_new(const struct cr_repo *repo,
			       struct cr_index *index, size_t bytes,
			       struct cr_dedup **ret);
void cr_dedup_free(struct cr_dedup *dedup);

/*
 * Whether the chunk is stored, or pending: 1, with where in @where (may be
 * NULL; a zero pack when that is not known yet), else 0.  -ENOMEM, -CR_EINDEX.
 */
cr_must_check int cr_dedup_find(struct cr_dedup *dedup, enum cr_chunk_type type,
				const struct cr_id *id, struct cr_hint *where);

/* The same of the newest copy of several, which takes longer. */
cr_must_check int cr_dedup_newest(struct cr_dedup *dedup,
				  enum cr_chunk_type type,
				  const struct cr_id *id,
				  struct cr_hint *where);

/*
 * As cr_dedup_find() with @found, but on 0 the chunk is now pending: the caller
 * must store it.  @where (may be NULL) tells where it will be, when that is
 * known.
 */
cr_must_check int cr_dedup_claim(struct cr_dedup *dedup,
				 enum cr_chunk_type type,
				 const struct cr_id *id,
				 const struct cr_hint *where,
				 struct cr_hint *found);

/*
 * Store another copy: 0 when the chunk is now pending and the caller must store
 * it; 1 when somebody is about to.  -ENOMEM.
 */
cr_must_check int cr_dedup_reclaim(struct cr_dedup *dedup,
				   enum cr_chunk_type type,
				   const struct cr_id *id,
				   const struct cr_hint *where);

/* Raw bytes of the block at @where; 0 when that is not to be found. */
uint32_t cr_dedup_block_len(struct cr_dedup *dedup, enum cr_chunk_type type,
			    const struct cr_hint *where);

/* How many packs were opened to look at their tables. */
uint64_t cr_dedup_opened(struct cr_dedup *dedup);

/* These chunks are in the index now: they are pending no more. */
void cr_dedup_settle(struct cr_dedup *dedup,
		     const struct cr_footer_chunk *chunk, uint32_t n);

#endif
