/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_bulk.h - rows on their way into the index, many at once.  For the files
 * of index.h only.
 *
 * Rows are collected, sorted and taken in together, then the facts of the
 * packs they are of.  The numbers of those packs must have been given away
 * durably before: rows that a crash leaves without facts are misses for good.
 */
#ifndef STORE_DISK_INDEX_BULK_H
#define STORE_DISK_INDEX_BULK_H

#include "store/disk/index_row.h"

struct cr_bulk;

/* @bytes: how much memory rows may take, twice what they are themselves. */
cr_must_check int cr_bulk_new(const struct cr_kv *kv, size_t bytes,
			      struct cr_bulk **ret);
void cr_bulk_free(struct cr_bulk *bulk);

/* Whether there is no room for a row. */
bool cr_bulk_full(const struct cr_bulk *bulk);
cr_must_check int cr_bulk_add_row(struct cr_bulk *bulk, const struct cr_id *id,
				  const struct cr_location *at);
/* Remember the number of @pack, until the commit. */
cr_must_check int cr_bulk_add_pack(struct cr_bulk *bulk,
				   const struct cr_uid *pack, uint32_t number);
bool cr_bulk_pack_number(const struct cr_bulk *bulk, const struct cr_uid *pack,
			 uint32_t *ret);
/* Where to put what becomes true with the rows: facts, segments. */
struct cr_kv_batch *cr_bulk_batch(struct cr_bulk *bulk);

/* Take in everything so far.  -CR_EINDEX. */
cr_must_check int cr_bulk_commit(struct cr_bulk *bulk, struct cr_kv *kv);

#endif
