/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/storage.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/secret.h"
#include "store/disk/storage_write.h"
#include "tests/unit/folder.h"

static struct folder folder;
static struct cr_storage *storage;
static struct cr_storage_w *w;

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	assert_int_equal(cr_storage_create(folder.path), 0);
	assert_int_equal(cr_storage_open(folder.path, &storage), 0);
	assert_int_equal(cr_storage_w_open(storage, &w), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int call = 0; call < CR_IO_CALLS; call++)
		cr_io_fault((enum cr_io_call)call, 0, 0);
	cr_storage_w_close(w);
	cr_storage_close(storage);
	folder_release(&folder);
	return 0;
}

static int get(const char *name, char out[64])
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	int r = cr_storage_get(storage, name, 63, &buf);

	memset(out, 0, 64);
	if (r == 0)
		memcpy(out, buf.bytes, buf.len);
	return r;
}

/* Regular files of any name in one folder. */
static int count_files(const char *name)
{
	DIR *dir = opendir(folder_path(&folder, name).text);
	const struct dirent *entry;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_type == DT_REG;
	(void)closedir(dir);
	return count;
}

static void names_stay_inside(void **state)
{
	static const struct {
		const char *name;
		bool want;
	} cases[] = {
		{ "repository", true },	   { "packs/data/3f/3fa0", true },
		{ "a.b", true },	   { "", false },
		{ "/etc/passwd", false },  { "..", false },
		{ "keys/../../x", false }, { "keys/..", false },
		{ "./keys", false },	   { "keys//x", false },
		{ "keys/", false },	   { "keys/.tmp-1", false },
		{ ".tmp-1", false },
	};
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	char longest[CR_STORED_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_stored *stored = NULL;

		unit_case(cases[i].name);
		assert_int_equal(cr_storage_name_valid(cases[i].name),
				 cases[i].want);
		if (cases[i].want)
			continue;
		assert_int_equal(
			cr_storage_get(storage, cases[i].name, 9, &buf),
			-EINVAL);
		assert_int_equal(
			cr_stored_open(storage, cases[i].name, &stored),
			-EINVAL);
		assert_int_equal(cr_storage_put(w, cases[i].name, "x", 1),
				 -EINVAL);
		assert_int_equal(cr_storage_delete(w, cases[i].name), -EINVAL);
		assert_int_equal(cr_storage_list(storage, cases[i].name, false,
						 NULL, NULL),
				 -EINVAL);
	}
	memset(longest, 'a', sizeof(longest));
	longest[CR_STORED_NAME_MAX + 1] = '\0';
	assert_false(cr_storage_name_valid(longest));
	longest[CR_STORED_NAME_MAX] = '\0';
	assert_true(cr_storage_name_valid(longest));
}

static void an_object_is_created_once(void **state)
{
	char back[64];

	(void)state;
	assert_int_equal(get("packs/data/3f/3fa0", back), -ENOENT);
	assert_int_equal(cr_storage_put(w, "packs/data/3f/3fa0", "one", 3), 0);
	assert_int_equal(cr_storage_put(w, "packs/data/3f/3fa0", "two", 3),
			 -EEXIST);
	assert_int_equal(get("packs/data/3f/3fa0", back), 0);
	assert_string_equal(back, "one");
	assert_int_equal(count_files("packs/data/3f"), 1);
	assert_int_equal(cr_storage_delete(w, "packs/data/3f/3fa0"), 0);
	assert_int_equal(cr_storage_delete(w, "packs/data/3f/3fa0"), -ENOENT);
	assert_int_equal(cr_storage_delete(w, "packs/data/aa/aaaa"), -ENOENT);
	assert_int_equal(get("packs/data/3f/3fa0", back), -ENOENT);
}

