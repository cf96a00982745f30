/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/storage_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/base/secret.h"

/* What is shorter waits for the end of its object. */
#define BEGIN_SYNC_LEN 65536u

/* Folders known to be durable; names of at most two hundred bytes. */
struct folders {
	char **name; /* owned */
	size_t count;
	size_t room;
};

struct cr_storage_w {
	const struct cr_storage *storage; /* borrowed */
	pthread_mutex_t lock;
	struct folders synced; /* under: lock */
	char tag[CR_TEMPORARY_TAG_LEN];
};

struct cr_putting {
	const struct cr_storage *storage; /* borrowed */
	int folder;
	int fd;
	atomic_int failed; /* the first error of a write, negative */
	atomic_bool written;
	char temporary[48];
	char name[CR_STORED_NAME_MAX + 1];
	const char *last; /* part of name */
};

static int fail(const struct cr_storage *storage, const char *name, int r)
{
	const char *repo = cr_storage_name(storage);

	if (r == -ENOSPC || r == -EDQUOT)
		return cr_fail(-r,
			       "%s: %s: there is no space left for it; nothing "
			       "was added under that name",
			       repo, name);
	return cr_fail(-r, "%s: cannot write %s: %s", repo, name,
		       cr_strerror(r));
}

static void random_tag(char out[CR_TEMPORARY_TAG_LEN])
{
	uint8_t random[(CR_TEMPORARY_TAG_LEN - 1) / 2];

	cr_random(random, sizeof(random));
	cr_hex(random, sizeof(random), out);
}

int cr_storage_w_open(const struct cr_storage *storage,
		      struct cr_storage_w **ret)
{
	struct cr_storage_w *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->storage = storage;
	random_tag(w->tag);
	(void)pthread_mutex_init(&w->lock, NULL);
	*ret = w;
	return 0;
}

void cr_storage_w_close(struct cr_storage_w *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->synced.count; i++)
		free(w->synced.name[i]);
	free(w->synced.name);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

const struct cr_storage *cr_storage_w_storage(const struct cr_storage_w *w)
{
	return w->storage;
}

const char *cr_storage_w_tag(const struct cr_storage_w *w)
{
	return w->tag;
}

static bool is_synced(struct cr_storage_w *w, const char *name)
{
	bool found = false;

	(void)pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->synced.count && !found; i++)
		found = strcmp(w->synced.name[i], name) == 0;
	(void)pthread_mutex_unlock(&w->lock);
	return found;
}

/* Without memory the folder is merely synced again the next time. */
static void remember_synced(struct cr_storage_w *w, const char *name)
{
	struct folders *folders = &w->synced;
	cr_cleanup(cr_freep) char *copy = strdup(name);

	if (!copy)
		return;
	(void)pthread_mutex_lock(&w->lock);
	if (folders->count == folders->room) {
		size_t room = folders->room + folders->room / 2 + 64;
		char **bigger = reallocarray(folders->name, room,
					     sizeof(folders->name[0]));

		if (bigger) {
			folders->name = bigger;
			folders->room = room;
		}
	}
	if (folders->count < folders->room)
		folders->name[folders->count++] = cr_take(copy);
	(void)pthread_mutex_unlock(&w->lock);
}

/*
 * Step from folder *@fd into @part, making it durable first unless it is known
 * to be: it may be there and yet not durable, when its maker is another process
 * that still runs.
 */
static int step_into(int *fd, const char *part, bool durable)
{
	cr_cleanup(cr_closep) int from = *fd;
	int r;

	*fd = -1;
	if (!durable) {
		r = cr_io_mkdir(from, part);
		if (r < 0)
			return r;
		r = cr_io_sync_folder(from);
		if (r < 0)
			return r;
	}
	r = cr_io_open(from, part, O_RDONLY | O_DIRECTORY, 0);
	if (r < 0)
		return r;
	*fd = r;
	return 0;
}

