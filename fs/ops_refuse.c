/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What would change something: always refused. */
#include <errno.h>
#include <fuse_lowlevel.h>

#include "fs/ops_int.h"

void cr_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		   int to_set, struct fuse_file_info *fi)
{
	(void)ino;
	(void)attr;
	(void)to_set;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

void cr_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, dev_t rdev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)rdev;
	fuse_reply_err(req, EROFS);
}

void cr_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	fuse_reply_err(req, EROFS);
}

/* Also rmdir. */
void cr_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

void cr_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		   const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
void cr_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t to_parent, const char *to_name, unsigned int flags)
{
	(void)parent;
	(void)name;
	(void)to_parent;
	(void)to_name;
	(void)flags;
	fuse_reply_err(req, EROFS);
}

void cr_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t to_parent,
		const char *to_name)
{
	(void)ino;
	(void)to_parent;
	(void)to_name;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
void cr_op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes, size_t size,
		 off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	(void)bytes;
	(void)size;
	(void)off;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

void cr_op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, struct fuse_file_info *fi)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
void cr_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		     off_t len, struct fuse_file_info *fi)
{
	(void)ino;
	(void)mode;
	(void)off;
	(void)len;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
void cr_op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
		    const char *value, size_t size, int flags)
{
	(void)ino;
	(void)name;
	(void)value;
	(void)size;
	(void)flags;
	fuse_reply_err(req, EROFS);
}

void cr_op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	(void)name;
	fuse_reply_err(req, EROFS);
}
