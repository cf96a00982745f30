/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is seen of a live directory, and which names are wanted of one.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "store/base/error.h"
#include "store/write/live.h"
#include "store/write/wanted.h"
#include "tests/unit/folder.h"

static struct folder folder;
static int dir;

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	dir = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(close(dir), 0);
	folder_release(&folder);
	return 0;
}

static void make(const char *name, const char *text)
{
	folder_write(&folder, name, text, strlen(text), 0640);
}

/* ---- stat and open
 * ---------------------------------------------------------------- */

static void stat_tells_what_kind_it_is(void **state)
{
	static const struct {
		const char *name;
		uint32_t type;
		uint8_t entry;
		uint64_t size;
	} cases[] = {
		{ "file", S_IFREG, CR_ENTRY_FILE, 4 },
		{ "link", S_IFLNK, CR_ENTRY_SYMLINK, 7 },
		{ "fifo", S_IFIFO, CR_ENTRY_FIFO, 0 },
		{ "socket", S_IFSOCK, CR_ENTRY_SOCKET, 0 },
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct cr_live_stat st;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	make("file", "text");
	assert_int_equal(symlinkat("nowhere", dir, "link"), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/self/fd/%d/socket", dir);
	assert_int_equal(
		bind(sock, (const struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(close(sock), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].name);
		assert_int_equal(cr_live_stat(dir, cases[i].name, &st), 0);
		assert_int_equal(st.type, cases[i].type);
		assert_int_equal(st.entry.type, cases[i].entry);
		assert_int_equal(st.entry.size, cases[i].size);
	}
	assert_int_equal(cr_live_stat(dir, "", &st), 0);
	assert_int_equal(st.entry.type, CR_ENTRY_DIRECTORY);
	assert_int_equal(cr_live_stat(dir, "nothing", &st), -ENOENT);
	assert_int_equal(cr_live_stat(dir, "file/x", &st), -ENOTDIR);
}

static void devices_have_their_numbers(void **state)
{
	struct cr_live_stat st;

	(void)state;
	if (mknodat(dir, "null", S_IFCHR | 0600, makedev(1, 3)) < 0) {
		print_message("  not root: no device made\n");
		return;
	}
	assert_int_equal(cr_live_stat(dir, "null", &st), 0);
	assert_int_equal(st.entry.type, CR_ENTRY_CHAR);
	assert_int_equal(st.entry.dev_major, 1);
	assert_int_equal(st.entry.dev_minor, 3);
}

static void times_before_1970_are_kept(void **state)
{
	const struct timespec times[] = { { -5, 7 },
					  { -1000000000, 999999999 } };
	struct cr_live_stat st;

	(void)state;
	make("old", "");
	assert_int_equal(utimensat(dir, "old", times, 0), 0);
	assert_int_equal(cr_live_stat(dir, "old", &st), 0);
	assert_int_equal(st.entry.mtime.sec, -1000000000);
	assert_int_equal(st.entry.mtime.nsec, 999999999);
}

static void replace_by_file(void)
{
	make("new", "other");
	assert_int_equal(renameat(dir, "new", dir, "it"), 0);
}

static void replace_by_fifo(void)
{
	assert_int_equal(unlinkat(dir, "it", 0), 0);
	assert_int_equal(mkfifoat(dir, "it", 0600), 0);
}

static void replace_by_link(void)
{
	make("target", "");
	assert_int_equal(unlinkat(dir, "it", 0), 0);
	assert_int_equal(symlinkat("target", dir, "it"), 0);
}

static void replace_by_dir(void)
{
	assert_int_equal(unlinkat(dir, "it", 0), 0);
	assert_int_equal(mkdirat(dir, "it", 0700), 0);
}

static void remove_it(void)
{
	assert_int_equal(unlinkat(dir, "it", 0), 0);
}

static void leave_it(void)
{
}

static void a_swap_between_stat_and_open_is_seen(void **state)
{
	static const struct {
		const char *what;
		void (*swap)(void);
		int want;
	} cases[] = {
		{ "nothing", leave_it, 0 },
		{ "a file", replace_by_file, -ESTALE },
		{ "a FIFO", replace_by_fifo, -ESTALE },
		{ "a link", replace_by_link, -ELOOP },
		{ "a directory", replace_by_dir, -ESTALE },
		{ "it is gone", remove_it, -ENOENT },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_live_stat st;
		int fd = -1;

		unit_case(cases[i].what);
		make("it", "as it was");
		assert_int_equal(cr_live_stat(dir, "it", &st), 0);
		cases[i].swap();
		assert_int_equal(cr_live_open(dir, "it", &st, NULL, &fd),
				 cases[i].want);
		if (fd >= 0)
			assert_int_equal(close(fd), 0);
		(void)unlinkat(dir, "it", 0);
		(void)unlinkat(dir, "it", AT_REMOVEDIR);
	}
}

/* ---- Names
 * -------------------------------------------------------------------------- */

static void names_are_sorted_as_unsigned_bytes(void **state)
{
	static const char *const names[] = { "b",    "a",   "\xff", "Z", "aa",
					     "\x80", "a b", "A\n",  "~", "-" };
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf offsets = { 0 };
	const size_t *offset;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		make(names[i], "");
	/* Twice: a directory can be listed again. */
	for (int twice = 0; twice < 2; twice++) {
		cr_buf_clear(&bytes);
		cr_buf_clear(&offsets);
		assert_int_equal(cr_live_names(dir, &bytes, &offsets), 0);
		assert_int_equal(offsets.len / sizeof(size_t),
				 CR_ARRAY_LEN(names));
		offset = (const void *)offsets.bytes;
		for (size_t i = 1; i < CR_ARRAY_LEN(names); i++)
			assert_true(strcmp((char *)bytes.bytes + offset[i - 1],
					   (char *)bytes.bytes + offset[i]) <
				    0);
	}
}

static void an_empty_directory_has_no_names(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf offsets = { 0 };

	(void)state;
	assert_int_equal(cr_live_names(dir, &bytes, &offsets), 0);
	assert_int_equal(offsets.len, 0);
}

/* ---- xattrs and targets
 * --------------------------------------------------------------- */

static unsigned int count_xattrs(const char *name)
{
	cr_cleanup(cr_buf_release) struct cr_buf set = { 0 };
	struct cr_xattrs xattrs;
	struct cr_xattr one;
	unsigned int n = 0;
	bool has_acl;

	assert_int_equal(cr_live_xattrs(dir, name, &set, &has_acl), 0);
	if (set.len == 0)
		return 0;
	assert_int_equal(
		cr_xattrs_parse((struct cr_piece){ set.bytes, set.len },
				&xattrs),
		0);
	while (cr_xattr_next(&xattrs, &one))
		n++;
	return n;
}

static void xattrs_of_whatever_has_them_are_found(void **state)
{
	char path[64];

	(void)state;
	make("file", "");
	assert_int_equal(symlinkat("file", dir, "link"), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(count_xattrs("file"), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/file", dir);
	if (setxattr(path, "user.b", "value", 5, 0) < 0) {
		print_message("  no user xattrs here\n");
		return;
	}
	assert_int_equal(setxattr(path, "user.a", "", 0, 0), 0);
	assert_int_equal(count_xattrs("file"), 2);
	assert_int_equal(count_xattrs("link"), 0); /* it is not followed */
	assert_int_equal(count_xattrs("fifo"), 0);
	assert_int_equal(fsetxattr(dir, "user.d", "x", 1, 0), 0);
	assert_int_equal(count_xattrs(""), 1);
	if (geteuid() != 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/link", dir);
	assert_int_equal(lsetxattr(path, "trusted.l", "x", 1, 0), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/fifo", dir);
	assert_int_equal(lsetxattr(path, "trusted.f", "x", 1, 0), 0);
	assert_int_equal(count_xattrs("link"), 1);
	assert_int_equal(count_xattrs("fifo"), 1);
	assert_int_equal(count_xattrs("file"), 2);
}

static void a_target_of_any_length_is_whole(void **state)
{
	static const size_t lengths[] = { 1, 255, 256, 257, 1000, 4095 };
	char target[4096];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(lengths); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };

		memset(target, 'x', lengths[i]);
		target[lengths[i]] = '\0';
		assert_int_equal(symlinkat(target, dir, "link"), 0);
		assert_int_equal(cr_live_target(dir, "link", &out), 0);
		assert_int_equal(out.len, lengths[i]);
		assert_memory_equal(out.bytes, target, out.len);
		assert_int_equal(unlinkat(dir, "link", 0), 0);
	}
}

/* ---- Wanted
 * ------------------------------------------------------------------------------
 */

static void print_wanted(const struct cr_wanted *wanted, char *out)
{
	(void)strcat(out, wanted->name);
	if (wanted->whole) {
		(void)strcat(out, "!");
		return;
	}
	(void)strcat(out, "(");
	for (size_t i = 0; i < wanted->children; i++)
		print_wanted(wanted->child[i], out);
	(void)strcat(out, ")");
}

static void wanted_paths_make_a_tree(void **state)
{
	static const struct {
		const char *path[4];
		const char *want;
	} cases[] = {
		{ { NULL }, "()" },
		{ { "/" }, "!" },
		{ { "/a" }, "(a!)" },
		{ { "/a/b/c" }, "(a(b(c!)))" },
		{ { "/b", "/a" }, "(a!b!)" },
		{ { "/a/b", "/a" }, "(a!)" },
		{ { "/a", "/a/b" }, "(a!)" },
		{ { "/a/c", "/a/b", "/ab", "/a/bb" }, "(a(b!bb!c!)ab!)" },
		{ { "/ab", "/a", "/abc" }, "(a!ab!abc!)" },
		{ { "/a", "/a" }, "(a!)" },
		{ { "/a", "/\xff", "/Z" }, "(Z!a!\xff!)" },
		{ { "/", "/a" }, "!" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_wanted *wanted = NULL;
		char *path[4], out[100] = "";
		size_t n = 0;

		for (; n < 4 && cases[i].path[n]; n++)
			path[n] = strdup(cases[i].path[n]);
		assert_int_equal(cr_wanted_build(path, n, &wanted), 0);
		print_wanted(wanted, out);
		assert_string_equal(out, cases[i].want);
		cr_wanted_free(wanted);
		while (n > 0)
			free(path[--n]);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(stat_tells_what_kind_it_is),
		TEST(devices_have_their_numbers),
		TEST(times_before_1970_are_kept),
		TEST(a_swap_between_stat_and_open_is_seen),
		TEST(names_are_sorted_as_unsigned_bytes),
		TEST(an_empty_directory_has_no_names),
		TEST(xattrs_of_whatever_has_them_are_found),
		TEST(a_target_of_any_length_is_whole),
		TEST(wanted_paths_make_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
