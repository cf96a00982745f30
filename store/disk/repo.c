/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/repo.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/derive.h"
#include "store/disk/revoked.h"
#include "store/disk/roster_chain.h"
#include "store/disk/slots.h"
#include "store/disk/state.h"

/* More than a repository's head takes, so that a longer one is told apart. */
#define READ_MAX 4096

int cr_repo_read_info(const struct cr_storage *storage,
		      struct cr_repository *info, struct cr_id *hash)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	int r = cr_storage_get(storage, "repository", READ_MAX, &bytes);

	if (r == -ENOENT)
		return cr_fail(CR_ENOREPO, "%s: there is no repository",
			       cr_storage_name(storage));
	if (r < 0)
		return r;
	r = cr_repository_parse((struct cr_piece){ bytes.bytes, bytes.len },
				info);
	if (r < 0)
		return cr_fail(-r, "%s: %s", cr_storage_name(storage),
			       cr_detail());
	*hash = cr_repository_hash(bytes.bytes);
	return 0;
}

/* ---- What a key list gives ---- */

static void keys_free(struct cr_repo_keys *keys)
{
	while (keys) {
		struct cr_repo_keys *older = keys->older;

		cr_revoked_free(keys->revoked);
		cr_keyring_free(keys->ring);
		cr_roster_release(&keys->roster);
		free(keys->roster_chain);
		free(keys->roster_damage);
		free(keys);
		keys = older;
	}
}

static void keys_freep(struct cr_repo_keys **keys)
{
	keys_free(*keys);
}

static int read_roster(const struct cr_repo *repo, struct cr_repo_keys *keys)
{
	cr_cleanup(cr_key_wipe) struct cr_key key;
	struct cr_roster_chain chain = { 0 };
	struct cr_roster_trust trust = {
		.repository = repo->info.id,
		.repository_hash = repo->hash,
		.owner = repo->owner,
		.key = &key,
	};
	int r;

	cr_bundle_roster_key(repo->bundle, &key);
	r = cr_roster_chain_read(repo->storage, &trust, &chain);
	if (r < 0)
		return r;
	keys->roster = chain.newest;
	keys->roster_n = chain.n;
	keys->roster_chain = chain.hash;
	keys->roster_damage = chain.damage;
	keys->roster_hash = chain.hash[chain.n - 1];
	return 0;
}

/* Whether @newer goes on from @keys: what rotted in between may be anything. */
static int check_goes_on(const struct cr_repo_keys *keys,
			 const struct cr_repo_keys *newer)
{
	const struct cr_id *then = &newer->roster_chain[keys->roster_n - 1];

	if (newer->roster_n <= keys->roster_n || cr_id_zero(then) ||
	    cr_id_equal(then, &keys->roster_hash))
		return 0;
	return cr_fail(CR_ETAMPER,
		       "key list %" PRIu64 " is not the one that was here",
		       keys->roster_n);
}

/* Those of now, which go on from @before (NULL: there were none). */
static int read_keys(const struct cr_repo *repo,
		     const struct cr_repo_keys *before,
		     struct cr_repo_keys **ret)
{
	cr_cleanup(keys_freep) struct cr_repo_keys *keys =
		calloc(1, sizeof(*keys));
	int r;

	if (!keys)
		return -ENOMEM;
	r = read_roster(repo, keys);
	if (r == 0 && before)
		r = check_goes_on(before, keys);
	if (r == 0)
		r = cr_keyring_new(repo->bundle, &keys->roster, &keys->ring);
	if (r == 0)
		r = cr_revoked_new(&keys->revoked);
	if (r < 0)
		return r;
	if (keys->roster_damage)
		cr_log(CR_LOG_WARNING, "%s", keys->roster_damage);
	*ret = cr_take(keys);
	return 0;
}

int cr_repo_renew(struct cr_repo *repo)
{
	cr_cleanup(keys_freep) struct cr_repo_keys *newer = NULL;
	struct cr_repo_keys *keys = repo->keys;
	uint64_t n;
	int r = cr_roster_chain_newest(repo->storage, &n);

	if (r < 0 || n == keys->roster_n)
		return r;
	if (n < keys->roster_n)
		return cr_fail(
			CR_ETAMPER,
			"%s: shows key list %" PRIu64 ", key list %" PRIu64
			" was here: the storage was rolled back",
			cr_storage_name(repo->storage), n, keys->roster_n);
	r = read_keys(repo, keys, &newer);
	if (r < 0 || newer->roster_n <= keys->roster_n)
		return r;
	newer->older = keys;
	repo->keys = cr_take(newer);
	return 1;
}

