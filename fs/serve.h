/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serve.h - the process that unlocks, opens, mounts, and then serves from
 * within the sandbox.
 */
#ifndef FS_SERVE_H
#define FS_SERVE_H

struct cr_mount_options;

/*
 * All of it, from asking for the key to the end of the mount; @keeper is where
 * the keeper listens (keeper.h).  Unmounting is left to him.  Returns the exit
 * status, having said why.
 */
int cr_serve(const struct cr_mount_options *options, int keeper);

#endif
