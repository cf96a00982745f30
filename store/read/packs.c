/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/packs.h"

#include "store/base/error.h"

/*
 * A pack is opened with the keys of its time.  Under other keys it may not
 * count any more, so they are part of what it is cached by.
 */
#define KIND_BITS 2

struct cr_packs {
	const struct cr_repo *repo; /* borrowed */
	struct cr_cache *cache;	    /* owned */
};

static int load(void *arg, const struct cr_cache_key *key, void **value,
		size_t *weight)
{
	const struct cr_packs *packs = arg;
	struct cr_pack *pack;
	int r = cr_pack_open(packs->repo,
			     (enum cr_pack_kind)(key->n % (1u << KIND_BITS)),
			     &key->uid, &pack);

	if (r < 0)
		return r;
	cr_pack_slim(pack);
	*value = pack;
	*weight = cr_pack_weight(pack);
	return 0;
}

static void drop(void *value)
{
	cr_pack_close(value);
}

int cr_packs_new(const struct cr_repo *repo, size_t bytes,
		 struct cr_packs **ret)
{
	static const struct cr_cache_ops ops = { load, drop };
	struct cr_packs *packs = calloc(1, sizeof(*packs));
	int r;

	if (!packs)
		return -ENOMEM;
	packs->repo = repo;
	r = cr_cache_new(bytes, &ops, &packs->cache);
	if (r < 0) {
		free(packs);
		return r;
	}
	*ret = packs;
	return 0;
}

void cr_packs_free(struct cr_packs *packs)
{
	if (!packs)
		return;
	cr_cache_free(packs->cache);
	free(packs);
}

static struct cr_cache_key key_of(const struct cr_packs *packs,
				  enum cr_pack_kind kind,
				  const struct cr_uid *uid)
{
	const uint32_t roster = (uint32_t)packs->repo->keys->roster_n;

	return (struct cr_cache_key){ *uid, roster << KIND_BITS | kind };
}

int cr_packs_get(struct cr_packs *packs, enum cr_pack_kind kind,
		 const struct cr_uid *uid, struct cr_cached **ret)
{
	const struct cr_cache_key key = key_of(packs, kind, uid);

	return cr_cache_get(packs->cache, &key, packs, ret);
}

bool cr_packs_has(struct cr_packs *packs, enum cr_pack_kind kind,
		  const struct cr_uid *uid)
{
	const struct cr_cache_key key = key_of(packs, kind, uid);

	return cr_cache_has(packs->cache, &key);
}

void cr_packs_get_stats(struct cr_packs *packs, struct cr_cache_stats *ret)
{
	cr_cache_get_stats(packs->cache, ret);
}
