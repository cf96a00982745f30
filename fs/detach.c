/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/detach.h"

#include <fcntl.h>
#include <unistd.h>

#include "fs/exit.h"
#include "store/base/error.h"
#include "store/base/log.h"

int cr_detach_prepare(struct cr_detach *detach)
{
	detach->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (detach->null < 0)
		return cr_fail(errno, "/dev/null: %m");
	/* Fails only for one that leads a session already. */
	(void)setsid();
	return chdir("/") < 0 ? cr_fail(errno, "/: %m") : 0;
}

void cr_detach_finish(struct cr_detach *detach)
{
	cr_log_init(CR_PROGRAM, true);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		(void)dup2(detach->null, fd);
	cr_closep(&detach->null);
}
