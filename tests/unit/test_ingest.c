/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live directories become snapshots that show the same: with any number of
 * workers, whatever moves meanwhile, and after an interruption.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/write/ingest_int.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

#define LONG_AGO 10   /* seconds: old enough to be trusted */
#define LIST_LEN 4096 /* of a directory: about half of 200 names */

/* ---- A clock and a file system that do as they are told ------------------ */

static atomic_int clock_ahead; /* seconds */
static atomic_bool reading_takes_long;
static atomic_int lists_until_error; /* parts of LIST_LEN; 0: never */

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = (int)syscall(SYS_clock_gettime, id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += atomic_load(&clock_ahead);
	return r;
}

ssize_t pread(int fd, void *to, size_t len, off_t offset)
{
	if (atomic_load(&reading_takes_long))
		(void)atomic_fetch_add(&clock_ahead, LONG_AGO);
	return syscall(SYS_pread64, fd, to, len, offset);
}

ssize_t getdents64(int fd, void *to, size_t len)
{
	if (atomic_load(&lists_until_error) > 0) {
		len = cr_min(len, (size_t)LIST_LEN);
		if (atomic_fetch_sub(&lists_until_error, 1) == 1) {
			errno = EIO;
			return -1;
		}
	}
	return syscall(SYS_getdents64, fd, to, len);
}

/* ---- What every test has ------------------------------------------------- */

static struct made_repo made;
static struct session ses;
static atomic_bool stop;
static char warned[4096];
static void (*on_visit)(const char *path);

static int setup(void **state)
{
	(void)state;
	atomic_store(&clock_ahead, LONG_AGO);
	atomic_store(&reading_takes_long, false);
	atomic_store(&lists_until_error, 0);
	atomic_store(&stop, false);
	on_visit = NULL;
	made_init(&made);
	assert_int_equal(mkdir(folder_path(&made.folder, "live").text, 0755),
			 0);
	session_begin(&made, made.repo, "state", &ses);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_io_fault(CR_IO_WRITE, 0, 0);
	session_end(&ses);
	made_release(&made);
	return 0;
}

static struct folder_path live(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "live/%s", name);
	return folder_path(&made.folder, path);
}

static void make_dir(const char *name)
{
	assert_int_equal(mkdir(live(name).text, 0755), 0);
}

static void make_file(const char *name, const void *bytes, size_t len)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "live/%s", name);
	folder_write(&made.folder, path, bytes, len, 0644);
}

static void make_text(const char *name, const char *text)
{
	make_file(name, text, strlen(text));
}

/* Bytes that do not compress and are nowhere else. */
static void make_noise(const char *name, size_t len, uint64_t seed)
{
	struct unit_random rnd = { seed };
	uint8_t *bytes = malloc(len);

	assert_non_null(bytes);
	unit_fill(&rnd, bytes, len);
	make_file(name, bytes, len);
	free(bytes);
}

static void note_warning(void *arg, const char *path, const char *what)
{
	size_t len = strlen(warned);

	(void)arg;
	(void)snprintf(warned + len, sizeof(warned) - len, "%s: %s\n", path,
		       what);
}

static void visit(void *arg, const char *path, char change)
{
	(void)arg;
	(void)change;
	if (on_visit)
		on_visit(path);
}

struct how {
	unsigned int jobs;
	bool dry, cached;
};

static const struct how usual = { .jobs = 2, .cached = true };

/* Ingest live/ into @manifest; what it returns. */
static int ingest(const struct how *how, struct cr_manifest *manifest,
		  struct cr_ingest **kept)
{
	struct folder_path top = folder_path(&made.folder, "live");
	char *path = top.text;
	struct cr_ingest_options options = {
		.writer = how->dry ? NULL : ses.writer,
		.cache = how->cached ? ses.cache : NULL,
		.source = "src",
		.path = &path,
		.paths = 1,
		.jobs = how->jobs,
		.repository_fd = cr_storage_fd(made.repo->storage),
		.state_fd = -1,
		.warn = note_warning,
		.visit = visit,
		.stop = &stop,
	};

	warned[0] = '\0';
	*manifest = (struct cr_manifest){ 0 };
	session_ok(cr_ingest_new(&options, kept));
	return cr_ingest_run(*kept, manifest);
}

