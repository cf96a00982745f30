/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - what the process that parses stored bytes can still do: read the
 * repository, keep the state, answer the kernel, write to the log.
 *
 * No new privileges; no capability, but for CAP_DAC_READ_SEARCH where the
 * repository is another user's; landlock; seccomp.  A kernel that lacks one of
 * the last two is told of in the log, and the rest holds all the same.
 *
 * What is open stays usable.  What will be needed and can be opened by name in
 * the repository and in the state only, and no process can be started.
 */
#ifndef FS_SANDBOX_H
#define FS_SANDBOX_H

#include "store/base/util.h"

struct cr_sandbox {
	int repository; /* a directory; borrowed, as the next */
	int state;	/* or -1: there is none */
};

/*
 * For all threads, those that are there and those that will be.  None may be
 * starting others meanwhile.  -errno, with a sentence.
 */
cr_must_check int cr_sandbox_enter(const struct cr_sandbox *sandbox);

/* The part that is seccomp: a list of system calls.  -errno. */
cr_must_check int cr_sandbox_filter_calls(void);

#endif
