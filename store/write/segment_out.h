/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segment_out.h - collect the packs of a commit into segments.  FORMAT.md
 * section 7.  One thread at a time.
 */
#ifndef STORE_WRITE_SEGMENT_OUT_H
#define STORE_WRITE_SEGMENT_OUT_H

#include "store/codec/segment.h"
#include "store/disk/index.h"
#include "store/disk/repo.h"
#include "store/disk/storage_write.h"

struct cr_segment_out;

/* All are borrowed. */
cr_must_check int cr_segment_out_new(const struct cr_repo *repo,
				     struct cr_storage_w *storage,
				     struct cr_index *index,
				     struct cr_segment_out **ret);
void cr_segment_out_free(struct cr_segment_out *out);

/* Add a durable pack, @number in the index; a full segment is written. */
cr_must_check int cr_segment_out_add(struct cr_segment_out *out,
				     const struct cr_segment_item *item,
				     uint32_t number);

/*
 * Write what was collected; first take in this writer's packs that no segment
 * lists yet, left by a session that did not end.
 */
cr_must_check int cr_segment_out_flush(struct cr_segment_out *out);

/* The segments written so far; borrowed, until the next call. */
struct cr_id *cr_segment_out_ids(const struct cr_segment_out *out,
				 uint32_t *count);

#endif
