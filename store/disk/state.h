/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h - what this machine remembers of a repository: its index, its stat
 * cache, the newest manifests it saw.  All of it can be rebuilt; losing it
 * loses only rollback detection.  Never inside the repository.
 *
 * STATE/<repository id>/ is 0700 and holds db.<n>/ (index.h), sources/
 * (statcache.h), heads, lock.  Only its owner may write there.
 */
#ifndef STORE_DISK_STATE_H
#define STORE_DISK_STATE_H

#include <stdbool.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_state;

/*
 * Open (and with @create make) STATE/<@repository>/.  @path is --state-dir, or
 * NULL for CAPROCK_STATE_DIR, then /var/lib/caprock for root or
 * $XDG_STATE_HOME/caprock (~/.local/state/caprock).  Refuses, with
 * -CR_EUSAGE, a state directory inside @repo_fd, the repository's directory
 * (-1: none), and one that others can write to.  -ENOENT without a sentence
 * when it does not exist and @create is false; -errno.
 */
cr_must_check int cr_state_open(const char *path, int repo_fd,
				const struct cr_uid *repository, bool create,
				struct cr_state **ret);
void cr_state_close(struct cr_state *state); /* lets go of the lock */

int cr_state_fd(const struct cr_state *state);
/* The absolute path of @name below the state's folder; free() it. */
char *cr_state_path(const struct cr_state *state, const char *name);

/*
 * Take the writer's lock: an open-file-description lock, gone with the process.
 * Without @wait: -CR_ELOCKED, the sentence saying who holds it (pid, command,
 * since when).  With @wait: @waiting (may be NULL) is called once with that
 * sentence, then this blocks; -EINTR when a signal handler ran.
 */
cr_must_check int cr_state_lock(struct cr_state *state, bool wait,
				void (*waiting)(const char *who));
void cr_state_unlock(struct cr_state *state);
bool cr_state_locked(const struct cr_state *state); /* by us */

/* The newest this machine saw of one writer's chain (and of the roster). */
struct cr_head {
	struct cr_uid writer; /* zero: the roster; then only seq and hash */
	struct cr_uid incarnation;
	uint64_t seq;
	struct cr_id hash;
};

struct cr_heads {
	struct cr_head *head; /* owned */
	size_t count;
};

/* A missing file gives none; a damaged one too, with a sentence in the log. */
cr_must_check int cr_heads_load(const struct cr_state *state,
				struct cr_heads *ret);
struct cr_head *cr_heads_find(struct cr_heads *heads,
			      const struct cr_uid *writer);
/* Add or replace the head of one writer. */
cr_must_check int cr_heads_set(struct cr_heads *heads,
			       const struct cr_head *head);
/*
 * Written to a temporary name, synced, renamed.  Needs no lock of the caller:
 * what another process saved since @heads was loaded (unknown writers, a later
 * seq of the same incarnation) is kept.
 */
cr_must_check int cr_heads_save(const struct cr_state *state,
				const struct cr_heads *heads);
void cr_heads_release(struct cr_heads *heads);

static inline void cr_state_closep(struct cr_state **state)
{
	cr_state_close(*state);
}

#endif
