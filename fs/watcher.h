/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watcher.h - for auto_unmount: a process that only waits for the end of the
 * others, of which it has the reading end of a pipe, and then unmounts.
 */
#ifndef FS_WATCHER_H
#define FS_WATCHER_H

#include "fs/mountpoint.h"
#include "store/base/util.h"

struct cr_watch {
	const char *path; /* borrowed */
	struct cr_mounted mounted;
	int alive; /* the reading end */
};

/* Start it, in a session of its own.  -errno, with a sentence. */
cr_must_check int cr_watcher_start(const struct cr_watch *watch);

#endif
