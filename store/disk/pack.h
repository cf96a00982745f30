/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack.h - read side of a pack: authenticate its footer, open its blocks.
 *
 * A pack is written once and never changed, so an open pack needs no lock; any
 * number of threads may share it.  FORMAT.md section 6.
 */
#ifndef STORE_DISK_PACK_H
#define STORE_DISK_PACK_H

#include "store/codec/block.h"
#include "store/codec/footer.h"
#include "store/disk/repo.h"

struct cr_decompressor;
struct cr_pack;
struct cr_segment_item;

/* One chunk in a pack. */
struct cr_place {
	uint32_t block;
	uint32_t slot;
};

/*
 * Open pack @id and authenticate its footer: header, seal, signature of an
 * admitted writer.  A damaged header or footer in the pack is replaced by the
 * trailer's copy of the header.
 *
 * Errors: -CR_EMISSING (no such object), -CR_ECORRUPT, -CR_EAUTH (seal or
 * signature), -CR_ECAPABILITY (the footer is of a domain we lack), -errno.
 */
cr_must_check int cr_pack_open(const struct cr_repo *repo,
			       enum cr_pack_kind kind, const struct cr_uid *id,
			       struct cr_pack **ret);

/* The same from a segment's item: nothing of the pack itself is read. */
cr_must_check int cr_pack_open_item(const struct cr_repo *repo,
				    const struct cr_segment_item *item,
				    struct cr_pack **ret);
void cr_pack_close(struct cr_pack *pack);

const struct cr_pack_header *cr_pack_header(const struct cr_pack *pack);
const struct cr_footer *cr_pack_footer(const struct cr_pack *pack);
uint64_t cr_pack_len(const struct cr_pack *pack);
/* Whether that is the length its footer, perhaps of a segment, asks for. */
bool cr_pack_fits(const struct cr_pack *pack);
/* Heap bytes it holds, for a cache's account. */
size_t cr_pack_weight(const struct cr_pack *pack);
/*
 * Free the footer as stored, up to half of what it holds: no cr_pack_fits()
 * and no cr_pack_item() any more.
 */
void cr_pack_slim(struct cr_pack *pack);
/* Header and sealed footer as stored, for a segment.  -ENOMEM, -errno. */
cr_must_check int cr_pack_item(const struct cr_pack *pack,
			       struct cr_buf *footer,
			       struct cr_segment_item *ret);

/* Whether the pack has chunk @id of @type; where. */
bool cr_pack_find(const struct cr_pack *pack, const struct cr_id *id,
		  enum cr_chunk_type type, struct cr_place *ret);
/* Whether the chunk at @place is that one. */
bool cr_pack_holds(const struct cr_pack *pack, const struct cr_place *place,
		   const struct cr_id *id, enum cr_chunk_type type);

/* A decoded block: what the cache keeps. */
struct cr_block {
	uint8_t *raw; /* owned; of @pool */
	struct cr_pool *pool;
	uint32_t raw_len;
	struct cr_block_table table;
};

struct cr_pool;

/*
 * Read, open and expand block @n.  @dec is the calling thread's; its bytes are
 * of @pool (may be NULL), which is borrowed as long as the block lives.
 *
 * Errors: -CR_ECORRUPT, -CR_EAUTH, -CR_EMISSING (pack gone or cut short),
 * -CR_ECAPABILITY (no key for the data), -ENOMEM, -errno.
 */
cr_must_check int cr_pack_read(const struct cr_pack *pack, uint32_t n,
			       struct cr_decompressor *dec,
			       struct cr_pool *pool, struct cr_block **ret);
void cr_block_free(struct cr_block *block);

/* The bytes of chunk @slot. */
struct cr_piece cr_block_chunk(const struct cr_block *block, uint32_t slot);

/* "packs/data/3f/3f..." */
#define CR_PACK_NAME_LEN 64
void cr_pack_name(enum cr_pack_kind kind, const struct cr_uid *id,
		  char out[CR_PACK_NAME_LEN]);

static inline void cr_pack_closep(struct cr_pack **pack)
{
	cr_pack_close(*pack);
}

static inline void cr_block_freep(struct cr_block **block)
{
	cr_block_free(*block);
}

#endif
