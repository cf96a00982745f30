/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A writing session: what is put is found, once; packs and segments are as
 * FORMAT.md bounds them; the index is a view that may lie or be gone.
 */
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/disk/segments.h"
#include "store/read/packs.h"
#include "store/write/dedup.h"
#include "store/write/pack_out.h"
#include "tests/unit/random.h"
#include "tests/unit/session.h"

static struct made_repo made;
static struct session ses;
static struct cr_stream *stream;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_stream_new(ses.writer, &stream));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_stream_free(stream);
	session_end(&ses);
	made_release(&made);
	return 0;
}

static void flush(void)
{
	session_ok(cr_stream_flush(stream));
	session_ok(cr_writer_flush(ses.writer));
}

static void next_session(void)
{
	cr_stream_free(stream);
	session_end(&ses);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_stream_new(ses.writer, &stream));
}

static struct cr_id put(const void *bytes, size_t len)
{
	struct cr_id id;

	session_ok(cr_stream_put(stream, CR_CHUNK_DATA,
				 (struct cr_piece){ bytes, len }, CR_CLASS_16K,
				 &id));
	return id;
}

static uint64_t known(void)
{
	struct cr_writer_stats stats;

	cr_writer_get_stats(ses.writer, &stats);
	return stats.chunks_known;
}

static void assert_reads(const struct looker *look, const struct cr_id *id,
			 const void *bytes, size_t len)
{
	struct cr_pin pin;

	session_ok(cr_reader_get(look->reader, &look->view, CR_CHUNK_DATA, id,
				 NULL, &pin, NULL));
	assert_int_equal(pin.bytes.len, len);
	assert_memory_equal(pin.bytes.bytes, bytes, len);
	cr_pin_release(&pin);
}

/* ---- Known or not ----------------------------------------------------------
 */

static void a_chunk_is_stored_once(void **state)
{
	static const char text[] = "a chunk of some bytes";
	struct cr_id id;

	(void)state;
	id = put(text, sizeof(text));
	assert_int_equal(known(), 0);
	(void)put(text, sizeof(text)); /* pending */
	assert_int_equal(known(), 1);
	flush();
	(void)put(text, sizeof(text)); /* stored */
	assert_int_equal(known(), 2);
	next_session();
	(void)put(text, sizeof(text)); /* by another session */
	assert_int_equal(known(), 1);
	assert_int_equal(cr_writer_has(ses.writer, CR_CHUNK_DATA, &id, NULL),
			 1);
	assert_int_equal(cr_writer_has(ses.writer, CR_CHUNK_LEAF, &id, NULL),
			 0);
}

/* The number of the block in which the @n-th of such chunks lies. */
static uint32_t block_of(enum cr_size_class size_class, uint32_t n)
{
	uint8_t page[4096] = { (uint8_t)size_class, (uint8_t)n };
	struct cr_hint where = { 0 };
	struct cr_id id;

	session_ok(cr_stream_put(stream, CR_CHUNK_DATA,
				 (struct cr_piece){ page, sizeof(page) },
				 size_class, &id));
	flush();
	assert_int_equal(cr_writer_has(ses.writer, CR_CHUNK_DATA, &id, &where),
			 1);
	return where.block;
}

static void put_many(enum cr_size_class size_class, uint32_t count)
{
	struct cr_id id;

	for (uint32_t n = 0; n < count; n++) {
		uint8_t page[4096] = { (uint8_t)size_class, (uint8_t)n };

		session_ok(
			cr_stream_put(stream, CR_CHUNK_DATA,
				      (struct cr_piece){ page, sizeof(page) },
				      size_class, &id));
	}
	flush();
}

static void pages_of_databases_lie_in_small_blocks(void **state)
{
	(void)state;
	put_many(CR_CLASS_PAGES, 256);
	for (uint32_t n = 0; n < 256; n++)
		assert_int_equal(block_of(CR_CLASS_PAGES, n), n / 64);
	next_session();
	put_many(CR_CLASS_4K, 256);
	for (uint32_t n = 0; n < 256; n++)
		assert_int_equal(block_of(CR_CLASS_4K, n), 0);
}

