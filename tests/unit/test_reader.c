/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The right bytes or an error: whatever the index says, whichever copy is
 * damaged, whoever signed.
 */
#include <pthread.h>

#include "store/base/error.h"
#include "tests/unit/bytes.h"
#include "tests/unit/chunks.h"

static struct made_repo made;
static struct session ses;
static struct looker look;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	look = (struct looker){ 0 };
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

static void flip(const struct cr_uid *pack, off_t at)
{
	char name[CR_PACK_NAME_LEN], path[CR_PACK_NAME_LEN + 8];
	uint8_t byte;
	int fd;

	cr_pack_name(CR_PACK_DATA, pack, name);
	(void)snprintf(path, sizeof(path), "repo/%s", name);
	assert_int_equal(chmod(folder_path(&made.folder, path).text, 0600), 0);
	fd = open(folder_path(&made.folder, path).text, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

static int get(uint32_t n, const struct cr_hint *hint)
{
	struct cr_id id = id_of(made.repo, n);
	struct chunk want = chunk_of(n);
	struct cr_pin pin;
	int r = cr_reader_get(look.reader, &look.view, CR_CHUNK_DATA, &id, hint,
			      &pin, NULL);

	if (r < 0)
		return r;
	assert_int_equal(pin.bytes.len, sizeof(want));
	assert_memory_equal(pin.bytes.bytes, &want, sizeof(want));
	cr_pin_release(&pin);
	return 0;
}

/* ---- Where it looks
 * ----------------------------------------------------------- */

static void a_hint_is_followed_and_a_stale_one_forgiven(void **state)
{
	struct cr_uid pack = publish(&made, made.repo, false);
	struct cr_hint cases[] = {
		{ pack, 1, 1 },	 /* chunk 5 */
		{ pack, 1, 2 },	 /* another chunk */
		{ pack, 7, 0 },	 /* no such block */
		{ pack, 1, 70 }, /* no such slot */
		{ { { 1 } }, 1, 1 }, { { { 0 } }, 0, 0 },
	};

	(void)state;
	looker_init(made.repo, NULL, &look);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++)
		assert_int_equal(get(5, &cases[i]), 0);
	assert_true(looker_stats(&look).hints_followed >= 1);
}

static void without_an_index_packs_are_searched(void **state)
{
	(void)state;
	(void)publish(&made, made.repo, false);
	looker_init(made.repo, NULL, &look);
	for (uint32_t n = 0; n < CHUNKS; n++)
		assert_int_equal(get(n, NULL), 0);
	assert_int_equal(get(CHUNKS, NULL), -CR_EMISSING);
	unit_assert_said("is in no pack");
}

/* An index that is there from the @from-th time on that somebody asks. */
struct coming {
	struct cr_index *index;
	unsigned int asked, from;
};

static struct cr_index *come(void *arg)
{
	struct coming *coming = arg;

	return ++coming->asked < coming->from ? NULL : coming->index;
}

static void an_index_that_comes_is_asked_for_where_it_is_needed(void **state)
{
	struct coming coming = { .from = 1 };
	const struct cr_hint hint = { .pack = publish(&made, made.repo,
						      false) };
	struct cr_reader_stats stats;

	(void)state;
	session_index(made.repo, &ses);
	coming.index = ses.index;
	looker_init(made.repo, NULL, &look);
	cr_reader_expect_index(look.reader, come, &coming);
	assert_int_equal(get(0, &hint), 0);
	assert_int_equal(coming.asked, 0);
	assert_int_equal(get(1, NULL), 0);
	stats = looker_stats(&look);
	assert_int_equal(coming.asked, stats.index_lookups);
	assert_int_equal(stats.searches, 0);
}

/* The list of packs is one for all: it may lack what the index knows. */
static void an_index_may_come_while_packs_are_searched(void **state)
{
	struct coming coming = { .from = 1 };

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	coming.index = ses.index;
	looker_init(made.repo, NULL, &look);
	cr_reader_expect_index(look.reader, come, &coming);
	assert_int_equal(get(CHUNKS, NULL), -CR_EMISSING);
	coming = (struct coming){ .index = ses.index, .from = 2 };
	assert_int_equal(get(0, NULL), 0);
	assert_int_equal(coming.asked, 2);
	assert_int_equal(looker_stats(&look).index_lookups, 3);
}

static void a_repository_without_any_pack_lacks_it(void **state)
{
	(void)state;
	(void)nftw(folder_path(&made.folder, "repo/packs").text,
		   folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	looker_init(made.repo, ses.index, &look);
	assert_int_equal(get(0, NULL), -CR_EMISSING);
}

/* Give the index rows that say another thing than the footer. */
static void lie(const struct cr_uid *of, const struct cr_uid *about,
		uint32_t shift)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	struct cr_footer_chunk chunk[CHUNKS];
	struct cr_footer footer;
	struct cr_pack_facts facts;
	uint32_t number;

	session_ok(cr_pack_open(made.repo, CR_PACK_DATA, of, &pack));
	footer = *cr_pack_footer(pack);
	for (uint32_t n = 0; n < CHUNKS; n++)
		chunk[n] = footer.chunk[(n + shift) % CHUNKS];
	footer.chunk = chunk;
	session_ok(cr_index_pack_number(ses.index, about, &number));
	session_ok(cr_index_pack(ses.index, number, &facts));
	session_ok(cr_index_add_pack(ses.index, &facts, &footer, &number));
}

static void a_lying_index_gives_no_wrong_bytes(void **state)
{
	struct cr_uid pack = publish(&made, made.repo, false);

	(void)state;
	session_index(made.repo, &ses);
	lie(&pack, &pack, 1);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++)
		assert_int_equal(get(n, NULL), 0);
}

