/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is stored again: little, of the blocks that serve least, and only where
 * there are too many.
 */
#include <unistd.h>

#include "store/codec/list.h"
#include "store/write/capping.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

#define MIB    (UINT64_C(1) << 20)
#define BLOCKS 4096

static struct cr_capping_block block[BLOCKS];
static uint32_t order[BLOCKS];

/* ---- The decision ---- */

static void fill(uint32_t n, uint64_t served, uint32_t len)
{
	for (uint32_t i = 0; i < n; i++)
		block[i] = (struct cr_capping_block){ served, len, true };
}

static uint32_t chosen(uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += block[i].again;
	return count;
}

static void nothing_is_stored_again_without_need(void **state)
{
	static const struct {
		const char *what;
		uint32_t n;
		uint64_t served;
		uint32_t len;
		uint64_t bytes;
	} cases[] = {
		{ "no duplicates", 0, 0, 0, 64 * MIB },
		{ "no bytes", 0, 0, 0, 0 },
		{ "all from one block", 1, MIB, MIB, MIB },
		{ "a little from one block", 1, 4096, MIB, 64 * MIB },
		{ "few blocks", 114, 4096, MIB, 64 * MIB },
		{ "many, half of each used", 128, MIB / 2, MIB, 64 * MIB },
		{ "many, of unknown length", 1000, 4096, 0, 64 * MIB },
		{ "more used than there is", 1000, 4 * MIB, 4096, 64 * MIB },
		{ "each over the budget", 1000, 2 * MIB, 8 * MIB, 64 * MIB },
		{ "a small window", 3, 4096, MIB, 100 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		fill(cases[i].n, cases[i].served, cases[i].len);
		if (cr_capping_choose(block, cases[i].n, cases[i].bytes, MIB,
				      order) != 0 ||
		    chosen(cases[i].n) != 0)
			fail_msg("%s", cases[i].what);
	}
}

static void no_more_go_than_are_too_many(void **state)
{
	(void)state;
	/* 2 + 64 * 7 / 4 may be touched. */
	fill(120, 4096, MIB);
	assert_int_equal(cr_capping_choose(block, 120, 64 * MIB, MIB, order),
			 6 * 4096);
	/* Of equals the first. */
	for (uint32_t i = 0; i < 120; i++)
		assert_int_equal(block[i].again, i < 6);
	/* And 2 + 4 * 16 * 7 / 4 small ones. */
	fill(120, 4096, MIB / 4);
	assert_int_equal(
		cr_capping_choose(block, 120, 16 * MIB, MIB / 4, order),
		6 * 4096);
}

static void the_least_used_goes_first(void **state)
{
	(void)state;
	fill(116, 100 * 1000, MIB);
	block[70].served = 50 * 1000;
	block[80].served = 40 * 1000;
	block[80].len = 80 * 1001; /* half of it is used, all but */
	block[90].served = 99 * 1000;
	assert_int_equal(cr_capping_choose(block, 116, 64 * MIB, MIB, order),
			 149 * 1000);
	assert_true(block[70].again && block[90].again);
	assert_int_equal(chosen(116), 2);
}

static void one_that_costs_too_much_gives_way_to_others(void **state)
{
	(void)state;
	fill(116, 600 * 1000, 2 * MIB);
	block[3] = (struct cr_capping_block){ 2 * MIB, 64 * MIB, false };
	assert_int_equal(cr_capping_choose(block, 116, 64 * MIB, MIB, order),
			 1200 * 1000);
	assert_false(block[3].again);
}

/* Whatever the counts are, as of a forged pack or a file that repeats. */
static void the_budget_holds(void **state)
{
	struct unit_random rnd = { 3 };

	(void)state;
	for (int i = 0; i < 2000; i++) {
		uint32_t n = (uint32_t)(unit_random(&rnd) % BLOCKS);
		uint64_t bytes = unit_random(&rnd) % (70 * MIB);
		uint64_t most = 1 + unit_random(&rnd) % (i % 2 ? MIB : 9000);
		uint64_t sum = 0, again;
		uint32_t small = 0;

		for (uint32_t b = 0; b < n; b++)
			block[b] = (struct cr_capping_block){
				unit_random(&rnd) % most,
				(uint32_t)(unit_random(&rnd) %
					   (i % 3 ? 2 * MIB + 1 : 5000)),
				true,
			};
		again = cr_capping_choose(block, n, bytes, MIB, order);
		for (uint32_t b = 0; b < n; b++) {
			sum += block[b].again ? block[b].served : 0;
			small += block[b].again;
			assert_true(!block[b].again ||
				    2 * block[b].served < block[b].len);
		}
		assert_int_equal(sum, again);
		assert_true(again * 100 <= bytes * 3);
		assert_true(n - small >=
			    cr_min((uint64_t)n, bytes / MIB * 7 / 4 + 2));
	}
}

/* ---- In a session ---- */

#define FILE_LEN (8 * MIB)
#define RECORD	 1024
#define VERSIONS 14

static struct made_repo made;
static struct session ses;
static uint8_t content[FILE_LEN];

static int setup(void **state)
{
	(void)state;
	if (cr_sodium_init() < 0)
		return -1;
	made_init(&made);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	made_release(&made);
	return 0;
}

static int make_file(void)
{
	int fd = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, sizeof(content)), sizeof(content));
	return fd;
}

