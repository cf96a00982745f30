/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backup_paths.h - what a person asked to back up, as resolved paths.
 */
#ifndef TOOLS_BACKUP_PATHS_H
#define TOOLS_BACKUP_PATHS_H

#include <stddef.h>

#include "store/base/util.h"

struct cr_paths {
	char **path; /* owned */
	size_t count;
};

void cr_paths_release(struct cr_paths *paths);

/* Add @path, absolute and with its symlinks resolved.  -errno, a sentence. */
cr_must_check int cr_paths_add(struct cr_paths *paths, const char *path);

/* Add each path in @file ("-": standard input), which end with zero bytes. */
cr_must_check int cr_paths_add_file0(struct cr_paths *paths, const char *file);

#endif