/* What a session that died had published is used by the next. */
static void packs_of_a_session_that_died_are_used(void **state)
{
	static const char text[] = "a chunk of some bytes";
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_segment segment;
	struct cr_manifest manifest = { .root = { .type = CR_ENTRY_DIRECTORY,
						  .nlink = 2 } };
	struct looker look;
	struct cr_id id;

	(void)state;
	id = put(text, sizeof(text));
	flush();
	/* Its index is lost, and its segment was never written. */
	session_end(&ses);
	{
		struct cr_state *s = session_state(&made, "state");

		assert_int_equal(cr_state_lock(s, false, NULL), 0);
		session_ok(cr_index_reset(s));
		cr_state_close(s);
	}
	(void)nftw(folder_path(&made.folder, "repo/index").text,
		   folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
	cr_stream_free(stream);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_stream_new(ses.writer, &stream));
	(void)put(text, sizeof(text));
	assert_int_equal(known(), 1);
	/* Its pack is in a segment of this commit. */
	(void)session_commit(&ses, &manifest, 1000);
	looker_init(made.repo, ses.index, &look);
	assert_int_equal(look.snapshot->manifest.segments, 1);
	session_ok(cr_segment_read(made.repo,
				   &look.snapshot->manifest.segment[0], &bytes,
				   &segment));
	assert_int_equal(segment.packs, 1);
	assert_reads(&look, &id, text, sizeof(text));
	looker_release(&look);
}

/* Equal bytes of another domain are another chunk. */
static void another_domain_shares_nothing(void **state)
{
	static const char text[] = "a chunk of some bytes";
	struct session other;
	struct cr_credentials cred;
	struct cr_repo *repo;
	struct cr_stream *theirs;
	struct cr_writer_stats stats;
	struct cr_uid key;
	struct cr_id id;

	(void)state;
	(void)put(text, sizeof(text));
	flush();
	session_end(&ses);
	cr_stream_free(stream);
	cred = made_add_put(&made, "web", &key);
	repo = made_open(&made, &cred);
	session_begin(&made, repo, "other", &other);
	session_ok(cr_stream_new(other.writer, &theirs));
	session_ok(cr_stream_put(theirs, CR_CHUNK_DATA,
				 (struct cr_piece){ text, sizeof(text) },
				 CR_CLASS_16K, &id));
	cr_writer_get_stats(other.writer, &stats);
	assert_int_equal(stats.chunks_known, 0);
	cr_stream_free(theirs);
	session_end(&other);
	cr_repo_close(repo);
	cr_secret_release(&cred.key_file);
	session_begin(&made, made.repo, "state", &ses);
	session_ok(cr_stream_new(ses.writer, &stream));
}

/* ---- Bounds ----------------------------------------------------------------
 */

/* So many that one block cannot list them. */
static void the_smallest_chunks_come_back(void **state)
{
	enum { CHUNKS = 70000 };
	static struct cr_id id[CHUNKS];
	struct looker look;

	(void)state;
	for (uint32_t n = 0; n < CHUNKS; n++)
		id[n] = put(&n, 3);
	flush();
	looker_init(made.repo, ses.index, &look);
	for (uint32_t n = 0; n < CHUNKS; n += 997)
		assert_reads(&look, &id[n], &n, 3);
	for (uint32_t n = 65500; n < 65600; n++)
		assert_reads(&look, &id[n], &n, 3);
	looker_release(&look);
}

static unsigned int packs;

static int count_pack(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)ftw;
	packs += type == FTW_F;
	return 0;
}

/* A footer has a bound of its own: chunks fill a pack that bytes do not. */
static void chunks_fill_a_pack_before_its_footer_outgrows_its_bound(
	void **state)
{
	enum { CHUNKS = 400000 };

	(void)state;
	for (uint32_t n = 0; n < CHUNKS; n++)
		(void)put(&n, sizeof(n));
	flush();
	packs = 0;
	assert_int_equal(nftw(folder_path(&made.folder, "repo/packs/data").text,
			      count_pack, 8, FTW_PHYS),
			 0);
	assert_true(packs >= 2);
}

/*
 * The fullest pack there is: its table must fit a part of the cache that a
 * backup has by default, or every look at one of its chunks opens it anew.
 */