/* Letters: its chunks are of the small class. */
static void write_record(struct unit_random *rnd, uint32_t number)
{
	uint8_t *at = content + (size_t)number * RECORD;

	unit_fill(rnd, at, RECORD);
	for (uint32_t i = 0; i < RECORD; i++)
		at[i] = (uint8_t)('a' + at[i] % 16);
}

static struct cr_writer_stats store(int fd, struct cr_stored_content *stored)
{
	struct cr_ingester *ing;
	struct cr_writer_stats stats;
	int source_error = 0;

	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_ingester_new(ses.writer, CR_INGESTER_WINDOW, NULL, NULL,
				   NULL, &ing));
	session_ok(cr_ingest_file(ing, fd, FILE_LEN, 0, stored, &source_error));
	session_ok(cr_ingester_settle(ing));
	assert_int_equal(source_error, 0);
	session_ok(cr_stream_flush(cr_ingester_stream(ing)));
	session_ok(cr_writer_flush(ses.writer));
	cr_writer_get_stats(ses.writer, &stats);
	cr_ingester_free(ing);
	return stats;
}

static uint64_t blocks_of(const struct cr_stored_content *stored)
{
	static uint8_t came[FILE_LEN];
	struct cr_file_ref ref = { .content = stored->content,
				   .id = stored->id,
				   .size = stored->size };
	struct cr_reader_stats stats;
	struct cr_file *file;
	struct cr_reader *reader;
	struct looker look;

	looker_init(made.repo, ses.index, &look);
	/* With room for all blocks: each is decoded once. */
	session_ok(cr_reader_new(made.repo, ses.index, 256 * MIB, &reader));
	session_ok(cr_file_open(reader, &look.view, &ref, &file));
	for (uint64_t at = 0; at < FILE_LEN; at += MIB)
		assert_int_equal(cr_file_read(file, at, came + at, MIB), MIB);
	assert_memory_equal(came, content, sizeof(came));
	cr_reader_get_stats(reader, &stats);
	cr_file_close(file);
	cr_reader_free(reader);
	looker_release(&look);
	return stats.blocks_decoded;
}

static void a_file_of_many_versions_lies_in_few_blocks(void **state)
{
	struct unit_random rnd = { 11 };
	struct cr_stored_content stored;
	uint64_t again = 0, blocks = 0;

	(void)state;
	for (uint32_t i = 0; i < FILE_LEN / RECORD; i++)
		write_record(&rnd, i);
	for (int version = 1; version <= VERSIONS; version++) {
		struct cr_writer_stats stats;
		int fd = make_file();

		stats = store(fd, &stored);
		assert_true(stats.bytes_again * 100 <= FILE_LEN * 3);
		if (version == 1)
			assert_int_equal(stats.bytes_again, 0);
		again += stats.bytes_again;
		blocks = blocks_of(&stored);
		session_end(&ses);
		assert_int_equal(close(fd), 0);
		for (int i = 0; i < 80; i++)
			write_record(&rnd, (uint32_t)(unit_random(&rnd) %
						      (FILE_LEN / RECORD)));
	}
	assert_true(again > 0);
	/* Without capping they are more than 28. */
	assert_in_range(blocks, 8, 25);
}

/* ---- A window by hand ---- */

/* A chunk of each block that a file lies in. */
struct samples {
	struct looker look;
	struct cr_list_item item[64];
	struct cr_hint where[64];
	uint32_t n;
};