/* ---- Opening and closing ---- */

static int check_slot(const struct cr_repo *repo, const struct cr_uid *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	char name[CR_SLOT_NAME_LEN];
	struct cr_slot slot;
	int r = cr_slot_load(repo->storage, &repo->info.id, id, &bytes, &slot);

	cr_slot_name(id, name);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s: was there, and is gone", name);
	return r < 0 ? r : cr_slot_verify(&slot, &repo->keys->roster);
}

static int open_keys(struct cr_repo *repo, const struct cr_credentials *cred)
{
	struct cr_unlocked unlocked = { 0 };
	struct cr_repo_keys *keys = NULL;
	int r = cr_slots_unlock(repo->storage, &repo->info, &repo->hash, cred,
				&unlocked);

	if (r < 0)
		return r;
	repo->bundle = unlocked.bundle;
	repo->owner = cr_bundle_owner(repo->bundle);
	r = read_keys(repo, NULL, &keys);
	if (r < 0)
		return r;
	repo->keys = keys;
	return check_slot(repo, &unlocked.slot);
}

int cr_repo_open(const char *path, const struct cr_credentials *cred,
		 struct cr_repo **ret)
{
	cr_cleanup(cr_repo_closep) struct cr_repo *repo = NULL;
	int r;

	repo = calloc(1, sizeof(*repo));
	if (!repo)
		return -ENOMEM;
	r = cr_storage_open(path, &repo->storage);
	if (r < 0)
		return r;
	r = cr_repo_read_info(repo->storage, &repo->info, &repo->hash);
	if (r < 0)
		return r;
	r = open_keys(repo, cred);
	if (r < 0)
		return r;
	*ret = cr_take(repo);
	return 0;
}

void cr_repo_close(struct cr_repo *repo)
{
	if (!repo)
		return;
	keys_free(repo->keys);
	cr_bundle_freep(&repo->bundle);
	cr_storage_close(repo->storage);
	free(repo);
}

int cr_repo_check_heads(const struct cr_repo *repo, struct cr_state *state)
{
	static const struct cr_uid roster = { { 0 } };
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	const struct cr_repo_keys *keys = repo->keys;
	const struct cr_head *seen;
	struct cr_head now = {
		.seq = keys->roster_n,
		.hash = keys->roster_hash,
	};
	int r = cr_heads_load(state, &heads);

	if (r < 0)
		return r;
	seen = cr_heads_find(&heads, &roster);
	if (seen && seen->seq > now.seq)
		return cr_fail(CR_ETAMPER,
			       "%s: shows key list %" PRIu64
			       ", this machine has seen %" PRIu64
			       ": the storage was rolled back",
			       cr_storage_name(repo->storage), now.seq,
			       seen->seq);
	/* What two rotten ones in a row were, nobody can say. */
	if (seen &&
	    (seen->seq == 0 ||
	     (!cr_id_zero(&keys->roster_chain[seen->seq - 1]) &&
	      !cr_id_equal(&seen->hash, &keys->roster_chain[seen->seq - 1]))))
		return cr_fail(CR_ETAMPER,
			       "%s: key list %" PRIu64
			       " is not the one this machine has seen",
			       cr_storage_name(repo->storage), seen->seq);
	if (seen && seen->seq == now.seq)
		return 0;
	r = cr_heads_set(&heads, &now);
	if (r < 0)
		return r;
	r = cr_heads_save(state, &heads);
	return r == -EROFS || r == -EACCES || r == -EPERM ? 0 : r;
}

int cr_repo_each_slot(const struct cr_repo *repo, cr_slot_fn fn, void *arg)
{
	cr_cleanup(cr_slot_ids_release) struct cr_slot_ids ids = { 0 };
	int r = cr_slot_ids_list(repo->storage, &ids);

	for (size_t i = 0; i < ids.count && r == 0; i++) {
		cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
		char name[CR_SLOT_NAME_LEN];
		struct cr_slot slot;
		bool parsed;

		cr_slot_name(&ids.id[i], name);
		r = cr_slot_load(repo->storage, &repo->info.id, &ids.id[i],
				 &bytes, &slot);
		if (r == -ENOENT) { /* deleted meanwhile */
			r = 0;
			continue;
		}
		parsed = r == 0;
		if (parsed)
			r = cr_slot_verify(&slot, &repo->keys->roster);
		r = fn(arg, name, parsed ? &slot : NULL, r);
	}
	return r;
}

const struct cr_roster_key *cr_repo_key(const struct cr_repo *repo,
					const struct cr_uid *id)
{
	return cr_roster_find(&repo->keys->roster, id);
}
