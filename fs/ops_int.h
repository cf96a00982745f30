/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ops_int.h - between the files of ops.h: the requests that the table in ops.c
 * takes from the others.  Each replies once; their contract is libfuse's.
 */
#ifndef FS_OPS_INT_H
#define FS_OPS_INT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

struct cr_node;

/*
 * Work on @req, called @name in the log, begins, which may take long.  From
 * here to cr_loop_answers() it is not to be touched (loop.h).
 */
void cr_op_begin(fuse_req_t req, const char *name, fuse_ino_t ino);

/*
 * The end of that: @r, negative where it failed, came of @node (which may be
 * zero).  True when the caller is to reply, at once, and with what it has; a
 * failure was replied to, and who waits no longer gets no reply.
 */
bool cr_op_ends(fuse_req_t req, const struct cr_node *node, int r);

/* ops_file.c */
void cr_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cr_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cr_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void cr_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi);
void cr_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		 struct fuse_file_info *fi);

/* ops_xattr.c */
void cr_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    size_t size);
void cr_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);

/* ops_refuse.c: EROFS */
void cr_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		   int to_set, struct fuse_file_info *fi);
void cr_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, dev_t rdev);
void cr_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode);
void cr_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void cr_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		   const char *name);
void cr_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t to_parent, const char *to_name,
		  unsigned int flags);
void cr_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t to_parent,
		const char *to_name);
void cr_op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size,
		 off_t off, struct fuse_file_info *fi);
void cr_op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, struct fuse_file_info *fi);
void cr_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		     off_t len, struct fuse_file_info *fi);
void cr_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    const char *value, size_t size, int flags);
void cr_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
