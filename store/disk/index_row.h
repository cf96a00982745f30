/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_row.h - what stands in the index's database: its families, its keys and
 * values as bytes.  For the files of index.h only.
 *
 * Numbers in keys are big-endian, so that they sort; those in values are
 * little-endian, as everywhere.
 */
#ifndef STORE_DISK_INDEX_ROW_H
#define STORE_DISK_INDEX_ROW_H

#include "store/disk/index.h"
#include "store/disk/kv.h"

/* Raised when what stands in the database changes: another is set aside. */
#define CR_INDEX_LAYOUT 1

enum cr_index_family {
	CR_FAMILY_CHUNKS,
	CR_FAMILY_PACKS,
	CR_FAMILY_NUMBERS,
	CR_FAMILY_MANIFESTS,
	CR_FAMILY_FACTS,
	CR_FAMILIES,
};

extern const struct cr_kv_family cr_index_families[CR_FAMILIES];

/* Keys among the facts. */
extern const struct cr_piece cr_fact_layout;	 /* u8 */
extern const struct cr_piece cr_fact_generation; /* u64 */
extern const struct cr_piece cr_fact_next;	 /* u32: the next number */
extern const struct cr_piece cr_fact_dropped;	 /* u64 packs, u64 rows */
extern const struct cr_piece cr_fact_listed;	 /* nothing */
#define CR_SEGMENT_KEY_LEN (1 + CR_ID_LEN)	 /* nothing */
#define CR_OPAQUE_KEY_LEN  (1 + CR_UID_LEN)	 /* nothing; by domain */
/* Among the manifests: writer, incarnation, number. */
#define CR_MANIFEST_KEY_LEN (2 * CR_UID_LEN + 8) /* u64: its time */

#define CR_PREFIX_LEN	  16
#define CR_ROW_KEY_LEN	  (CR_PREFIX_LEN + 4)
#define CR_ROW_VALUE_MAX  10
#define CR_PACK_FACTS_LEN (3 * CR_UID_LEN + 1 + 1 + 8 + 4)

struct cr_piece cr_number_key(uint32_t number, uint8_t out[4]);
uint32_t cr_number_of(const uint8_t bytes[4]);
struct cr_piece cr_segment_key(const struct cr_id *id,
			       uint8_t out[CR_SEGMENT_KEY_LEN]);
struct cr_piece cr_opaque_key(const struct cr_uid *domain,
			      uint8_t out[CR_OPAQUE_KEY_LEN]);

struct cr_piece cr_manifest_key(const struct cr_manifest_head *head,
				uint8_t out[CR_MANIFEST_KEY_LEN]);

struct cr_piece cr_row_key(const struct cr_id *id, uint32_t number,
			   uint8_t out[CR_ROW_KEY_LEN]);
struct cr_piece cr_row_value(uint32_t block, uint32_t slot,
			     uint8_t out[CR_ROW_VALUE_MAX]);
/* False when the row makes no sense. */
bool cr_row_decode(struct cr_piece key, struct cr_piece value,
		   struct cr_location *ret);

/* A row of the chunks, to be sorted. */
struct cr_row {
	uint8_t key[CR_ROW_KEY_LEN];
	uint16_t block; /* below CR_PACK_BLOCKS_MAX */
	uint16_t slot;	/* below CR_BLOCK_CHUNKS_MAX */
};

void cr_row_set(struct cr_row *row, const struct cr_id *id,
		const struct cr_location *at);
/*
 * Put @n rows into the order of their keys; of a chunk twice in a pack the
 * first place comes first.
 */
void cr_rows_sort(struct cr_row *row, size_t n);

typedef int (*cr_row_fn)(void *arg, struct cr_piece key, struct cr_piece value);

/*
 * Call @fn for sorted rows, each key once, with its first place.  Anything but
 * 0 from @fn ends that and is returned.
 */
int cr_rows_each(const struct cr_row *row, size_t n, cr_row_fn fn, void *arg);

struct cr_piece cr_pack_facts_encode(const struct cr_pack_facts *facts,
				     uint8_t out[CR_PACK_FACTS_LEN]);
/* -CR_EINDEX. */
cr_must_check int cr_pack_facts_decode(struct cr_piece value,
				       struct cr_pack_facts *ret);

static inline struct cr_piece cr_uid_key(const struct cr_uid *uid)
{
	return (struct cr_piece){ uid->bytes, sizeof(uid->bytes) };
}

static inline struct cr_piece cr_no_bytes(void)
{
	return (struct cr_piece){ "", 0 };
}

#endif
