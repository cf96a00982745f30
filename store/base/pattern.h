/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pattern.h - which paths a person means by --exclude and --include.
 *
 * A pattern without "/" (but at its end) is matched against the last part of a
 * path, at any depth.  One that begins with "/" is matched against the absolute
 * path; any other against the path within the snapshot.  "*" and "?" do not
 * match "/", "**" does.  A "/" at the end means directories only.
 */
#ifndef STORE_BASE_PATTERN_H
#define STORE_BASE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/util.h"

struct cr_patterns {
	char **pattern; /* owned */
	size_t count;
};

void cr_patterns_release(struct cr_patterns *patterns);

/* Add a copy of @text.  -EINVAL when it is empty; -ENOMEM. */
cr_must_check int cr_patterns_add(struct cr_patterns *patterns,
				  const char *text);

/*
 * Add each line of the file at @path; empty lines and those that begin with
 * "#" are left out.  -errno with a sentence.
 */
cr_must_check int cr_patterns_add_file(struct cr_patterns *patterns,
				       const char *path);

/* @path is within the snapshot; @top, "" or absolute, stands before it. */
bool cr_patterns_match(const struct cr_patterns *patterns, const char *top,
		       const char *path, bool is_dir);

#endif
