/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_db.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"

static int fail(const char *path, int r)
{
	return cr_fail(-r, "%s: %s", path, cr_strerror(r));
}

/* The next of the numbers in *@text, which @end follows. */
static bool next_number(char **text, int base, char end, uint64_t *ret)
{
	char *start = *text;

	errno = 0;
	*ret = strtoull(start, text, base);
	if (errno != 0 || *text == start || **text != end)
		return false;
	++*text;
	return true;
}

int cr_index_db_read(const char *base, struct cr_index_db *ret)
{
	cr_cleanup(cr_closep) int fd = -1;
	char text[128] = "", *at = text;
	struct cr_index_db db;
	uint64_t n;
	ssize_t len;

	fd = cr_io_open(AT_FDCWD, base, O_RDONLY, 0);
	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return fail(base, fd);
	len = cr_io_read(fd, text, sizeof(text) - 1);
	if (len < 0)
		return fail(base, (int)len);
	if (!next_number(&at, 10, ' ', &n) || n == 0 || n >= UINT32_MAX ||
	    !next_number(&at, 10, ' ', &db.mark.sequence) ||
	    !next_number(&at, 10, ' ', &db.mark.list) ||
	    !next_number(&at, 10, ' ', &db.mark.list_len) ||
	    !next_number(&at, 16, '\n', &db.mark.list_hash) || *at != '\0')
		return cr_fail(CR_EINDEX, "%s: makes no sense", base);
	db.n = (uint32_t)n;
	*ret = db;
	return 0;
}

static int sync_folder_of(const char *path)
{
	cr_cleanup(cr_freep) char *copy = strdup(path);
	cr_cleanup(cr_closep) int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = cr_io_open(AT_FDCWD, dirname(copy), O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? fd : cr_io_sync_folder(fd);
}

static int write_file(const char *path, const char *text)
{
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	fd = cr_io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return fd;
	r = cr_io_write(fd, text, strlen(text));
	if (r == 0)
		r = cr_io_sync(fd);
	return r < 0 ? r : cr_io_close(&fd);
}

int cr_index_db_write(const char *base, const struct cr_index_db *db)
{
	cr_cleanup(cr_freep) char *temporary = NULL;
	char text[128];
	int r;

	if (asprintf(&temporary, "%s.tmp", base) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	(void)snprintf(text, sizeof(text),
		       "%" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIx64 "\n",
		       db->n, db->mark.sequence, db->mark.list,
		       db->mark.list_len, db->mark.list_hash);
	r = write_file(temporary, text);
	if (r == 0)
		r = cr_io_rename(AT_FDCWD, temporary, base, 0);
	if (r == 0)
		r = sync_folder_of(base);
	return r < 0 ? fail(base, r) : 0;
}

char *cr_index_db_path(const char *base, uint32_t n)
{
	char *path;

	return asprintf(&path, "%s.%" PRIu32, base, n) < 0 ? NULL : path;
}

bool cr_index_db_blank(const char *base, uint32_t n)
{
	cr_cleanup(cr_freep) char *path = cr_index_db_path(base, n);
	DIR *dir = path ? opendir(path) : NULL;
	int entries = 0;

	if (!dir)
		return errno == ENOENT;
	while (readdir(dir))
		entries++;
	(void)closedir(dir);
	return entries <= 2; /* itself and the one above */
}

/* The number in the name of a database or of a note on it; 0: neither. */
static uint32_t number_of(const char *name, const char *prefix)
{
	size_t len = strlen(prefix);
	unsigned long n;

	if (strncmp(name, prefix, len) != 0 || name[len] != '.')
		return 0;
	n = strtoul(name + len + 1, NULL, 10); /* "tmp" gives 0 */
	return n < UINT32_MAX ? (uint32_t)n : 0;
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	/* What stays only takes room; the next renewal tries again. */
	(void)remove(path);
	return 0;
}

/*
 * Look at every database beside @base: the greatest number, and with @keep
 * removal of all but that one.
 */
static int each_database(const char *base, uint32_t keep, uint32_t *greatest)
{
	cr_cleanup(cr_freep) char *copy = strdup(base);
	const char *folder = copy ? dirname(copy) : NULL;
	const char *prefix = strrchr(base, '/');
	DIR *dir = folder ? opendir(folder) : NULL;

	if (!dir)
		return copy ? fail(folder, -errno) : -ENOMEM;
	prefix = prefix ? prefix + 1 : base;
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		cr_cleanup(cr_freep) char *path = NULL;
		uint32_t n = number_of(e->d_name, prefix);

		*greatest = cr_max(*greatest, n);
		if (n == 0 || keep == 0 || n == keep)
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			path = NULL;
		else
			(void)nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	}
	(void)closedir(dir);
	return 0;
}

int cr_index_db_renew(const char *base, struct cr_index_db *ret)
{
	struct cr_index_db db = { 0 };
	uint32_t greatest = 0;
	int r = cr_index_db_read(base, &db);

	if (r < 0 && r != -ENOENT && r != -CR_EINDEX)
		return r;
	r = each_database(base, 0, &greatest);
	if (r < 0)
		return r;
	db.n = cr_max(greatest, db.n) + 1;
	db.mark = (struct cr_kv_mark){ 0 };
	r = cr_index_db_write(base, &db);
	if (r < 0)
		return r;
	/* A secondary that has the old one open keeps its files. */
	r = each_database(base, db.n, &greatest);
	if (r < 0)
		return r;
	*ret = db;
	return 0;
}

static char *note_path(const char *base, uint32_t n)
{
	char *path;

	return asprintf(&path, "%s.%" PRIu32 ".bad", base, n) < 0 ? NULL : path;
}

void cr_index_db_spoil(const char *base, uint32_t n)
{
	cr_cleanup(cr_freep) char *path = note_path(base, n);
	cr_cleanup(cr_closep) int fd = -1;

	if (path)
		fd = cr_io_open(AT_FDCWD, path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return; /* read-only: whoever can write will see for himself */
}

bool cr_index_db_spoiled(const char *base, uint32_t n)
{
	cr_cleanup(cr_freep) char *path = note_path(base, n);

	return path && access(path, F_OK) == 0;
}