/* Back up live/ at @time; the manifest's numbers. */
static struct cr_manifest backup(const struct how *how, int64_t time)
{
	struct cr_ingest *done;
	struct cr_manifest manifest, copy;

	session_ok(ingest(how, &manifest, &done));
	copy = manifest;
	(void)session_commit(&ses, &manifest, time);
	cr_ingest_free(done);
	return copy;
}

static void next_session(void)
{
	session_end(&ses);
	session_begin(&made, made.repo, "state", &ses);
}

/* ---- Snapshot and source are the same ------------------------------------ */

static void assert_same_bytes(const struct looker *look, const char *path,
			      const struct cr_file_ref *ref)
{
	cr_cleanup(cr_file_closep) struct cr_file *file = NULL;
	char name[300];
	uint8_t *is, *want;
	size_t len;

	(void)snprintf(name, sizeof(name), "live/%s", path);
	want = folder_read(&made.folder, name, &len);
	is = malloc(len + 1);
	assert_non_null(is);
	session_ok(cr_file_open(look->reader, &look->view, ref, &file));
	if (cr_file_size(file) != len)
		fail_msg("%s: %zu bytes became %zu", path, len,
			 (size_t)cr_file_size(file));
	assert_int_equal(cr_file_read(file, 0, is, len + 1), len);
	assert_memory_equal(is, want, len);
	free(is);
	free(want);
}

/* How many entries the newest snapshot has; each is as live/ has it. */
static size_t assert_same_tree(void)
{
	cr_cleanup(cr_walk_closep) struct cr_walk *walk = NULL;
	struct cr_walk_item item;
	struct cr_found root;
	struct looker look;
	size_t entries = 0;
	int r;

	looker_init(made.repo, ses.index, &look);
	cr_snapshot_root(look.snapshot, &root);
	session_ok(cr_walk_open(look.reader, &look.view, &root, &walk));
	while ((r = cr_walk_next(walk, &item)) > 0) {
		struct stat st;

		if (item.event != CR_WALK_ENTRY || item.depth == 0)
			continue;
		entries++;
		if (lstat(live(item.path).text, &st) < 0)
			fail_msg("%s is not there", item.path);
		assert_int_equal(item.entry->mode, st.st_mode & 07777);
		assert_int_equal(item.entry->mtime.sec, st.st_mtim.tv_sec);
		assert_int_equal(item.entry->mtime.nsec, st.st_mtim.tv_nsec);
		if (S_ISREG(st.st_mode))
			assert_same_bytes(&look, item.path, &item.file);
	}
	session_ok(r);
	cr_walk_close(cr_take(walk));
	looker_release(&look);
	return entries;
}

/* Directories of every size of file; returns the number of entries. */
static size_t make_variety(void)
{
	static const size_t sizes[] = { 0,     1,      255,    256,
					257,   4096,   16384,  65536,
					65537, 262144, 1000000 };
	char name[32];
	size_t n = 0;

	for (int d = 0; d < 8; d++) {
		(void)snprintf(name, sizeof(name), "d%d", d);
		make_dir(name);
		n++;
		for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++, n++) {
			(void)snprintf(name, sizeof(name), "d%d/f%zu", d, i);
			make_noise(name, sizes[i], 100 * (uint64_t)d + i);
		}
	}
	return n;
}

/* ---- Laws ---------------------------------------------------------------- */

static void what_is_read_is_what_was_there(void **state)
{
	size_t n = make_variety();
	struct cr_manifest m = backup(&usual, 1000);

	(void)state;
	assert_string_equal(warned, "");
	assert_int_equal(m.entries, n);
	assert_int_equal(m.files, n - 8);
	assert_int_equal(m.files_new, n - 8);
	assert_int_equal(assert_same_tree(), n);
}

static void workers_do_not_change_ids(void **state)
{
	static const unsigned int jobs[] = { 1, 8, 3 };
	struct cr_id root;

	(void)state;
	(void)make_variety();
	for (size_t i = 0; i < CR_ARRAY_LEN(jobs); i++) {
		struct how how = { .jobs = jobs[i] };
		struct cr_manifest m = backup(&how, 1000 + (int64_t)i);

		if (i == 0)
			root = m.root_id;
		assert_memory_equal(&m.root_id, &root, sizeof(root));
	}
}

