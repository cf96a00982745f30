/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * damage.h - tell once, in the log, of each place that could not be read:
 * snapshot, path and why.
 */
#ifndef FS_DAMAGE_H
#define FS_DAMAGE_H

#include <stddef.h>

#include "store/base/util.h"

struct cr_damage;

cr_must_check int cr_damage_new(struct cr_damage **ret);
void cr_damage_free(struct cr_damage *damage);

struct cr_damaged {
	const char *snapshot; /* "source, 2026-11-22T02-15-00Z" */
	const void *path;     /* any bytes */
	size_t path_len;
	int error; /* what was returned; cr_detail() is the sentence */
};

/*
 * One line, unless this place was told of before.  Any thread.  What is
 * remembered is bounded: after very many places one last line says so.
 */
void cr_damage_tell(struct cr_damage *damage, const struct cr_damaged *what);

/* The same for what has no path; @what names it and why. */
void cr_damage_note(struct cr_damage *damage, const char *what);

static inline void cr_damage_freep(struct cr_damage **damage)
{
	cr_damage_free(*damage);
}

#endif
