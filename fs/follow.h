/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.h - whether the blocks that follow one in its pack are worth decoding
 * before they are asked for.
 *
 * A pack holds files in the order in which a walk wrote them; who walks the
 * same way needs its blocks one after another.  A snapshot of which little is
 * new needs a chunk here and there.  So it is paid for: a block that is brought
 * costs one of a small credit, its first use gives two back; and blocks that
 * are needed without having been brought give a little, to try again.
 *
 * Any thread may call anything; nothing is locked.
 */
#ifndef FS_FOLLOW_H
#define FS_FOLLOW_H

#include <stdatomic.h>
#include <stdbool.h>

#define CR_FOLLOW_BLOCKS 2u /* after the one in use */

struct cr_follow {
	atomic_int credit;
	atomic_uint missed; /* blocks needed, not brought */
};

void cr_follow_init(struct cr_follow *follow);
/* Somebody uses a block, @brought before. */
void cr_follow_used(struct cr_follow *follow, bool brought);
/* Whether to bring one; it is paid for. */
bool cr_follow_pay(struct cr_follow *follow);
/* It was there already. */
void cr_follow_refund(struct cr_follow *follow);

#endif
