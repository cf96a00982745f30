/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.h - owners of a snapshot as owners of this machine, by name: the
 * snapshot's table of users or groups (FORMAT.md section 10) against ours.
 *
 * An owner whose name is not known here becomes CR_NOBODY, which is nobody's:
 * the number may be somebody else's, also of those whom this machine does not
 * list.  So no one is ever taken for another.
 *
 * Tables and maps are immutable once made: any thread may ask them.
 */
#ifndef FS_NAMES_H
#define FS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"
#include "store/codec/hash.h"

/* Not 65534: programs do run as that. */
#define CR_NOBODY 4294967294u

struct cr_name {
	char *name; /* owned */
	uint32_t number;
};

/* The users or the groups of this machine. */
struct cr_names {
	struct cr_name *name; /* owned; sorted by name once made */
	size_t count;
	size_t room;
};

/* All that this machine lists.  Not for threads: getpwent(3).  -ENOMEM. */
cr_must_check int cr_names_users(struct cr_names *ret);
cr_must_check int cr_names_groups(struct cr_names *ret);

/* Made by hand: add any number, in any order, then sort.  -ENOMEM. */
cr_must_check int cr_names_add(struct cr_names *names, const char *name,
			       uint32_t number);
void cr_names_sort(struct cr_names *names);
void cr_names_release(struct cr_names *names);

struct cr_name_pair {
	uint32_t from, to;
};

/* From the numbers of one snapshot to ours. */
struct cr_name_map {
	/* Owned; sorted by from: those whose name is known here. */
	struct cr_name_pair *pair;
	size_t count;
};

/*
 * @text is lines "number name\n" from a repository; a line that is none is
 * passed over, of two for one number one counts.  -ENOMEM.
 */
cr_must_check int cr_name_map_init(struct cr_name_map *map,
				   const struct cr_names *ours,
				   struct cr_piece text);
void cr_name_map_release(struct cr_name_map *map);

uint32_t cr_name_map_get(const struct cr_name_map *map, uint32_t number);

#endif
