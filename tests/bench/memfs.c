/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench-memfs TREE MOUNTPOINT - a floor for mounts: the names and attributes
 * of TREE from memory, through FUSE and nothing else.  There is no content.
 *
 * What makes a mount fast is done as caprockfs does it: attributes of a
 * directory's entries go with their names, and the kernel may keep both.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOREVER 86400.0

struct node {
	char *name;	    /* owned */
	struct node *child; /* owned array, by name */
	size_t children;
	struct stat st;
};

static struct node root;

/* ---- Load ---- */

static int by_name(const void *a, const void *b)
{
	const struct node *one = a, *other = b;

	return strcmp(one->name, other->name);
}

static void die(const char *what)
{
	(void)fprintf(stderr, "bench-memfs: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void load(struct node *node, int fd);

static void load_child(struct node *child, int dir, const char *name)
{
	child->name = strdup(name);
	if (!child->name ||
	    fstatat(dir, name, &child->st, AT_SYMLINK_NOFOLLOW) < 0)
		die(name);
	if (S_ISDIR(child->st.st_mode)) {
		int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0)
			die(name);
		load(child, fd);
	}
}

/* Takes @fd, the directory of @node. */
static void load(struct node *node, int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;
	size_t room = 0;

	if (!dir)
		die("fdopendir");
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (node->children == room) {
			room = room ? 2 * room : 16;
			node->child = reallocarray(node->child, room,
						   sizeof(*node->child));
			if (!node->child)
				die("memory");
		}
		memset(&node->child[node->children], 0, sizeof(*node->child));
		load_child(&node->child[node->children++], fd, entry->d_name);
	}
	(void)closedir(dir);
	if (node->children > 0)
		qsort(node->child, node->children, sizeof(*node->child),
		      by_name);
}

/* ---- Serve ---- */

/* The address is the number; the tree never changes. */
static struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

static struct fuse_entry_param entry_of(struct node *node)
{
	struct fuse_entry_param param = {
		.ino = node == &root ? FUSE_ROOT_ID : (uintptr_t)node,
		.attr = node->st,
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};

	param.attr.st_ino = param.ino;
	return param;
}

static void op_init(void *data, struct fuse_conn_info *conn)
{
	(void)data;
	conn->want |= conn->capable &
		      (FUSE_CAP_READDIRPLUS | FUSE_CAP_CACHE_SYMLINKS |
		       FUSE_CAP_NO_OPENDIR_SUPPORT | FUSE_CAP_PARALLEL_DIROPS);
	conn->want &= ~(unsigned int)FUSE_CAP_READDIRPLUS_AUTO;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *node = node_of(parent);
	struct node key = { .name = (char *)(uintptr_t)name };
	struct node *found =
		node->children == 0 ? NULL
				    : bsearch(&key, node->child, node->children,
					      sizeof(*node->child), by_name);
	struct fuse_entry_param param = { .entry_timeout = FOREVER };

	if (found)
		param = entry_of(found);
	(void)fuse_reply_entry(req, &param);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *info)
{
	struct fuse_entry_param param = entry_of(node_of(ino));

	(void)info;
	(void)fuse_reply_attr(req, &param.attr, FOREVER);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *info)
{
	(void)ino;
	info->cache_readdir = 1;
	info->keep_cache = 1;
	(void)fuse_reply_open(req, info);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t from, struct fuse_file_info *info)
{
	struct node *node = node_of(ino);
	char *buf = malloc(size);
	size_t used = 0;

	(void)info;
	if (!buf) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	for (size_t i = (size_t)from; i < node->children; i++) {
		struct fuse_entry_param param = entry_of(&node->child[i]);
		size_t need = fuse_add_direntry_plus(
			req, buf + used, size - used, node->child[i].name,
			&param, (off_t)i + 1);

		if (need > size - used)
			break;
		used += need;
	}
	(void)fuse_reply_buf(req, buf, used);
	free(buf);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	(void)ino;
	(void)count;
	fuse_reply_none(req);
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.getattr = op_getattr,
	.opendir = op_opendir,
	.readdirplus = op_readdirplus,
};

int main(int argc, char **argv)
{
	char options[] = "-oro,fsname=bench-memfs";
	char *words[] = { argv[0], options };
	struct fuse_args args = FUSE_ARGS_INIT(2, words);
	struct fuse_session *session;
	struct fuse_loop_config *config;
	int fd, r;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: bench-memfs TREE MOUNTPOINT\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &root.st) < 0)
		die(argv[1]);
	load(&root, fd);
	session = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!session || fuse_set_signal_handlers(session) != 0 ||
	    fuse_session_mount(session, argv[2]) != 0)
		return 1;
	config = fuse_loop_cfg_create();
	fuse_loop_cfg_set_max_threads(config, 4);
	r = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return r == 0 ? 0 : 1;
}
