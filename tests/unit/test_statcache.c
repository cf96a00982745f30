/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the stat cache says of a file is what was noted, by a session that ended
 * well, while nothing was lost since.
 */
#include "store/base/error.h"
#include "store/base/secret.h"
#include "store/write/statcache.h"
#include "tests/unit/folder.h"
#include "tests/unit/random.h"

#define CACHE (4u << 20)

static struct folder folder;
static struct cr_state *state_dir;
static struct cr_statcache *cache;
static const struct cr_uid domain = { { 1, 2, 3 } };

static void ok(int r)
{
	if (r < 0)
		fail_msg("%d: %s", r, cr_detail());
}

static void open_cache(uint64_t generation, const struct cr_uid *of)
{
	ok(cr_statcache_open(state_dir, CACHE, generation, of, &cache));
}

/* End the session, well or not, and begin another. */
static void next_session(bool well)
{
	if (well)
		ok(cr_statcache_commit(cache));
	cr_statcache_close(cache);
	open_cache(1, &domain);
}

static int setup(void **state)
{
	static const struct cr_uid repository = { { 7 } };

	(void)state;
	folder_init(&folder);
	ok(cr_state_open(folder_path(&folder, "state").text, -1, &repository,
			 true, &state_dir));
	open_cache(1, &domain);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_statcache_close(cache);
	cr_state_close(state_dir);
	folder_release(&folder);
	return 0;
}

/* ---- Files by number
 * ---------------------------------------------------------- */

struct name {
	char text[16];
};

static struct name name_of(uint32_t n)
{
	struct name name;

	(void)snprintf(name.text, sizeof(name.text), "%08u", n);
	return name;
}

static struct cr_piece piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

/* Every kind of content and of xattrs, by turns. */
static struct cr_known_file file_of(uint32_t n)
{
	static const char set[] = "a set of xattrs";
	struct cr_known_file file = {
		.signature = { .size = 100 + n,
			       .mtime = { -5 + (int64_t)n, n % 1000000000 },
			       .ctime = { 5 + (int64_t)n, 999999999 },
			       .inode = UINT64_MAX - n },
		.content = { .content = (uint8_t)(n % 5),
			     .size_class = (uint8_t)(n % 4),
			     .size = n % 257,
			     .data_bytes = n % 100 },
		.flags = n * 77,
		.has_acl = n % 2,
	};

	if (n % 5 == CR_CONTENT_INLINE)
		memset(file.content.inlined, (int)n, n % 257);
	else if (n % 5 != CR_CONTENT_NONE)
		memset(&file.content.id, (int)n, sizeof(file.content.id));
	if (n % 3 == 1) {
		file.has = CR_HAS_XATTR_HERE;
		file.xattrs = (struct cr_piece){ set, sizeof(set) };
	} else if (n % 3 == 2) {
		file.has = CR_HAS_XATTR_OBJECT;
		memset(&file.xattr_id, (int)n, sizeof(file.xattr_id));
	}
	return file;
}

static void assert_is(const struct cr_known_file *is, uint32_t n)
{
	struct cr_known_file want = file_of(n);

	assert_memory_equal(&is->signature, &want.signature,
			    sizeof(want.signature));
	assert_int_equal(is->content.content, want.content.content);
	assert_int_equal(is->content.size_class, want.content.size_class);
	assert_int_equal(is->content.size, want.content.size);
	assert_int_equal(is->content.data_bytes, want.content.data_bytes);
	assert_memory_equal(&is->content.id, &want.content.id,
			    sizeof(want.content.id));
	assert_memory_equal(is->content.inlined, want.content.inlined,
			    sizeof(want.content.inlined));
	assert_int_equal(is->has, want.has);
	assert_int_equal(is->flags, want.flags);
	assert_int_equal(is->has_acl, want.has_acl);
	assert_int_equal(is->xattrs.len, want.xattrs.len);
	if (want.xattrs.len > 0)
		assert_memory_equal(is->xattrs.bytes, want.xattrs.bytes,
				    want.xattrs.len);
	assert_memory_equal(&is->xattr_id, &want.xattr_id,
			    sizeof(want.xattr_id));
}

