/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - symlinks that stay in their snapshot: -o symlinks=inside.
 *
 * An absolute target, and a relative one that may lead out of the snapshot,
 * would be looked for among the live files.  It becomes a relative link to what
 * was there in the same snapshot; or, where that was not backed up, one that
 * leads nowhere and says so.  Such targets are read by their letters: "a/.." is
 * "", also where a is a link.  What is shown goes up first and then down, so it
 * does not lead out whatever other links it goes through.
 */
#ifndef FS_TARGET_H
#define FS_TARGET_H

#include "store/codec/hash.h"

struct cr_buf;

/* What a target that was not backed up begins with. */
#define CR_TARGET_ABSENT ".not-in-this-snapshot"

/* Where a link is; the pieces are borrowed. */
struct cr_target_at {
	struct cr_piece path; /* within the snapshot: "/docs/link" */
	struct cr_piece top;  /* where the snapshot's root was: "/srv/data" */
};

/* Append what the link shows instead of @target.  -ENOMEM. */
cr_must_check int cr_target_inside(const struct cr_target_at *at,
				   struct cr_piece target, struct cr_buf *out);

#endif
