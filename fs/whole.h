/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * whole.h - a file is served whole, or not at all once it is known to be
 * damaged: so that no copy of a part is taken for all of it.
 *
 * When a file is read for the first time, its list is looked at, and whether
 * the packs are there that it leads to.  What a block holds shows when it is
 * decoded; the file is then refused at every offset (damage.h), and tried again
 * after some seconds.
 */
#ifndef FS_WHOLE_H
#define FS_WHOLE_H

#include "fs/damage.h"
#include "store/read/file.h"

struct cr_mount;
struct cr_node;

/*
 * Whether @file, which @node is, may be served.  0, or what is known of it,
 * with its sentence; errors are as cr_file_span().
 */
cr_must_check int cr_whole_check(struct cr_mount *mount,
				 const struct cr_node *node,
				 const struct cr_file *file);

/* The same, and the bytes of @range (fewer at the end of the file). */
cr_must_check int cr_whole_span(struct cr_mount *mount,
				const struct cr_node *node,
				const struct cr_file *file,
				const struct cr_range *range,
				struct cr_span *ret);

#endif
