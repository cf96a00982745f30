/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ino.h - inode numbers: 64 bits of a keyed hash, so the same after every
 * mount.
 *
 * A regular file with one link has the number of (source, path, record): where
 * it did not change it has the same in every snapshot, and programs that
 * compare need not read it.  Everything else is unique to its snapshot: cp and
 * tar would write one version of a linked file over another, and refuse two
 * directories that seem to be one.  The links of a group in one snapshot share
 * a number.
 *
 * For who only compares, directories that are equal in all that is below them
 * may share a number too.
 *
 * Keyed, because numbers can be seen by everybody who may list a directory.
 */
#ifndef FS_INO_H
#define FS_INO_H

#include <stdint.h>

#include "store/codec/hash.h"

struct cr_domain_keys;
struct cr_entry;
struct cr_file_ref;
struct cr_tree_ref;

/* The key of a source's root, then of each directory below it. */
void cr_ino_root_key(const struct cr_domain_keys *domain, const char *source,
		     struct cr_key *ret);
void cr_ino_folder_key(const struct cr_key *parent, struct cr_piece name,
		       struct cr_key *ret);

struct cr_ino_of {
	const struct cr_domain_keys *domain; /* borrowed, as all here */
	const struct cr_key *folder;	     /* of the directory it is in */
	const struct cr_id *snapshot;
	const struct cr_entry *entry;
	const struct cr_file_ref *file; /* of regular files, else NULL */
	const struct cr_tree_ref *tree; /* of directories that may share */
};

/* The number of an entry; a snapshot's root is an entry without a name. */
uint64_t cr_ino(const struct cr_ino_of *of);

/* The number of something at the top level, by its path. */
uint64_t cr_ino_date(const struct cr_id *repository_hash, const char *path);

#endif