/* A descriptor of the folder that @name lies in, or -errno. */
static int open_folder(struct cr_storage_w *w, const char *name)
{
	cr_cleanup(cr_closep) int fd = -1;
	char path[CR_STORED_NAME_MAX + 1];
	char *part = path;
	int r;

	memcpy(path, name, strlen(name) + 1);
	fd = cr_io_open(cr_storage_fd(w->storage), ".", O_RDONLY | O_DIRECTORY,
			0);
	if (fd < 0)
		return fd;
	for (char *end; (end = strchr(part, '/')); part = end + 1) {
		bool durable;

		*end = '\0';
		durable = is_synced(w, path);
		r = step_into(&fd, part, durable);
		if (r < 0)
			return r;
		if (!durable)
			remember_synced(w, path);
		*end = '/';
	}
	return cr_take_fd(&fd);
}

static void temporary_name(const struct cr_storage_w *w, char out[48])
{
	char unique[CR_TEMPORARY_TAG_LEN];

	random_tag(unique);
	(void)snprintf(out, 48, ".tmp-%s-%s", w->tag, unique);
}

int cr_put_begin(struct cr_storage_w *w, const char *name,
		 struct cr_putting **ret)
{
	struct cr_putting *put;
	const char *slash;
	int r;

	if (!cr_storage_name_valid(name))
		return cr_fail(EINVAL, "\"%s\" cannot name an object", name);
	put = calloc(1, sizeof(*put));
	if (!put)
		return -ENOMEM;
	put->storage = w->storage;
	put->fd = -1;
	memcpy(put->name, name, strlen(name) + 1);
	slash = strrchr(put->name, '/');
	put->last = slash ? slash + 1 : put->name;
	temporary_name(w, put->temporary);

	r = put->folder = open_folder(w, name);
	if (r >= 0)
		r = put->fd = cr_io_open(put->folder, put->temporary,
					 O_RDWR | O_CREAT | O_EXCL, 0600);
	if (r < 0) {
		cr_closep(&put->folder);
		free(put);
		return fail(w->storage, name, r);
	}
	*ret = put;
	return 0;
}

int cr_put_write(struct cr_putting *put, uint64_t offset, const void *bytes,
		 size_t len)
{
	int none = 0, r = cr_io_pwrite(put->fd, bytes, len, offset);

	if (r < 0) {
		(void)atomic_compare_exchange_strong(&put->failed, &none, r);
		return fail(put->storage, put->name, r);
	}
	if (len > 0)
		atomic_store(&put->written, true);
	if (len >= BEGIN_SYNC_LEN)
		cr_io_begin_sync(put->fd, offset, len);
	return 0;
}

int cr_put_read(struct cr_putting *put, uint64_t offset, void *out, size_t len)
{
	ssize_t n = cr_io_pread(put->fd, out, len, offset);

	if (n < 0)
		return cr_fail((int)-n, "%s: %s cannot be read back: %s",
			       cr_storage_name(put->storage), put->name,
			       cr_strerror((int)n));
	if ((size_t)n < len)
		return cr_fail(EIO, "%s: %s reads back shorter than written",
			       cr_storage_name(put->storage), put->name);
	return 0;
}

void cr_put_abort(struct cr_putting *put)
{
	if (!put)
		return;
	cr_closep(&put->fd);
	/* Already gone when it was renamed; a leftover is ignored by all. */
	(void)cr_io_unlink(put->folder, put->temporary);
	cr_closep(&put->folder);
	free(put);
}

/* Whether a file system says that it does not have an operation. */
static bool is_unsupported(int r)
{
	return r == -EINVAL || r == -ENOSYS || r == -EOPNOTSUPP || r == -EPERM;
}

/*
 * Over NFS the answer to a link that was made may get lost, and the repeated
 * request says EEXIST: the temporary then has two names.
 */
static int link_new(const struct cr_putting *put)
{
	int r = cr_io_link(put->folder, put->temporary, put->last);
	struct stat st;

	if (r == -EEXIST &&
	    fstatat(put->folder, put->temporary, &st, AT_SYMLINK_NOFOLLOW) ==
		    0 &&
	    st.st_nlink == 2)
		return 0;
	return r;
}

/* The name is held by an empty file, which no reader takes for an object. */
static int rename_over_placeholder(const struct cr_putting *put)
{
	int fd = cr_io_open(put->folder, put->last, O_WRONLY | O_CREAT | O_EXCL,
			    0600);
	int r;

	if (fd < 0)
		return fd;
	cr_closep(&fd);
	r = cr_io_rename(put->folder, put->temporary, put->last, 0);
	if (r < 0)
		(void)cr_io_unlink(put->folder, put->last);
	return r;
}

