/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/kv.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/base/error.h"
#include "store/disk/kv_probe.h"
#include "tests/unit/folder.h"

enum { ROWS, WORDS };

#define PREFIX 4

static const struct cr_kv_family families[] = {
	[ROWS] = { "rows", PREFIX },
	[WORDS] = { "words", 0 },
};

static struct folder folder;

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_release(&folder);
	return 0;
}

static int open_as(enum cr_kv_mode mode, struct cr_kv **ret)
{
	const struct cr_kv_options opt = { families, CR_ARRAY_LEN(families),
					   mode, 4 << 20 };

	return cr_kv_open(folder_path(&folder, "db").text, &opt, ret);
}

static struct cr_kv *open_ok(enum cr_kv_mode mode)
{
	struct cr_kv *kv = NULL;
	int r = open_as(mode, &kv);

	if (r < 0)
		print_message("  said: %s\n", cr_detail());
	assert_int_equal(r, 0);
	return kv;
}

static struct cr_piece text(const char *s)
{
	return (struct cr_piece){ s, strlen(s) };
}

static void put(struct cr_kv *kv, size_t family, const char *key,
		const char *value)
{
	cr_cleanup(cr_kv_batch_freep) struct cr_kv_batch *batch = NULL;

	assert_int_equal(cr_kv_batch_new(kv, &batch), 0);
	cr_kv_put(batch, family, text(key), text(value));
	assert_int_equal(cr_kv_write(kv, batch), 0);
	assert_int_equal(cr_kv_batch_count(batch), 0);
}

static void assert_value(const struct cr_kv *kv, size_t family, const char *key,
			 const char *want)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r = cr_kv_get(kv, family, text(key), &value);

	if (!want) {
		assert_int_equal(r, -ENOENT);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(value.len, strlen(want));
	assert_memory_equal(value.bytes, want, value.len);
}

static int join(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct cr_buf *out = arg;

	cr_buf_put(out, key.bytes, key.len);
	cr_buf_put(out, "=", 1);
	cr_buf_put(out, value.bytes, value.len);
	cr_buf_put(out, " ", 1);
	return 0;
}

static void assert_each(const struct cr_kv *kv, size_t family,
			const char *prefix, const char *want)
{
	cr_cleanup(cr_buf_release) struct cr_buf all = { 0 };

	assert_int_equal(cr_kv_each(kv, family, text(prefix), join, &all), 0);
	cr_buf_u8(&all, 0);
	assert_string_equal((const char *)all.bytes, want);
}

static void what_is_put_is_found_and_stays(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);

	(void)state;
	put(kv, ROWS, "aaaa1", "one");
	put(kv, WORDS, "aaaa1", "other family");
	put(kv, WORDS, "w", "old");
	put(kv, WORDS, "w", "");
	cr_kv_close(cr_take(kv));
	kv = open_ok(CR_KV_PRIMARY);
	assert_value(kv, ROWS, "aaaa1", "one");
	assert_value(kv, WORDS, "aaaa1", "other family");
	assert_value(kv, WORDS, "w", "");
	assert_value(kv, WORDS, "x", NULL);
}

static void a_batch_happens_together(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	cr_cleanup(cr_kv_batch_freep) struct cr_kv_batch *batch = NULL;
	uint64_t before;

	(void)state;
	put(kv, WORDS, "a", "1");
	before = cr_kv_sequence(kv);
	assert_int_equal(cr_kv_batch_new(kv, &batch), 0);
	cr_kv_put(batch, WORDS, text("b"), text("2"));
	cr_kv_delete(batch, WORDS, text("a"));
	assert_value(kv, WORDS, "a", "1");
	assert_value(kv, WORDS, "b", NULL);
	assert_int_equal(cr_kv_batch_count(batch), 2);
	assert_int_equal(cr_kv_write(kv, batch), 0);
	assert_value(kv, WORDS, "a", NULL);
	assert_value(kv, WORDS, "b", "2");
	assert_int_equal(cr_kv_sequence(kv), before + 2);
}

