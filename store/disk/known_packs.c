/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/known_packs.h"

#include <stdlib.h>
#include <string.h>

static int take(void *arg, uint32_t number, const struct cr_pack_facts *facts)
{
	struct cr_buf *all = arg;
	struct cr_known_pack pack = { .id = facts->pack,
				      .len = facts->len,
				      .number = number,
				      .kind = facts->kind };

	cr_buf_put(all, &pack, sizeof(pack));
	return cr_buf_error(all);
}

/* By the id, which comes first; so a bare id is a key, too. */
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, CR_UID_LEN);
}

static size_t count(const struct cr_known_packs *packs)
{
	return packs->sorted.len / sizeof(struct cr_known_pack);
}

int cr_known_packs_load(struct cr_known_packs *packs, struct cr_index *index)
{
	int r;

	cr_buf_clear(&packs->sorted);
	r = cr_index_each_pack(index, take, &packs->sorted);
	if (r == 0 && count(packs) > 0)
		qsort(packs->sorted.bytes, count(packs),
		      sizeof(struct cr_known_pack), compare);
	return r;
}

void cr_known_packs_release(struct cr_known_packs *packs)
{
	cr_buf_release(&packs->sorted);
}

const struct cr_known_pack *cr_known_packs_at(
	const struct cr_known_packs *packs, size_t i)
{
	return i < count(packs)
		       ? (const struct cr_known_pack *)packs->sorted.bytes + i
		       : NULL;
}

const struct cr_known_pack *cr_known_packs_find(
	const struct cr_known_packs *packs, const struct cr_uid *id)
{
	return count(packs) == 0
		       ? NULL
		       : bsearch(id, packs->sorted.bytes, count(packs),
				 sizeof(struct cr_known_pack), compare);
}
