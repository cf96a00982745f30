/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/attr.h"
#include "fs/listing.h"
#include "fs/mount.h"
#include "fs/reply.h"
#include "store/base/buf.h"
#include "store/base/error.h"

#define NAME_MAX_LEN   255
#define BLOCK_LEN      4096 /* what statfs counts in */
#define BACKGROUND_MAX 64   /* requests the kernel sends ahead */
#define IOV_COUNT_MAX  1000 /* below IOV_MAX, with room for the header */

static struct cr_mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* ---- Session ---- */

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	/* ACLs are enforced by the kernel from what we serve of them. */
	static const unsigned int wanted =
		FUSE_CAP_POSIX_ACL | FUSE_CAP_READDIRPLUS |
		FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
		FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA;
	/* Splicing 1 MiB replies is 12 times slower than writev(). */
	static const unsigned int unwanted =
		FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA |
		FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
		FUSE_CAP_SPLICE_MOVE | FUSE_CAP_ATOMIC_O_TRUNC |
		FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS;
	struct cr_mount *mount = userdata;

	conn->want |= wanted & conn->capable;
	conn->want &= ~unwanted;
	conn->max_read = CR_MAX_READ;
	conn->max_background = BACKGROUND_MAX;
	conn->congestion_threshold = BACKGROUND_MAX / 4 * 3;
	mount->no_open = conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	mount->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	if (mount->ready)
		mount->ready(mount->ready_arg);
}

/* ---- Nodes ---- */

static int find_date(struct cr_mount *mount, const struct cr_date *dir,
		     const char *name, struct cr_node *ret)
{
	struct cr_date date;
	int r = cr_dates_find(mount->dates, dir, name, &date);

	return r < 0 ? r : cr_mount_node(mount, &date, ret);
}

static int do_lookup(struct cr_mount *mount, struct cr_node *dir,
		     const char *name, struct fuse_entry_param *e)
{
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	size_t len = strlen(name);
	int r;

	if (len > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	if (dir->entry)
		r = cr_node_child(dir, (struct cr_piece){ name, len }, &node);
	else
		r = find_date(mount, &dir->date, name, &node);
	if (r < 0)
		return r;
	cr_reply_entry(mount, &node, e);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
	struct fuse_entry_param e = { .entry_timeout = CR_FOREVER };
	int r;

	cr_detail_clear();
	r = cr_node_open(mount->inodes, parent, &dir);
	if (r == 0)
		r = do_lookup(mount, &dir, name, &e);
	/* In a snapshot that a name is absent is as final as all else. */
	if (r < 0 && (r != -ENOENT || !dir.entry)) {
		fuse_reply_err(req, cr_reply_errno(mount, &dir, r));
		return;
	}
	if (fuse_reply_entry(req, &e) < 0 && e.ino > 0)
		cr_node_forget(mount->inodes, e.ino, 1);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	cr_node_forget(mount_of(req)->inodes, ino, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count,
			    struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		cr_node_forget(mount_of(req)->inodes, forgets[i].ino,
			       forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	struct stat st;
	int r;

	(void)fi;
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r < 0) {
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
		return;
	}
	cr_reply_stat(mount, &node, &st);
	fuse_reply_attr(req, &st, node.entry ? CR_FOREVER : CR_A_SECOND);
}

static int do_readlink(const struct cr_mount *mount, const struct cr_node *node,
		       struct cr_buf *out)
{
	struct cr_view view;
	int r;

	if (!node->entry && !cr_date_is_folder(&node->date) &&
	    node->date.kind != CR_DATE_FILE) {
		char target[CR_DATE_PATH_MAX];

		cr_dates_target(mount->dates, &node->date, target);
		cr_buf_put(out, target, strlen(target) + 1);
		return cr_buf_error(out);
	}
	if (!node->entry || node->entry->type != CR_ENTRY_SYMLINK)
		return -EINVAL;
	view = cr_node_view(node);
	r = cr_entry_target(mount->reader, &view, node->entry, out);
	cr_buf_u8(out, 0);
	return r < 0 ? r : cr_buf_error(out);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf target = { 0 };
	int r;

	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = do_readlink(mount, &node, &target);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		fuse_reply_readlink(req, (const char *)target.bytes);
}

/* ---- Directories ---- */

static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	int r;

	if (mount->no_opendir) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r < 0) {
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
		return;
	}
	fi->cache_readdir = fi->keep_cache = node.entry != NULL;
	fuse_reply_open(req, fi);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 bool plus)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
	cr_cleanup(cr_listing_release) struct cr_listing listing = { 0 };
	int r;

	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &dir);
	if (r == 0)
		r = cr_listing_init(&listing, mount, size, plus);
	if (r == 0)
		r = cr_listing_fill(&listing, &dir, (uint64_t)off);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &dir, r));
	else if (fuse_reply_buf(req, listing.bytes, listing.len) < 0)
		cr_listing_take_back(&listing);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