static void a_walk_sees_its_prefix_in_order(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	static const struct {
		const char *what;
		size_t family;
		const char *prefix, *want;
	} cases[] = {
		{ "one prefix", ROWS, "bbbb", "bbbb1=2 bbbb2=3 " },
		{ "more than the prefix", ROWS, "bbbb2", "bbbb2=3 " },
		{ "no such prefix", ROWS, "bbba", "" },
		{ "less than the prefix", ROWS, "bb", "bbbb1=2 bbbb2=3 " },
		{ "all", ROWS, "", "aaaa1=1 bbbb1=2 bbbb2=3 cccc1=4 " },
		{ "whole keys, all", WORDS, "", "x=1 xy=2 y=3 " },
		{ "whole keys, a prefix", WORDS, "x", "x=1 xy=2 " },
	};

	(void)state;
	put(kv, ROWS, "cccc1", "4");
	put(kv, ROWS, "bbbb2", "3");
	put(kv, ROWS, "aaaa1", "1");
	put(kv, ROWS, "bbbb1", "2");
	put(kv, WORDS, "y", "3");
	put(kv, WORDS, "xy", "2");
	put(kv, WORDS, "x", "1");
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_each(kv, cases[i].family, cases[i].prefix,
			    cases[i].want);
	}
}

static int stop_at_second(void *arg, struct cr_piece key, struct cr_piece value)
{
	int *calls = arg;

	(void)key;
	(void)value;
	return ++*calls == 2 ? 77 : 0;
}

static void a_walk_ends_when_told(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	int calls = 0;

	(void)state;
	put(kv, WORDS, "a", "1");
	put(kv, WORDS, "b", "2");
	put(kv, WORDS, "c", "3");
	assert_int_equal(
		cr_kv_each(kv, WORDS, text(""), stop_at_second, &calls), 77);
	assert_int_equal(calls, 2);
}

#define MANY 200000u

static const char *row_key(uint32_t i, char key[16])
{
	/* Spread over the keys; every 16th prefix has two rows. */
	uint32_t spread = (i & ~1u) * 2654435761u;

	if (i % 32 > 1)
		spread = i * 2654435761u;
	(void)snprintf(key, 16, "%c%c%c%c%06" PRIu32, (char)(spread >> 24),
		       (char)(spread >> 16), (char)(spread >> 8), (char)spread,
		       i);
	return key;
}

static int count_row(void *arg, struct cr_piece key, struct cr_piece value)
{
	size_t *n = arg;

	(void)key;
	(void)value;
	++*n;
	return 0;
}

/* Filters are cut in parts: a prefix at a cut must not be missed. */
static void no_row_is_missed_among_many(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	cr_cleanup(cr_kv_batch_freep) struct cr_kv_batch *batch = NULL;
	char key[16];

	(void)state;
	assert_int_equal(cr_kv_batch_new(kv, &batch), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		(void)row_key(i, key);
		cr_kv_put(batch, ROWS, (struct cr_piece){ key, 10 }, text("v"));
		if (cr_kv_batch_count(batch) == 1000)
			assert_int_equal(cr_kv_write(kv, batch), 0);
	}
	assert_int_equal(cr_kv_flush(kv), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		size_t n = 0;

		(void)row_key(i, key);
		assert_int_equal(cr_kv_each(kv, ROWS,
					    (struct cr_piece){ key, PREFIX },
					    count_row, &n),
				 0);
		assert_in_range(n, i % 32 > 1 ? 1 : 2, 3);
	}
}

