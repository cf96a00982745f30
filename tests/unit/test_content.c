/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is ingested of a file reads back: bytes, holes, hash.
 */
#include <errno.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/list.h"
#include "store/write/list_builder.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

static struct made_repo made;
static struct session ses;
static struct cr_ingester *ing;
static struct looker look;

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_ingester_new(ses.writer, CR_INGESTER_WINDOW, NULL, NULL,
				   NULL, &ing));
	looker_init(made.repo, ses.index, &look);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	looker_release(&look);
	cr_ingester_free(ing);
	session_end(&ses);
	made_release(&made);
	return 0;
}

/* ---- A file of data and holes -------------------------------------------- */

#define RUNS_MAX 4
#define K	 1024

struct run {
	uint32_t at, len;
};

static int make_sparse(const struct run *run, size_t runs, uint64_t size)
{
	struct unit_random rnd = { size + runs };
	int fd = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	static uint8_t bytes[1 << 20];

	assert_true(fd >= 0);
	for (size_t i = 0; i < runs; i++) {
		assert_true(run[i].len <= sizeof(bytes));
		unit_fill(&rnd, bytes, run[i].len);
		assert_int_equal(pwrite(fd, bytes, run[i].len, run[i].at),
				 run[i].len);
	}
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* Store the file at @fd; it is known and a reader finds it after a flush. */
static void store(int fd, uint64_t size, struct cr_stored_content *ret)
{
	int source_error = 0;

	session_ok(cr_ingest_file(ing, fd, size, 0, ret, &source_error));
	assert_int_equal(source_error, 0);
	assert_int_equal(ret->size, size);
}

static void flush(void)
{
	session_ok(cr_ingester_settle(ing));
	assert_true(cr_ingester_idle(ing));
	session_ok(cr_stream_flush(cr_ingester_stream(ing)));
	session_ok(cr_writer_flush(ses.writer));
}

/*
 * Open what was stored.  Inline bytes go where a leaf would put them: after
 * those of another file.
 */
static struct cr_file *open_stored(const struct cr_stored_content *stored)
{
	struct cr_file_ref ref = session_file_ref(stored);
	uint8_t inlined[3 + CR_INLINE_MAX] = "abc";
	struct cr_file *file;

	if (stored->content == CR_CONTENT_INLINE) {
		memcpy(inlined + 3, stored->inlined, stored->size);
		session_ok(cr_stream_put(
			cr_ingester_stream(ing), CR_CHUNK_INLINE,
			(struct cr_piece){ inlined, 3 + stored->size },
			CR_CLASS_16K, &ref.id));
		session_ok(cr_stream_flush(cr_ingester_stream(ing)));
		session_ok(cr_writer_flush(ses.writer));
		ref.inline_at = 3;
	}
	session_ok(cr_file_open(look.reader, &look.view, &ref, &file));
	return file;
}

static void assert_same_range(const struct cr_file *file, int fd,
			      uint64_t offset, size_t len)
{
	static uint8_t is[3 << 20], want[3 << 20];
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	ssize_t n = pread(fd, want, len, (off_t)offset);
	size_t at = 0;

	assert_true(len <= sizeof(is) && n >= 0);
	assert_int_equal(cr_file_read(file, offset, is, len), n);
	assert_memory_equal(is, want, (size_t)n);
	session_ok(cr_file_span(file, offset, len, &span));
	assert_int_equal(span.len, n);
	for (size_t i = 0; i < span.count; i++) {
		assert_memory_equal(span.iov[i].iov_base, want + at,
				    span.iov[i].iov_len);
		at += span.iov[i].iov_len;
	}
	assert_int_equal(at, n);
}

static void assert_same_reads(const struct cr_file *file, int fd, uint64_t size)
{
	struct unit_random rnd = { size };

	assert_int_equal(cr_file_size(file), size);
	for (int i = 0; i < 200; i++) {
		uint64_t offset = unit_random(&rnd) % (size + 10);
		size_t len = unit_below(&rnd, i % 2 ? 100 : 300 * K);

		assert_same_range(file, fd, offset, len);
	}
	assert_same_range(file, fd, 0, 3 << 20);
	assert_same_range(file, fd, size, 1);
	assert_same_range(file, fd, size + 1, 1);
	assert_same_range(file, fd, size ? size - 1 : 0, 2);
}

static void assert_same_seek(const struct cr_file *file, int fd,
			     uint64_t offset)
{
	static const int whence[] = { SEEK_DATA, SEEK_HOLE };

	for (int i = 0; i < 2; i++) {
		off_t want = lseek(fd, (off_t)offset, whence[i]);
		uint64_t is = 0;
		int r = cr_file_seek(file, offset, whence[i], &is);

		assert_int_equal(r, want < 0 ? -errno : 0);
		if (want >= 0)
			assert_int_equal(is, want);
	}
}

static void assert_same_hash(const struct cr_file *file, int fd)
{
	char command[64], text[2 * CR_ID_LEN + 1] = "";
	struct cr_id is;
	FILE *b2sum;

	assert_true(cr_file_hash(file, &is));
	(void)snprintf(command, sizeof(command), "b2sum -l 256 /proc/%d/fd/%d",
		       getpid(), fd);
	b2sum = popen(command, "r");
	assert_non_null(b2sum);
	assert_non_null(fgets(text, sizeof(text), b2sum));
	assert_int_equal(pclose(b2sum), 0);
	assert_string_equal(cr_id_hex(&is).text, text);
}

static void bytes_holes_and_hash_come_back(void **state)
{
	enum {
		NONE = CR_CONTENT_NONE,
		INLINED = CR_CONTENT_INLINE,
		CHUNK = CR_CONTENT_CHUNK,
		LLIST = CR_CONTENT_LLIST,
	};
	static const struct {
		const char *what;
		struct run run[RUNS_MAX];
		uint32_t runs;
		uint64_t size;
		uint8_t content;
	} cases[] = {
		{ "nothing", { { 0 } }, 0, 0, NONE },
		{ "a byte", { { 0, 1 } }, 1, 1, INLINED },
		{ "the most inline", { { 0, 256 } }, 1, 256, INLINED },
		{ "one more", { { 0, 257 } }, 1, 257, CHUNK },
		{ "the least chunk", { { 0, 4 * K } }, 1, 4 * K, CHUNK },
		{ "the average", { { 0, 16 * K } }, 1, 16 * K, 0xff },
		{ "the most", { { 0, 64 * K } }, 1, 64 * K, 0xff },
		{ "a byte more", { { 0, 64 * K + 1 } }, 1, 64 * K + 1, LLIST },
		{ "what does not compress",
		  { { 0, 1000 * K } },
		  1,
		  1000 * K,
		  LLIST },
		{ "all hole", { { 0 } }, 0, 100 * K, LLIST },
		{ "a small hole", { { 0 } }, 0, 100, LLIST },
		{ "hole first", { { 64 * K, 10 } }, 1, 64 * K + 10, LLIST },
		{ "hole last", { { 0, 4 * K } }, 1, 8 * K, LLIST },
		{ "an odd hole last", { { 0, 4 * K } }, 1, 9 * K + 1, LLIST },
		{ "hole between",
		  { { 0, 4 * K }, { 64 * K, 8 * K } },
		  2,
		  72 * K,
		  LLIST },
		{ "all of it",
		  { { 8 * K, 100 * K }, { 256 * K, 4 * K }, { 400 * K, 1 } },
		  3,
		  500 * K,
		  LLIST },
		{ "a large hole", { { 900 << 20, 5000 } }, 1, 1 << 30, LLIST },
	};

	static struct cr_stored_content stored[CR_ARRAY_LEN(cases)];
	int fds[CR_ARRAY_LEN(cases)];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		fds[i] =
			make_sparse(cases[i].run, cases[i].runs, cases[i].size);
		store(fds[i], cases[i].size, &stored[i]);
	}
	flush();
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_file *file = open_stored(&stored[i]);
		int fd = fds[i];

		unit_case(cases[i].what);
		if (cases[i].content != 0xff)
			assert_int_equal(stored[i].content, cases[i].content);
		assert_same_reads(file, fd, cases[i].size);
		assert_same_seek(file, fd, 0);
		assert_same_seek(file, fd, cases[i].size);
		assert_same_seek(file, fd, cases[i].size - 1);
		for (size_t k = 0; k < cases[i].runs; k++) {
			const struct run *run = &cases[i].run[k];

			assert_same_seek(file, fd, run->at);
			assert_same_seek(file, fd, run->at + 1);
			assert_same_seek(file, fd, run->at + run->len - 1);
			assert_same_seek(file, fd, run->at + run->len);
		}
		if (stored[i].content >= CR_CONTENT_LLIST)
			assert_same_hash(file, fd);
		cr_file_close(file);
		assert_int_equal(close(fd), 0);
	}
}

