/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The operations with a clock around them: see cr_figures_count(). */
#include <fuse_lowlevel.h>
#include <time.h>

#include "fs/figures.h"
#include "fs/mount.h"
#include "fs/ops.h"

struct watch {
	struct cr_figures *figures; /* borrowed; the request may be gone */
	struct timespec begun;
};

static struct watch begin(fuse_req_t req)
{
	const struct cr_mount *mount = fuse_req_userdata(req);
	struct watch watch = { .figures = mount->figures };

	cr_figures_begin(watch.figures);
	(void)clock_gettime(CLOCK_MONOTONIC, &watch.begun);
	return watch;
}

static void end(const struct watch *watch, enum cr_request kind)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	cr_figures_add(watch->figures, kind,
		       (uint64_t)(now.tv_sec - watch->begun.tv_sec) *
				       UINT64_C(1000000000) +
			       (uint64_t)now.tv_nsec -
			       (uint64_t)watch->begun.tv_nsec);
}

/* A function like the operation of that name, with the same parameters. */
#define COUNTED(name, kind, parameters, arguments) \
	static void count_##name parameters        \
	{                                          \
		struct watch watch = begin(req);   \
                                                   \
		cr_ops.name arguments;             \
		end(&watch, kind);                 \
	}

COUNTED(lookup, CR_REQUEST_LOOKUP,
	(fuse_req_t req, fuse_ino_t parent, const char *name),
	(req, parent, name))
COUNTED(getattr, CR_REQUEST_GETATTR,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),
	(req, ino, fi))
COUNTED(readlink, CR_REQUEST_READLINK, (fuse_req_t req, fuse_ino_t ino),
	(req, ino))
COUNTED(opendir, CR_REQUEST_OPENDIR,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),
	(req, ino, fi))
COUNTED(readdir, CR_REQUEST_READDIR,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	 struct fuse_file_info *fi),
	(req, ino, size, off, fi))
COUNTED(readdirplus, CR_REQUEST_READDIR,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	 struct fuse_file_info *fi),
	(req, ino, size, off, fi))
COUNTED(open, CR_REQUEST_OPEN,
	(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi),
	(req, ino, fi))
COUNTED(read, CR_REQUEST_READ,
	(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
	 struct fuse_file_info *fi),
	(req, ino, size, off, fi))
COUNTED(lseek, CR_REQUEST_LSEEK,
	(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
	 struct fuse_file_info *fi),
	(req, ino, off, whence, fi))
COUNTED(getxattr, CR_REQUEST_GETXATTR,
	(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size),
	(req, ino, name, size))
COUNTED(listxattr, CR_REQUEST_LISTXATTR,
	(fuse_req_t req, fuse_ino_t ino, size_t size), (req, ino, size))
COUNTED(statfs, CR_REQUEST_STATFS, (fuse_req_t req, fuse_ino_t ino), (req, ino))

void cr_figures_count(struct fuse_lowlevel_ops *ret)
{
	*ret = cr_ops;
	ret->lookup = count_lookup;
	ret->getattr = count_getattr;
	ret->readlink = count_readlink;
	ret->opendir = count_opendir;
	ret->readdir = count_readdir;
	ret->readdirplus = count_readdirplus;
	ret->open = count_open;
	ret->read = count_read;
	ret->lseek = count_lseek;
	ret->getxattr = count_getxattr;
	ret->listxattr = count_listxattr;
	ret->statfs = count_statfs;
}