static void a_new_database_is_private(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	struct stat st;

	(void)state;
	assert_int_equal(stat(folder_path(&folder, "db").text, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void there_is_one_primary(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	struct cr_kv *second = NULL;

	(void)state;
	assert_int_equal(open_as(CR_KV_PRIMARY, &second), -CR_EINDEX);
	assert_null(second);
	assert_non_null(strstr(cr_detail(), "LOCK"));
}

static void readers_do_not_make_one(void **state)
{
	struct cr_kv *kv = NULL;

	(void)state;
	assert_int_equal(open_as(CR_KV_SECONDARY, &kv), -CR_EINDEX);
	assert_int_equal(open_as(CR_KV_READ_ONLY, &kv), -CR_EINDEX);
	assert_null(kv);
	assert_false(folder_has(&folder, "db"));
}

static size_t entries(const char *path)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	assert_int_equal(closedir(dir), 0);
	return n;
}

static void a_secondary_sees_what_was_flushed_and_writes_nothing(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	cr_cleanup(cr_kv_closep) struct cr_kv *second = NULL;
	size_t before;

	(void)state;
	put(kv, ROWS, "aaaa1", "1");
	assert_int_equal(cr_kv_flush(kv), 0);
	before = entries(folder_path(&folder, "db").text);
	second = open_ok(CR_KV_SECONDARY);
	assert_int_equal(entries(folder_path(&folder, "db").text), before);
	assert_each(second, ROWS, "aaaa", "aaaa1=1 ");
	assert_int_equal(cr_kv_sequence(second), cr_kv_sequence(kv));
	put(kv, ROWS, "aaaa2", "2");
	put(kv, WORDS, "w", "3");
	assert_each(second, ROWS, "aaaa", "aaaa1=1 ");
	assert_int_equal(cr_kv_flush(kv), 0);
	assert_int_equal(cr_kv_catch_up(second), 0);
	assert_each(second, ROWS, "aaaa", "aaaa1=1 aaaa2=2 ");
	assert_value(second, WORDS, "w", "3");
	assert_int_equal(cr_kv_sequence(second), cr_kv_sequence(kv));
}

/* Bytes in the logs of the database that was put @rows of 1 KiB into. */
static size_t log_after(const char *name, size_t rows)
{
	const struct cr_kv_options opt = { families, CR_ARRAY_LEN(families),
					   CR_KV_PRIMARY, 4 << 20 };
	const char *path = folder_path(&folder, name).text;
	char value[1025] = "", key[32];
	struct cr_kv *kv = NULL;
	struct dirent *entry;
	size_t bytes = 0;
	struct stat st;
	DIR *dir;

	memset(value, 'v', sizeof(value) - 1);
	assert_int_equal(cr_kv_open(path, &opt, &kv), 0);
	for (size_t i = 0; i < rows; i++) {
		(void)snprintf(key, sizeof(key), "aaaa%zu", i);
		put(kv, ROWS, key, value);
	}
	assert_int_equal(cr_kv_flush(kv), 0);
	cr_kv_close(cr_take(kv));
	dir = opendir(folder_path(&folder, name).text);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		if (!dot || strcmp(dot, ".log") != 0)
			continue;
		assert_int_equal(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
		bytes += (size_t)st.st_size;
	}
	assert_int_equal(closedir(dir), 0);
	return bytes;
}

static void a_long_log_is_not_left_behind(void **state)
{
	struct cr_kv *kv;

	(void)state;
	assert_int_equal(log_after("db", 100), 0);
	kv = open_ok(CR_KV_SECONDARY);
	assert_each(kv, ROWS, "aaaa1000", "");
	assert_int_equal(cr_kv_sequence(kv), 100);
	cr_kv_close(kv);
	assert_in_range(log_after("short", 10), 10 << 10, 12 << 10);
}

static bool has_table(void)
{
	DIR *dir = opendir(folder_path(&folder, "db").text);
	bool found = false;

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		found |= strstr(e->d_name, ".sst") != NULL;
	assert_int_equal(closedir(dir), 0);
	return found;
}

static void tables_begun_soon_lose_no_row(void **state)
{
	/* So much that no table is written because the buffers are full. */
	const struct cr_kv_options opt = { families, CR_ARRAY_LEN(families),
					   CR_KV_PRIMARY, 64 << 20 };
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = NULL;
	cr_cleanup(cr_kv_closep) struct cr_kv *second = NULL;
	char value[4097] = "", key[32];

	(void)state;
	assert_int_equal(cr_kv_open(folder_path(&folder, "db").text, &opt, &kv),
			 0);
	memset(value, 'v', sizeof(value) - 1);
	put(kv, ROWS, "bbbb1", "1");
	assert_int_equal(cr_kv_flush_soon(kv), 0);
	assert_int_equal(cr_kv_flush(kv), 0);
	assert_false(has_table()); /* a short log does not need one */
	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "aaaa%zu", i);
		put(kv, ROWS, key, value);
	}
	assert_false(has_table());
	assert_int_equal(cr_kv_flush_soon(kv), 0);
	for (size_t i = 0; i < 1000 && !has_table(); i++)
		assert_int_equal(usleep(10000), 0);
	assert_true(has_table());
	put(kv, ROWS, "bbbb2", "2");
	put(kv, WORDS, "w", "3");
	assert_int_equal(cr_kv_flush(kv), 0);
	second = open_ok(CR_KV_SECONDARY);
	assert_each(second, ROWS, "bbbb", "bbbb1=1 bbbb2=2 ");
	assert_value(second, WORDS, "w", "3");
	for (size_t i = 0; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "aaaa%zu", i);
		assert_value(second, ROWS, key, value);
	}
}