/* 10,001 runs of data and as many holes: several llists, a node above. */
static void many_runs_make_a_tree_of_lists(void **state)
{
	enum { RUNS = 5001, STEP = 8 * K };
	static struct run run[RUNS];
	struct unit_random rnd = { 1 };
	struct cr_stored_content stored;
	struct cr_file *file;
	int fd;

	(void)state;
	for (uint32_t i = 0; i < RUNS; i++)
		run[i] = (struct run){ STEP * i, 4 * K };
	fd = make_sparse(run, RUNS, (uint64_t)STEP * RUNS);
	store(fd, (uint64_t)STEP * RUNS, &stored);
	flush();
	assert_int_equal(stored.content, CR_CONTENT_LNODE);
	assert_int_equal(stored.data_bytes, RUNS * 4 * K);
	file = open_stored(&stored);
	assert_same_reads(file, fd, stored.size);
	for (int i = 0; i < 500; i++)
		assert_same_seek(file, fd, unit_random(&rnd) % stored.size);
	assert_same_hash(file, fd);
	cr_file_close(file);
	assert_int_equal(close(fd), 0);
}

static void the_same_file_again_stores_nothing(void **state)
{
	static const struct run run = { 0, 1000 * K };
	struct cr_writer_stats before, after;
	struct cr_stored_content first, again;
	int fd = make_sparse(&run, 1, run.len);

	(void)state;
	store(fd, run.len, &first);
	flush();
	cr_writer_get_stats(ses.writer, &before);
	store(fd, run.len, &again);
	flush();
	cr_writer_get_stats(ses.writer, &after);
	assert_int_equal(after.chunks_new, before.chunks_new);
	assert_int_equal(after.bytes_added, before.bytes_added);
	assert_true(after.chunks_known > before.chunks_known);
	assert_true(cr_id_equal(&again.id, &first.id));
	assert_int_equal(close(fd), 0);
}

