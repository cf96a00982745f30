/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listing.h - one reply to readdir or readdirplus, as it is put together.
 *
 * Positions: 0 ".", 1 "..", then in a snapshot 2 + the entry's ordinal, at the
 * top level 2 + the name's cookie.  So a listing can go on from any of them
 * without anything being kept.
 */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_mount;
struct cr_node;

struct cr_listing {
	struct cr_mount *mount; /* borrowed */
	bool plus;
	char *bytes; /* owned */
	size_t len;
	size_t room;
	size_t added;	   /* records but the dots */
	uint64_t *counted; /* owned: nodes whose lookup was counted */
	size_t counts;
	size_t counted_room;
};

/* @size is what the kernel has room for.  -ENOMEM. */
cr_must_check int cr_listing_init(struct cr_listing *listing,
				  struct cr_mount *mount, size_t size,
				  bool plus);
void cr_listing_release(struct cr_listing *listing);

/*
 * Add what is in @dir from position @from on, as much as there is room for.
 * Errors are those of the first entry: a later one ends the reply, and comes up
 * when that entry is asked for.
 */
cr_must_check int cr_listing_fill(struct cr_listing *listing,
				  struct cr_node *dir, uint64_t from);

/* The reply did not reach the kernel. */
void cr_listing_take_back(struct cr_listing *listing);

#endif
