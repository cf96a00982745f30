/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reply.h - what a reply to the kernel holds: attributes with how long they are
 * good, and errno.
 */
#ifndef FS_REPLY_H
#define FS_REPLY_H

#include <sys/stat.h>

struct cr_mount;
struct cr_node;
struct fuse_entry_param;

/* Seconds. */
#define CR_FOREVER  1e9 /* inside a snapshot */
#define CR_A_SECOND 1.0 /* where snapshots are listed */

void cr_reply_stat(struct cr_mount *mount, const struct cr_node *node,
		   struct stat *ret);

/* Fill @e, and count the lookup that it tells the kernel of. */
void cr_reply_entry(struct cr_mount *mount, struct cr_node *node,
		    struct fuse_entry_param *e);

/*
 * The positive errno for @r, a negative code.  What is not an ordinary answer
 * is told in the log, with the path of @node (which may be zero): it could not
 * be read, whatever was looked for in it.
 */
int cr_reply_errno(struct cr_mount *mount, const struct cr_node *node, int r);

#endif
