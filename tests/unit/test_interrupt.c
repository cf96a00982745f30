/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A backup that is interrupted must not make the next one believe anything
 * that was not read.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/disk/index_sync.h"
#include "store/read/file.h"
#include "store/read/lookup.h"
#include "store/read/snapshots.h"
#include "store/write/ingest.h"
#include "tests/unit/made_repo.h"

#define DIRS  60
#define FILES 600
#define SIZE  3000 /* more than fits an entry */

static struct made_repo made;
static struct cr_state *state_dir;
static atomic_bool stop;
static int visits_left;

/* Ten to a directory: while one is walked, workers read those before. */
static void name_of(int n, char out[32])
{
	(void)snprintf(out, 32, "dir-%02d/file-%04d", n % DIRS, n);
}

static void make_file(int dir, int n)
{
	cr_cleanup(cr_closep) int fd = -1;
	struct timespec old[2] = { { 1000000, 5 }, { 1000000, 5 } };
	char name[32], bytes[SIZE];

	name_of(n, name);
	memset(bytes, 'a' + n % 26, sizeof(bytes));
	memcpy(bytes, name, strlen(name));
	fd = openat(dir, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_int_equal(futimens(fd, old), 0);
}

static int setup(void **state)
{
	cr_cleanup(cr_closep) int dir = -1;

	(void)state;
	made_init(&made);
	assert_int_equal(mkdir(folder_path(&made.folder, "src").text, 0700), 0);
	dir = open(folder_path(&made.folder, "src").text,
		   O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DIRS; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "dir-%02d", i);
		assert_int_equal(mkdirat(dir, name, 0700), 0);
	}
	for (int i = 0; i < FILES; i++)
		make_file(dir, i);
	assert_int_equal(cr_state_open(folder_path(&made.folder, "state").text,
				       cr_storage_fd(made.repo->storage),
				       &made.repo->info.id, true, &state_dir),
			 0);
	assert_int_equal(cr_state_lock(state_dir, false, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_state_close(state_dir);
	made_release(&made);
	return 0;
}

static void visit(void *arg, const char *path, char change)
{
	(void)arg;
	(void)path;
	(void)change;
	if (visits_left-- == 0)
		atomic_store(&stop, true);
}

/* Everything a backup of one process opens. */
struct run {
	struct cr_index *index;
	struct cr_statcache *cache;
	struct cr_writer *writer;
	struct cr_ingest *ingest;
	struct cr_manifest manifest;
};

static void run_open(struct run *run, char **path)
{
	struct cr_index_sync_stats stats;
	struct cr_ingest_options opt = {
		.source = "unit",
		.path = path,
		.paths = 1,
		.jobs = 3,
		.repository_fd = cr_storage_fd(made.repo->storage),
		.state_fd = cr_state_fd(state_dir),
		.visit = visit,
		.stop = &stop,
	};
	struct cr_writer_options writer = { .repo = made.repo,
					    .state = state_dir,
					    .memory = 16u << 20 };
	uint64_t generation;

	*run = (struct run){ 0 };
	assert_int_equal(cr_index_open(state_dir, CR_INDEX_PRIMARY, 16u << 20,
				       &run->index),
			 0);
	assert_int_equal(cr_index_sync(made.repo, run->index, true, &stats), 0);
	assert_int_equal(cr_index_generation(run->index, &generation), 0);
	assert_int_equal(
		cr_statcache_open(state_dir, 8u << 20, generation,
				  cr_keyring_domain(made.repo->keys->ring),
				  &run->cache),
		0);
	writer.index = run->index;
	assert_int_equal(cr_writer_open(&writer, &run->writer), 0);
	opt.writer = run->writer;
	opt.cache = run->cache;
	assert_int_equal(cr_ingest_new(&opt, &run->ingest), 0);
}

static void run_close(struct run *run)
{
	cr_ingest_free(run->ingest);
	cr_writer_close(run->writer);
	cr_statcache_close(run->cache);
	cr_index_close(run->index);
}

static void commit(struct run *run, char *path)
{
	struct cr_piece paths = { path, strlen(path) };
	struct cr_manifest *m = &run->manifest;
	struct cr_manifest_head head;
	struct cr_id id;

	m->source = (struct cr_piece){ "unit", 4 };
	m->host = m->source;
	m->user = m->source;
	m->paths.string = &paths;
	m->paths.count = 1;
	assert_int_equal(
		cr_writer_commit(run->writer, m, time(NULL), &head, &id), 0);
	assert_int_equal(cr_statcache_commit(run->cache), 0);
}

/* Every file of the newest snapshot is whole. */
static void check_files(void)
{
	cr_cleanup(cr_reader_freep) struct cr_reader *reader = NULL;
	struct cr_snapshots set = { 0 };
	const struct cr_snapshot *last;
	struct cr_view view;

	assert_true(cr_snapshots_update(made.repo, NULL, &set) > 0);
	assert_int_equal(cr_snapshots_find(&set, "latest", &last), 0);
	assert_int_equal(last->manifest.files, FILES);
	assert_int_equal(cr_reader_new(made.repo, NULL, 32u << 20, &reader), 0);
	assert_int_equal(cr_view_init(made.repo, last, &view), 0);
	for (int i = 0; i < FILES; i++) {
		cr_cleanup(cr_found_release) struct cr_found found = { 0 };
		cr_cleanup(cr_file_closep) struct cr_file *file = NULL;
		char name[32], want[SIZE], got[SIZE + 1];

		name_of(i, name);
		memset(want, 'a' + i % 26, sizeof(want));
		memcpy(want, name, strlen(name));
		assert_int_equal(cr_lookup(reader, &view, last, name, &found),
				 0);
		assert_int_equal(
			cr_file_open(reader, &view, &found.file, &file), 0);
		assert_int_equal(cr_file_read(file, 0, got, sizeof(got)), SIZE);
		assert_memory_equal(got, want, SIZE);
	}
	cr_snapshots_release(&set);
}

static void interrupted_run_leaves_nothing_false(void **state)
{
	struct folder_path src = folder_path(&made.folder, "src");
	char *path[] = { src.text };

	(void)state;
	for (int after = 0; after < FILES; after += 97) {
		struct run run;

		atomic_store(&stop, false);
		visits_left = after;
		run_open(&run, path);
		assert_int_equal(cr_ingest_run(run.ingest, &run.manifest),
				 -CR_EINTERRUPT);
		/* As the command does: what was sealed is kept and believed. */
		assert_int_equal(cr_writer_flush(run.writer), 0);
		assert_int_equal(cr_statcache_commit(run.cache), 0);
		run_close(&run);
	}
	for (int again = 0; again < 2; again++) {
		struct run run;

		atomic_store(&stop, false);
		visits_left = -1;
		run_open(&run, path);
		assert_int_equal(cr_ingest_run(run.ingest, &run.manifest), 0);
		commit(&run, path[0]);
		run_close(&run);
		check_files();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			interrupted_run_leaves_nothing_false, setup, teardown),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
