/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * statcache.h - what this machine knows of the files it backed up: a file whose
 * size, times and inode are as they were is not read again.
 *
 * Rows are kept a directory at a time, in order of names, several hundred to a
 * row.  A row counts when the session that wrote it ended well (its chunks are
 * durable) and no pack was lost since (the index's generation).  It lives in
 * STATE/sources and can be deleted at any time.
 *
 * One thread reads directories, one other writes them.
 */
#ifndef STORE_WRITE_STATCACHE_H
#define STORE_WRITE_STATCACHE_H

#include "store/codec/tree.h"
#include "store/disk/state.h"
#include "store/write/content.h"

struct cr_statcache;
struct cr_known_dir; /* reads one directory */
struct cr_noted_dir; /* writes one directory */

/* When a file has these, it is as it was. */
struct cr_signature_of_file {
	uint64_t size;
	struct cr_time mtime;
	struct cr_time ctime;
	uint64_t inode;
};

/* All that its entry needs and lstat() does not tell. */
struct cr_known_file {
	struct cr_signature_of_file signature;
	struct cr_stored_content content;
	uint8_t has; /* XATTR_HERE, XATTR_OBJECT, FLAGS, HOLES */
	uint32_t flags;
	bool has_acl;
	struct cr_piece xattrs; /* borrowed: until the next find */
	struct cr_id xattr_id;
};

/*
 * Open (or make) the cache of @state.  One that is damaged is made anew.
 * @generation is that of the index; ids are of @domain.
 */
cr_must_check int cr_statcache_open(const struct cr_state *state,
				    size_t cache_bytes, uint64_t generation,
				    const struct cr_uid *domain,
				    struct cr_statcache **ret);
void cr_statcache_close(struct cr_statcache *cache);

/*
 * The session's rows count from now on.  Call when everything they refer to is
 * durable.
 */
cr_must_check int cr_statcache_commit(struct cr_statcache *cache);
/* All directories have been written: the commit will have less to wait for. */
cr_must_check int cr_statcache_flush_soon(struct cr_statcache *cache);

/*
 * What is known of the last backup of @source, for who wants to say how much is
 * left of this one: zeroes when nothing is.  And to note it.
 */
struct cr_statcache_totals {
	uint64_t files;
	uint64_t bytes;
};
void cr_statcache_get_totals(struct cr_statcache *cache, const char *source,
			     struct cr_statcache_totals *ret);
void cr_statcache_set_totals(struct cr_statcache *cache, const char *source,
			     const struct cr_statcache_totals *totals);

/* @path is the directory's, from the root; @source the snapshot's. */
cr_must_check int cr_known_dir_open(struct cr_statcache *cache,
				    const char *source, struct cr_piece path,
				    struct cr_known_dir **ret);
/* Look for @name; names must come in ascending order.  1 or 0. */
cr_must_check int cr_known_dir_find(struct cr_known_dir *dir,
				    struct cr_piece name,
				    struct cr_known_file *ret);
void cr_known_dir_close(struct cr_known_dir *dir);

cr_must_check int cr_noted_dir_open(struct cr_statcache *cache,
				    const char *source, struct cr_piece path,
				    struct cr_noted_dir **ret);
/* Names must come in ascending order. */
cr_must_check int cr_noted_dir_add(struct cr_noted_dir *dir,
				   struct cr_piece name,
				   const struct cr_known_file *file);
/* Write what is left.  Ends @dir, whatever it returns. */
cr_must_check int cr_noted_dir_finish(struct cr_noted_dir *dir);
void cr_noted_dir_abort(struct cr_noted_dir *dir);

/*
 * Files of several names within this session: by (device, inode).  Kept on
 * disk, forgotten when the cache is closed.
 */
cr_must_check int cr_statcache_link_get(struct cr_statcache *cache,
					uint64_t device, uint64_t inode,
					struct cr_buf *bytes,
					struct cr_known_file *ret);
cr_must_check int cr_statcache_link_put(struct cr_statcache *cache,
					uint64_t device, uint64_t inode,
					const struct cr_known_file *file);

#endif