/* Each way of taking a name, for those file systems that lack the others. */
static void any_file_system_creates_once(void **state)
{
	static const struct {
		const char *what;
		int rename, link;
	} cases[] = {
		{ "rename without replacing", 0, 0 },
		{ "link: no such flag", EINVAL, 0 },
		{ "link: no such call", ENOSYS, 0 },
		{ "placeholder: no links", EINVAL, EPERM },
		{ "placeholder: no link call", EINVAL, ENOSYS },
		{ "placeholder: links refused", EOPNOTSUPP, EOPNOTSUPP },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char name[32], back[64];

		unit_case(cases[i].what);
		(void)snprintf(name, sizeof(name), "index/a%zu", i);
		for (int twice = 0; twice < 2; twice++) {
			cr_io_fault(CR_IO_RENAME, cases[i].rename ? 1 : 0,
				    cases[i].rename);
			cr_io_fault(CR_IO_LINK, cases[i].link ? 1 : 0,
				    cases[i].link);
			assert_int_equal(
				cr_storage_put(w, name, twice ? "b" : "a", 1),
				twice ? -EEXIST : 0);
		}
		assert_int_equal(get(name, back), 0);
		assert_string_equal(back, "a");
		assert_int_equal(count_files("index"), i + 1);
	}
}

static void a_failed_call_leaves_no_object(void **state)
{
	static const struct {
		const char *what;
		enum cr_io_call call;
		int nth, err, refuse_rename, refuse_link;
	} cases[] = {
		{ "the repository's folder", CR_IO_OPEN, 1, EMFILE, 0, 0 },
		{ "a new folder", CR_IO_MKDIR, 3, ENOSPC, 0, 0 },
		{ "the sync of a new folder", CR_IO_SYNC, 3, EIO, 0, 0 },
		{ "the temporary", CR_IO_OPEN, 5, ENOSPC, 0, 0 },
		{ "a write", CR_IO_WRITE, 1, ENOSPC, 0, 0 },
		{ "a quota", CR_IO_WRITE, 1, EDQUOT, 0, 0 },
		{ "the sync of the file", CR_IO_SYNC, 4, EIO, 0, 0 },
		{ "a sync that cannot be", CR_IO_SYNC, 4, EINVAL, 0, 0 },
		{ "the close", CR_IO_CLOSE, 1, EIO, 0, 0 },
		{ "the rename", CR_IO_RENAME, 1, EIO, 0, 0 },
		{ "the link", CR_IO_LINK, 1, EIO, EINVAL, 0 },
		{ "the placeholder", CR_IO_OPEN, 6, ENOSPC, EINVAL, EPERM },
		{ "the sync of the folder", CR_IO_SYNC, 5, EIO, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_storage_w_closep) struct cr_storage_w *fresh =
			NULL;
		char name[64], place[32], back[64];

		unit_case(cases[i].what);
		(void)snprintf(place, sizeof(place), "packs/data/%02zx", i);
		(void)snprintf(name, sizeof(name), "%s/x", place);
		assert_int_equal(cr_storage_w_open(storage, &fresh), 0);
		if (cases[i].refuse_rename)
			cr_io_fault(CR_IO_RENAME, 1, cases[i].refuse_rename);
		if (cases[i].refuse_link)
			cr_io_fault(CR_IO_LINK, 1, cases[i].refuse_link);
		cr_io_fault(cases[i].call, cases[i].nth, cases[i].err);
		cr_detail_clear();
		assert_int_equal(cr_storage_put(fresh, name, "body", 4),
				 -cases[i].err);
		assert_non_null(strstr(cr_detail(), name));
		if (cases[i].err == ENOSPC || cases[i].err == EDQUOT)
			assert_non_null(strstr(cr_detail(), "no space"));
		cr_io_fault(cases[i].call, 0, 0);
		assert_int_equal(get(name, back), -ENOENT);
		if (folder_has(&folder, place))
			assert_int_equal(count_files(place), 0);
		assert_int_equal(cr_storage_put(fresh, name, "body", 4), 0);
		assert_int_equal(get(name, back), 0);
		assert_string_equal(back, "body");
	}
}

static void a_placeholder_goes_when_it_cannot_be_filled(void **state)
{
	char back[64];

	(void)state;
	cr_io_fault(CR_IO_LINK, 1, EPERM);
	cr_io_fault(CR_IO_RENAME, -1, EINVAL);
	assert_int_equal(cr_storage_put(w, "index/a", "x", 1), -EINVAL);
	cr_io_fault(CR_IO_RENAME, 0, 0);
	assert_int_equal(count_files("index"), 0);
	assert_int_equal(get("index/a", back), -ENOENT);
	assert_int_equal(cr_storage_put(w, "index/a", "x", 1), 0);
}