/* Rows that name another pack alone: every pack is asked, then. */
static void an_index_that_names_the_wrong_pack_is_not_the_end(void **state)
{
	struct cr_repo *other;
	struct cr_credentials cred;
	struct cr_uid key, pack, wrong;
	uint32_t number;

	(void)state;
	pack = publish(&made, made.repo, false);
	cred = made_add_put(&made, "web", &key);
	other = made_open(&made, &cred);
	wrong = publish(&made, other, false);
	session_index(made.repo, &ses);
	lie(&pack, &wrong, 0);
	/* And the true rows are lost. */
	session_ok(cr_index_pack_number(ses.index, &pack, &number));
	{
		struct cr_pack_facts facts;

		session_ok(cr_index_pack(ses.index, number, &facts));
		session_ok(cr_index_drop_pack(ses.index, number));
		session_ok(cr_index_add_pack(ses.index, &facts, NULL, &number));
	}
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++)
		assert_int_equal(get(n, NULL), 0);
	cr_repo_close(other);
	cr_secret_release(&cred.key_file);
}

/* ---- Which copy
 * ---------------------------------------------------------------- */

static void a_damaged_copy_is_passed_over(void **state)
{
	struct cr_uid first = publish(&made, made.repo, false);
	struct cr_uid second = publish(&made, made.repo, false);

	(void)state;
	session_index(made.repo, &ses);
	flip(&first, 300);	    /* block 0 */
	flip(&second, 300 + 20480); /* block 1 */
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++)
		assert_int_equal(get(n, NULL), 0);
	/* Both: the first one's story is told. */
	flip(&second, 300);
	looker_release(&look);
	looker_init(made.repo, ses.index, &look);
	assert_int_equal(get(0, NULL), -CR_EAUTH);
	unit_assert_said("block 0");
	assert_int_equal(get(9, NULL), 0);
}

static void a_pack_that_is_gone_is_passed_over(void **state)
{
	struct cr_uid first = publish(&made, made.repo, false);
	char name[CR_PACK_NAME_LEN], path[CR_PACK_NAME_LEN + 8];

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	cr_pack_name(CR_PACK_DATA, &first, name);
	(void)snprintf(path, sizeof(path), "repo/%s", name);
	assert_int_equal(unlink(folder_path(&made.folder, path).text), 0);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n++)
		assert_int_equal(get(n, NULL), 0);
}

/* ---- Who signed
 * ----------------------------------------------------------------- */

