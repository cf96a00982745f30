/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past.h - what is in versions/ and deleted/, from the histories of paths.
 *
 *	versions/<source>/<path>/<stamp>__<name>  a link to each version of a
 *		file, named by the first snapshot that has it
 *	deleted/<source>/<path>/<stamp>__<name>   a link to the last version of
 *		what is gone from the newest snapshot, by the last that has it
 *
 * Below versions/ every name that ever was in a directory is a directory,
 * below deleted/ those that are still there and ever were one.  Links lead into
 * snapshots/: so nothing is in two places, and what may be read is decided
 * there.  Who may list a directory here is who could list all versions of it.
 *
 * A name of more than 233 bytes has no room for the stamp: its end is cut but
 * for the extension, and a hash of it added: <stamp>__<begin>~<8 digits>.<ext>.
 *
 * A link goes before a name that happens to look the same.  Histories and lists
 * are kept in caches of bounded size; any thread may call any function.
 */
#ifndef FS_PAST_H
#define FS_PAST_H

#include "fs/inode.h"

struct cr_buf;
struct cr_damage;
struct cr_past;

struct cr_past_options {
	struct cr_reader *reader; /* borrowed, as all here */
	struct cr_dates *dates;
	struct cr_inodes *inodes;
	struct cr_damage *damage; /* is told of what cannot be read */
	const char *path;	  /* what stands before all paths; or NULL */
	struct cr_key key;	  /* of inode numbers */
	uid_t uid;		  /* whose is what has no other owner */
	gid_t gid;
	/* Owners are shown as they were stored; else all is that user's. */
	bool owners;
	size_t cache_bytes;
};

cr_must_check int cr_past_new(const struct cr_past_options *options,
			      struct cr_past **ret);
void cr_past_free(struct cr_past *past);

/*
 * What @name is in @dir, one that is cr_date_in_past().  @ret is to be put back
 * once a node has it.  -ENOENT without a sentence; damage, which was told.
 */
cr_must_check int cr_past_find(struct cr_past *past, const struct cr_date *dir,
			       const char *name, struct cr_date *ret);
void cr_past_put(struct cr_past *past, struct cr_date *date);

struct cr_past_item {
	uint64_t cookie;
	uint64_t ino;
	mode_t type; /* S_IFDIR, S_IFLNK */
	char name[CR_NAME_MAX + 1];
};

/*
 * Up to @max names of @dir that come after @cookie (0: the first ones); a name
 * keeps its cookie.  Returns how many; where it is 0 an error, when some could
 * not be read.
 */
cr_must_check int cr_past_list(struct cr_past *past, const struct cr_date *dir,
			       uint64_t cookie, struct cr_past_item *out,
			       size_t max);

/* Of what is cr_date_is_past().  What cannot be told is nobody's to look at. */
void cr_past_stat(struct cr_past *past, const struct cr_date *date,
		  struct stat *ret);

/* Append what a link leads to, with its zero.  -ENAMETOOLONG. */
cr_must_check int cr_past_target(struct cr_past *past,
				 const struct cr_date *date,
				 struct cr_buf *out);

/*
 * The name of a link to @name at @time: see above.  And the reverse, as far as
 * there is one: the time, and what stands after it.  -ENOENT.
 */
void cr_past_name(int64_t time, struct cr_piece name,
		  char out[CR_NAME_MAX + 1]);
cr_must_check int cr_past_parse(const char *text, int64_t *time,
				const char **name);

static inline void cr_past_freep(struct cr_past **past)
{
	cr_past_free(*past);
}

#endif