static int take_name(const struct cr_putting *put)
{
	int r = cr_io_rename(put->folder, put->temporary, put->last,
			     RENAME_NOREPLACE);

	if (!is_unsupported(r))
		return r;
	r = link_new(put);
	if (r == 0)
		(void)cr_io_unlink(put->folder, put->temporary);
	if (!is_unsupported(r))
		return r;
	return rename_over_placeholder(put);
}

static int publish(struct cr_putting *put)
{
	int r = atomic_load(&put->failed);

	if (r < 0)
		return r;
	assert(atomic_load(&put->written));
	r = cr_io_sync(put->fd);
	if (r < 0)
		return r;
	r = cr_io_close(&put->fd);
	if (r < 0)
		return r;
	r = take_name(put);
	if (r < 0)
		return r;
	r = cr_io_sync_folder(put->folder);
	/* It may or may not survive a crash: neither is what was asked for. */
	if (r < 0)
		(void)cr_io_unlink(put->folder, put->last);
	return r;
}

int cr_put_commit(struct cr_putting *put)
{
	int r = publish(put);

	if (r < 0 && r != -EEXIST)
		r = fail(put->storage, put->name, r);
	cr_put_abort(put);
	return r;
}

int cr_storage_put(struct cr_storage_w *w, const char *name, const void *bytes,
		   size_t len)
{
	struct cr_putting *put = NULL;
	int r = cr_put_begin(w, name, &put);

	if (!put)
		return r;
	r = cr_put_write(put, 0, bytes, len);
	if (r < 0) {
		cr_put_abort(put);
		return r;
	}
	return cr_put_commit(put);
}

int cr_storage_delete(struct cr_storage_w *w, const char *name)
{
	cr_cleanup(cr_closep) int folder = -1;
	char path[CR_STORED_NAME_MAX + 1];
	const char *last = path;
	char *slash;
	int r;

	if (!cr_storage_name_valid(name))
		return cr_fail(EINVAL, "\"%s\" cannot name an object", name);
	memcpy(path, name, strlen(name) + 1);
	slash = strrchr(path, '/');
	if (slash) {
		*slash = '\0';
		last = slash + 1;
	}
	folder = cr_io_open(cr_storage_fd(w->storage), slash ? path : ".",
			    O_RDONLY | O_DIRECTORY, 0);
	r = folder < 0 ? folder : cr_io_unlink(folder, last);
	if (r == -ENOENT)
		return r;
	if (r == 0)
		r = cr_io_sync_folder(folder);
	if (r < 0)
		return cr_fail(-r, "%s: cannot delete %s: %s",
			       cr_storage_name(w->storage), name,
			       cr_strerror(r));
	return 0;
}

static int must_be_empty(const char *path)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);
	bool empty = true;

	if (!dir)
		return cr_fail(errno, "%s: %s", path, strerrordesc_np(errno));
	while (empty && (entry = readdir(dir)))
		empty = strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0;
	(void)closedir(dir);
	if (!empty)
		return cr_fail(EEXIST,
			       "%s: is not empty; a repository is made in a "
			       "directory of its own",
			       path);
	return 0;
}

int cr_storage_create(const char *path)
{
	static const char *const layout[] = {
		"index/x",	"keys/roster/x", "packs/data/x",
		"packs/meta/x", "snapshots/x",
	};
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	cr_cleanup(cr_storage_w_closep) struct cr_storage_w *w = NULL;
	int r = cr_io_mkdir(AT_FDCWD, path);

	if (r == 0)
		r = cr_io_sync_parent(path);
	if (r < 0)
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	r = must_be_empty(path);
	if (r < 0)
		return r;
	r = cr_storage_open(path, &storage);
	if (r < 0)
		return r;
	r = cr_storage_w_open(storage, &w);
	for (size_t i = 0; i < CR_ARRAY_LEN(layout) && r >= 0; i++) {
		cr_cleanup(cr_closep) int fd = open_folder(w, layout[i]);

		r = fd < 0 ? fail(storage, layout[i], fd) : 0;
	}
	return r;
}