static void the_hash_is_left_out_where_holes_are_most_of_it(void **state)
{
	static const struct run run = { 0, 4 * K };
	static const struct {
		const char *what;
		uint64_t holes;
		bool hashed;
	} cases[] = {
		{ "as many as pay", CR_HOLES_FREE + 16 * 4 * K, true },
		{ "one more", CR_HOLES_FREE + 16 * 4 * K + 1, false },
		{ "very many", UINT64_C(1) << 40, false },
	};

	struct cr_stored_content stored[CR_ARRAY_LEN(cases)];
	uint64_t size[CR_ARRAY_LEN(cases)];
	int fds[CR_ARRAY_LEN(cases)];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		size[i] = run.len + cases[i].holes;
		fds[i] = make_sparse(&run, 1, size[i]);
		store(fds[i], size[i], &stored[i]);
	}
	flush();
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_file *file = open_stored(&stored[i]);
		struct cr_id hash;
		int fd = fds[i];

		unit_case(cases[i].what);
		assert_int_equal(cr_file_hash(file, &hash), cases[i].hashed);
		if (cases[i].hashed)
			assert_same_hash(file, fd);
		assert_same_range(file, fd, size[i] - 1000, 2000);
		cr_file_close(file);
		assert_int_equal(close(fd), 0);
	}
}

/*
 * A database, its last page short and, with @hole, one in the middle not there;
 * the byte at @changed is another.
 */
