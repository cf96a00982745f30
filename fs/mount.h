/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mount.h - what a mount serves from: the repository, unlocked, its reader, and
 * the tables on top of them.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <pthread.h>
#include <stdatomic.h>

#include "fs/damage.h"
#include "fs/dates.h"
#include "fs/detach.h"
#include "fs/handle.h"
#include "fs/inode.h"
#include "fs/options.h"
#include "fs/past.h"
#include "fs/status.h"
#include "store/read/snapshots.h"

struct cr_ahead;
struct cr_figures;
struct cr_index_later;
struct cr_loop;
struct cr_part;
struct cr_repo;
struct cr_show;
struct cr_state;
struct fuse_session;

struct cr_mount {
	const struct cr_mount_options *options; /* borrowed */
	struct cr_repo *repo;			/* owned, as all below */
	struct cr_state *state;			/* or NULL */
	struct cr_index_later *index;		/* or NULL */
	struct cr_reader *reader;
	struct cr_damage *damage;
	struct cr_status *status;
	struct cr_dates *dates;
	struct cr_inodes *inodes;
	struct cr_files *files;
	struct cr_show *show;
	struct cr_part *part; /* or NULL: all is shown */
	struct cr_past *past;
	struct cr_ahead *ahead;
	struct cr_snapshots snapshots; /* of whoever refreshes */
	bool listed;		       /* likewise: shown, once at least */
	bool shut_out;		       /* likewise: our key was revoked */

	struct fuse_session *session; /* borrowed; set before it is served */
	void (*ready)(void *arg);     /* the kernel has said hello; or NULL */
	void *ready_arg;
	struct cr_figures *figures; /* borrowed; likewise */
	struct cr_loop *loop;	    /* borrowed; likewise */
	struct cr_detach detach;
	int keeper;   /* where he listens; borrowed */
	bool no_open; /* set before the first request, as is: */
	bool no_opendir;
	bool no_acl; /* the kernel enforces none here */

	pthread_t loader; /* of what decodes; see cr_mount_loaded() */
	bool loads;

	atomic_ullong bytes;   /* of all packs, for statfs */
	atomic_ullong entries; /* in all snapshots */
};

/*
 * Ask for the key, unlock and authenticate.  @options is borrowed.
 *
 * Errors: as cr_repo_open(); -CR_ECAPABILITY for a key that does not read;
 * -EINVAL when the mountpoint and the repository lie in each other.
 */
cr_must_check int cr_mount_unlock(const struct cr_mount_options *options,
				  struct cr_mount **ret);

/*
 * Open state and reader, list the snapshots, and have the index made ready by
 * a process of its own.  Starts threads: call it after the last fork, and with
 * the signals blocked that are not for them.
 *
 * Errors: as cr_snapshots_update(); -CR_EUSAGE for options that do not fit
 * what is there.
 */
cr_must_check int cr_mount_open(struct cr_mount *mount);
void cr_mount_close(struct cr_mount *mount);

/*
 * Wait for the end of a thread that cr_mount_open() left loading libraries:
 * before the sandbox is entered.
 */
void cr_mount_loaded(struct cr_mount *mount);

/*
 * 0, or -CR_EUSAGE with a sentence where others are to be let in and nobody
 * would enforce ACLs.  What the kernel offers is known once it has said hello.
 */
cr_must_check int cr_mount_may_share(const struct cr_mount *mount);

/* The node of something at the top level. */
cr_must_check int cr_mount_node(struct cr_mount *mount,
				const struct cr_date *date,
				struct cr_node *ret);

/*
 * List the snapshots again, by the newest key list.  1 when what is shown
 * changed, 0, or an error.  Once our own key is revoked all stays as it is.
 */
cr_must_check int cr_mount_refresh(struct cr_mount *mount);

/*
 * The same for the first time: of what this machine has authenticated before,
 * nothing is read again (store/read/remembered.h).
 */
cr_must_check int cr_mount_list_first(struct cr_mount *mount);

/*
 * Have the kernel drop what it keeps of files that turned out to be damaged.
 * Not in a request: it may have to wait for the end of others.
 */
void cr_mount_drop_damaged(struct cr_mount *mount);

/*
 * With path=: say so in the log when none of the newest snapshots has it, for
 * then it may have been misspelt.  Looks into as few of them as that takes.
 */
void cr_mount_look_for_part(const struct cr_mount *mount);

/* Sum up for statfs: lists the packs. */
void cr_mount_sum_up(struct cr_mount *mount);

/*
 * Look up the first entry of the newest snapshot: what fails here is told in
 * the log, and does not keep the others from being served.
 */
void cr_mount_try(struct cr_mount *mount);

/* "source@2026-11-22T02-15-00Z", as the command line names a snapshot. */
#define CR_MOUNT_NAME_MAX (CR_SOURCE_MAX + 1 + CR_STAMP_LEN)
void cr_mount_name(const struct cr_snapshot *snapshot,
		   char out[CR_MOUNT_NAME_MAX]);

/* Append the path of a node of a snapshot, from the snapshot's own root. */
void cr_mount_path(const struct cr_mount *mount, const struct cr_node *node,
		   struct cr_buf *out);

static inline void cr_mount_closep(struct cr_mount **mount)
{
	cr_mount_close(*mount);
}

#endif