static void what_did_not_change_is_not_read(void **state)
{
	struct cr_manifest m;

	(void)state;
	(void)make_variety();
	m = backup(&usual, 1000);
	assert_true(m.bytes_read > 0);
	next_session();
	m = backup(&usual, 2000);
	assert_int_equal(m.bytes_read, 0);
	assert_int_equal(m.files_unchanged, m.files);
	(void)assert_same_tree();
}

/* Its last change may be followed by one within the same tick of the clock. */
static void a_file_that_just_changed_is_read_again(void **state)
{
	static const struct {
		const char *what;
		int ahead; /* of the clock when it is read */
		bool takes_long;
		bool trusted;
	} cases[] = {
		{ "just now", 0, false, false },
		{ "just before a long read", 0, true, false },
		{ "long ago", LONG_AGO, false, true },
		{ "long ago, a long read", LONG_AGO, true, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_manifest m;

		unit_case(cases[i].what);
		make_noise("f", 3000, i);
		atomic_store(&clock_ahead, cases[i].ahead);
		atomic_store(&reading_takes_long, cases[i].takes_long);
		(void)backup(&usual, 1000);
		atomic_store(&reading_takes_long, false);
		next_session();
		m = backup(&usual, 1000);
		assert_int_equal(m.files_unchanged, cases[i].trusted);
		assert_int_equal(m.bytes_read, cases[i].trusted ? 0 : 3000);
	}
}

static void stop_at_b(const char *path)
{
	if (path[0] == 'b')
		atomic_store(&stop, true);
}

/* What no worker came to read must not pass for known, and empty. */
static void interrupted_files_are_read_the_next_time(void **state)
{
	struct cr_manifest m;
	struct cr_ingest *done;
	char name[32];

	(void)state;
	make_dir("a");
	make_noise("a/0", 8u << 20, 1);
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "a/f%03d", i);
		make_noise(name, 500, 1000 + (uint64_t)i);
	}
	make_dir("b");
	make_text("b/f", "stop here");
	on_visit = stop_at_b;
	for (unsigned int jobs = 1; jobs <= 4; jobs *= 2) {
		struct how how = { .jobs = jobs, .cached = true };

		atomic_store(&stop, false);
		assert_int_equal(ingest(&how, &m, &done), -CR_EINTERRUPT);
		cr_ingest_free(done);
		session_ok(cr_writer_flush(ses.writer));
		session_ok(cr_statcache_commit(ses.cache));
		next_session();
	}
	atomic_store(&stop, false);
	on_visit = NULL;
	m = backup(&usual, 1000);
	assert_int_equal(m.entries, 304);
	assert_int_equal(assert_same_tree(), 304);
}

/* Wherever the storage fails: an error, no hang, and the next one succeeds. */
static void a_full_disk_ends_it_wherever_it_strikes(void **state)
{
	(void)state;
	(void)make_variety();
	for (int nth = 1; nth < 40; nth = 2 * nth + 1) {
		struct cr_manifest m;
		struct cr_ingest *done;
		int r;

		cr_io_fault(CR_IO_WRITE, nth, ENOSPC);
		r = ingest(&usual, &m, &done);
		if (r == 0)
			r = cr_writer_flush(ses.writer);
		cr_io_fault(CR_IO_WRITE, 0, 0);
		cr_ingest_free(done);
		assert_true(r == 0 || r == -ENOSPC);
		next_session();
	}
	(void)backup(&usual, 1000);
	(void)assert_same_tree();
}

static void descriptors_are_few_however_many_directories(void **state)
{
	struct rlimit old, few = { 200, 200 };
	struct how how = { .jobs = 1 };
	struct cr_manifest m;
	char name[32];

	(void)state;
	make_noise("0", 16u << 20, 1);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "d%04d", i);
		make_dir(name);
		if (i % 2)
			continue;
		(void)snprintf(name, sizeof(name), "d%04d/f", i);
		make_noise(name, 300, (uint64_t)i);
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	m = backup(&how, 1000);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_string_equal(warned, "");
	assert_int_equal(m.entries, 4501);
}

