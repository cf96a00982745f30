/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_ids.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "store/base/bloom.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "tests/unit/folder.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define MOST	(1u << 20)
#define FIRST	(256u << 10)
#define SOME	5000u /* ids */
#define ENOUGH	1000u /* questions, for the file to be read */
#define THREADS 4

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
	for (enum cr_io_call call = 0; call < CR_IO_CALLS; call++)
		cr_io_fault(call, 0, 0);
	folder_release(&folder);
	return 0;
}

static struct folder_path file(void)
{
	return folder_path(&folder, "db.3.ids");
}

static bool is_there(void)
{
	return access(file().text, F_OK) == 0;
}

static struct cr_ids *open_ids(size_t most)
{
	struct cr_ids *ids = NULL;

	assert_int_equal(
		cr_ids_open(folder_path(&folder, "db").text, 3, most, &ids), 0);
	return ids;
}

static struct cr_id nth(uint64_t n)
{
	struct unit_random random = { n << 32 };
	struct cr_id id = { { 0 } };

	unit_fill(&random, id.bytes, 16);
	return id;
}

static void add(struct cr_ids *ids, uint64_t from, uint64_t to)
{
	assert_int_equal(cr_ids_touch(ids), 0);
	for (uint64_t n = from; n < to; n++) {
		struct cr_id id = nth(n);

		cr_ids_add(ids, &id);
	}
}

static uint64_t had(struct cr_ids *ids, uint64_t from, uint64_t to)
{
	uint64_t found = 0;

	for (uint64_t n = from; n < to; n++) {
		struct cr_id id = nth(n);

		found += cr_ids_may_have(ids, &id);
	}
	return found;
}

/* Asked so often that the file was read, if it is ever to be. */
static bool knows_others_are_not_there(struct cr_ids *ids)
{
	uint64_t found;

	(void)had(ids, 1u << 20, (1u << 20) + ENOUGH);
	found = had(ids, 2u << 20, (2u << 20) + ENOUGH);
	if (found == ENOUGH)
		return false;
	assert_true(found < ENOUGH / 20);
	return true;
}

/* A file with SOME ids. */
static void make_file(void)
{
	struct cr_ids *ids = open_ids(MOST);

	assert_int_equal(cr_ids_begin(ids, FIRST), 0);
	add(ids, 0, SOME);
	assert_int_equal(had(ids, 0, SOME), SOME);
	assert_true(knows_others_are_not_there(ids));
	cr_ids_close(ids);
	assert_true(is_there());
}

static void the_next_one_has_what_was_added(void **state)
{
	(void)state;
	make_file();
	for (uint64_t n = SOME; n < 4 * SOME; n += SOME) {
		cr_cleanup(cr_ids_closep) struct cr_ids *ids = open_ids(MOST);

		assert_int_equal(had(ids, 0, n), n);
		assert_true(knows_others_are_not_there(ids));
		add(ids, n, n + SOME);
		assert_int_equal(had(ids, 0, n + SOME), n + SOME);
	}
}

static void it_takes_no_more_than_its_ids_are_worth(void **state)
{
	struct cr_ids *ids;

	(void)state;
	make_file();
	ids = open_ids(MOST);
	assert_in_range(cr_ids_bytes(ids), 4 * SOME, 8 * SOME);
	cr_ids_close(ids);
}

static void the_file_is_read_only_once_that_pays(void **state)
{
	struct cr_ids *ids;

	(void)state;
	make_file();
	ids = open_ids(MOST);
	assert_int_equal(had(ids, 1u << 20, (1u << 20) + 1), 1);
	cr_io_fault(CR_IO_OPEN, -1, EIO);
	assert_int_equal(had(ids, 2u << 20, (2u << 20) + 1), 1);
	cr_ids_close(ids);
}

/* What is killed now leaves no file, and knows of nothing later. */
static void there_is_no_file_while_ids_are_added(void **state)
{
	struct cr_ids *ids, *next;

	(void)state;
	make_file();
	ids = open_ids(MOST);
	assert_true(is_there());
	add(ids, SOME, SOME + 1);
	assert_false(is_there());
	next = open_ids(MOST);
	assert_int_equal(cr_ids_bytes(next), 0);
	assert_false(knows_others_are_not_there(next));
	cr_ids_close(next);
	assert_false(is_there());
	cr_ids_close(ids);
	assert_true(is_there());
}