static void a_failed_delete_is_reported(void **state)
{
	static const enum cr_io_call calls[] = { CR_IO_OPEN, CR_IO_UNLINK,
						 CR_IO_SYNC };
	char back[64];

	(void)state;
	assert_int_equal(cr_storage_put(w, "index/a", "x", 1), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(calls); i++) {
		cr_io_fault(calls[i], 1, EIO);
		assert_int_equal(cr_storage_delete(w, "index/a"), -EIO);
		assert_non_null(strstr(cr_detail(), "index/a"));
		assert_int_equal(get("index/a", back),
				 calls[i] == CR_IO_SYNC ? -ENOENT : 0);
	}
}

static void a_failed_write_fails_the_object(void **state)
{
	struct cr_putting *put = NULL;
	char back[64];

	(void)state;
	assert_int_equal(cr_put_begin(w, "index/a", &put), 0);
	assert_int_equal(cr_put_write(put, 0, "abc", 3), 0);
	cr_io_fault(CR_IO_WRITE, 1, EIO);
	assert_int_equal(cr_put_write(put, 3, "def", 3), -EIO);
	assert_int_equal(cr_put_write(put, 3, "def", 3), 0);
	assert_int_equal(cr_put_commit(put), -EIO);
	assert_int_equal(get("index/a", back), -ENOENT);
	assert_int_equal(count_files("index"), 0);
}

static void an_object_is_written_at_offsets(void **state)
{
	struct cr_putting *put = NULL;
	char back[64];

	(void)state;
	assert_int_equal(cr_put_begin(w, "index/a", &put), 0);
	assert_int_equal(cr_put_write(put, 3, "rock", 4), 0);
	assert_int_equal(cr_put_write(put, 0, "cap", 3), 0);
	assert_int_equal(cr_put_read(put, 2, back, 3), 0);
	assert_memory_equal(back, "pro", 3);
	assert_int_equal(cr_put_read(put, 6, back, 2), -EIO);
	cr_io_fault(CR_IO_READ, 1, EIO);
	assert_int_equal(cr_put_read(put, 2, back, 3), -EIO);
	assert_int_equal(get("index/a", back), -ENOENT);
	assert_int_equal(cr_put_commit(put), 0);
	assert_int_equal(get("index/a", back), 0);
	assert_string_equal(back, "caprock");

	assert_int_equal(cr_put_begin(w, "index/b", &put), 0);
	assert_int_equal(cr_put_write(put, 0, "x", 1), 0);
	cr_put_abort(put);
	assert_int_equal(count_files("index"), 1);
	cr_put_abort(NULL);
}

struct seen {
	char names[256];
	uint64_t bytes;
	int stop;
};

static int see(void *arg, const char *name, uint64_t size)
{
	struct seen *seen = arg;
	size_t len = strlen(seen->names);

	(void)snprintf(seen->names + len, sizeof(seen->names) - len, "%s ",
		       name);
	seen->bytes += size;
	return seen->stop;
}

static void what_a_crash_leaves_is_not_listed(void **state)
{
	struct seen files = { .stop = 0 }, dirs = { .stop = 0 };
	struct seen first = { .stop = 7 }, none = { .stop = 0 };
	struct seen names = { .stop = 0 };
	char back[64];

	(void)state;
	assert_int_equal(cr_storage_put(w, "keys/aa", "12345", 5), 0);
	folder_write(&folder, "keys/.tmp-0011", "junk", 4, 0600);
	folder_write(&folder, "keys/bb", "", 0, 0600);
	assert_int_equal(symlink("aa", folder_path(&folder, "keys/cc").text),
			 0);

	assert_int_equal(cr_storage_list(storage, "keys", false, see, &files),
			 0);
	assert_string_equal(files.names, "aa ");
	assert_int_equal(files.bytes, 5);
	assert_int_equal(cr_storage_list(storage, "keys", true, see, &dirs), 0);
	assert_string_equal(dirs.names, "roster ");
	assert_int_equal(cr_storage_list(storage, "keys", false, see, &first),
			 7);
	assert_int_equal(
		cr_storage_list(storage, "packs/data/77", false, see, &none),
		0);
	assert_string_equal(none.names, "");
	assert_int_equal(cr_storage_list_names(storage, "keys", see, &names),
			 0);
	assert_true(strcmp(names.names, "aa bb ") == 0 ||
		    strcmp(names.names, "bb aa ") == 0);
	assert_int_equal(names.bytes, 0);
	assert_int_equal(get("keys/bb", back), -ENOENT);
	/* The placeholder keeps its name: who made it may still be at work. */
	assert_int_equal(cr_storage_put(w, "keys/bb", "x", 1), -EEXIST);
}

