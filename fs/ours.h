/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ours.h - extended attributes that nobody stored: what caprock knows of an
 * entry.  Given when asked for by name, never listed: so no program copies
 * them.  They come before stored ones of the same name, which somebody may have
 * made to deceive.
 *
 *	user.caprock.snapshot	the id of the snapshot
 *	user.caprock.first_seen	the first and the last snapshot of the source
 *	user.caprock.last_seen	in which this very version is at this path
 *	user.caprock.b2sum256	what `b2sum -l 256` prints of the file
 */
#ifndef FS_OURS_H
#define FS_OURS_H

#include <stdbool.h>

#include "store/base/util.h"

struct cr_buf;
struct cr_mount;
struct cr_node;

/* Whether the xattr @name is one of these. */
bool cr_ours_is(const char *name);

/*
 * Append its value for @node: text, without an end.  -ENODATA where there is no
 * such thing: of another kind of entry, or a hash that was not stored.  Errors
 * of reading.
 */
cr_must_check int cr_ours_get(struct cr_mount *mount,
			      const struct cr_node *node, const char *name,
			      struct cr_buf *out);

#endif