static int take_sample(void *arg, const struct cr_list_item *run)
{
	struct samples *s = arg;
	struct cr_hint where;

	session_ok(cr_reader_locate(s->look.reader, &s->look.view,
				    CR_CHUNK_DATA, &run->id, NULL, &where));
	for (uint32_t i = 0; i < s->n; i++)
		if (s->where[i].block == where.block &&
		    cr_uid_equal(&s->where[i].pack, &where.pack))
			return 0;
	if (s->n < CR_ARRAY_LEN(s->item)) {
		s->item[s->n] = *run;
		s->where[s->n++] = where;
	}
	return 0;
}

static uint64_t bytes_again(void)
{
	struct cr_writer_stats stats;

	cr_writer_get_stats(ses.writer, &stats);
	return stats.bytes_again;
}

/* A window of 4 MiB, new but for the samples; what of it is stored again. */
static uint64_t cap(struct cr_stream *stream, const struct samples *s, int fd)
{
	const uint64_t before = bytes_again();
	struct cr_capping *capping;

	session_ok(cr_capping_new(ses.writer, stream, &capping));
	cr_capping_begin(capping, false);
	for (uint32_t i = 0; i < s->n; i++)
		session_ok(cr_capping_note(
			capping, &s->item[i].id, s->item[i].offset,
			(uint32_t)s->item[i].len, &s->where[i]));
	session_ok(cr_capping_note(capping, &s->item[0].id, 0, 4 * MIB, NULL));
	session_ok(cr_capping_settle(capping, fd));
	/* The next window begins with nothing. */
	session_ok(cr_capping_settle(capping, -1));
	cr_capping_free(capping);
	return bytes_again() - before;
}

static void only_what_the_source_still_has_is_stored_again(void **state)
{
	struct unit_random rnd = { 12 };
	struct cr_stored_content stored;
	struct samples s = { .n = 0 }, lies;
	struct cr_stream *stream;
	struct cr_file *file;
	int fd, other, empty, rounds;

	(void)state;
	for (uint32_t i = 0; i < FILE_LEN / RECORD; i++)
		write_record(&rnd, i);
	fd = make_file();
	(void)store(fd, &stored);
	for (int version = 0; version < 12; version++) {
		session_end(&ses);
		assert_int_equal(close(fd), 0);
		write_record(&rnd, (uint32_t)(unit_random(&rnd) %
					      (FILE_LEN / RECORD)));
		fd = make_file();
		(void)store(fd, &stored);
	}
	looker_init(made.repo, ses.index, &s.look);
	session_ok(
		cr_file_open(s.look.reader, &s.look.view,
			     &(struct cr_file_ref){ .content = stored.content,
						    .id = stored.id,
						    .size = stored.size },
			     &file));
	session_ok(cr_file_each_run(file, take_sample, &s));
	assert_true(s.n > 12);
	session_ok(cr_stream_new(ses.writer, &stream));
	empty = open(made.folder.path, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	for (uint32_t i = 0; i < FILE_LEN / RECORD; i++)
		write_record(&rnd, i);
	other = make_file();
	assert_int_equal(cap(stream, &s, empty), 0);
	assert_int_equal(cap(stream, &s, other), 0);
	assert_int_equal(cap(stream, &s, -1), 0);
	/* Of packs that do not exist, of blocks that they do not have. */
	lies = s;
	for (uint32_t i = 0; i < s.n; i++)
		lies.where[i].pack.bytes[0] ^= 1;
	assert_int_equal(cap(stream, &lies, fd), 0);
	lies = s;
	for (uint32_t i = 0; i < s.n; i++)
		lies.where[i].block += 100000;
	assert_int_equal(cap(stream, &lies, fd), 0);
	assert_true(cap(stream, &s, fd) > 0);
	/* What is on its way is not sent again: that comes to an end. */
	for (rounds = 1; cap(stream, &s, fd) > 0; rounds++)
		assert_true(rounds < (int)s.n);
	session_ok(cr_stream_flush(stream));
	session_ok(cr_writer_flush(ses.writer));
	cr_stream_free(stream);
	cr_file_close(file);
	looker_release(&s.look);
	session_end(&ses);
	(void)close(empty);
	(void)close(other);
	(void)close(fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nothing_is_stored_again_without_need),
	cmocka_unit_test(no_more_go_than_are_too_many),
	cmocka_unit_test(the_least_used_goes_first),
	cmocka_unit_test(one_that_costs_too_much_gives_way_to_others),
	cmocka_unit_test(the_budget_holds),
	cmocka_unit_test_setup_teardown(
		a_file_of_many_versions_lies_in_few_blocks, setup, teardown),
	cmocka_unit_test_setup_teardown(
		only_what_the_source_still_has_is_stored_again, setup,
		teardown),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