/* A put key that shares the owner's domain, so that names of chunks are equal.
 */
static void bytes_another_writer_signed_are_hashed(void **state)
{
	struct cr_credentials cred;
	struct cr_repo *other;
	struct cr_uid key;

	(void)state;
	cred = add_sharer(&made, &key);
	other = made_open(&made, &cred);
	(void)publish(&made, other, true);
	looker_init(made.repo, NULL, &look);
	/* The view is the owner's: chunk 1 is refused, the others are true. */
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(get(1, NULL), -CR_ECORRUPT);
		unit_assert_said("block 0 slot 1 is not");
		for (uint32_t n = 0; n < CHUNKS; n++)
			assert_int_equal(get(n, NULL),
					 n == 1 ? -CR_ECORRUPT : 0);
	}
	/* A true copy beside it is found. */
	(void)publish(&made, made.repo, false);
	looker_release(&look);
	looker_init(made.repo, NULL, &look);
	assert_int_equal(get(1, NULL), 0);
	cr_repo_close(other);
	cr_secret_release(&cred.key_file);
}

static void packs_of_a_revoked_writer_do_not_count(void **state)
{
	struct cr_credentials cred;
	struct cr_repo *other;
	struct cr_uid key;

	(void)state;
	cred = add_sharer(&made, &key);
	other = made_open(&made, &cred);
	(void)publish(&made, other, false);
	looker_init(made.repo, NULL, &look);
	assert_int_equal(get(3, NULL), 0);
	looker_release(&look);
	session_ok(cr_key_revoke(made.repo, made.w, &key, NULL, false));
	made_reopen(&made);
	looker_init(made.repo, NULL, &look);
	assert_true(get(3, NULL) < 0);
	cr_repo_close(other);
	cr_secret_release(&cred.key_file);
}

/* ---- Many threads
 * ----------------------------------------------------------------- */

/* Room for the three blocks; of what was passed it holds one. */
#define ROOM (160u << 10)