static void names_of_one_file_share_a_group_and_are_all_new(void **state)
{
	struct cr_manifest m;
	char name[32];

	(void)state;
	make_noise("0", 100000, 1);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "n%04d", i);
		assert_int_equal(link(live("0").text, live(name).text), 0);
	}
	m = backup(&usual, 1000);
	assert_int_equal(m.files_new, 3001);
	assert_int_equal(m.files_unchanged, 0);
	assert_true(m.flags & CR_MANIFEST_LINKS);
	next_session();
	m = backup(&usual, 1001);
	assert_int_equal(m.files_unchanged, 3001);
	assert_int_equal(m.bytes_read, 0);
}

/* ---- What moves under the reader ----------------------------------------- */

static void swap_for_fifo(const char *path)
{
	if (strcmp(path, "swapped") != 0)
		return;
	assert_int_equal(unlink(live(path).text), 0);
	assert_int_equal(mkfifo(live(path).text, 0644), 0);
}

static void swap_for_link(const char *path)
{
	if (strcmp(path, "swapped") != 0)
		return;
	assert_int_equal(unlink(live(path).text), 0);
	assert_int_equal(symlink("secret", live(path).text), 0);
}

static void swap_for_another(const char *path)
{
	if (strcmp(path, "swapped") != 0)
		return;
	assert_int_equal(rename(folder_path(&made.folder, "other").text,
				live(path).text),
			 0);
}

static void remove_it(const char *path)
{
	if (strcmp(path, "swapped") == 0)
		assert_int_equal(unlink(live(path).text), 0);
}

static void what_is_swapped_before_it_is_opened_is_not_stored(void **state)
{
	static const struct {
		const char *what;
		void (*swap)(const char *path);
	} cases[] = {
		{ "a FIFO", swap_for_fifo },
		{ "a link", swap_for_link },
		{ "another file", swap_for_another },
		{ "nothing", remove_it },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_manifest m;

		unit_case(cases[i].what);
		make_noise("secret", 3000, 1);
		make_text("swapped", "as it was listed");
		folder_write(&made.folder, "other", "another", 7, 0644);
		on_visit = cases[i].swap;
		m = backup(&usual, 1000);
		on_visit = NULL;
		assert_non_null(strstr(warned, "swapped: "));
		assert_int_equal(m.warnings, 1);
		assert_true(m.flags & CR_MANIFEST_INCOMPLETE);
		assert_int_equal(m.files, 1);
		(void)unlink(live("swapped").text);
	}
}

static void grow(const char *path)
{
	int fd;

	if (strcmp(path, "log") != 0)
		return;
	fd = open(live(path).text, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "more", 4), 4);
	assert_int_equal(close(fd), 0);
}

static void a_file_that_grew_since_it_was_listed_is_stored_as_it_is(
	void **state)
{
	(void)state;
	make_noise("log", 3000, 1);
	on_visit = grow;
	(void)backup(&usual, 1000);
	assert_string_equal(warned, "");
	assert_int_equal(assert_same_tree(), 1);
}

/* Names that came before the error are kept, in order; the rest is marked. */
static void a_directory_that_ends_early_is_incomplete(void **state)
{
	struct cr_manifest m;
	char name[32];

	(void)state;
	make_dir("d");
	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "d/f%03d", i * 7919 % 200);
		make_text(name, name);
	}
	/* Of the root a part and the end, of d a part and the error. */
	atomic_store(&lists_until_error, 4);
	m = backup(&usual, 1000);
	assert_non_null(strstr(warned, "d: cannot be listed"));
	assert_true(m.files > 50 && m.files < 200);
	assert_true(m.flags & CR_MANIFEST_INCOMPLETE);
	assert_int_equal(assert_same_tree(), m.files + 1);
}

/* ---- What is not a file -------------------------------------------------- */

static void nothing_but_files_is_opened(void **state)
{
	struct cr_manifest m;

	(void)state;
	assert_int_equal(mkfifo(live("fifo").text, 0600), 0);
	assert_int_equal(symlink("/nowhere", live("link").text), 0);
	m = backup(&usual, 1000);
	assert_int_equal(m.entries, 2);
	assert_int_equal(m.files, 0);
	assert_true(m.flags & CR_MANIFEST_SPECIAL);
}

