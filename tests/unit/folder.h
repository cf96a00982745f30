/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * folder.h - a temporary folder for one test, and files in it.  For tests only:
 * what fails, fails the test.
 */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct folder {
	char path[PATH_MAX];
};

static inline void folder_init(struct folder *folder)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(folder->path, sizeof(folder->path),
		       "%.3000s/caprock-unit-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(folder->path));
}

static inline int folder_remove_one(const char *path, const struct stat *st,
				    int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void folder_release(struct folder *folder)
{
	if (folder->path[0])
		(void)nftw(folder->path, folder_remove_one, 16,
			   FTW_DEPTH | FTW_PHYS);
	folder->path[0] = '\0';
}

struct folder_path {
	char text[PATH_MAX];
};

/* By value, so that it can stand among the arguments of a call. */
static inline struct folder_path folder_path(const struct folder *folder,
					     const char *name)
{
	struct folder_path path;

	(void)snprintf(path.text, sizeof(path.text), "%.3500s/%.500s",
		       folder->path, name);
	return path;
}

static inline void folder_write(const struct folder *folder, const char *name,
				const void *bytes, size_t len, mode_t mode)
{
	int fd = open(folder_path(folder, name).text,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* The bytes, to free(); *@len is set. */
static inline uint8_t *folder_read(const struct folder *folder,
				   const char *name, size_t *len)
{
	int fd = open(folder_path(folder, name).text, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	bytes = malloc((size_t)st.st_size + 1);
	assert_non_null(bytes);
	assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
	assert_int_equal(close(fd), 0);
	*len = (size_t)st.st_size;
	return bytes;
}

static inline int folder_has(const struct folder *folder, const char *name)
{
	struct stat st;

	return lstat(folder_path(folder, name).text, &st) == 0;
}

#endif
