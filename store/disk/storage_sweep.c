/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/disk/storage_write.h"

struct sweep {
	const struct cr_storage *storage;
	const char *folder; /* that is being listed */
	char prefix[8 + CR_TEMPORARY_TAG_LEN];
	int removed;
};

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static int sweep_folder(struct sweep *sweep, const char *name)
{
	cr_cleanup(close_dir) DIR *dir = NULL;
	const struct dirent *entry;
	int fd, r;

	fd = cr_io_open(cr_storage_fd(sweep->storage), name,
			O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0)
		return fd;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		cr_closep(&fd);
		return r;
	}
	while ((void)(errno = 0), (entry = readdir(dir))) {
		if (strncmp(entry->d_name, sweep->prefix,
			    strlen(sweep->prefix)) != 0)
			continue;
		r = cr_io_unlink(dirfd(dir), entry->d_name);
		if (r < 0)
			return r;
		sweep->removed++;
	}
	return -errno;
}

static int sweep_below(void *arg, const char *name, uint64_t size)
{
	struct sweep *sweep = arg;
	char path[CR_STORED_NAME_MAX + 1];

	(void)size;
	if (snprintf(path, sizeof(path), "%s/%s", sweep->folder, name) >=
	    (int)sizeof(path))
		return 0;
	return sweep_folder(sweep, path);
}

int cr_storage_sweep(struct cr_storage_w *w, const char *tag)
{
	static const char *const folders[] = {
		"packs/data", "packs/meta", "snapshots",
		"index",      "keys",	    "keys/roster",
	};
	struct sweep sweep = { .storage = cr_storage_w_storage(w) };
	int r = 0;

	assert(strlen(tag) == CR_TEMPORARY_TAG_LEN - 1);
	(void)snprintf(sweep.prefix, sizeof(sweep.prefix), ".tmp-%s-", tag);
	for (size_t i = 0; i < CR_ARRAY_LEN(folders) && r == 0; i++) {
		sweep.folder = folders[i];
		r = sweep_folder(&sweep, sweep.folder);
		if (r == 0)
			r = cr_storage_list(sweep.storage, sweep.folder, true,
					    sweep_below, &sweep);
	}
	if (r < 0)
		return cr_fail(-r, "%s: %s: %s", cr_storage_name(sweep.storage),
			       sweep.folder, cr_strerror(r));
	return sweep.removed;
}