static void reading_beyond_the_end_is_damage(void **state)
{
	static const struct {
		uint64_t offset;
		size_t len;
		int want;
	} cases[] = {
		{ 0, 7, 0 },
		{ 3, 4, 0 },
		{ 7, 0, 0 },
		{ 3, 5, -CR_ECORRUPT },
		{ 8, 0, -CR_ECORRUPT },
		{ UINT64_MAX, 2, -CR_ECORRUPT },
	};
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	char back[8];

	(void)state;
	assert_int_equal(cr_storage_put(w, "index/a", "caprock", 7), 0);
	assert_int_equal(cr_stored_open(storage, "index/b", &stored), -ENOENT);
	assert_int_equal(cr_stored_open(storage, "index/a", &stored), 0);
	assert_int_equal(cr_stored_len(stored), 7);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		assert_int_equal(cr_stored_read(stored, cases[i].offset, back,
						cases[i].len),
				 cases[i].want);
		if (cases[i].want == 0)
			assert_memory_equal(back, &"caprock"[cases[i].offset],
					    cases[i].len);
	}
	cr_io_fault(CR_IO_READ, 1, EIO);
	assert_int_equal(cr_stored_read(stored, 0, back, 7), -EIO);
	/* Cut while it is open. */
	assert_int_equal(truncate(folder_path(&folder, "index/a").text, 3), 0);
	assert_int_equal(cr_stored_read(stored, 0, back, 7), -CR_ECORRUPT);

	assert_int_equal(cr_storage_get(storage, "index/a", 2, &buf),
			 -CR_ECORRUPT);
	cr_io_fault(CR_IO_READ, 1, EIO);
	assert_int_equal(cr_storage_get(storage, "index/a", 3, &buf), -EIO);
	assert_int_equal(buf.len, 0);
	assert_int_equal(cr_storage_get(storage, "index/a", 3, &buf), 0);
	assert_int_equal(buf.len, 3);
}

static void only_regular_files_are_objects(void **state)
{
	char back[64];

	(void)state;
	assert_int_equal(
		symlink("/etc/passwd", folder_path(&folder, "keys/l").text), 0);
	assert_int_equal(mkfifo(folder_path(&folder, "keys/p").text, 0600), 0);
	assert_int_equal(get("keys/l", back), -CR_ECORRUPT);
	assert_int_equal(get("keys/p", back), -CR_ECORRUPT);
	assert_int_equal(get("keys/roster", back), -CR_ECORRUPT);
}

static void a_repository_is_made_in_a_place_of_its_own(void **state)
{
	struct cr_storage *none = NULL;

	(void)state;
	assert_int_equal(cr_storage_create(folder.path), -EEXIST);
	assert_int_equal(
		cr_storage_create(folder_path(&folder, "no/where").text),
		-ENOENT);
	assert_int_equal(cr_storage_create(folder_path(&folder, "new/").text),
			 0);
	assert_true(folder_has(&folder, "new/packs/meta"));
	assert_int_equal(
		cr_storage_open(folder_path(&folder, "none").text, &none),
		-CR_ENOREPO);
	folder_write(&folder, "file", "x", 1, 0600);
	assert_int_equal(
		cr_storage_open(folder_path(&folder, "file").text, &none),
		-CR_ENOREPO);
	assert_string_equal(cr_storage_name(storage), folder.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_stay_inside, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_object_is_created_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(any_file_system_creates_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_call_leaves_no_object,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_placeholder_goes_when_it_cannot_be_filled, setup,
			teardown),
		cmocka_unit_test_setup_teardown(a_failed_delete_is_reported,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_failed_write_fails_the_object,
						setup, teardown),
		cmocka_unit_test_setup_teardown(an_object_is_written_at_offsets,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_a_crash_leaves_is_not_listed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reading_beyond_the_end_is_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(only_regular_files_are_objects,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_repository_is_made_in_a_place_of_its_own, setup,
			teardown),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
