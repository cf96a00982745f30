/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chain.h - do the manifests contradict each other, or what this machine saw
 * before?  FORMAT.md section 10, "Which manifests count".
 */
#ifndef STORE_READ_CHAIN_H
#define STORE_READ_CHAIN_H

#include "store/read/snapshots.h"

/*
 * Check the chains of @set and compare them with the heads in @state (may be
 * NULL), which are brought up to date where the state can be written.  What is
 * found goes into set->tampered; the return value is 0, -ENOMEM or -errno.
 */
cr_must_check int cr_chains_check(struct cr_state *state,
				  struct cr_snapshots *set);

#endif
