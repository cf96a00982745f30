/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops.h - the requests of the kernel, a function each: decode, call one worker
 * that returns a code, reply once on every path.  Nothing but ops*.c replies,
 * and there codes become errno and what is damaged is told in the log.
 *
 * Locks, each released before any other is taken, none of them held over I/O,
 * decode, RocksDB, a reply or a notification to the kernel:
 *
 *	dates.lock	what the top level shows (dates.c)
 *	inodes.lock	shelves, folders, lookup counts (inode.c, shelf.c)
 *	cache shards	pages, open files, blocks, packs (store/read/cache.c)
 *	part.lock	which snapshots have the part that is shown (part.c)
 *	damage.lock	which places were told of (damage.c)
 *	walks.lock	who goes through directories (walk.c)
 *	streams.lock	who reads large files (stream.c)
 *	ahead.lock	what is to be read before it is asked for (ahead.c)
 *
 * State is found by node id and never by file handle: where the kernel supports
 * it, open and opendir are answered ENOSYS and no longer sent.
 *
 * Attributes, names and bytes inside a snapshot never change and are cached for
 * good; what lists snapshots is asked again after a second.
 */
#ifndef FS_OPS_H
#define FS_OPS_H

struct fuse_lowlevel_ops;

/* The userdata of the session is the struct cr_mount. */
extern const struct fuse_lowlevel_ops cr_ops;

/* The largest read the kernel may ask for: as mount option and in init. */
#define CR_MAX_READ (1u << 20)

#endif
