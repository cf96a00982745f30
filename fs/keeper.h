/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.h - the process that stays outside: it starts the one that serves,
 * keeps what unmounting takes, and parses nothing that comes from a repository.
 *
 * Signals to either end both.  When the serving process dies, whatever of, the
 * keeper unmounts, so that no dead mountpoint stays.  The keeper holds no key
 * and no descriptor but those it needs, and speaks to the service manager.
 */
#ifndef FS_KEEPER_H
#define FS_KEEPER_H

#include <stdbool.h>

struct cr_mount_options;

/* What the serving process tells, a byte each. */
enum cr_news {
	CR_NEWS_MOUNTED = 'm',
	CR_NEWS_READY = 'r', /* the kernel has said hello */
	CR_NEWS_IDLE = 'i',  /* for as long as was given */
	CR_NEWS_END = 'e',   /* a signal came: unmount, then signal again */
};

/* False when nobody listens. */
bool cr_keeper_tell(int keeper, enum cr_news news);

/*
 * Fork; the child returns what @serve does, the parent once the child has
 * ended and nothing is mounted any more.  @launcher (-1: nobody waits) gets a
 * byte when a first request was answered.  Returns the exit status.
 */
int cr_keeper_run(const struct cr_mount_options *options, int launcher,
		  int (*serve)(const struct cr_mount_options *options,
			       int keeper));

#endif