static int make_database(uint32_t size, bool hole, uint32_t changed)
{
	static const uint8_t header[24] = "SQLite format 3\0"
					  "\x10\0\1\1\0@  ";
	int fd = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	static uint8_t bytes[1 << 20];
	struct unit_random rnd = { size };
	const uint32_t from = 400 * K, to = hole ? 404 * K : from;

	assert_true(fd >= 0 && size <= sizeof(bytes));
	unit_fill(&rnd, bytes, size);
	for (size_t i = 0; i < size; i++)
		bytes[i] &= 15;
	bytes[changed] ^= 1;
	memcpy(bytes, header, sizeof(header));
	assert_int_equal(pwrite(fd, bytes, from, 0), from);
	assert_int_equal(pwrite(fd, bytes + to, size - to, to), size - to);
	return fd;
}

static void a_database_is_stored_by_pages(void **state)
{
	static const struct {
		const char *what;
		uint32_t size;
		uint8_t previous;
		bool hole;
		uint64_t chunks;
	} cases[] = {
		{ "new", 1024 * K, 0, false, 256 },
		{ "shrunk, a short page last", 800 * K + 1, 5, false, 201 },
		{ "with a hole", 900 * K, 5, true, 224 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		/* No byte, the last, one of a page in the middle. */
		const uint32_t changed[] = { 0, cases[i].size - 1, 500 * K };

		unit_case(cases[i].what);
		for (size_t k = 0; k < CR_ARRAY_LEN(changed); k++) {
			int fd = make_database(cases[i].size, cases[i].hole,
					       changed[k]);
			struct cr_writer_stats before, after;
			struct cr_stored_content stored;
			struct cr_file *file;
			int source_error = 0;

			cr_writer_get_stats(ses.writer, &before);
			session_ok(cr_ingest_file(ing, fd, cases[i].size,
						  cases[i].previous, &stored,
						  &source_error));
			assert_int_equal(source_error, 0);
			flush();
			cr_writer_get_stats(ses.writer, &after);
			assert_int_equal(stored.size_class, CR_CLASS_PAGES);
			/* And a list of no more than 256. */
			assert_int_equal(after.chunks_new - before.chunks_new,
					 (k == 0 ? cases[i].chunks : 1) + 1);
			file = open_stored(&stored);
			assert_same_reads(file, fd, cases[i].size);
			assert_same_hash(file, fd);
			cr_file_close(file);
			assert_int_equal(close(fd), 0);
		}
	}
}

static void a_stream_is_stored_to_its_end(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 256, 257, 300 * K };

	struct cr_stored_content stored[CR_ARRAY_LEN(sizes)];
	int fds[CR_ARRAY_LEN(sizes)];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		struct run run = { 0, sizes[i] };
		int source_error = 0;

		fds[i] = make_sparse(&run, 1, run.len);
		assert_int_equal(lseek(fds[i], 0, SEEK_SET), 0);
		session_ok(cr_ingest_stream(ing, fds[i], &stored[i],
					    &source_error));
		assert_int_equal(source_error, 0);
		assert_int_equal(stored[i].size, sizes[i]);
	}
	flush();
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		struct cr_file *file = open_stored(&stored[i]);

		assert_same_reads(file, fds[i], sizes[i]);
		cr_file_close(file);
		assert_int_equal(close(fds[i]), 0);
	}
}

static void a_file_that_became_shorter_has_no_more_data_than_it_has(
	void **state)
{
	static const uint32_t sizes[] = { 0, 1, 4 * K, 300 * K };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		struct run run = { 0, sizes[i] };
		struct cr_stored_content stored;
		int fd = make_sparse(&run, 1, run.len), source_error = 0;
		uint64_t said = sizes[i] + (sizes[i] < 100 ? 100 : 300 * K);

		session_ok(cr_ingest_file(ing, fd, said, 0, &stored,
					  &source_error));
		assert_int_equal(source_error, 0);
		assert_int_equal(stored.data_bytes, sizes[i]);
		session_ok(cr_ingester_settle(ing));
		assert_int_equal(close(fd), 0);
	}
}

