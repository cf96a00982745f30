/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.h - what .caprock/status.json says: JSON, one object.
 *
 * One thread says what changed, any number ask.  Nothing is held over I/O.
 */
#ifndef FS_STATUS_H
#define FS_STATUS_H

#include "store/read/snapshots.h"

struct cr_buf;
struct cr_damage;
struct cr_reader;
struct cr_status;

/* All borrowed. */
struct cr_status_options {
	const struct cr_repo *repo;
	struct cr_reader *reader;
	struct cr_damage *damage;
	size_t cache_bytes; /* of the whole mount, as it was asked for */
};

cr_must_check int cr_status_new(const struct cr_status_options *options,
				struct cr_status **ret);
void cr_status_free(struct cr_status *status);

/*
 * @set is what there is now; of @only (NULL: of all sources) it is shown, but
 * for @refused snapshots that the options exclude.  -ENOMEM: the last one
 * stays.
 */
struct cr_status_list {
	const struct cr_snapshots *set;
	const char *only;
	size_t refused;
};
cr_must_check int cr_status_listed(struct cr_status *status,
				   const struct cr_status_list *list);

/* The snapshots were looked for: with @error (0: without), cr_detail() why. */
void cr_status_refreshed(struct cr_status *status, int error);
/* Our own key was revoked: @why. */
void cr_status_shut_out(struct cr_status *status);

/* Append the text.  @status is a struct cr_status: see fs/dates.h.  -ENOMEM. */
cr_must_check int cr_status_text(void *status, struct cr_buf *out);

static inline void cr_status_freep(struct cr_status **status)
{
	cr_status_free(*status);
}

#endif
