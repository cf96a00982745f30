/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * figures.h - how many requests of which kind were answered, how long that
 * took, and when the last one came.
 *
 * Any thread may count and ask; nothing is locked, so what is printed while
 * requests come in may be one of them off.
 */
#ifndef FS_FIGURES_H
#define FS_FIGURES_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_figures;
struct cr_reader;
struct fuse_lowlevel_ops;

enum cr_request {
	CR_REQUEST_LOOKUP,
	CR_REQUEST_GETATTR,
	CR_REQUEST_READLINK,
	CR_REQUEST_OPENDIR,
	CR_REQUEST_READDIR, /* with attributes or without */
	CR_REQUEST_OPEN,
	CR_REQUEST_READ,
	CR_REQUEST_LSEEK,
	CR_REQUEST_GETXATTR,
	CR_REQUEST_LISTXATTR,
	CR_REQUEST_STATFS,
	CR_REQUESTS,
};

cr_must_check int cr_figures_new(struct cr_figures **ret);
void cr_figures_free(struct cr_figures *figures);

/* A request of that kind came and, @ns later, was answered. */
void cr_figures_begin(struct cr_figures *figures);
void cr_figures_add(struct cr_figures *figures, enum cr_request kind,
		    uint64_t ns);

/* Whole seconds in which no request came and none was answered. */
uint64_t cr_figures_idle(const struct cr_figures *figures);
/* Somebody is there, though he asks for nothing. */
void cr_figures_touch(struct cr_figures *figures);

/*
 * What is known of @kind, such as "read: 3 requests, 1.2 ms on average, 99 %
 * within 4.1 ms, slowest 3.9 ms".  Returns how many there were; 0: no text.
 */
#define CR_FIGURES_TEXT_MAX 160
uint64_t cr_figures_text(const struct cr_figures *figures, enum cr_request kind,
			 char out[CR_FIGURES_TEXT_MAX]);

/* All that is known of requests and of the cache of @reader, to the log. */
void cr_figures_log(const struct cr_figures *figures, struct cr_reader *reader);

/*
 * Set @ret to the operations of ops.h, which answer before they return, with
 * counting around them.  Those that tell us something rather than ask, FORGET
 * among them, are not counted.
 */
void cr_figures_count(struct fuse_lowlevel_ops *ret);

static inline void cr_figures_freep(struct cr_figures **figures)
{
	cr_figures_free(*figures);
}

#endif