/* ---- Files ---- */

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	if ((fi->flags & O_ACCMODE) != O_RDONLY) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (mount_of(req)->no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fi->noflush = 1;
	fuse_reply_open(req, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, ENOSYS); /* and no other is sent */
}

static int open_file(struct cr_mount *mount, const struct cr_node *node,
		     struct cr_handle *ret)
{
	struct cr_view view;
	struct cr_file_ref ref;

	if (!node->page || !node->entry)
		return -EISDIR; /* a snapshot's root, or above */
	if (node->entry->type != CR_ENTRY_FILE)
		return -EINVAL;
	view = cr_node_view(node);
	cr_node_file_ref(node, &ref);
	return cr_handle_open(mount->files, &view, &ref, ret);
}

static void reply_text(fuse_req_t req, const char *text, size_t size,
		       uint64_t off)
{
	size_t len = strlen(text);

	if (off >= len)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_buf(req, text + off, cr_min(size, len - off));
}

/* Hostile lists may have more pieces than one reply can. */
static void reply_pieces(fuse_req_t req, const struct cr_span *span)
{
	cr_cleanup(cr_freep) uint8_t *bytes = malloc(span->len);
	size_t at = 0;

	if (!bytes) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = 0; i < span->count; i++) {
		memcpy(bytes + at, span->iov[i].iov_base, span->iov[i].iov_len);
		at += span->iov[i].iov_len;
	}
	fuse_reply_buf(req, (const char *)bytes, span->len);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	int r;

	(void)fi;
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0 && !node.entry && node.date.kind == CR_DATE_FILE) {
		reply_text(req, cr_dates_text(mount->dates, &node.date), size,
			   (uint64_t)off);
		return;
	}
	if (r == 0)
		r = open_file(mount, &node, &handle);
	if (r == 0)
		r = cr_file_span(handle.file, (uint64_t)off, size, &span);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else if (span.count == 0)
		fuse_reply_buf(req, NULL, 0);
	else if (span.count > IOV_COUNT_MAX)
		reply_pieces(req, &span);
	else
		fuse_reply_iov(req, span.iov, (int)span.count);
}

/* The files of the top level have no holes. */
static int seek_text(const char *text, uint64_t off, int whence, uint64_t *ret)
{
	size_t len = strlen(text);

	if (off >= len)
		return -ENXIO;
	*ret = whence == SEEK_HOLE ? len : off;
	return 0;
}

static int do_lseek(struct cr_mount *mount, const struct cr_node *node,
		    uint64_t off, int whence, uint64_t *ret)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	int r;

	if (!node->entry && node->date.kind == CR_DATE_FILE)
		return seek_text(cr_dates_text(mount->dates, &node->date), off,
				 whence, ret);
	r = open_file(mount, node, &handle);
	return r < 0 ? r : cr_file_seek(handle.file, off, whence, ret);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	uint64_t at = 0;
	int r;

	(void)fi;
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	cr_detail_clear();
	r = off < 0 ? -ENXIO : cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = do_lseek(mount, &node, (uint64_t)off, whence, &at);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		fuse_reply_lseek(req, (off_t)at);
}

