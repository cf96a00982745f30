/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * show.h - what the options change of what is shown: owners, modes, symlinks,
 * special files.  Without them everything is as it was stored.
 *
 * What a snapshot says of the machine it came from (its names of users and
 * groups, where its root was) is read when it is first needed and kept in a
 * cache of bounded size.  Any thread may ask.
 */
#ifndef FS_SHOW_H
#define FS_SHOW_H

#include <stdbool.h>
#include <sys/stat.h>

#include "store/codec/hash.h"

struct cr_buf;
struct cr_damage;
struct cr_entry;
struct cr_mount_options;
struct cr_node;
struct cr_reader;
struct cr_show;

struct cr_show_options {
	const struct cr_mount_options *mount; /* borrowed, as all here */
	struct cr_reader *reader;
	struct cr_damage *damage;
	size_t cache_bytes;
};

/*
 * Reads the users and groups of this machine where that is needed: before
 * threads, and before the process is shut in.  -CR_EUSAGE for an owner whom
 * nobody knows; -ENOMEM.
 */
cr_must_check int cr_show_new(const struct cr_show_options *options,
			      struct cr_show **ret);
void cr_show_free(struct cr_show *show);

/* Whether @entry is left out of listings and lookups. */
bool cr_show_hides(const struct cr_show *show, const struct cr_entry *entry);

/* Make @st, what was stored of @node, what is shown. */
void cr_show_stat(struct cr_show *show, const struct cr_node *node,
		  struct stat *st);

/* Whether an xattr of the name @name, of @len bytes, is there at all. */
bool cr_show_has_xattr(const struct cr_show *show, const char *name,
		       size_t len);

/*
 * Make @value, what was stored of the xattr @name of @node, what is shown:
 * in place, or in @out to which it then points.  -ENOMEM.
 */
cr_must_check int cr_show_xattr(struct cr_show *show,
				const struct cr_node *node, const char *name,
				struct cr_piece *value, struct cr_buf *out);

/* Append what is shown of @target, that of the symlink @node.  -ENOMEM. */
cr_must_check int cr_show_target(struct cr_show *show,
				 const struct cr_node *node,
				 struct cr_piece target, struct cr_buf *out);

static inline void cr_show_freep(struct cr_show **show)
{
	cr_show_free(*show);
}

#endif
