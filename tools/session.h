/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session.h - the repository, unlocked, and as much on top of it as a command
 * needs: state, index, reader, snapshots.
 *
 * A command opens it in steps.  Steps that read tolerate a state directory that
 * cannot be used, and say so once.
 */
#ifndef TOOLS_SESSION_H
#define TOOLS_SESSION_H

#include "store/read/lookup.h"
#include "store/read/reader.h"
#include "store/read/snapshots.h"
#include "tools/command.h"

struct cr_session {
	struct cr_context *ctx;	       /* borrowed */
	struct cr_repo *repo;	       /* owned */
	struct cr_state *state;	       /* owned; or NULL */
	struct cr_index *index;	       /* owned; or NULL */
	struct cr_reader *reader;      /* owned; or NULL */
	struct cr_snapshots snapshots; /* owned */
};

/* --repository or CAPROCK_REPOSITORY; -CR_EUSAGE without. */
cr_must_check int cr_session_path(const struct cr_context *ctx,
				  const char **ret);

/* Ask for the key, unlock, authenticate.  Errors: as cr_repo_open(). */
cr_must_check int cr_session_open(struct cr_context *ctx,
				  struct cr_session *session);
void cr_session_close(struct cr_session *session);

/*
 * Open the state and compare the roster with what this machine saw.  For
 * reading (@writing false) both may go wrong: what is said then is a warning,
 * and exit status 6 where it was tampering.  For writing, and to take the lock
 * with cr_state_lock(), both must work.
 */
cr_must_check int cr_session_state(struct cr_session *session, bool writing);

/* List and check the snapshots; contradictions raise exit status 6. */
cr_must_check int cr_session_snapshots(struct cr_session *session);

/* The one @text names. */
cr_must_check int cr_session_find(struct cr_session *session, const char *text,
				  const struct cr_snapshot **ret);

/*
 * The index, made or brought up to date where that can be done without waiting,
 * and the reader.  Before any thread is started.
 */
cr_must_check int cr_session_reader(struct cr_session *session);

/* All of the above, for commands that read. */
cr_must_check int cr_session_open_reading(struct cr_context *ctx,
					  struct cr_session *session);

/*
 * Split "SNAPSHOT[:PATH]", of which @text is overwritten in part, at the first
 * ":" that is not one of a time as 2026-11-22T02:15:00Z.  Returns the path,
 * "" without one.
 */
char *cr_split_target(char *text, const char **snapshot);

/* @percent of --memory. */
size_t cr_session_share(const struct cr_session *session, unsigned int percent);

#endif
