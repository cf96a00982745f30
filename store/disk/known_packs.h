/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known_packs.h - what an index knows of its packs, in memory: for whoever
 * meets all of them in another order, as a listing does.  32 bytes a pack.
 */
#ifndef STORE_DISK_KNOWN_PACKS_H
#define STORE_DISK_KNOWN_PACKS_H

#include "store/base/buf.h"
#include "store/disk/index.h"

struct cr_known_pack {
	struct cr_uid id;
	uint64_t len;
	uint32_t number;
	uint8_t kind; /* enum cr_pack_kind */
};

struct cr_known_packs {
	struct cr_buf sorted; /* of struct cr_known_pack, by id */
};

/* Replace @packs by what @index has now.  -CR_EINDEX, -ENOMEM. */
cr_must_check int cr_known_packs_load(struct cr_known_packs *packs,
				      struct cr_index *index);
void cr_known_packs_release(struct cr_known_packs *packs);

/* The packs in the order of their ids, from 0; NULL: past the last. */
const struct cr_known_pack *cr_known_packs_at(
	const struct cr_known_packs *packs, size_t i);

/* NULL: it had no such pack.  Until the next load. */
const struct cr_known_pack *cr_known_packs_find(
	const struct cr_known_packs *packs, const struct cr_uid *id);

#endif