/* Of a large file a block may hold what comes later before what comes now. */
static void a_block_of_which_much_is_left_is_not_passed(void **state)
{
	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	cr_reader_free(look.reader);
	session_ok(cr_reader_new(made.repo, ses.index, ROOM, &look.reader));
	for (uint32_t n = 0; n < 3; n++)
		for (uint32_t i = 2; i < 4; i++)
			take(&look, 4 * n + i, CR_PIN_PASSED);
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	for (uint32_t n = 0; n < CHUNKS; n++)
		take(&look, n, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	/* Now all was had: the first two make room when the last is passed. */
	for (uint32_t n = 0; n < CHUNKS; n++)
		take(&look, n, CR_PIN_PASSED);
	take(&look, 10, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
	take(&look, 6, CR_PIN_KEPT);
	take(&look, 2, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 5);
}

/* Of blocks of chunks 0 to 3, 4 to 7, 8 to 11. */
static void a_block_goes_when_all_of_it_was_wanted_for_the_last_time(
	void **state)
{
	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < 3; n++)
		take(&look, n, CR_PIN_SPENT);
	take(&look, 2, CR_PIN_SPENT); /* again: still three of four */
	take(&look, 3, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 1);
	take(&look, 3, CR_PIN_SPENT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 1);
	take(&look, 0, CR_PIN_KEPT); /* all was wanted, and this after all */
	assert_int_equal(looker_stats(&look).blocks_decoded, 2);
	for (uint32_t n = 0; n < 4; n++)
		take(&look, n, CR_PIN_KEPT);
	assert_int_equal(looker_stats(&look).blocks_decoded, 2);
}

static void *get_all(void *arg)
{
	struct unit_random rnd = { *(uint64_t *)arg };
	long failed = 0;

	for (int i = 0; i < 2000; i++) {
		uint32_t n = unit_below(&rnd, CHUNKS);
		struct cr_id id = id_of(made.repo, n);
		struct chunk want = chunk_of(n);
		struct cr_pin pin;

		if (cr_reader_get(look.reader, &look.view, CR_CHUNK_DATA, &id,
				  NULL, &pin, NULL) < 0) {
			failed++;
			continue;
		}
		failed += pin.bytes.len != sizeof(want) ||
			  memcmp(pin.bytes.bytes, &want, sizeof(want)) != 0;
		cr_pin_release(&pin);
	}
	return (void *)failed;
}

static void threads_share_a_reader_and_decode_each_block_once(void **state)
{
	enum { THREADS = 8 };
	pthread_t thread[THREADS];
	uint64_t seed[THREADS];

	(void)state;
	(void)publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	for (int i = 0; i < THREADS; i++) {
		seed[i] = (uint64_t)i;
		assert_int_equal(
			pthread_create(&thread[i], NULL, get_all, &seed[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(looker_stats(&look).blocks_decoded, 3);
}

/* ---- Ahead of those who ask ---- */

struct uses {
	unsigned int n, brought;
	struct cr_uid pack;
	uint32_t last;
};

static void note_use(void *arg, const struct cr_uid *pack, uint32_t block,
		     bool brought)
{
	struct uses *uses = arg;

	uses->n++;
	uses->brought += brought;
	uses->pack = *pack;
	uses->last = block;
}

static void a_block_that_was_brought_is_decoded_once(void **state)
{
	struct uses uses = { 0 };
	struct cr_uid pack;

	(void)state;
	pack = publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	cr_reader_on_use(look.reader, note_use, &uses);
	session_ok(get(0, NULL));
	session_ok(get(1, NULL));
	assert_int_equal(uses.n, 1);
	assert_int_equal(uses.brought, 0);
	assert_memory_equal(&uses.pack, &pack, sizeof(pack));

	assert_int_equal(cr_reader_bring(look.reader, &pack, 1), 1);
	assert_int_equal(cr_reader_bring(look.reader, &pack, 1), 0);
	assert_int_equal(cr_reader_bring(look.reader, &pack, 0), 0);
	assert_int_equal(uses.n, 1);
	session_ok(get(4, NULL));
	session_ok(get(5, NULL));
	assert_int_equal(uses.n, 2);
	assert_int_equal(uses.brought, 1);
	assert_int_equal(uses.last, 1);
	assert_int_equal(looker_stats(&look).blocks_decoded, 2);
}

static void what_cannot_be_brought_says_why(void **state)
{
	struct cr_uid pack, none = { { 7 } };

	(void)state;
	pack = publish(&made, made.repo, false);
	session_index(made.repo, &ses);
	looker_init(made.repo, ses.index, &look);
	assert_int_equal(cr_reader_bring(look.reader, &pack, 3), -CR_EMISSING);
	assert_int_equal(cr_reader_bring(look.reader, &pack, UINT32_MAX),
			 -CR_EMISSING);
	assert_int_equal(cr_reader_bring(look.reader, &none, 0), -CR_EMISSING);
	flip(&pack, CR_PACK_HEADER_LEN + 100);
	assert_int_equal(cr_reader_bring(look.reader, &pack, 0), -CR_EAUTH);
	/* The others are not the worse for it. */
	assert_int_equal(cr_reader_bring(look.reader, &pack, 1), 1);
	session_ok(get(4, NULL));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_hint_is_followed_and_a_stale_one_forgiven),
		TEST(without_an_index_packs_are_searched),
		TEST(an_index_that_comes_is_asked_for_where_it_is_needed),
		TEST(an_index_may_come_while_packs_are_searched),
		TEST(a_repository_without_any_pack_lacks_it),
		TEST(a_lying_index_gives_no_wrong_bytes),
		TEST(an_index_that_names_the_wrong_pack_is_not_the_end),
		TEST(a_damaged_copy_is_passed_over),
		TEST(a_pack_that_is_gone_is_passed_over),
		TEST(bytes_another_writer_signed_are_hashed),
		TEST(packs_of_a_revoked_writer_do_not_count),
		TEST(a_block_that_was_brought_is_decoded_once),
		TEST(what_cannot_be_brought_says_why),
		TEST(a_block_of_which_much_is_left_is_not_passed),
		TEST(a_block_goes_when_all_of_it_was_wanted_for_the_last_time),
		TEST(threads_share_a_reader_and_decode_each_block_once),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
