/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/io.h"

#include <errno.h>

#include "tests/unit/folder.h"

static void a_short_transfer_is_continued(void **state)
{
	struct folder folder;
	char back[16] = { 0 };
	int fd;

	(void)state;
	folder_init(&folder);
	fd = cr_io_open(AT_FDCWD, folder_path(&folder, "f").text,
			O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	cr_io_fault(CR_IO_WRITE, 1, CR_IO_SHORT);
	assert_int_equal(cr_io_pwrite(fd, "caprock", 7, 3), 0);
	cr_io_fault(CR_IO_WRITE, 1, CR_IO_SHORT);
	assert_int_equal(cr_io_write(fd, "abc", 3), 0);
	cr_io_fault(CR_IO_READ, 1, CR_IO_SHORT);
	assert_int_equal(cr_io_pread(fd, back, sizeof(back), 0), 10);
	assert_memory_equal(back, "abccaprock", 10);
	cr_io_fault(CR_IO_READ, 1, CR_IO_SHORT);
	assert_int_equal(cr_io_read(fd, back, sizeof(back)), 7);
	assert_memory_equal(back, "caprock", 7);
	assert_int_equal(cr_io_close(&fd), 0);
	assert_int_equal(fd, -1);
	folder_release(&folder);
}

static void the_nth_call_fails_and_no_other(void **state)
{
	struct folder folder;
	int fd;

	(void)state;
	folder_init(&folder);
	fd = cr_io_open(AT_FDCWD, folder_path(&folder, "f").text,
			O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	cr_io_fault(CR_IO_SYNC, 3, EIO);
	assert_int_equal(cr_io_sync(fd), 0);
	assert_int_equal(cr_io_sync(fd), 0);
	assert_int_equal(cr_io_sync(fd), -EIO);
	assert_int_equal(cr_io_sync(fd), 0);
	cr_io_fault(CR_IO_SYNC, -1, EIO);
	assert_int_equal(cr_io_sync(fd), -EIO);
	assert_int_equal(cr_io_sync(fd), -EIO);
	cr_io_fault(CR_IO_SYNC, 0, 0);
	assert_int_equal(cr_io_sync(fd), 0);
	cr_io_fault(CR_IO_WRITE, 1, ENOSPC);
	cr_io_fault(CR_IO_WRITE, 0, 0);
	assert_int_equal(cr_io_write(fd, "x", 1), 0);
	cr_io_fault(CR_IO_CLOSE, 1, EIO);
	assert_int_equal(cr_io_close(&fd), -EIO);
	assert_int_equal(fd, -1);
	folder_release(&folder);
}

static void a_folder_that_cannot_sync_is_forgiven(void **state)
{
	static const struct {
		int err, want;
	} cases[] = {
		{ EINVAL, 0 }, { ENOSYS, 0 },	    { EOPNOTSUPP, 0 },
		{ EIO, -EIO }, { ENOSPC, -ENOSPC },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(strerrorname_np(cases[i].err));
		cr_io_fault(CR_IO_SYNC, 1, cases[i].err);
		assert_int_equal(cr_io_sync_folder(0), cases[i].want);
		cr_io_fault(CR_IO_SYNC, 1, cases[i].err);
		assert_int_equal(cr_io_sync(0), -cases[i].err);
	}
}

static void opening_never_follows_and_never_waits(void **state)
{
	struct folder folder;
	int fd;

	(void)state;
	folder_init(&folder);
	folder_write(&folder, "f", "x", 1, 0600);
	assert_int_equal(symlink("f", folder_path(&folder, "l").text), 0);
	assert_int_equal(mkfifo(folder_path(&folder, "p").text, 0600), 0);
	assert_int_equal(cr_io_open(AT_FDCWD, folder_path(&folder, "l").text,
				    O_RDONLY, 0),
			 -ELOOP);
	fd = cr_io_open(AT_FDCWD, folder_path(&folder, "p").text, O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(cr_io_close(&fd), 0);
	folder_release(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_short_transfer_is_continued),
		cmocka_unit_test(the_nth_call_fails_and_no_other),
		cmocka_unit_test(a_folder_that_cannot_sync_is_forgiven),
		cmocka_unit_test(opening_never_follows_and_never_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
