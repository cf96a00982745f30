/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privileges.h - give away what a process of root does not need.  All of it is
 * of the calling thread and of those that it starts.
 */
#ifndef FS_PRIVILEGES_H
#define FS_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"

/* A set of CAP_... of linux/capability.h. */
#define CR_CAPABILITY(cap) (UINT64_C(1) << (cap))

/*
 * Keep @keep at most, for good; no program that is run gives us more than we
 * have.  Both may be called in a signal's handler.  -errno without a sentence.
 */
cr_must_check int cr_privileges_keep(uint64_t keep);
cr_must_check int cr_privileges_no_new(void);

/*
 * Whether root needs a capability to read all below @folder: something at the
 * top of it belongs to somebody else, or somebody else may add to it.
 */
bool cr_privileges_are_needed(int folder);

/* Whether we need one to make things in @folder, or cannot at all. */
bool cr_privileges_are_needed_to_write(int folder);

#endif
