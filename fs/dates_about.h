/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates_about.h - inside the top level (dates.h): the files of .caprock/, by
 * number.  What a file says never changes while it is mounted: the kernel keeps
 * it, and would show a longer one with zeroes at its end.
 */
#ifndef FS_DATES_ABOUT_H
#define FS_DATES_ABOUT_H

#include "fs/dates.h"

/* -ENOENT without a sentence. */
cr_must_check int cr_date_file_find(const char *name, struct cr_date *ret);
/* The @n-th file; false when there are not so many. */
bool cr_date_file_at(uint64_t n, struct cr_date *ret);
const char *cr_date_file_name(const struct cr_date *file);

#endif
