/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/watcher.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fs/detach.h"
#include "store/base/error.h"
#include "store/base/log.h"

#define NAME "caprockfs-wait"

/* Nobody ever writes: a pipe without a writer is all that is waited for. */
static void wait_for_the_end(int alive)
{
	ssize_t got;
	char byte;

	do
		got = read(alive, &byte, 1);
	while (got > 0 || (got < 0 && errno == EINTR));
}

static void watch_on(const struct cr_watch *watch)
{
	struct cr_detach detach = { -1 };
	sigset_t all;
	int r = cr_detach_prepare(&detach);

	if (r < 0) {
		cr_log(CR_LOG_ERR, "auto_unmount: %s", cr_detail());
		return;
	}
	cr_detach_finish(&detach);
	(void)prctl(PR_SET_NAME, NAME);
	/* What ends the others ends this, once they have. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (watch->alive > STDERR_FILENO + 1)
		(void)close_range(STDERR_FILENO + 1,
				  (unsigned int)watch->alive - 1, 0);
	(void)close_range((unsigned int)watch->alive + 1, ~0u, 0);
	wait_for_the_end(watch->alive);
	if (!cr_mounted_is_at(&watch->mounted, watch->path))
		return;
	r = cr_mountpoint_unmount(watch->path, true);
	cr_log(CR_LOG_WARNING, "%s: all was killed; unmounted%s%s", watch->path,
	       r < 0 ? " in vain: " : "", r < 0 ? cr_strerror(r) : "");
}

int cr_watcher_start(const struct cr_watch *watch)
{
	pid_t pid = fork();

	if (pid < 0)
		return cr_fail(errno, "auto_unmount: %m");
	if (pid == 0) {
		watch_on(watch);
		_exit(0);
	}
	return 0;
}
