/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remembered.h - manifests that this machine has authenticated before: so that
 * a mount need not verify and open each of thousands again.
 *
 * They lie in the file `manifests` of the state, sealed with a key that only
 * who can read manifests has.  So what comes from there is what was verified
 * then, whatever the storage holds by now; an object is taken for the same when
 * its size, inode and times are.  Whether its writer may still sign is for the
 * caller to ask each time.  Everything is missing from a file that does not
 * open, and nothing is lost with it.
 *
 * Used by one thread.
 */
#ifndef STORE_READ_REMEMBERED_H
#define STORE_READ_REMEMBERED_H

#include "store/codec/manifest.h"
#include "store/disk/repo.h"
#include "store/disk/state.h"

struct cr_remembered;

/* One manifest; what it points to is borrowed from whoever gives it. */
struct cr_remembered_manifest {
	const char *object;
	struct cr_stored_mark mark;
	struct cr_id id;
	struct cr_sign_pk signer; /* what verified it */
	struct cr_piece head;	  /* the first bytes of the object */
	struct cr_piece body;	  /* opened */
};

/* What @state has.  -ENOMEM, -CR_ECAPABILITY for keys that do not read. */
cr_must_check int cr_remembered_load(const struct cr_repo *repo,
				     const struct cr_state *state,
				     struct cr_remembered **ret);
void cr_remembered_free(struct cr_remembered *remembered);

/*
 * Whether @object is known with @mark; it stays valid as long as @remembered.
 * Quickest when they are asked for in the order of their names.
 */
bool cr_remembered_find(struct cr_remembered *remembered, const char *object,
			const struct cr_stored_mark *mark,
			struct cr_remembered_manifest *ret);

/* Copied; large ones are not kept.  -ENOMEM. */
cr_must_check int cr_remembered_add(struct cr_remembered *remembered,
				    const struct cr_remembered_manifest *what);

/*
 * Write those that were found or added, if enough was added to be worth it.
 * -ENOMEM, -errno with a sentence.
 */
cr_must_check int cr_remembered_save(const struct cr_remembered *remembered,
				     const struct cr_repo *repo,
				     const struct cr_state *state);

static inline void cr_remembered_freep(struct cr_remembered **remembered)
{
	cr_remembered_free(*remembered);
}

#endif