static void a_dry_run_changes_nothing(void **state)
{
	static const struct how dry = { .jobs = 2,
					.dry = true,
					.cached = true };
	struct cr_manifest m;
	struct cr_ingest *done;

	(void)state;
	(void)make_variety();
	(void)backup(&usual, 1000);
	next_session();
	session_ok(ingest(&dry, &m, &done));
	assert_int_equal(m.files_unchanged, m.files);
	cr_ingest_free(done);
	session_ok(cr_statcache_commit(ses.cache));
	next_session();
	m = backup(&usual, 2000);
	assert_int_equal(m.bytes_read, 0);
	assert_int_equal(m.files_unchanged, m.files);
}

static void a_stream_is_one_file_in_a_root_of_its_own(void **state)
{
	struct cr_ingest_options options = { .writer = ses.writer,
					     .source = "src",
					     .jobs = 1,
					     .repository_fd = -1,
					     .state_fd = -1 };
	struct cr_manifest manifest = { 0 };
	struct cr_ingest *done;
	int fd;

	(void)state;
	make_noise("dump", 300000, 1);
	fd = open(live("dump").text, O_RDONLY | O_CLOEXEC);
	session_ok(cr_ingest_new(&options, &done));
	session_ok(cr_ingest_run_stream(done, fd, "dump", &manifest));
	assert_int_equal(manifest.bytes, 300000);
	(void)session_commit(&ses, &manifest, 1000);
	cr_ingest_free(done);
	assert_int_equal(close(fd), 0);
	{
		struct looker look;
		struct cr_found found;

		looker_init(made.repo, ses.index, &look);
		session_ok(cr_lookup(look.reader, &look.view, look.snapshot,
				     "dump", &found));
		assert_same_bytes(&look, "dump", &found.file);
		cr_found_release(&found);
		looker_release(&look);
	}
}

/* Fails, as an encoder or a worker would, once some of it was read. */
static void *fail_meanwhile(void *arg)
{
	struct cr_ingest *ingest = arg;

	while (atomic_load(&ingest->progress.bytes_read) < 4 * CR_BATCH_LEN)
		(void)usleep(100);
	cr_ingest_fail(ingest, cr_fail(ENOSPC, "elsewhere"));
	return NULL;
}

static void a_failure_elsewhere_ends_a_stream(void **state)
{
	(void)state;
	for (unsigned int jobs = 1; jobs <= 3; jobs++) {
		struct cr_ingest_options options = { .writer = ses.writer,
						     .source = "src",
						     .jobs = jobs,
						     .repository_fd = -1,
						     .state_fd = -1 };
		struct cr_manifest manifest = { 0 };
		struct cr_ingest *failing;
		pthread_t thread;
		int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

		session_ok(cr_ingest_new(&options, &failing));
		assert_int_equal(
			pthread_create(&thread, NULL, fail_meanwhile, failing),
			0);
		/* It has no end of its own. */
		assert_int_equal(
			cr_ingest_run_stream(failing, fd, "dump", &manifest),
			-ENOSPC);
		assert_string_equal(cr_detail(), "elsewhere");
		assert_int_equal(pthread_join(thread, NULL), 0);
		cr_ingest_free(failing);
		assert_int_equal(close(fd), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_is_read_is_what_was_there),
		TEST(workers_do_not_change_ids),
		TEST(what_did_not_change_is_not_read),
		TEST(a_file_that_just_changed_is_read_again),
		TEST(interrupted_files_are_read_the_next_time),
		TEST(a_full_disk_ends_it_wherever_it_strikes),
		TEST(descriptors_are_few_however_many_directories),
		TEST(names_of_one_file_share_a_group_and_are_all_new),
		TEST(what_is_swapped_before_it_is_opened_is_not_stored),
		TEST(a_file_that_grew_since_it_was_listed_is_stored_as_it_is),
		TEST(a_directory_that_ends_early_is_incomplete),
		TEST(nothing_but_files_is_opened),
		TEST(a_dry_run_changes_nothing),
		TEST(a_stream_is_one_file_in_a_root_of_its_own),
		TEST(a_failure_elsewhere_ends_a_stream),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
