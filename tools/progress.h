/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * progress.h - a line on the terminal while something takes long: a thread of
 * its own redraws it; nothing appears where stderr is no terminal.
 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_progress;

/* How far it is.  Totals of 0 are not known. */
struct cr_progress_state {
	uint64_t files, files_total;
	uint64_t bytes, bytes_total;
	char path[256];
};
typedef void (*cr_progress_fn)(void *arg, struct cr_progress_state *ret);

/* NULL in *@ret, and 0, where there is nobody to look at it. */
cr_must_check int cr_progress_start(bool quiet, cr_progress_fn look, void *arg,
				    struct cr_progress **ret);
/* Wipe the line and stop.  Accepts NULL. */
void cr_progress_stop(struct cr_progress *progress);

/* Wipe the line so that something else can be printed.  Accepts NULL. */
void cr_progress_clear(struct cr_progress *progress);

#endif