/* Note files from, from + step, ... below end. */
static void note(const char *path, uint32_t from, uint32_t end, uint32_t step)
{
	struct cr_noted_dir *dir;

	ok(cr_noted_dir_open(cache, "src", piece(path), &dir));
	for (uint32_t n = from; n < end; n += step) {
		struct cr_known_file file = file_of(n);
		struct name name = name_of(n);

		ok(cr_noted_dir_add(dir, piece(name.text), &file));
	}
	ok(cr_noted_dir_finish(dir));
}

/* How many of the files from, from + step, ... below end are known. */
static uint32_t known_as(const char *source, const char *path, uint32_t end,
			 uint32_t step)
{
	struct cr_known_dir *dir;
	uint32_t known = 0;

	ok(cr_known_dir_open(cache, source, piece(path), &dir));
	for (uint32_t n = 0; n < end; n += step) {
		struct name name = name_of(n);
		struct cr_known_file file;
		int r = cr_known_dir_find(dir, piece(name.text), &file);

		ok(r);
		if (r == 1)
			assert_is(&file, n);
		known += (uint32_t)r;
	}
	cr_known_dir_close(dir);
	return known;
}

static uint32_t known(const char *path, uint32_t end)
{
	return known_as("src", path, end, 1);
}

/* ---- Laws
 * ----------------------------------------------------------------------- */

static void what_was_noted_is_known_from_the_next_session_on(void **state)
{
	static const uint32_t sizes[] = { 0, 1, 2, 1000, 20000 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		struct name path = name_of((uint32_t)i);

		note(path.text, 0, sizes[i], 1);
		assert_int_equal(known(path.text, sizes[i]), 0);
	}
	next_session(true);
	for (size_t i = 0; i < CR_ARRAY_LEN(sizes); i++) {
		struct name path = name_of((uint32_t)i);

		assert_int_equal(known(path.text, sizes[i] + 10), sizes[i]);
		/* Names that are asked for need not be those that are there. */
		assert_int_equal(known_as("src", path.text, sizes[i], 7),
				 (sizes[i] + 6) / 7);
	}
}

static void a_session_that_did_not_end_well_does_not_count(void **state)
{
	(void)state;
	note("d", 0, 100, 1);
	next_session(true);
	note("d", 0, 20000, 1); /* so many that rows are written before */
	note("e", 0, 20000, 1);
	next_session(false);
	assert_true(known("e", 20000) == 0);
	assert_true(known("d", 20000) <= 100);
	next_session(true); /* its own end does not heal the one before */
	assert_int_equal(known("e", 20000), 0);
	note("d", 0, 100, 1);
	next_session(true);
	assert_int_equal(known("d", 100), 100);
	/* Whatever comes later. */
	for (int i = 0; i < 3; i++)
		next_session(i % 2);
	assert_int_equal(known("d", 100), 100);
	assert_int_equal(known("e", 20000), 0);
}

static void another_generation_source_domain_or_path_knows_nothing(void **state)
{
	static const struct cr_uid another = { { 4 } };

	(void)state;
	note("d", 0, 10, 1);
	next_session(true);
	assert_int_equal(known_as("src", "d", 10, 1), 10);
	assert_int_equal(known_as("srcd", "", 10, 1), 0);
	assert_int_equal(known_as("sr", "cd", 10, 1), 0);
	assert_int_equal(known_as("other", "d", 10, 1), 0);
	assert_int_equal(known("d/d", 10), 0);
	cr_statcache_close(cache);
	open_cache(2, &domain);
	assert_int_equal(known("d", 10), 0);
	cr_statcache_close(cache);
	open_cache(1, &another);
	assert_int_equal(known("d", 10), 0);
	cr_statcache_close(cache);
	open_cache(1, &domain);
	assert_int_equal(known("d", 10), 10);
}