static void zeros_that_are_data_are_no_hole(void **state)
{
	static const uint32_t sizes[] = { 100, 512, 513, 9 * K, 300 * K };
	static const uint8_t zeros[300 * K];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		int fd = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC,
			      0644);
		struct cr_stored_content stored;
		struct cr_file *file;

		assert_true(fd >= 0);
		assert_int_equal(write(fd, zeros, sizes[i]), sizes[i]);
		store(fd, sizes[i], &stored);
		flush();
		assert_int_equal(stored.data_bytes, sizes[i]);
		file = open_stored(&stored);
		assert_same_reads(file, fd, sizes[i]);
		cr_file_close(file);
		assert_int_equal(close(fd), 0);
	}
}

static void what_the_source_refuses_is_its_own_error(void **state)
{
	struct cr_stored_content stored;
	int source_error = 0;
	int fd = open(made.folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	session_ok(cr_ingest_file(ing, fd, 100000, 0, &stored, &source_error));
	assert_int_equal(source_error, EISDIR);
	session_ok(cr_ingest_file(ing, fd, 100, 0, &stored, &source_error));
	assert_int_equal(source_error, EISDIR);
	assert_int_equal(close(fd), 0);
	session_ok(cr_ingester_settle(ing));
}

/* One that waits longest is hashed in parts, and some fill all places. */
static void files_that_wait_together_are_told_apart(void **state)
{
	enum { FILES = 300, STEP = 3001 };
	static struct cr_stored_content stored[FILES];
	static int fds[FILES];

	(void)state;
	for (uint32_t i = 0; i < FILES; i++) {
		uint32_t len =
			i % 50 == 7 ? 900 * K + i : 300 + i * STEP % 30000;
		struct run run = { 0, len };

		fds[i] = make_sparse(&run, 1, len);
		store(fds[i], len, &stored[i]);
	}
	flush();
	for (uint32_t i = 0; i < FILES; i++) {
		struct cr_file *file = open_stored(&stored[i]);

		assert_same_range(file, fds[i], 0, 1 << 20);
		if (stored[i].content >= CR_CONTENT_LLIST)
			assert_same_hash(file, fds[i]);
		cr_file_close(file);
		assert_int_equal(close(fds[i]), 0);
	}
}

/* ---- What does not compress -----------------------------------------------
 */

static int make_noise(uint64_t len)
{
	static struct run run[24];
	size_t runs = 0;

	for (uint64_t at = 0; at < len; at += run[runs++].len) {
		assert_true(runs < CR_ARRAY_LEN(run));
		run[runs] = (struct run){
			(uint32_t)at,
			(uint32_t)cr_min(len - at, (uint64_t)1 << 20),
		};
	}
	return make_sparse(run, runs, len);
}

/* Some wait in a window that is long, some do not fit it. */
static void noise_that_waits_together_is_told_apart(void **state)
{
	static const uint32_t sizes[] = {
		2 * K * K,  300,       5 * K * K + 1,  3 * K * K, 40 * K,
		16 * K * K, 7 * K * K, 16 * K * K - 1, 9 * K * K, 1281 * K,
		20,	    4 * K * K,
	};
	static const size_t windows[] = { 0, 4 << 20, CR_INGESTER_WINDOW };

	(void)state;
	for (size_t w = 0; w < CR_ARRAY_LEN(windows); w++) {
		cr_cleanup(cr_ingester_freep) struct cr_ingester *mine = NULL;
		struct cr_stored_content stored[CR_ARRAY_LEN(sizes)];
		int fds[CR_ARRAY_LEN(sizes)];

		session_ok(cr_ingester_new(ses.writer, windows[w], NULL, NULL,
					   NULL, &mine));
		for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
			int error = 0;

			fds[i] = make_noise(sizes[i]);
			session_ok(cr_ingest_file(mine, fds[i], sizes[i], 0,
						  &stored[i], &error));
			assert_int_equal(error, 0);
		}
		session_ok(cr_ingester_settle(mine));
		session_ok(cr_stream_flush(cr_ingester_stream(mine)));
		flush();
		for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
			struct cr_file *file = open_stored(&stored[i]);

			assert_same_reads(file, fds[i], sizes[i]);
			if (sizes[i] > K * K)
				assert_same_hash(file, fds[i]);
			cr_file_close(file);
			assert_int_equal(close(fds[i]), 0);
		}
	}
}

