/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * part.h - the one directory that is shown of each snapshot: -o path=.
 *
 * A snapshot that has it is shown as another one, the same in all but its root,
 * which is that directory.  So whatever is asked of a snapshot in this mount
 * begins there, and nothing beside it has a name.  One that does not have it,
 * or something else in its place, is not shown.
 *
 * Each snapshot is looked into when it is first asked for: a page of each
 * directory on the way.  What was found is kept as long as the mount lives, as
 * the snapshots are.  Any thread may ask; nothing is held while it reads.
 */
#ifndef FS_PART_H
#define FS_PART_H

#include "store/base/util.h"

struct cr_damage;
struct cr_part;
struct cr_reader;
struct cr_snapshot;

/*
 * What a person types, as names with one "/" between: one "/" before and one
 * after them may be left out.  No name is "." or "..", empty, or longer than
 * any can be; and there is one.  *@ret is the caller's.  -CR_EUSAGE, -ENOMEM.
 */
cr_must_check int cr_part_path(const char *typed, char **ret);

struct cr_part_options {
	const char *path; /* borrowed, as all here; of cr_part_path() */
	struct cr_reader *reader;
	struct cr_damage *damage; /* is told of what is in the way */
};

cr_must_check int cr_part_new(const struct cr_part_options *options,
			      struct cr_part **ret);
/* Nothing that it gave is in use any more. */
void cr_part_free(struct cr_part *part);

/*
 * What @whole is shown as; borrowed, and the same whenever it is asked.
 * -ENOENT without a sentence when it is not shown.  When that cannot be told,
 * for what is damaged, (*@ret)->error says why, its root is empty, and another
 * time there may be another answer.  -ENOMEM, -EINTR.
 */
cr_must_check int cr_part_of(struct cr_part *part,
			     const struct cr_snapshot *whole,
			     const struct cr_snapshot **ret);

static inline void cr_part_freep(struct cr_part **part)
{
	cr_part_free(*part);
}

#endif
