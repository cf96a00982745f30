/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Large files: whoever stores their chunks, they are listed as one thread alone
 * lists them.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/write/batch.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

#define MIB (1u << 20)

static struct made_repo made;
static struct session ses;
static struct looker look;

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	looker_init(made.repo, ses.index, &look);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	looker_release(&look);
	session_end(&ses);
	made_release(&made);
	return 0;
}

/* ---- Files ---- */

static uint8_t bytes[40 * MIB];

enum filling { NOISE, LETTERS, RUNS, ISLANDS };

/*
 * RUNS: 1,000 bytes in every page of two; ISLANDS: 1 MiB in every 12.  With
 * @seed of their own.
 */
static int make_file(enum filling filling, size_t len, uint64_t seed)
{
	struct unit_random rnd = { seed };
	int fd = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);

	assert_true(fd >= 0 && len <= sizeof(bytes));
	unit_fill(&rnd, bytes, len);
	for (size_t i = 0; filling == LETTERS && i < len; i++)
		bytes[i] = (uint8_t)('a' + bytes[i] % 16);
	if (filling == NOISE || filling == LETTERS)
		assert_int_equal(write(fd, bytes, len), len);
	for (size_t at = 0; filling == RUNS && at < len; at += 8192)
		assert_int_equal(pwrite(fd, bytes + at, 1000, (off_t)at), 1000);
	for (size_t at = 0; filling == ISLANDS && at < len; at += 12 * MIB)
		assert_int_equal(pwrite(fd, bytes + at, MIB, (off_t)at), MIB);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	return fd;
}

static void assert_same_file(const struct cr_stored_content *a,
			     const struct cr_stored_content *b)
{
	assert_int_equal(a->content, b->content);
	assert_int_equal(a->size_class, b->size_class);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->data_bytes, b->data_bytes);
	assert_true(cr_id_equal(&a->id, &b->id));
}

static void assert_reads_back(const struct cr_stored_content *stored, int fd)
{
	static uint8_t is[MIB], want[MIB];
	struct cr_file_ref ref = session_file_ref(stored);
	struct cr_file *file;

	session_ok(cr_file_open(look.reader, &look.view, &ref, &file));
	for (uint64_t at = 0; at < stored->size; at += MIB) {
		ssize_t n = pread(fd, want, MIB, (off_t)at);

		assert_int_equal(cr_file_read(file, at, is, MIB), n);
		assert_memory_equal(is, want, (size_t)n);
	}
	cr_file_close(file);
}

/* The list has the hash of the whole file, holes and all. */
static void assert_hashed(const struct cr_stored_content *stored, int fd)
{
	static uint8_t of_file[MIB];
	struct cr_file_ref ref = session_file_ref(stored);
	struct cr_id is = { { 0 } }, want;
	struct cr_file_hash hash;
	struct cr_file *file;
	off_t at = 0;
	ssize_t n;

	cr_file_hash_init(&hash);
	while ((n = pread(fd, of_file, MIB, at)) > 0) {
		cr_file_hash_update(&hash, of_file, (size_t)n);
		at += n;
	}
	assert_int_equal(n, 0);
	want = cr_file_hash_final(&hash);
	session_ok(cr_file_open(look.reader, &look.view, &ref, &file));
	assert_true(cr_file_hash(file, &is));
	assert_true(cr_id_equal(&is, &want));
	cr_file_close(file);
}

/* ---- Workers ---- */

#define HELPERS 4
#define CUTTERS 2

/* All of one session: helpers, and cutters with files of their own. */
struct crew {
	struct cr_batches *batches;
	atomic_bool over;
	pthread_t helper[HELPERS];
};

static void *help(void *arg)
{
	struct crew *crew = arg;
	struct cr_stream *stream;

	session_ok(cr_stream_new(ses.writer, &stream));
	while (!atomic_load(&crew->over))
		if (!cr_batches_help(crew->batches, stream))
			(void)usleep(100);
	session_ok(cr_stream_flush(stream));
	cr_stream_free(stream);
	return NULL;
}

static void crew_begin(struct crew *crew, unsigned int batches)
{
	atomic_init(&crew->over, false);
	session_ok(cr_batches_new(ses.writer, batches, NULL, NULL,
				  &crew->batches));
	for (int i = 0; i < HELPERS; i++)
		assert_int_equal(
			pthread_create(&crew->helper[i], NULL, help, crew), 0);
}

static void crew_end(struct crew *crew)
{
	atomic_store(&crew->over, true);
	for (int i = 0; i < HELPERS; i++)
		assert_int_equal(pthread_join(crew->helper[i], NULL), 0);
	cr_batches_free(crew->batches);
}

struct task {
	struct cr_batches *batches; /* NULL: alone */
	int fd;
	uint64_t size;
	atomic_ullong read;
	atomic_bool stop;
	struct cr_stored_content stored;
	int source_error;
};

static void *store(void *arg)
{
	struct task *task = arg;
	struct cr_ingester *ing;

	session_ok(cr_ingester_new(ses.writer, CR_INGESTER_WINDOW,
				   task->batches, &task->read, &task->stop,
				   &ing));
	session_ok(cr_ingest_file(ing, task->fd, task->size, 0, &task->stored,
				  &task->source_error));
	session_ok(cr_ingester_settle(ing));
	session_ok(cr_stream_flush(cr_ingester_stream(ing)));
	cr_ingester_free(ing);
	return NULL;
}

static struct task store_by(struct cr_batches *batches, int fd, uint64_t size)
{
	struct task task = { .batches = batches, .fd = fd, .size = size };

	(void)store(&task);
	return task;
}

/* ---- Tests ---- */

