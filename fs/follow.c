/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/follow.h"

#include "store/base/util.h"

#define CREDIT_MAX 16
#define PROBE	   8 /* blocks missed for another try */

void cr_follow_init(struct cr_follow *follow)
{
	atomic_init(&follow->credit, CREDIT_MAX / 2);
	atomic_init(&follow->missed, 0);
}

static void give(struct cr_follow *follow, int n)
{
	int has = atomic_load(&follow->credit);

	while (!atomic_compare_exchange_weak(&follow->credit, &has,
					     cr_min(has + n, CREDIT_MAX)))
		;
}

void cr_follow_used(struct cr_follow *follow, bool brought)
{
	if (brought)
		give(follow, 2);
	else if (atomic_fetch_add(&follow->missed, 1) % PROBE == PROBE - 1)
		give(follow, 1);
}

bool cr_follow_pay(struct cr_follow *follow)
{
	int has = atomic_load(&follow->credit);

	while (has > 0)
		if (atomic_compare_exchange_weak(&follow->credit, &has,
						 has - 1))
			return true;
	return false;
}

void cr_follow_refund(struct cr_follow *follow)
{
	give(follow, 1);
}
