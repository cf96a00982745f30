/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * leftovers.h - the temporary files of a session that was killed.
 *
 * A session notes in STATE/<repository id>/session under which names it
 * writes, and takes the note back when it ends.  A note that is there when the
 * next session begins is of one that did not end: what it left is removed.
 * Nobody else's files are touched, however old.
 */
#ifndef STORE_WRITE_LEFTOVERS_H
#define STORE_WRITE_LEFTOVERS_H

#include "store/disk/state.h"
#include "store/disk/storage_write.h"

/*
 * Sweep, then note the names of @w.  The state is locked.  Never fails: what
 * cannot be swept costs space, and is told in the log.
 */
void cr_leftovers_begin(const struct cr_state *state, struct cr_storage_w *w);

/* All of @w is committed or aborted. */
void cr_leftovers_end(const struct cr_state *state);

#endif