static void without_current_it_is_not_begun_anew(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);

	(void)state;
	put(kv, WORDS, "w", "1");
	cr_kv_close(cr_take(kv));
	assert_int_equal(unlink(folder_path(&folder, "db/CURRENT").text), 0);
	assert_int_equal(open_as(CR_KV_PRIMARY, &kv), -CR_EINDEX);
	assert_non_null(strstr(cr_detail(), "CURRENT is missing"));
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
	struct cr_kv *kv = NULL;

	(void)state;
	folder_write(&folder, "db", "", 0, 0600);
	assert_int_equal(open_as(CR_KV_PRIMARY, &kv), -ENOTDIR);
	assert_null(kv);
}

static int add_run(struct cr_kv *kv, const char *const *keys, size_t n)
{
	cr_cleanup(cr_kv_run_abortp) struct cr_kv_run *run = NULL;
	int r = cr_kv_run_begin(kv, ROWS, &run);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = cr_kv_run_add(run, text(keys[i]), text("r"));
	return r < 0 ? r : cr_kv_run_commit(cr_take(run));
}

static void a_run_goes_in_whole_and_over_what_was(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	static const char *const keys[] = { "aaaa1", "aaaa3", "zzzz1" };

	(void)state;
	put(kv, ROWS, "aaaa1", "old");
	put(kv, ROWS, "aaaa2", "stays");
	assert_int_equal(add_run(kv, keys, 3), 0);
	assert_each(kv, ROWS, "", "aaaa1=r aaaa2=stays aaaa3=r zzzz1=r ");
	assert_false(folder_has(&folder, "db/run.tmp"));
	assert_int_equal(add_run(kv, keys, 3), 0);
	assert_each(kv, ROWS, "zzzz", "zzzz1=r ");
}

static void a_run_must_ascend(void **state)
{
	cr_cleanup(cr_kv_closep) struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	static const char *const keys[] = { "bbbb1", "aaaa1" };

	(void)state;
	assert_int_equal(add_run(kv, keys, 2), -CR_EINDEX);
	assert_each(kv, ROWS, "", "");
	assert_false(folder_has(&folder, "db/run.tmp"));
}

static void a_run_left_by_a_crash_is_removed(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);

	(void)state;
	cr_kv_close(cr_take(kv));
	folder_write(&folder, "db/run.tmp", "half", 4, 0600);
	kv = open_ok(CR_KV_PRIMARY);
	assert_false(folder_has(&folder, "db/run.tmp"));
	cr_kv_close(kv);
}

/* What is asked of a database that is sound: whether it has a word. */
static int ask(void *arg, struct cr_kv *kv)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	int r = cr_kv_get(kv, WORDS, text(arg), &value);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int probe_for(const char *key, const struct cr_kv_mark *mark,
		     const char *asked)
{
	const struct folder_path path = folder_path(&folder, "db");
	const struct cr_kv_options opt = { families, CR_ARRAY_LEN(families),
					   CR_KV_SECONDARY, 4 << 20 };

	return cr_kv_probe(&(struct cr_kv_probe){
		.path = path.text,
		.opt = &opt,
		.family = WORDS,
		.key = text(key),
		.mark = mark,
		.ask = asked ? ask : NULL,
		.arg = (void *)(uintptr_t)asked,
	});
}

static int probe(const char *key, const struct cr_kv_mark *mark)
{
	return probe_for(key, mark, NULL);
}

/* The name of the one file in the database that begins with @start. */
static struct folder_path find_file(const char *start)
{
	struct folder_path path = folder_path(&folder, "db");
	char name[300] = "";
	DIR *dir = opendir(path.text);

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		if (strncmp(e->d_name, start, strlen(start)) == 0)
			(void)snprintf(name, sizeof(name), "db/%s", e->d_name);
	assert_int_equal(closedir(dir), 0);
	assert_true(name[0] != '\0');
	return folder_path(&folder, name);
}

