/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.h - SNAPSHOT[:PATH]: an entry of a snapshot, found.
 */
#ifndef TOOLS_TARGET_H
#define TOOLS_TARGET_H

#include "tools/session.h"

struct cr_target {
	const struct cr_snapshot *snapshot; /* borrowed from the session */
	struct cr_view view;
	const char *path; /* borrowed: without "/" at its ends */
	struct cr_found found;
};

/*
 * @text, of argv, is written to.  @session was opened for reading.  Start from
 * a zeroed @ret.  Errors: as cr_snapshots_find(), cr_view_init(), cr_lookup().
 */
cr_must_check int cr_target_find(struct cr_session *session, char *text,
				 struct cr_target *ret);
void cr_target_release(struct cr_target *target);

/* As cr_target_find(), and open the file that it must be. */
struct cr_file;
cr_must_check int cr_target_open(struct cr_session *session, char *text,
				 struct cr_target *target,
				 struct cr_file **ret);

#endif
