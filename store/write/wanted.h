/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wanted.h - several paths as one tree: which names to take on the way to them.
 */
#ifndef STORE_WRITE_WANTED_H
#define STORE_WRITE_WANTED_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/util.h"

struct cr_wanted {
	char *name;		  /* owned */
	bool whole;		  /* everything below is wanted */
	struct cr_wanted **child; /* owned; sorted by name when built */
	size_t children;
};

/*
 * The tree of @n absolute, resolved paths.  A path below another adds nothing.
 * Free with cr_wanted_free().
 */
cr_must_check int cr_wanted_build(char *const *path, size_t n,
				  struct cr_wanted **ret);
void cr_wanted_free(struct cr_wanted *wanted);

#endif