static void the_table_of_the_fullest_pack_stays_in_the_cache(void **state)
{
	enum { CHUNKS = 340000, LOOKS = 10 };
	const size_t memory = 64u << 20;
	struct cr_packs *tables = NULL;
	struct cr_cache_stats stats;
	struct cr_id first = { 0 };
	struct cr_hint where;

	(void)state;
	for (uint32_t n = 0; n < CHUNKS; n++) {
		struct cr_id id = put(&n, sizeof(n));

		if (n == 0)
			first = id;
	}
	flush();
	assert_int_equal(
		cr_writer_has(ses.writer, CR_CHUNK_DATA, &first, &where), 1);
	session_ok(cr_packs_new(made.repo, memory, &tables));
	for (int i = 0; i < LOOKS; i++) {
		struct cr_cached *cached = NULL;

		session_ok(cr_packs_get(tables, CR_PACK_DATA, &where.pack,
					&cached));
		assert_true(cr_pack_footer(cr_packs_pack(cached))->chunks >=
			    1u << 18);
		cr_cached_unpin(cached);
	}
	cr_packs_get_stats(tables, &stats);
	assert_int_equal(stats.misses, 1);
	cr_packs_free(tables);
}

/* What was met last comes first, but only as long as its table is there. */
static void a_look_does_not_open_packs_that_it_does_not_need(void **state)
{
	enum { PACKS = 4, CHUNKS = 50 };
	const size_t memory = 3 * 36000; /* of four tables of 33 KB */
	struct cr_dedup *dedup = NULL;
	struct cr_id id[PACKS][CHUNKS];

	(void)state;
	for (uint32_t p = 0; p < PACKS; p++) {
		for (uint32_t n = 0; n < CHUNKS; n++) {
			uint32_t bytes[] = { p, n };

			id[p][n] = put(bytes, sizeof(bytes));
		}
		flush();
	}
	session_ok(cr_dedup_new(made.repo, ses.index, memory, &dedup));
	for (uint32_t p = 0; p < PACKS; p++)
		for (uint32_t n = 0; n < CHUNKS; n++)
			assert_int_equal(cr_dedup_find(dedup, CR_CHUNK_DATA,
						       &id[p][n], NULL),
					 1);
	assert_int_equal(cr_dedup_opened(dedup), PACKS);
	cr_dedup_free(dedup);
}

static int check_len(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (type == FTW_F)
		assert_int_equal(cr_padme((uint64_t)st->st_size), st->st_size);
	return 0;
}

static void last_packs_have_lengths_that_say_little(void **state)
{
	struct unit_random rnd = unit_seed();
	static uint8_t bytes[CR_CHUNK_MAX];

	(void)state;
	for (int i = 0; i < 12; i++) {
		unsigned int chunks = 1 + unit_below(&rnd, 20);

		for (unsigned int k = 0; k < chunks; k++) {
			size_t len = 1 + unit_below(&rnd, sizeof(bytes));

			unit_fill(&rnd, bytes, len);
			(void)put(bytes, len);
		}
		flush();
	}
	assert_int_equal(nftw(folder_path(&made.folder, "repo/packs").text,
			      check_len, 8, FTW_PHYS),
			 0);
}

static int64_t commit_at(int64_t time)
{
	struct cr_manifest manifest = {
		.source = { "src", 3 },
		.root = { .type = CR_ENTRY_DIRECTORY,
			  .mode = 0755,
			  .nlink = 2 },
	};
	struct cr_manifest_head head;
	struct cr_id id;

	session_ok(cr_writer_commit(ses.writer, &manifest, time, &head, &id));
	return head.time;
}

static int cut_short(const char *path, const struct stat *st, int type,
		     struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return type == FTW_F ? truncate(path, 1) : 0;
}

/* A backup is to cost the same after thousands of others. */
static void the_head_of_a_manifest_is_read_once(void **state)
{
	(void)state;
	assert_int_equal(commit_at(1000), 1000);
	assert_int_equal(commit_at(1000), 1001); /* read now */
	next_session();
	assert_int_equal(nftw(folder_path(&made.folder, "repo/snapshots").text,
			      cut_short, 8, FTW_PHYS),
			 0);
	assert_int_equal(commit_at(1000), 1001); /* only the first was read */
	assert_int_equal(commit_at(1000), 1002);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_chunk_is_stored_once),
		TEST(pages_of_databases_lie_in_small_blocks),
		TEST(packs_of_a_session_that_died_are_used),
		TEST(another_domain_shares_nothing),
		TEST(the_smallest_chunks_come_back),
		TEST(chunks_fill_a_pack_before_its_footer_outgrows_its_bound),
		TEST(the_table_of_the_fullest_pack_stays_in_the_cache),
		TEST(a_look_does_not_open_packs_that_it_does_not_need),
		TEST(last_packs_have_lengths_that_say_little),
		TEST(the_head_of_a_manifest_is_read_once),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
