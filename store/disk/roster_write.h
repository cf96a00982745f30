/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roster_write.h - what the owner makes: grants, domains, the next roster; and
 * a slot for any bundle.  FORMAT.md sections 4.2 and 4.3.
 */
#ifndef STORE_DISK_ROSTER_WRITE_H
#define STORE_DISK_ROSTER_WRITE_H

#include "store/disk/repo_create.h"

/* Add an epoch after the last.  @s is the owner's secret.  -ENOMEM. */
cr_must_check int cr_roster_add_epoch(struct cr_roster *roster,
				      const struct cr_key *s);

/*
 * Add a domain with a fresh id, sealed for the newest epoch, where its id
 * belongs in the order.  -ENOMEM, -CR_EUSAGE when there are too many.
 */
cr_must_check int cr_roster_add_domain(struct cr_roster *roster,
				       const struct cr_key *s,
				       struct cr_uid *id);

/*
 * Add @key, whose arrays are taken, whatever is returned, with its grant made.
 * -ENOMEM, -CR_EUSAGE when there are too many.
 */
cr_must_check int cr_roster_add_key(struct cr_roster *roster,
				    const struct cr_key *s,
				    struct cr_roster_key *key);

/* Make the grant of @key anew, for all epochs there are. */
cr_must_check int cr_roster_grant(const struct cr_roster *roster,
				  const struct cr_key *s,
				  struct cr_roster_key *key);

/*
 * Sign @roster and store it as number @n after the roster with hash @prev.
 * -EEXIST without a sentence when that number is taken.
 */
struct cr_roster_place {
	struct cr_uid repository;
	uint64_t n;
	struct cr_id prev;
};
cr_must_check int cr_roster_put(struct cr_storage_w *w, const struct cr_key *s,
				const struct cr_roster_place *place,
				struct cr_roster *roster);

/*
 * Wrap @bundle and store the slot; its id.  -CR_EUSAGE for parameters out of
 * bounds.
 */
cr_must_check int cr_slot_put(struct cr_storage_w *w,
			      const struct cr_uid *repository,
			      const struct cr_bundle *bundle,
			      const struct cr_slot_secret *wrap,
			      struct cr_uid *id);

#endif
