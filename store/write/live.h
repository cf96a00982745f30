/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * live.h - look at a live directory by descriptor: names, stat, xattrs, link
 * targets, inode flags.  Nothing is followed and nothing is looked up by path.
 *
 * Errors here are the source's: -errno, to be warned about.
 */
#ifndef STORE_WRITE_LIVE_H
#define STORE_WRITE_LIVE_H

#include "store/base/buf.h"
#include "store/codec/tree.h"

/* What stat tells. */
struct cr_live_stat {
	uint64_t device;
	uint64_t inode;
	uint64_t mount;	       /* or 0 where the kernel does not tell */
	uint32_t type;	       /* S_IFMT bits */
	struct cr_entry entry; /* type, mode, owner, size, times, nlink, rdev */
};

/* @name "" means @fd itself. */
cr_must_check int cr_live_stat(int fd, const char *name,
			       struct cr_live_stat *ret);

/*
 * Open for reading, without following, blocking or touching the access time.
 * The descriptor must be what @expect says (device, inode, type): -ESTALE when
 * it is not, so that a swap between stat and open is seen.  What it is goes to
 * @now, which may be NULL or @expect.
 */
cr_must_check int cr_live_open(int dir, const char *name,
			       const struct cr_live_stat *expect,
			       struct cr_live_stat *now, int *fd);
/*
 * Likewise, but what was opened is not looked at: the descriptor or -errno.
 * That is a call less; who reads must then find out what he has read.
 */
cr_must_check int cr_live_open_unseen(int dir, const char *name);

/* Whether both are of the same device, inode and type. */
bool cr_live_same(const struct cr_live_stat *a, const struct cr_live_stat *b);

/*
 * All names in @fd (whose offset is moved), sorted as unsigned bytes, each with
 * its zero byte, in
 * @names; their offsets (size_t) in @offsets.  After an error they hold the
 * names that came before it, sorted too.
 */
cr_must_check int cr_live_names(int fd, struct cr_buf *names,
				struct cr_buf *offsets);

/*
 * The set of xattrs of @dir/@name (or of @dir itself, name ""), encoded for
 * tree.h, in @set; empty without any.  @has_acl tells of POSIX ACLs.  What
 * cannot be read is left out and its errno is returned (negative) with the rest
 * in
 * @set.
 */
cr_must_check int cr_live_xattrs(int dir, const char *name, struct cr_buf *set,
				 bool *has_acl);

/* A symlink's target. */
cr_must_check int cr_live_target(int dir, const char *name, struct cr_buf *out);

/* Inode flags worth keeping, 0 without; of an open file or directory. */
uint32_t cr_live_flags(int fd);

/* Whether @fd lies in a mount of caprock's own. */
bool cr_live_is_own_mount(int fd);

#endif
