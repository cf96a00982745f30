/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "tests/unit/folder.h"

/* Go to a folder with repo/packs, empty, full/file, file and a link. */
static void make_places(struct folder *folder)
{
	folder_init(folder);
	assert_int_equal(chdir(folder->path), 0);
	assert_int_equal(mkdir("repo", 0700), 0);
	assert_int_equal(mkdir("repo/packs", 0700), 0);
	assert_int_equal(mkdir("empty", 0700), 0);
	assert_int_equal(mkdir("full", 0700), 0);
	assert_int_equal(mknod("full/file", S_IFREG | 0600, 0), 0);
	assert_int_equal(mknod("file", S_IFREG | 0600, 0), 0);
	assert_int_equal(symlink("empty", "link"), 0);
}

static void remove_places(struct folder *folder)
{
	assert_int_equal(chdir("/"), 0);
	folder_release(folder);
}

static void a_mountpoint_is_an_empty_directory(void **state)
{
	static const struct {
		const char *path;
		bool nonempty;
		int want;
	} cases[] = {
		{ "empty", false, 0 },	       { "empty/", false, 0 },
		{ "link", false, 0 },	       { "full", true, 0 },
		{ "full", false, -ENOTEMPTY }, { "file", false, -ENOTDIR },
		{ "file", true, -ENOTDIR },    { "none", false, -ENOENT },
		{ "none", true, -ENOENT },     { "file/none", false, -ENOTDIR },
	};
	cr_cleanup(folder_release) struct folder folder;

	(void)state;
	make_places(&folder);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].path);
		cr_detail_clear();
		assert_int_equal(
			cr_mountpoint_check(cases[i].path, cases[i].nonempty),
			cases[i].want);
		assert_int_equal(cr_detail()[0] == '\0', cases[i].want == 0);
	}
	remove_places(&folder);
}

static void it_lies_apart_from_the_repository(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "empty", 0 },	     { "full", 0 },
		{ "link", 0 },	     { "repo", -EINVAL },
		{ ".", -EINVAL },    { "repo/packs", -EINVAL },
		{ "/", -EINVAL },    { "empty/../repo/packs", -EINVAL },
		{ "none", -ENOENT },
	};
	cr_cleanup(folder_release) struct folder folder;
	int fd;

	(void)state;
	make_places(&folder);
	fd = open("repo", O_PATH | O_DIRECTORY);
	assert_true(fd >= 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].path);
		assert_int_equal(cr_mountpoint_apart(cases[i].path, fd,
						     "the repository"),
				 cases[i].want);
	}
	(void)close(fd);
	remove_places(&folder);
}

static void descriptors_are_known_by_their_name(void **state)
{
	(void)state;
	assert_true(cr_mountpoint_is_fd("/dev/fd/3"));
	assert_false(cr_mountpoint_is_fd("/dev/fd"));
	assert_false(cr_mountpoint_is_fd("/mnt/dev/fd/3"));
}

static void what_is_mounted_is_known_again(void **state)
{
	struct cr_mounted root, proc;

	(void)state;
	assert_true(cr_mounted_get("/", &root));
	assert_true(cr_mounted_get("/proc", &proc));
	assert_true(cr_mounted_is_at(&root, "/"));
	assert_true(cr_mounted_is_at(&proc, "/proc/self"));
	assert_false(cr_mounted_is_at(&root, "/proc"));
	assert_false(cr_mounted_is_at(&root, "/nonexistent"));
	assert_false(cr_mounted_get("/nonexistent", &root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mountpoint_is_an_empty_directory),
		cmocka_unit_test(it_lies_apart_from_the_repository),
		cmocka_unit_test(descriptors_are_known_by_their_name),
		cmocka_unit_test(what_is_mounted_is_known_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