static void a_probe_tells_whether_it_is_sound(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	struct cr_kv_mark mark, ahead;

	(void)state;
	put(kv, WORDS, "w", "1");
	assert_int_equal(cr_kv_mark(kv, &mark), 0);
	cr_kv_close(cr_take(kv));
	ahead = mark;
	ahead.sequence++;
	assert_int_equal(probe("w", &mark), 0);
	assert_int_equal(probe("y", &mark), -CR_EINDEX);
	/* Only what is sound is asked. */
	assert_int_equal(probe_for("w", &mark, "w"), 1);
	assert_int_equal(probe_for("w", &mark, "y"), 0);
	assert_int_equal(probe_for("y", &mark, "w"), -CR_EINDEX);
	/* One that was begun, and not flushed once. */
	assert_int_equal(probe_for("y", &(struct cr_kv_mark){ 0 }, "w"), 0);
	assert_non_null(strstr(cr_detail(), "key is missing"));
	assert_int_equal(probe("w", &ahead), -CR_EINDEX);
	assert_non_null(strstr(cr_detail(), "rows are lost"));
}

static void a_mark_tells_a_list_of_tables_that_was_changed(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	struct cr_kv_mark mark;
	struct folder_path path;
	int fd;

	(void)state;
	put(kv, WORDS, "w", "1");
	assert_int_equal(cr_kv_mark(kv, &mark), 0);
	cr_kv_close(cr_take(kv));
	path = find_file("MANIFEST");

	/* Zeroes at its end are what RocksDB does not mind. */
	fd = open(path.text, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(
		pwrite(fd, "\0\0\0\0\0\0\0\0", 8, (off_t)mark.list_len - 8), 8);
	assert_int_equal(close(fd), 0);
	assert_int_equal(probe("w", &mark), -CR_EINDEX);
	assert_non_null(strstr(cr_detail(), "list of tables"));
	assert_int_equal(truncate(path.text, (off_t)mark.list_len - 8), 0);
	assert_int_equal(probe("w", &mark), -CR_EINDEX);
	assert_non_null(strstr(cr_detail(), "list of tables"));
}

static void a_mark_holds_when_the_database_goes_on(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	struct cr_kv_mark mark;

	(void)state;
	put(kv, WORDS, "w", "1");
	assert_int_equal(cr_kv_mark(kv, &mark), 0);
	for (size_t i = 0; i < 3; i++) {
		cr_kv_close(cr_take(kv)); /* opening begins another list */
		assert_int_equal(probe("w", &mark), 0);
		kv = open_ok(CR_KV_PRIMARY);
		put(kv, WORDS, "x", "1");
		assert_int_equal(cr_kv_flush(kv), 0);
	}
	cr_kv_close(kv);
}

static void a_probe_survives_what_kills_rocksdb(void **state)
{
	struct cr_kv *kv = open_ok(CR_KV_PRIMARY);
	const struct cr_kv_mark none = { 0 };
	char bytes[8192];
	ssize_t len;
	int fd;

	(void)state;
	put(kv, WORDS, "w", "1");
	cr_kv_close(cr_take(kv));
	/* A manifest that comes twice is one of the things it asserts. */
	fd = open(find_file("MANIFEST").text, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	len = read(fd, bytes, sizeof(bytes));
	assert_true(len > 0);
	assert_int_equal(write(fd, bytes, (size_t)len), len);
	assert_int_equal(close(fd), 0);
	assert_int_equal(probe("w", &none), -CR_EINDEX);
	print_message("  said: %s\n", cr_detail());
}

int main(void)
{
#define law(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest laws[] = {
		/* Probes fork: before any database was opened. */
		law(a_probe_tells_whether_it_is_sound),
		law(a_mark_tells_a_list_of_tables_that_was_changed),
		law(a_mark_holds_when_the_database_goes_on),
		law(a_probe_survives_what_kills_rocksdb),
		law(what_is_put_is_found_and_stays),
		law(a_batch_happens_together),
		law(a_walk_sees_its_prefix_in_order),
		law(a_walk_ends_when_told),
		law(no_row_is_missed_among_many),
		law(a_new_database_is_private),
		law(there_is_one_primary),
		law(readers_do_not_make_one),
		law(a_secondary_sees_what_was_flushed_and_writes_nothing),
		law(a_long_log_is_not_left_behind),
		law(tables_begun_soon_lose_no_row),
		law(without_current_it_is_not_begun_anew),
		law(a_folder_that_cannot_be_made_is_an_error),
		law(a_run_goes_in_whole_and_over_what_was),
		law(a_run_must_ascend),
		law(a_run_left_by_a_crash_is_removed),
	};

	return cmocka_run_group_tests(laws, NULL, NULL);
}
