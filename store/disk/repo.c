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

static int read_roster(struct cr_repo *repo)
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
	repo->roster = chain.newest;
	repo->roster_n = chain.n;
	repo->roster_chain = chain.hash;
	repo->roster_damage = chain.damage;
	if (chain.damage)
		cr_log(CR_LOG_WARNING, "%s", chain.damage);
	repo->roster_hash = chain.hash[chain.n - 1];
	return 0;
}

static int check_slot(const struct cr_repo *repo, const struct cr_uid *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	char name[CR_SLOT_NAME_LEN];
	struct cr_slot slot;
	int r = cr_slot_load(repo->storage, &repo->info.id, id, &bytes, &slot);

	cr_slot_name(id, name);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s: was there, and is gone", name);
	return r < 0 ? r : cr_slot_verify(&slot, &repo->roster);
}

static int open_keys(struct cr_repo *repo, const struct cr_credentials *cred)
{
	struct cr_unlocked unlocked = { 0 };
	int r = cr_slots_unlock(repo->storage, &repo->info, &repo->hash, cred,
				&unlocked);

	if (r < 0)
		return r;
	repo->bundle = unlocked.bundle;
	repo->owner = cr_bundle_owner(repo->bundle);
	r = read_roster(repo);
	if (r < 0)
		return r;
	r = cr_keyring_new(repo->bundle, &repo->roster, &repo->ring);
	return r < 0 ? r : check_slot(repo, &unlocked.slot);
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
	r = cr_revoked_new(&repo->revoked);
	if (r < 0)
		return r;
	*ret = cr_take(repo);
	return 0;
}

void cr_repo_close(struct cr_repo *repo)
{
	if (!repo)
		return;
	cr_revoked_free(repo->revoked);
	cr_keyring_free(repo->ring);
	cr_bundle_freep(&repo->bundle);
	cr_roster_release(&repo->roster);
	free(repo->roster_chain);
	free(repo->roster_damage);
	cr_storage_close(repo->storage);
	free(repo);
}

int cr_repo_check_heads(const struct cr_repo *repo, struct cr_state *state)
{
	static const struct cr_uid roster = { { 0 } };
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	const struct cr_head *seen;
	struct cr_head now = {
		.seq = repo->roster_n,
		.hash = repo->roster_hash,
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
	     (!cr_id_zero(&repo->roster_chain[seen->seq - 1]) &&
	      !cr_id_equal(&seen->hash, &repo->roster_chain[seen->seq - 1]))))
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
			r = cr_slot_verify(&slot, &repo->roster);
		r = fn(arg, name, parsed ? &slot : NULL, r);
	}
	return r;
}

const struct cr_roster_key *cr_repo_key(const struct cr_repo *repo,
					const struct cr_uid *id)
{
	return cr_roster_find(&repo->roster, id);
}
