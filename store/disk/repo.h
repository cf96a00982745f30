/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repo.h - open a repository: storage, `repository`, roster, keys.
 *
 * An open repository may be used by any thread.  Nothing in it changes but
 * `keys`, which cr_repo_renew() replaces as a whole.
 */
#ifndef STORE_DISK_REPO_H
#define STORE_DISK_REPO_H

#include "store/base/secret.h"
#include "store/codec/repository.h"
#include "store/disk/keyring.h"
#include "store/disk/storage.h"

/* How to unlock: one of the two secrets is set. */
struct cr_credentials {
	struct cr_secret passphrase;
	struct cr_secret key_file;   /* the 32 bytes in it */
	struct cr_uid key_file_slot; /* the slot it names; zero: try all */
};

/* What one key list gives to who holds our bundle.  Immutable. */
struct cr_repo_keys {
	struct cr_roster roster;
	uint64_t roster_n;
	struct cr_id roster_hash;
	struct cr_id *roster_chain; /* owned; hash of roster n at [n - 1] */
	char *roster_damage;	    /* owned; what is wrong with an older one */
	struct cr_keyring *ring;    /* owned */
	struct cr_revoked *revoked; /* owned; revoked.h */
	struct cr_repo_keys *older; /* owned; what this replaced, or NULL */
};

struct cr_repo {
	struct cr_storage *storage; /* owned */
	struct cr_repository info;
	struct cr_id hash;	  /* the repository hash */
	struct cr_bundle *bundle; /* owned, guarded */
	struct cr_sign_pk owner;
	/*
	 * Owned.  Whatever was found here stays valid until the repository is
	 * closed.  Who needs two things that agree takes the pointer once.
	 */
	_Atomic(struct cr_repo_keys *) keys;
};

/*
 * Unlock with @cred, then authenticate: `repository` against the bundle, the
 * roster chain back to the first against the owner's key, the slot against the
 * roster.
 *
 * Errors: -CR_ENOREPO, -CR_EVERSION, -CR_EKEY (no slot opens; names the
 * damaged slots, if any), -CR_ECORRUPT / -CR_EMISSING (which object),
 * -CR_ETAMPER (valid objects that contradict each other), -CR_ECAPABILITY
 * (revoked), -errno.
 */
cr_must_check int cr_repo_open(const char *path,
			       const struct cr_credentials *cred,
			       struct cr_repo **ret);
void cr_repo_close(struct cr_repo *repo);

/*
 * Take in a key list that the owner published since.  One thread at a time;
 * others may use the repository meanwhile.  1 when @repo->keys is another, 0
 * when there is nothing new (which costs one listing), or an error, and then
 * @repo is as it was: -CR_ECAPABILITY when the new list revokes our own key,
 * -CR_ETAMPER when the storage shows an older list or a chain without ours,
 * else as cr_repo_open().
 */
cr_must_check int cr_repo_renew(struct cr_repo *repo);

/*
 * Read `repository` only: who needs no key may ask.  -CR_ENOREPO, -CR_EVERSION,
 * -CR_ECORRUPT, -errno.
 */
cr_must_check int cr_repo_read_info(const struct cr_storage *storage,
				    struct cr_repository *info,
				    struct cr_id *hash);

/*
 * Compare the roster with the newest this machine saw, and remember it when
 * the state is writable.  -CR_ETAMPER when it is older or another.
 */
struct cr_state;
cr_must_check int cr_repo_check_heads(const struct cr_repo *repo,
				      struct cr_state *state);

/*
 * What the checks of `verify` need: every slot, with what is wrong with it
 * (cr_detail() says it).  @slot is NULL when it does not even parse.
 */
typedef int (*cr_slot_fn)(void *arg, const char *name,
			  const struct cr_slot *slot, int error);
cr_must_check int cr_repo_each_slot(const struct cr_repo *repo, cr_slot_fn fn,
				    void *arg);

/* The admitted key with that id, or NULL. */
const struct cr_roster_key *cr_repo_key(const struct cr_repo *repo,
					const struct cr_uid *id);

static inline void cr_repo_closep(struct cr_repo **repo)
{
	cr_repo_close(*repo);
}

#endif