/* ---- Lists alone ----------------------------------------------------------
 */

static struct cr_list_item item_of(uint32_t n)
{
	struct unit_random rnd = { n };
	struct cr_list_item item = { .len = 1 + n % 1000, .hole = n % 7 == 3 };

	if (!item.hole)
		unit_fill(&rnd, &item.id, sizeof(item.id));
	return item;
}

struct told {
	uint32_t n;
	uint64_t bytes;
};

static int tell(void *arg, const struct cr_list_item *run)
{
	struct told *told = arg;
	struct cr_list_item want = item_of(told->n);

	assert_int_equal(run->len, want.len);
	assert_int_equal(run->hole, want.hole);
	assert_int_equal(run->offset, told->bytes);
	assert_true(cr_id_equal(&run->id, &want.id));
	told->n++;
	told->bytes += run->len;
	return 0;
}

static void a_list_of_any_length_gives_its_items_back(void **state)
{
	static const struct {
		uint32_t items;
		uint8_t content;
	} cases[] = {
		{ 2, CR_CONTENT_LLIST },       { 255, CR_CONTENT_LLIST },
		{ 256, CR_CONTENT_LLIST },     { 4097, CR_CONTENT_LNODE },
		{ 1000000, CR_CONTENT_LNODE }, /* two levels of nodes */
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_list_builder b;
		struct cr_id hash = { { 1, 2, 3 } }, is;
		struct cr_file_ref ref = { 0 };
		struct told told = { 0 };
		struct cr_file *file;

		cr_list_builder_init(&b, ses.writer);
		for (uint32_t n = 0; n < cases[i].items; n++) {
			struct cr_list_item item = item_of(n);

			session_ok(cr_list_builder_add(&b, &item));
			ref.size += item.len;
		}
		session_ok(cr_list_builder_finish(&b, &hash, &ref.content,
						  &ref.id));
		cr_list_builder_release(&b);
		session_ok(cr_writer_flush(ses.writer));
		assert_int_equal(ref.content, cases[i].content);
		session_ok(cr_file_open(look.reader, &look.view, &ref, &file));
		session_ok(cr_file_each_run(file, tell, &told));
		assert_int_equal(told.n, cases[i].items);
		assert_int_equal(told.bytes, ref.size);
		assert_true(cr_file_hash(file, &is));
		assert_true(cr_id_equal(&is, &hash));
		cr_file_close(file);
	}
}

static void a_list_that_does_not_add_up_is_refused(void **state)
{
	static const struct run run = { 0, 1000 * K };
	int fd = make_sparse(&run, 1, run.len);
	struct cr_stored_content stored;
	struct cr_file *file = NULL;
	struct cr_file_ref ref;

	(void)state;
	store(fd, run.len, &stored);
	flush();
	ref = session_file_ref(&stored);
	ref.size++;
	assert_int_equal(cr_file_open(look.reader, &look.view, &ref, &file),
			 -CR_ECORRUPT);
	assert_int_equal(close(fd), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_holes_and_hash_come_back),
		cmocka_unit_test(many_runs_make_a_tree_of_lists),
		cmocka_unit_test(the_same_file_again_stores_nothing),
		cmocka_unit_test(
			the_hash_is_left_out_where_holes_are_most_of_it),
		cmocka_unit_test(a_database_is_stored_by_pages),
		cmocka_unit_test(a_stream_is_stored_to_its_end),
		cmocka_unit_test(
			a_file_that_became_shorter_has_no_more_data_than_it_has),
		cmocka_unit_test(zeros_that_are_data_are_no_hole),
		cmocka_unit_test(what_the_source_refuses_is_its_own_error),
		cmocka_unit_test(files_that_wait_together_are_told_apart),
		cmocka_unit_test(noise_that_waits_together_is_told_apart),
		cmocka_unit_test(a_list_of_any_length_gives_its_items_back),
		cmocka_unit_test(a_list_that_does_not_add_up_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
