/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * detach.h - leave the terminal in two steps: what takes names or may fail, and
 * what does not.
 */
#ifndef FS_DETACH_H
#define FS_DETACH_H

#include "store/base/util.h"

struct cr_detach {
	int null; /* a descriptor; begin with -1 */
};

/* Leave session and folder; messages still go to stderr.  -errno. */
cr_must_check int cr_detach_prepare(struct cr_detach *detach);
/* From now on they go to the system log. */
void cr_detach_finish(struct cr_detach *detach);

#endif
