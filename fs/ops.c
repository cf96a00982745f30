/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ops.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <sys/statvfs.h>

#include "fs/ahead.h"
#include "fs/listing.h"
#include "fs/loop.h"
#include "fs/mount.h"
#include "fs/ops_int.h"
#include "fs/reply.h"
#include "fs/show.h"
#include "store/base/buf.h"
#include "store/base/error.h"

#define NAME_MAX_LEN   255
#define TARGET_MAX     4095 /* what readlink(2) can return of ours */
#define BLOCK_LEN      4096 /* what statfs counts in */
#define BACKGROUND_MAX 64   /* requests the kernel sends ahead */

static struct cr_mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

void cr_op_begin(fuse_req_t req, const char *name, fuse_ino_t ino)
{
	cr_detail_clear();
	cr_loop_works(mount_of(req)->loop, req, (struct cr_asked){ name, ino });
}

bool cr_op_ends(fuse_req_t req, const struct cr_node *node, int r)
{
	struct cr_mount *mount = mount_of(req);
	/* Telling the log is part of the work, and may take as long. */
	int error = r < 0 ? cr_reply_errno(mount, node, r) : 0;

	if (!cr_loop_answers(mount->loop))
		return false;
	if (error)
		fuse_reply_err(req, error);
	return error == 0;
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
	const struct cr_mount_options *options = mount->options;

	/* To want what is not there ends the session; serve.c says why. */
	mount->no_acl = !(conn->capable & FUSE_CAP_POSIX_ACL);
	if (mount->no_acl && options->allow_other && !options->insecure_acl) {
		conn->want |= FUSE_CAP_POSIX_ACL;
		return;
	}
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
	struct cr_date date = { 0 };
	int r;

	if (!cr_date_in_past(dir)) {
		r = cr_dates_find(mount->dates, dir, name, &date);
		return r < 0 ? r : cr_mount_node(mount, &date, ret);
	}
	r = cr_past_find(mount->past, dir, name, &date);
	if (r < 0)
		return r;
	r = cr_mount_node(mount, &date, ret);
	cr_past_put(mount->past, &date);
	return r;
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
	if (node.entry && cr_show_hides(mount->show, node.entry))
		return -ENOENT;
	cr_reply_entry(mount, &node, e);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
	struct fuse_entry_param e = { .entry_timeout = CR_FOREVER };
	bool told = false;
	int r, error = 0;

	cr_op_begin(req, "lookup", parent);
	r = cr_node_open(mount->inodes, parent, &dir);
	if (r == 0)
		r = do_lookup(mount, &dir, name, &e);
	/* In a snapshot that a name is absent is as final as all else. */
	if (r < 0 && (r != -ENOENT || !dir.entry))
		error = cr_reply_errno(mount, &dir, r);
	if (cr_loop_answers(mount->loop))
		told = error ? fuse_reply_err(req, error) == 0
			     : fuse_reply_entry(req, &e) == 0;
	if (!told && e.ino > 0)
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
	cr_op_begin(req, "getattr", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		cr_reply_stat(mount, &node, &st);
	if (cr_op_ends(req, &node, r))
		fuse_reply_attr(req, &st,
				node.entry ? CR_FOREVER : CR_A_SECOND);
}

static int do_readlink(const struct cr_mount *mount, const struct cr_node *node,
		       struct cr_buf *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf stored = { 0 };
	struct cr_view view;
	int r;

	if (!node->entry && cr_date_is_past(&node->date) &&
	    cr_date_is_link(&node->date))
		return cr_past_target(mount->past, &node->date, out);
	if (!node->entry && cr_date_is_link(&node->date)) {
		char target[CR_DATE_PATH_MAX];

		cr_dates_target(mount->dates, &node->date, target);
		cr_buf_put(out, target, strlen(target) + 1);
		return cr_buf_error(out);
	}
	if (!node->entry || node->entry->type != CR_ENTRY_SYMLINK)
		return -EINVAL;
	view = cr_node_view(node);
	r = cr_entry_target(mount->reader, &view, node->entry, &stored);
	if (r == 0)
		r = cr_show_target(
			mount->show, node,
			(struct cr_piece){ stored.bytes, stored.len }, out);
	if (r == 0 && out->len > TARGET_MAX)
		return -ENAMETOOLONG;
	cr_buf_u8(out, 0);
	return r < 0 ? r : cr_buf_error(out);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf target = { 0 };
	int r;

	cr_op_begin(req, "readlink", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (r == 0)
		r = do_readlink(mount, &node, &target);
	if (cr_op_ends(req, &node, r))
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
	cr_op_begin(req, "opendir", ino);
	r = cr_node_open(mount->inodes, ino, &node);
	if (!cr_op_ends(req, &node, r))
		return;
	fi->cache_readdir = fi->keep_cache = node.entry != NULL;
	fuse_reply_open(req, fi);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 bool plus)
{
	struct cr_mount *mount = mount_of(req);
	cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
	cr_cleanup(cr_listing_release) struct cr_listing listing = { 0 };
	bool told = false;
	int r, error = 0;

	cr_op_begin(req, "readdir", ino);
	r = cr_node_open(mount->inodes, ino, &dir);
	if (r == 0)
		r = cr_listing_init(&listing, mount, size, plus);
	if (r == 0)
		r = cr_listing_fill(&listing, &dir, (uint64_t)off);
	if (r < 0)
		error = cr_reply_errno(mount, &dir, r);
	else if (listing.len == 0 && dir.entry)
		cr_ahead_listed(mount->ahead, dir.id);
	if (cr_loop_answers(mount->loop))
		told = error ? fuse_reply_err(req, error) == 0
			     : fuse_reply_buf(req, listing.bytes,
					      listing.len) == 0;
	if (!told)
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
	.releasedir = cr_op_release,
	.open = cr_op_open,
	.read = cr_op_read,
	.flush = cr_op_flush,
	.release = cr_op_release,
	.lseek = cr_op_lseek,
	.getxattr = cr_op_getxattr,
	.listxattr = cr_op_listxattr,
	.statfs = op_statfs,
	.setattr = cr_op_setattr,
	.mknod = cr_op_mknod,
	.mkdir = cr_op_mkdir,
	.unlink = cr_op_unlink,
	.rmdir = cr_op_unlink,
	.symlink = cr_op_symlink,
	.rename = cr_op_rename,
	.link = cr_op_link,
	.write = cr_op_write,
	.create = cr_op_create,
	.fallocate = cr_op_fallocate,
	.setxattr = cr_op_setxattr,
	.removexattr = cr_op_removexattr,
};
