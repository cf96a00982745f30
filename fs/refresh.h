/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * refresh.h - the thread that looks every second which snapshots there are,
 * tells the kernel what it must not keep any longer, and takes the signals:
 * those that end the mount, and SIGUSR1, which prints figures to the log.
 *
 * It is one thread for all of it: what notifies the kernel may have to wait for
 * a request of ours, so it must have ended before nobody serves any more.
 */
#ifndef FS_REFRESH_H
#define FS_REFRESH_H

#include "store/base/util.h"

struct cr_mount;
struct cr_refresh;

/*
 * Block SIGTERM, SIGINT, SIGHUP and SIGUSR1 in this thread and those it will
 * start: they are for the thread below.
 */
void cr_refresh_block_signals(void);

/*
 * @mount is borrowed; its session is there.  On a signal the session is ended
 * and the calling thread, which is to run its loop, is interrupted.  -errno.
 */
cr_must_check int cr_refresh_start(struct cr_mount *mount,
				   struct cr_refresh **ret);
/* Ends the thread.  Accepts NULL. */
void cr_refresh_stop(struct cr_refresh *self);

static inline void cr_refresh_stopp(struct cr_refresh **refresh)
{
	cr_refresh_stop(*refresh);
}

#endif
