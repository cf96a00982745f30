/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slots.h - the key slots of a repository: find one that a passphrase or a key
 * file opens.  FORMAT.md section 4.2.
 */
#ifndef STORE_DISK_SLOTS_H
#define STORE_DISK_SLOTS_H

#include "store/disk/repo.h"

struct cr_buf;

/* A passphrase costs much per slot: no more than this many are tried. */
#define CR_SLOTS_TRIED_MAX 16

/* "keys/3fa0..." */
#define CR_SLOT_NAME_LEN 48
void cr_slot_name(const struct cr_uid *id, char out[CR_SLOT_NAME_LEN]);

/*
 * Read slot @id of the repository @repository into @bytes, which must outlive
 * @ret.  -ENOENT without a sentence, -CR_ECORRUPT, -CR_EVERSION, -errno.
 */
cr_must_check int cr_slot_load(const struct cr_storage *storage,
			       const struct cr_uid *repository,
			       const struct cr_uid *id, struct cr_buf *bytes,
			       struct cr_slot *ret);

/* The ids of all objects that are named like slots, in ascending order. */
struct cr_slot_ids {
	struct cr_uid *id; /* owned */
	size_t count;
};

cr_must_check int cr_slot_ids_list(const struct cr_storage *storage,
				   struct cr_slot_ids *ret);
void cr_slot_ids_release(struct cr_slot_ids *ids);

/*
 * Whether the slot was signed by its key, as the roster knows it.
 * -CR_ECORRUPT; -CR_ECAPABILITY when the roster does not know the key.
 */
cr_must_check int cr_slot_verify(const struct cr_slot *slot,
				 const struct cr_roster *roster);

/*
 * Open a slot of the repository with @info and @hash.  The bundle is for
 * cr_secret_free().  -CR_EKEY, -CR_ETAMPER (the slot was made for another
 * `repository`), -ENOMEM, -errno.
 */
struct cr_unlocked {
	struct cr_bundle *bundle; /* owned, guarded */
	struct cr_uid slot;
};

cr_must_check int cr_slots_unlock(const struct cr_storage *storage,
				  const struct cr_repository *info,
				  const struct cr_id *hash,
				  const struct cr_credentials *cred,
				  struct cr_unlocked *ret);

#endif
