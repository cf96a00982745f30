/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repo_create.h - make a repository, and change who has its keys.
 *
 * Everything here but cr_key_passwd() and cr_key_import() needs the owner's key
 * (-CR_ECAPABILITY otherwise).  A change of the roster is one new object,
 * created once: when another owner was faster, -EEXIST with a sentence that
 * says to try again.
 */
#ifndef STORE_DISK_REPO_CREATE_H
#define STORE_DISK_REPO_CREATE_H

#include "store/disk/repo.h"
#include "store/disk/state.h"
#include "store/disk/storage_write.h"

/* What a new slot is wrapped with. */
struct cr_slot_secret {
	enum cr_slot_method method;
	const struct cr_secret *secret; /* borrowed: passphrase, or 32 bytes */
	uint32_t passes;		/* passphrase: Argon2id */
	uint32_t mib;
};

/*
 * Make a repository at @path, which must not exist or be an empty directory:
 * `repository`, the owner's slot, roster 1 (with the owner's domain).  Returns
 * the slot's id for a key file.
 */
cr_must_check int cr_repo_create(const char *path,
				 const struct cr_slot_secret *wrap,
				 struct cr_uid *slot);

struct cr_key_request {
	enum cr_role role; /* READ or PUT */
	const char *label;
	const char *const *source; /* put: at least one, granted to nobody */
	uint32_t sources;
	/* put: the key whose domain to share, or NULL */
	const struct cr_uid *share;
};

struct cr_key_made {
	struct cr_uid key;
	struct cr_uid slot;
};

/* Admit a key.  -CR_EUSAGE when the request cannot be granted. */
cr_must_check int cr_key_add(const struct cr_repo *repo, struct cr_storage_w *w,
			     const struct cr_key_request *request,
			     const struct cr_slot_secret *wrap,
			     struct cr_key_made *ret);

/*
 * Revoke @key: what it signs after @last (NULL: all it ever signed) does not
 * count.  Its slots are deleted.  With @rotate a new epoch begins, whose keys
 * the remaining holders are granted.  The owner's own key cannot be revoked.
 */
cr_must_check int cr_key_revoke(const struct cr_repo *repo,
				struct cr_storage_w *w,
				const struct cr_uid *key,
				const struct cr_head *last, bool rotate);

/* Wrap the own bundle anew, then delete its other passphrase slots. */
cr_must_check int cr_key_passwd(const struct cr_repo *repo,
				struct cr_storage_w *w,
				const struct cr_slot_secret *wrap,
				struct cr_uid *slot);

/*
 * Give a bundle typed in from paper a slot in the repository at @storage.
 * -CR_EKEY when it is of another repository.
 */
cr_must_check int cr_key_import(const struct cr_storage *storage,
				struct cr_storage_w *w,
				const struct cr_bundle *bundle,
				const struct cr_slot_secret *wrap,
				struct cr_uid *slot);

#endif