/* ---- Xattrs ---- */

/* Append the set of @node; nothing is read where it has none. */
static int get_xattrs(const struct cr_mount *mount, const struct cr_node *node,
		      struct cr_buf *out)
{
	struct cr_view view;

	if (!node->entry || !cr_attr_has_xattrs(node->entry))
		return -ENODATA;
	view = cr_node_view(node);
	return cr_entry_xattrs(mount->reader, &view, node->entry, out);
}

/* With @size 0 the length is asked for. */
static void reply_sized(fuse_req_t req, struct cr_piece value, size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, value.len);
	else if (value.len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value.bytes, value.len);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_piece value = { 0 };
	int r;

	/* Final for this mount: which then has no file with any. */
	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattrs(mount, &node, &set);
	if (r == 0)
		r = cr_attr_xattr((struct cr_piece){ set.bytes, set.len }, name,
				  &value);
	if (r < 0)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		reply_sized(req, value, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf names = { 0 };
	int r;

	if (mount->options->noxattr) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	cr_detail_clear();
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = get_xattrs(mount, &node, &set);
	if (r == 0)
		r = cr_attr_xattr_names((struct cr_piece){ set.bytes, set.len },
					&names);
	if (r < 0 && r != -ENODATA)
		fuse_reply_err(req, cr_reply_errno(mount, &node, r));
	else
		reply_sized(req, (struct cr_piece){ names.bytes, names.len },
			    size);
}

/* ---- The whole ---- */

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct cr_mount *mount = mount_of(req);
	uint64_t bytes = atomic_load(&mount->bytes);
	const struct statvfs st = {
		.f_bsize = BLOCK_LEN,
		.f_frsize = BLOCK_LEN,
		.f_blocks = bytes / BLOCK_LEN + (bytes % BLOCK_LEN > 0),
		.f_files = atomic_load(&mount->entries),
		.f_namemax = NAME_MAX_LEN,
	};

	(void)ino;
	fuse_reply_statfs(req, &st);
}

/* ---- What would change something ---- */

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int to_set, struct fuse_file_info *fi)
{
	(void)ino;
	(void)attr;
	(void)to_set;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t rdev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)rdev;
	fuse_reply_err(req, EROFS);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	fuse_reply_err(req, EROFS);
}

/* Also rmdir. */
static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t to_parent, const char *to_name,
		      unsigned int flags)
{
	(void)parent;
	(void)name;
	(void)to_parent;
	(void)to_name;
	(void)flags;
	fuse_reply_err(req, EROFS);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t to_parent,
		    const char *to_name)
{
	(void)ino;
	(void)to_parent;
	(void)to_name;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
static void op_write(fuse_req_t req, fuse_ino_t ino, const char *bytes,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	(void)bytes;
	(void)size;
	(void)off;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)fi;
	fuse_reply_err(req, EROFS);
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libfuse's */
static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
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
static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	(void)ino;
	(void)name;
	(void)value;
	(void)size;
	(void)flags;
	fuse_reply_err(req, EROFS);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	(void)ino;
	(void)name;
	fuse_reply_err(req, EROFS);
}

const struct fuse_lowlevel_ops cr_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_release,
	.open = op_open,
	.read = op_read,
	.flush = op_flush,
	.release = op_release,
	.lseek = op_lseek,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.statfs = op_statfs,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_unlink,
	.symlink = op_symlink,
	.rename = op_rename,
	.link = op_link,
	.write = op_write,
	.create = op_create,
	.fallocate = op_fallocate,
	.setxattr = op_setxattr,
	.removexattr = op_removexattr,
};
