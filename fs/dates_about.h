/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates_about.h - inside the top level (dates.h): the files of .caprock/.
 *
 * What a file says never changes: the kernel keeps it, and would show a longer
 * one with zeroes at its end.  So a file is a number and a version, and one
 * that says something else is another version, which is another node.
 *
 * Any thread may call anything here.  Nothing is locked by the caller.
 */
#ifndef FS_DATES_ABOUT_H
#define FS_DATES_ABOUT_H

#include <stddef.h>

#include "fs/dates.h"

struct cr_about;
struct cr_buf;

cr_must_check int cr_about_new(const struct cr_dates_options *options,
			       struct cr_about **ret);
void cr_about_free(struct cr_about *about);

/* The newest version of @name.  -ENOENT without a sentence. */
cr_must_check int cr_about_find(struct cr_about *about, const char *name,
				struct cr_date *ret);
/* That of the @n-th file; false when there are not so many. */
bool cr_about_at(struct cr_about *about, uint64_t n, struct cr_date *ret);

const char *cr_about_name(const struct cr_date *file);
size_t cr_about_len(const struct cr_date *file);
/* When it was made, UTC seconds; @otherwise where that is not known. */
int64_t cr_about_time(struct cr_about *about, const struct cr_date *file,
		      int64_t otherwise);
/*
 * Append the @len bytes from @at of that version, fewer at its end.  -ESTALE
 * without a sentence for a status that many others came after.
 */
cr_must_check int cr_about_read(struct cr_about *about,
				const struct cr_date *file, uint64_t at,
				size_t len, struct cr_buf *out);

static inline void cr_about_freep(struct cr_about **about)
{
	cr_about_free(*about);
}

#endif