static void helpers_do_not_change_a_file(void **state)
{
	static const struct {
		const char *what;
		enum filling filling;
		size_t len;
	} cases[] = {
		{ "the least that is large", LETTERS, CR_LARGE_FILE },
		{ "a byte less", LETTERS, CR_LARGE_FILE - 1 },
		{ "chunks of 16 KiB", LETTERS, 15 * MIB + 12345 },
		{ "chunks of 4 KiB", LETTERS, 40 * MIB - 1 },
		{ "chunks of 64 KiB", NOISE, 33 * MIB },
		{ "more parts than a batch has", RUNS, 40 * MIB },
		{ "long holes, one at the end", ISLANDS, 40 * MIB },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		int fd = make_file(cases[i].filling, cases[i].len, i);
		struct crew crew;
		struct task helped, alone;

		unit_case(cases[i].what);
		crew_begin(&crew, 2 + (unsigned int)i);
		helped = store_by(crew.batches, fd, cases[i].len);
		crew_end(&crew);
		alone = store_by(NULL, fd, cases[i].len);
		assert_int_equal(helped.source_error, 0);
		assert_int_equal(helped.stored.size, cases[i].len);
		assert_same_file(&helped.stored, &alone.stored);
		session_ok(cr_writer_flush(ses.writer));
		assert_reads_back(&helped.stored, fd);
		assert_hashed(&helped.stored, fd);
		assert_int_equal(close(fd), 0);
	}
}

/* With one batch more than there are cutters, each may keep one. */
static void several_files_share_few_batches(void **state)
{
	struct task task[CUTTERS] = { { .fd = -1 } };
	pthread_t cutter[CUTTERS];
	struct cr_batches *batches;

	(void)state;
	session_ok(
		cr_batches_new(ses.writer, CUTTERS + 1, NULL, NULL, &batches));
	for (int i = 0; i < CUTTERS; i++) {
		size_t len = (30 + 3 * (size_t)i) * MIB;

		task[i].fd = make_file(LETTERS, len, 100 + (uint64_t)i);
		task[i].size = len;
		task[i].batches = batches;
	}
	for (int i = 0; i < CUTTERS; i++)
		assert_int_equal(
			pthread_create(&cutter[i], NULL, store, &task[i]), 0);
	for (int i = 0; i < CUTTERS; i++)
		assert_int_equal(pthread_join(cutter[i], NULL), 0);
	cr_batches_free(batches);
	session_ok(cr_writer_flush(ses.writer));
	for (int i = 0; i < CUTTERS; i++) {
		struct task alone = store_by(NULL, task[i].fd, task[i].size);

		assert_same_file(&task[i].stored, &alone.stored);
		assert_reads_back(&task[i].stored, task[i].fd);
		assert_hashed(&task[i].stored, task[i].fd);
		assert_int_equal(close(task[i].fd), 0);
	}
}

static void a_file_that_became_shorter_ends_where_it_ends(void **state)
{
	static const size_t lens[] = { 0, 1, 300, CR_LARGE_FILE, 9 * MIB + 7 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(lens); i++) {
		int fd = make_file(NOISE, lens[i], 200 + i);
		struct crew crew;
		struct task task;

		crew_begin(&crew, 4);
		task = store_by(crew.batches, fd, 20 * MIB);
		crew_end(&crew);
		assert_int_equal(task.source_error, 0);
		assert_int_equal(task.stored.size, lens[i]);
		if (lens[i] == 0)
			assert_int_equal(task.stored.content, CR_CONTENT_NONE);
		session_ok(cr_writer_flush(ses.writer));
		assert_reads_back(&task.stored, fd);
		assert_int_equal(close(fd), 0);
	}
}

/* Gives half of what was promised, and then tells the reader to stop. */
struct feeder {
	struct task *task;
	int fd;
};

#define FED (16 * MIB)

static void *feed(void *arg)
{
	struct feeder *feeder = arg;

	for (size_t at = 0; at < FED; at += MIB)
		assert_int_equal(write(feeder->fd, bytes + at, MIB), MIB);
	while (atomic_load(&feeder->task->read) < FED)
		(void)usleep(100);
	atomic_store(&feeder->task->stop, true);
	return NULL;
}

static void what_is_stopped_leaves_all_in_order(void **state)
{
	int fd = make_file(LETTERS, 40 * MIB, 300);
	struct task task = { .fd = -1 }, again;
	struct feeder feeder = { .task = &task };
	struct cr_ingester *ing;
	struct crew crew;
	pthread_t thread;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	feeder.fd = pipes[1];
	crew_begin(&crew, 4);
	session_ok(cr_ingester_new(ses.writer, CR_INGESTER_WINDOW, crew.batches,
				   &task.read, &task.stop, &ing));
	assert_int_equal(pthread_create(&thread, NULL, feed, &feeder), 0);
	session_ok(cr_ingest_stream(ing, pipes[0], &task.stored,
				    &task.source_error));
	assert_int_equal(task.source_error, EINTR);
	assert_int_equal(pthread_join(thread, NULL), 0);
	session_ok(cr_stream_flush(cr_ingester_stream(ing)));
	cr_ingester_free(ing);
	again = store_by(crew.batches, fd, 40 * MIB);
	crew_end(&crew);
	session_ok(cr_writer_flush(ses.writer));
	assert_int_equal(again.stored.size, 40 * MIB);
	assert_reads_back(&again.stored, fd);
	assert_int_equal(close(pipes[0]), 0);
	assert_int_equal(close(pipes[1]), 0);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(helpers_do_not_change_a_file),
		cmocka_unit_test(several_files_share_few_batches),
		cmocka_unit_test(a_file_that_became_shorter_ends_where_it_ends),
		cmocka_unit_test(what_is_stopped_leaves_all_in_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
