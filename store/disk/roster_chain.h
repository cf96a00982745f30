/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roster_chain.h - read keys/roster/1 to the newest: each signed by the owner,
 * each naming the one before.  The newest holds the whole state, so that an
 * older one that rotted is reported and no more.  FORMAT.md section 4.3.
 */
#ifndef STORE_DISK_ROSTER_CHAIN_H
#define STORE_DISK_ROSTER_CHAIN_H

#include "store/codec/repository.h"
#include "store/codec/roster.h"
#include "store/disk/storage.h"

/* What the rosters must agree with. */
struct cr_roster_trust {
	struct cr_uid repository;
	struct cr_id repository_hash;
	struct cr_sign_pk owner;
	const struct cr_key *key; /* borrowed: the roster key */
};

struct cr_roster_chain {
	struct cr_roster newest;
	struct cr_id *hash; /* owned; hash of roster n at [n - 1]; 0: unknown */
	uint64_t n;
	char *damage; /* owned; the sentence about an older one, or NULL */
};

/*
 * -CR_EMISSING, -CR_ECORRUPT (also: a signature does not verify), -CR_EVERSION,
 * -CR_ETAMPER (rosters the owner signed that contradict each other).
 */
cr_must_check int cr_roster_chain_read(const struct cr_storage *storage,
				       const struct cr_roster_trust *trust,
				       struct cr_roster_chain *ret);
/* The highest number there is, by one listing; 0 when there is none. */
cr_must_check int cr_roster_chain_newest(const struct cr_storage *storage,
					 uint64_t *ret);
void cr_roster_chain_release(struct cr_roster_chain *chain);

/* "keys/roster/12" */
#define CR_ROSTER_NAME_LEN 40
void cr_roster_name(uint64_t n, char out[CR_ROSTER_NAME_LEN]);

#endif