static void who_only_asks_leaves_the_file(void **state)
{
	struct cr_ids *ids;

	(void)state;
	make_file();
	ids = open_ids(MOST);
	assert_true(knows_others_are_not_there(ids));
	cr_ids_close(ids);
	assert_true(is_there());
}

static void nothing_is_added_beside_a_file_that_stays(void **state)
{
	static const enum cr_io_call calls[] = { CR_IO_UNLINK, CR_IO_SYNC };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(calls); i++) {
		struct cr_ids *ids;

		make_file();
		ids = open_ids(MOST);
		cr_io_fault(calls[i], 1, EIO);
		assert_int_equal(cr_ids_touch(ids), -EIO);
		assert_non_null(strstr(cr_detail(), "db.3.ids"));
		assert_int_equal(cr_ids_touch(ids), 0);
		cr_ids_close(ids);
	}
}

static void write_bytes(const uint8_t *bytes, size_t len)
{
	FILE *out = fopen(file().text, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static bool is_used(void)
{
	cr_cleanup(cr_ids_closep) struct cr_ids *ids = open_ids(MOST);

	return knows_others_are_not_there(ids);
}

static void a_damaged_file_is_not_used(void **state)
{
	static uint8_t bytes[64 << 10];
	FILE *in;
	size_t len;

	(void)state;
	make_file();
	in = fopen(file().text, "r");
	assert_non_null(in);
	len = fread(bytes, 1, sizeof(bytes), in);
	assert_int_equal(fclose(in), 0);
	assert_in_range(len, 4 * SOME, sizeof(bytes) - 1);
	assert_true(is_used());
	for (size_t at = 0; at < len; at += at < 48 ? 1 : 997) {
		bytes[at] ^= 0x10;
		write_bytes(bytes, len);
		assert_false(is_used());
		bytes[at] ^= 0x10;
	}
	for (size_t short_by = 1; short_by <= len; short_by *= 2) {
		write_bytes(bytes, len - short_by);
		assert_false(is_used());
	}
	write_bytes(bytes, len);
	assert_true(is_used());
}

static void what_cannot_be_read_or_kept_is_done_without(void **state)
{
	struct cr_ids *ids;

	(void)state;
	make_file();
	cr_io_fault(CR_IO_READ, 1, EIO); /* the head */
	assert_false(is_used());
	cr_io_fault(CR_IO_READ, 3, EIO); /* the rest */
	assert_false(is_used());
	assert_true(is_used());
	ids = open_ids(MOST);
	add(ids, SOME, SOME + 1);
	cr_io_fault(CR_IO_WRITE, 2, ENOSPC);
	cr_ids_close(ids);
	assert_false(is_there());
	assert_int_equal(
		access(folder_path(&folder, "db.3.ids.tmp").text, F_OK), -1);
	assert_false(is_used());
}

static void one_that_takes_too_much_memory_is_done_without(void **state)
{
	struct cr_ids *ids;

	(void)state;
	make_file();
	ids = open_ids(16 << 10);
	assert_int_equal(cr_ids_bytes(ids), 0);
	assert_false(knows_others_are_not_there(ids));
	assert_true(is_there());
	add(ids, SOME, SOME + 1);
	cr_ids_close(ids);
	assert_false(is_there());
}

/* ---- Filling ---- */

static void fill(struct cr_bloom *bloom, uint64_t rows)
{
	for (uint64_t n = 0; n < rows; n++) {
		struct cr_id id = nth(n);

		cr_bloom_add(bloom, &id);
	}
}

static void a_lost_one_is_filled_anew(void **state)
{
	struct cr_bloom *bloom;
	struct cr_ids *ids = open_ids(MOST);

	(void)state;
	assert_false(cr_ids_fill_begin(ids, SOME, &bloom)); /* not touched */
	add(ids, 0, SOME);
	assert_true(cr_ids_fill_begin(ids, SOME, &bloom));
	fill(bloom, SOME - 1);
	cr_ids_fill_end(ids, SOME - 1, false);
	assert_false(knows_others_are_not_there(ids));
	assert_true(cr_ids_fill_begin(ids, SOME, &bloom));
	fill(bloom, SOME);
	cr_ids_fill_end(ids, SOME, true);
	assert_true(knows_others_are_not_there(ids));
	assert_int_equal(had(ids, 0, SOME), SOME);
	assert_false(cr_ids_fill_begin(ids, SOME, &bloom)); /* it has one */
	add(ids, SOME, 2 * SOME);
	cr_ids_close(ids);
	ids = open_ids(MOST);
	assert_true(knows_others_are_not_there(ids));
	assert_int_equal(had(ids, 0, 2 * SOME), 2 * SOME);
	cr_ids_close(ids);
}

static void one_that_is_too_full_is_filled_anew(void **state)
{
	struct cr_bloom *bloom;
	struct cr_ids *ids = open_ids(MOST);
	size_t before;

	(void)state;
	assert_int_equal(cr_ids_begin(ids, 8192), 0);
	before = cr_ids_bytes(ids);
	assert_int_equal(before, 8192);
	add(ids, 0, SOME);
	assert_false(cr_ids_fill_begin(ids, SOME, &bloom));
	add(ids, SOME, 4 * SOME);
	assert_true(cr_ids_fill_begin(ids, 4 * SOME, &bloom));
	fill(bloom, 4 * SOME);
	cr_ids_fill_end(ids, 4 * SOME, true);
	assert_in_range(cr_ids_bytes(ids), 5 * SOME, 10 * SOME);
	assert_int_equal(had(ids, 0, 4 * SOME), 4 * SOME);
	assert_true(knows_others_are_not_there(ids));
	/* Once: what was asked before may still be. */
	assert_false(cr_ids_fill_begin(ids, 100 * SOME, &bloom));
	cr_ids_close(ids);
}

static void none_is_filled_that_would_say_nothing(void **state)
{
	struct cr_bloom *bloom;
	struct cr_ids *ids = open_ids(8192);

	(void)state;
	add(ids, 0, 1);
	assert_false(cr_ids_fill_begin(ids, 40000, &bloom));
	assert_true(cr_ids_fill_begin(ids, 10000, &bloom));
	cr_ids_fill_end(ids, 0, false);
	cr_ids_close(ids);
	assert_false(is_there());
}

/* ---- Threads ---- */

struct asker {
	pthread_t thread;
	struct cr_ids *ids;
	atomic_uint_fast64_t *added; /* all before are there */
	atomic_bool *done;
	bool lost;
};

static void *ask(void *arg)
{
	struct asker *a = arg;

	for (uint64_t n = 0; !atomic_load(a->done); n++) {
		uint64_t last = atomic_load(a->added);

		if (had(a->ids, n % last, n % last + 1) == 0)
			a->lost = true;
		(void)had(a->ids, (1u << 20) + n, (1u << 20) + n + 1);
	}
	return NULL;
}

static void nobody_misses_what_is_there(void **state)
{
	struct asker asker[THREADS];
	atomic_uint_fast64_t added = SOME;
	atomic_bool done = false;
	struct cr_bloom *bloom;
	struct cr_ids *ids;

	(void)state;
	make_file();
	ids = open_ids(MOST);
	for (size_t i = 0; i < THREADS; i++) {
		asker[i] = (struct asker){ .ids = ids,
					   .added = &added,
					   .done = &done };
		assert_int_equal(
			pthread_create(&asker[i].thread, NULL, ask, &asker[i]),
			0);
	}
	for (uint64_t n = SOME; n < 16 * SOME; n++) {
		add(ids, n, n + 1);
		atomic_store(&added, n + 1);
	}
	assert_true(cr_ids_fill_begin(ids, added, &bloom));
	fill(bloom, added);
	cr_ids_fill_end(ids, added, true);
	assert_true(knows_others_are_not_there(ids));
	atomic_store(&done, true);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(asker[i].thread, NULL), 0);
		assert_false(asker[i].lost);
	}
	cr_ids_close(ids);
}

#define law(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest laws[] = {
		law(the_next_one_has_what_was_added),
		law(it_takes_no_more_than_its_ids_are_worth),
		law(the_file_is_read_only_once_that_pays),
		law(there_is_no_file_while_ids_are_added),
		law(who_only_asks_leaves_the_file),
		law(nothing_is_added_beside_a_file_that_stays),
		law(a_damaged_file_is_not_used),
		law(what_cannot_be_read_or_kept_is_done_without),
		law(one_that_takes_too_much_memory_is_done_without),
		law(a_lost_one_is_filled_anew),
		law(one_that_is_too_full_is_filled_anew),
		law(none_is_filled_that_would_say_nothing),
		law(nobody_misses_what_is_there),
	};

	return cmocka_run_group_tests(laws, NULL, NULL);
}