static void a_directory_that_changed_is_what_it_became(void **state)
{
	(void)state;
	note("d", 0, 5000, 1);
	next_session(true);
	note("d", 0, 5000, 10); /* it shrank */
	next_session(true);
	assert_int_equal(known("d", 5000), 500);
	note("d", 0, 0, 1);
	next_session(true);
	assert_int_equal(known("d", 5000), 0);
	note("d", 2500, 7500, 1);
	next_session(true);
	assert_int_equal(known("d", 7500), 5000);
	note("d", 2500, 7500, 1); /* the same again */
	next_session(true);
	assert_int_equal(known("d", 7500), 5000);
}

/* One thread reads the rows that another is about to replace. */
static void a_directory_is_read_while_it_is_written(void **state)
{
	struct cr_known_dir *dir;
	uint32_t found = 0;

	(void)state;
	note("d", 10000, 20000, 1);
	next_session(true);
	ok(cr_known_dir_open(cache, "src", piece("d"), &dir));
	for (uint32_t n = 0; n < 20000; n++) {
		struct cr_known_file file;
		struct name name = name_of(n);
		int r = cr_known_dir_find(dir, piece(name.text), &file);

		ok(r);
		found += (uint32_t)r;
		if (n == 9999) /* it grew at its front */
			note("d", 0, 10000, 1);
	}
	cr_known_dir_close(dir);
	/* Misses cost time only, but wrong hits would cost content. */
	assert_true(found <= 10000);
}

static void links_are_known_within_their_session(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 100; n++) {
		struct cr_known_file file = file_of(n);

		ok(cr_statcache_link_put(cache, n % 3, n, &file));
	}
	for (int again = 0; again < 2; again++) {
		for (uint32_t n = 0; n < 110; n++) {
			cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
			struct cr_known_file file;
			int r = cr_statcache_link_get(cache, n % 3, n, &bytes,
						      &file);

			ok(r);
			assert_int_equal(r, n < 100 && again == 0);
			if (r == 1)
				assert_is(&file, n);
			cr_buf_clear(&bytes);
			assert_int_equal(cr_statcache_link_get(cache, 3, n,
							       &bytes, &file),
					 0);
		}
		next_session(true);
	}
}

static void totals_are_remembered(void **state)
{
	struct cr_statcache_totals totals = { 12, UINT64_MAX }, is;

	(void)state;
	cr_statcache_get_totals(cache, "src", &is);
	assert_int_equal(is.files + is.bytes, 0);
	cr_statcache_set_totals(cache, "src", &totals);
	next_session(true);
	cr_statcache_get_totals(cache, "src", &is);
	assert_int_equal(is.files, 12);
	assert_true(is.bytes == UINT64_MAX);
	cr_statcache_get_totals(cache, "other", &is);
	assert_int_equal(is.files + is.bytes, 0);
}

static int damage_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	const char *name = path + ftw->base;

	(void)st;
	if (type == FTW_F && strncmp(name, "MANIFEST", 8) == 0)
		assert_int_equal(truncate(path, 3), 0);
	return 0;
}

static void a_damaged_cache_is_made_anew(void **state)
{
	(void)state;
	note("d", 0, 100, 1);
	ok(cr_statcache_commit(cache));
	cr_statcache_close(cache);
	assert_int_equal(nftw(folder_path(&folder, "state").text, damage_one, 8,
			      FTW_PHYS),
			 0);
	open_cache(1, &domain);
	assert_int_equal(known("d", 100), 0);
	note("d", 0, 100, 1);
	next_session(true);
	assert_int_equal(known("d", 100), 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(what_was_noted_is_known_from_the_next_session_on),
		TEST(a_session_that_did_not_end_well_does_not_count),
		TEST(another_generation_source_domain_or_path_knows_nothing),
		TEST(a_directory_that_changed_is_what_it_became),
		TEST(a_directory_is_read_while_it_is_written),
		TEST(links_are_known_within_their_session),
		TEST(totals_are_remembered),
		TEST(a_damaged_cache_is_made_anew),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
