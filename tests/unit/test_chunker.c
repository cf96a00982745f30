/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/random.h"

#include "store/base/secret.h"
#include "store/codec/chunker.h"
#include "store/codec/pages.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (UINT64_C(1) << 30)

static const enum cr_size_class classes[] = { CR_CLASS_16K, CR_CLASS_32K,
					      CR_CLASS_64K, CR_CLASS_4K };

static void test_gear(struct cr_gear *gear)
{
	struct cr_key key;

	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	cr_gear_init(gear, &key);
}

/* The sum as FORMAT.md writes it; bytes before the run left out. */
static uint64_t naive_hash(const struct cr_gear *gear, const uint8_t *run,
			   size_t i)
{
	uint64_t h = 0;

	for (size_t k = 0; k < 64 && k <= i; k++)
		h += gear->table[run[i - k]] << k;
	return h;
}

/* The length of the chunk that starts at @s in a run of @len bytes. */
static size_t naive_cut(const struct cr_gear *gear, enum cr_size_class class,
			const uint8_t *run, size_t len, size_t s)
{
	static const unsigned int bits[] = { 0, 14, 15, 16, 12 };
	const unsigned int b = bits[class];
	const size_t avg = (size_t)1 << b;
	size_t i = s;

	for (; i < len - 1; i++) {
		const size_t n = i - s + 1;
		const unsigned int zero = n < avg ? b + 2 : b - 2;

		if (n == 4 * avg)
			break;
		if (n >= avg / 4 &&
		    naive_hash(gear, run, i) >> (64 - zero) == 0)
			break;
	}
	return i - s + 1;
}

/* Bytes with more or less in them: @values of 256. */
static uint8_t *some_bytes(struct unit_random *rnd, size_t len, uint32_t values)
{
	uint8_t *b = malloc(len);

	assert_non_null(b);
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)unit_below(rnd, values);
	return b;
}

static void gear_is_the_key_stream(void **state)
{
	/* RFC 8439, A.1, test vector 1. */
	const struct cr_key zero = { { 0 } };
	struct cr_gear gear;

	(void)state;
	cr_gear_init(&gear, &zero);
	assert_true(gear.table[0] == UINT64_C(0x903df1a0ade0b876));
	assert_true(gear.table[1] == UINT64_C(0x28bd8653e56a5d40));
	/* Test vector 2 is the next block; the last is counter 31. */
	assert_true(gear.table[8] == UINT64_C(0x7a385155bee7079f));
	assert_true(gear.table[255] == UINT64_C(0xa939a3f2796c0727));
}

static void cuts_are_where_the_format_says(void **state)
{
	static const uint32_t values[] = { 256, 20, 3, 2, 1 };
	struct unit_random rnd = unit_seed();
	struct cr_gear gear;

	(void)state;
	test_gear(&gear);
	for (size_t v = 0; v < CR_ARRAY_LEN(values); v++) {
		const size_t len = 700 * KIB + unit_below(&rnd, 4096);
		cr_cleanup(cr_freep) uint8_t *run =
			some_bytes(&rnd, len, values[v]);

		for (size_t c = 0; c < CR_ARRAY_LEN(classes); c++) {
			size_t s = unit_below(&rnd, 5000);

			while (s < len) {
				size_t cut = cr_chunk_cut(&gear, classes[c],
							  run + s, len - s, s);

				assert_int_equal(cut,
						 naive_cut(&gear, classes[c],
							   run, len, s));
				s += cut;
			}
			assert_int_equal(s, len);
		}
	}
}

static void short_run_ends_with_its_last_byte(void **state)
{
	static const size_t lens[] = { 1,     2,     63,    64,	   65,
				       4095,  4096,  4097,  16383, 16384,
				       16385, 65535, 65536, 65537 };
	struct unit_random rnd = unit_seed();
	struct cr_gear gear;

	(void)state;
	test_gear(&gear);
	for (size_t i = 0; i < CR_ARRAY_LEN(lens); i++) {
		const size_t len = lens[i];
		/*
		 * One value never cuts under this key.  Just as long as said:
		 * AddressSanitizer guards its end.
		 */
		cr_cleanup(cr_freep) uint8_t *run = some_bytes(&rnd, len, 1);

		assert_int_equal(cr_chunk_cut(&gear, CR_CLASS_16K, run, len, 0),
				 cr_min(len, 64 * KIB));
	}
}

static void cut_may_fall_at_the_least_length(void **state)
{
	enum { LEN = 8 << 20, MIN = 4096 };
	struct unit_random rnd = unit_seed();
	cr_cleanup(cr_freep) uint8_t *run = some_bytes(&rnd, LEN, 256);
	size_t found = 0;
	struct cr_gear gear;
	uint64_t h = 0;

	(void)state;
	test_gear(&gear);
	for (size_t i = 0; i < LEN; i++) {
		h = (h << 1) + gear.table[run[i]];
		if (i < MIN || h >> (64 - 16) != 0)
			continue;
		assert_true(h == naive_hash(&gear, run, i));
		/* A chunk that starts so that it may just end here, or not. */
		for (size_t n = MIN - 1; n <= MIN + 64; n++) {
			const size_t s = i + 1 - n;
			const size_t want =
				naive_cut(&gear, CR_CLASS_16K, run, LEN, s);

			assert_int_equal(cr_chunk_cut(&gear, CR_CLASS_16K,
						      run + s, LEN - s, s),
					 want);
			assert_true(n < MIN ? want > n : want <= n);
		}
		found++;
	}
	assert_true(found > 0);
}

static void cuts_do_not_depend_on_what_lies_before(void **state)
{
	enum { LEN = 8 << 20 };
	struct unit_random rnd = unit_seed();
	cr_cleanup(cr_freep) uint8_t *run = some_bytes(&rnd, LEN, 256);
	struct cr_gear gear;

	(void)state;
	test_gear(&gear);
	for (int round = 0; round < 20; round++) {
		size_t a = 0, b = 1 + unit_below(&rnd, 1 << 20);

		/* Two ways into the run meet, and go on as one. */
		while (a != b && a < LEN && b < LEN) {
			size_t *behind = a < b ? &a : &b;

			*behind +=
				cr_chunk_cut(&gear, CR_CLASS_16K, run + *behind,
					     LEN - *behind, *behind);
		}
		assert_int_equal(a, b);
		assert_true(a < LEN / 2);
	}
}

static void lengths_keep_their_bounds_and_mean(void **state)
{
	enum { LEN = 64 << 20 };
	struct unit_random rnd = unit_seed();
	cr_cleanup(cr_freep) uint8_t *run = some_bytes(&rnd, LEN, 256);
	struct cr_gear gear;

	(void)state;
	test_gear(&gear);
	for (size_t c = 0; c < CR_ARRAY_LEN(classes); c++) {
		const size_t avg = (size_t)1 << cr_class_bits(classes[c]);
		size_t chunks = 0;

		assert_int_equal(cr_class_max(classes[c]), 4 * avg);
		for (size_t s = 0; s < LEN; chunks++) {
			size_t cut = cr_chunk_cut(&gear, classes[c], run + s,
						  LEN - s, s);

			assert_true(cut <= 4 * avg);
			assert_true(cut >= avg / 4 || s + cut == LEN);
			s += cut;
		}
		/* 1.14 of the nominal; the least class has 3,600 chunks. */
		assert_in_range(LEN / chunks, avg + avg / 14, avg + avg / 4);
	}
}

static void known_data_has_known_cuts(void **state)
{
	static const size_t known[][6] = {
		{ 16491, 34204, 56631, 71200, 99002, 103163 },
		{ 34204, 71200, 104798, 137416, 170467, 206607 },
		{ 71200, 137416, 207449, 277219, 358791, 424573 },
		{ 7568, 9385, 13970, 19076, 23416, 27737 },
	};
	struct unit_random rnd = { 42 };
	cr_cleanup(cr_freep) uint8_t *run = malloc(MIB);
	struct cr_gear gear;

	(void)state;
	assert_non_null(run);
	unit_fill(&rnd, run, MIB);
	test_gear(&gear);
	for (size_t c = 0; c < CR_ARRAY_LEN(classes); c++) {
		size_t s = 0;

		for (size_t i = 0; i < CR_ARRAY_LEN(known[c]); i++) {
			s += cr_chunk_cut(&gear, classes[c], run + s, MIB - s,
					  s);
			assert_int_equal(s, known[c][i]);
		}
	}
}

static void pages_end_at_multiples_in_the_file(void **state)
{
	static const struct {
		const char *what;
		uint64_t offset;
		size_t len, want;
	} cases[] = {
		{ "the first", 0, 10000, 4096 },
		{ "the only one", 0, 4096, 4096 },
		{ "a short last one", 8192, 4095, 4095 },
		{ "a byte more", 4096, 4097, 4096 },
		{ "a run that begins in a page", 1, 10000, 4095 },
		{ "a byte before the end of one", 4095, 10000, 1 },
		{ "a run within a page", 4000, 50, 50 },
		{ "a run to the end of one", 4000, 96, 96 },
		{ "beyond 4 GiB", (UINT64_C(1) << 40) + 100, 10000, 3996 },
	};
	cr_cleanup(cr_freep) uint8_t *run = calloc(1, 10000);
	struct cr_gear gear;

	(void)state;
	assert_non_null(run);
	test_gear(&gear);
	assert_int_equal(cr_class_max(CR_CLASS_PAGES), 4096);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_int_equal(cr_chunk_cut(&gear, CR_CLASS_PAGES, run,
					      cases[i].len, cases[i].offset),
				 cases[i].want);
	}
}

static void class_follows_size_and_history(void **state)
{
	static const struct {
		const char *what;
		uint64_t size;
		enum cr_form form;
		unsigned int previous, want;
	} cases[] = {
		{ "small", 1, CR_FORM_PLAIN, 0, 1 },
		{ "dense but small", 262143, CR_FORM_RANDOM, 0, 1 },
		{ "dense", 262144, CR_FORM_RANDOM, 0, 3 },
		{ "dense and great", 9 * GIB, CR_FORM_RANDOM, 0, 3 },
		{ "dense now, not before", 262144, CR_FORM_RANDOM, 1, 3 },
		{ "dense before, not now", 262144, CR_FORM_PLAIN, 3, 1 },
		{ "dense before, greater now", 16 * MIB, CR_FORM_PLAIN, 3, 4 },
		{ "dense before, great now", 64 * GIB, CR_FORM_PLAIN, 3, 2 },
		{ "below 16 MiB", 16 * MIB - 1, CR_FORM_PLAIN, 0, 1 },
		{ "16 MiB", 16 * MIB, CR_FORM_PLAIN, 0, 4 },
		{ "below 4 GiB", 4 * GIB - 1, CR_FORM_PLAIN, 0, 4 },
		{ "4 GiB", 4 * GIB, CR_FORM_PLAIN, 0, 1 },
		{ "below 64 GiB", 64 * GIB - 1, CR_FORM_PLAIN, 0, 1 },
		{ "64 GiB", 64 * GIB, CR_FORM_PLAIN, 0, 2 },
		{ "grew to 32 MiB", 32 * MIB, CR_FORM_PLAIN, 1, 1 },
		{ "grew beyond 32 MiB", 32 * MIB + 1, CR_FORM_PLAIN, 1, 4 },
		{ "shrank to 8 MiB", 8 * MIB, CR_FORM_PLAIN, 4, 4 },
		{ "shrank below 8 MiB", 8 * MIB - 1, CR_FORM_PLAIN, 4, 1 },
		{ "grew to 8 GiB", 8 * GIB, CR_FORM_PLAIN, 4, 4 },
		{ "grew beyond 8 GiB", 8 * GIB + 1, CR_FORM_PLAIN, 4, 1 },
		{ "shrank to 2 GiB", 2 * GIB, CR_FORM_PLAIN, 1, 1 },
		{ "shrank below 2 GiB", 2 * GIB - 1, CR_FORM_PLAIN, 1, 4 },
		{ "grew to 128 GiB", 128 * GIB, CR_FORM_PLAIN, 1, 1 },
		{ "grew beyond 128 GiB", 128 * GIB + 1, CR_FORM_PLAIN, 1, 2 },
		{ "shrank to 32 GiB", 32 * GIB, CR_FORM_PLAIN, 2, 2 },
		{ "shrank below 32 GiB", 32 * GIB - 1, CR_FORM_PLAIN, 2, 1 },
		{ "pages below 1 MiB", 1 * MIB - 1, CR_FORM_PAGES, 0, 1 },
		{ "pages of 1 MiB", 1 * MIB, CR_FORM_PAGES, 0, 5 },
		{ "pages below 4 GiB", 4 * GIB - 1, CR_FORM_PAGES, 0, 5 },
		{ "pages of 4 GiB", 4 * GIB, CR_FORM_PAGES, 0, 1 },
		{ "pages shrank to 512 KiB", 512 * KIB, CR_FORM_PAGES, 5, 5 },
		{ "pages shrank below 512 KiB", 512 * KIB - 1, CR_FORM_PAGES, 5,
		  1 },
		{ "pages grew to 8 GiB", 8 * GIB, CR_FORM_PAGES, 5, 5 },
		{ "pages grew beyond 8 GiB", 8 * GIB + 1, CR_FORM_PAGES, 5, 1 },
		{ "pages not seen before, small", 16 * MIB, CR_FORM_PAGES, 1,
		  5 },
		{ "pages not seen before", 16 * MIB, CR_FORM_PAGES, 4, 5 },
		{ "pages no more", 16 * MIB, CR_FORM_PLAIN, 5, 4 },
		{ "pages no more, small", 8 * MIB, CR_FORM_PLAIN, 5, 1 },
		{ "pages that became dense", 1 * MIB, CR_FORM_RANDOM, 5, 3 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_int_equal(
			cr_class_of(cases[i].size, cases[i].form,
				    (enum cr_size_class)cases[i].previous),
			cases[i].want);
	}
}

static void samples_reach_from_end_to_end(void **state)
{
	static const struct {
		const char *what;
		uint64_t size;
		unsigned int k;
		uint64_t want;
	} cases[] = {
		{ "the first", 262144, 0, 0 },
		{ "the second", 262144, 1, 4144 },
		{ "the last", 262144, 63, 261120 },
		{ "rounded down", 1024 + 64, 62, 62 },
		{ "the last, rounded", 1024 + 64, 63, 64 },
		{ "the last of the greatest", INT64_MAX, 63,
		  (uint64_t)INT64_MAX - 1024 },
		{ "the middle of the greatest", INT64_MAX, 31,
		  UINT64_C(4538484653055524099) },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_int_equal(
			cr_class_sample_offset(cases[i].size, cases[i].k),
			cases[i].want);
	}
}

static void samples_are_dense_up_to_a_twentieth_over(void **state)
{
	/*
	 * Counts are 256 but for pairs of 256 + d and 256 - d: the sum of
	 * squares is 2^24 + 2 * the sum of d^2, and may be 17,616,076.8.
	 */
	static const struct {
		const char *what;
		unsigned int d[10];
		enum cr_form want;
	} cases[] = {
		{ "flat", { 0 }, CR_FORM_RANDOM },
		{ "17,616,076",
		  { 256, 256, 256, 256, 256, 256, 161, 17, 2 },
		  CR_FORM_RANDOM },
		{ "17,616,078",
		  { 256, 256, 256, 256, 256, 256, 161, 17, 2, 1 },
		  CR_FORM_PLAIN },
	};
	static uint8_t samples[CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN];

	(void)state;
	assert_int_equal(cr_class_form(samples), CR_FORM_PLAIN); /* zeros */
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t *at = samples;

		unit_case(cases[i].what);
		for (unsigned int b = 0; b < 256; b++) {
			unsigned int d = b < 20 ? cases[i].d[b / 2] : 0;
			unsigned int n = b % 2 ? 256 - d : 256 + d;

			memset(at, (int)b, n);
			at += n;
		}
		assert_int_equal(at - samples, sizeof(samples));
		assert_int_equal(cr_class_form(samples), cases[i].want);
	}
}

/* The beginning of a database, with pages of 4,096 bytes. */
static void put_header(uint8_t *at)
{
	static const uint8_t header[] = "SQLite format 3\0"
					"\x10\0\1\1\0@  ";

	memcpy(at, header, 24);
}

static void a_database_is_told_by_its_header(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t byte[2];
		bool want;
	} cases[] = {
		{ "as it is", 0, { 'S', 'Q' }, true },
		{ "another magic", 0, { 's', 'Q' }, false },
		{ "version 4", 14, { '4', 0 }, false },
		{ "a text that goes on", 14, { '3', ' ' }, false },
		{ "pages of 512", 16, { 2, 0 }, true },
		{ "pages of 256", 16, { 1, 0 }, false },
		{ "pages of 32,768", 16, { 128, 0 }, true },
		{ "pages of 65,536", 16, { 0, 1 }, true },
		{ "pages of 0", 16, { 0, 0 }, false },
		{ "pages of 2", 16, { 0, 2 }, false },
		{ "no power of two", 16, { 16, 1 }, false },
		{ "written by a log", 18, { 2, 2 }, true },
		{ "bytes left free in pages", 20, { 8, 64 }, true },
		{ "another greatest fraction", 20, { 0, 65 }, false },
		{ "another least fraction", 22, { 31, 32 }, false },
		{ "another fraction of a leaf", 22, { 32, 33 }, false },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		/* AddressSanitizer guards its end. */
		cr_cleanup(cr_freep) uint8_t *head = malloc(CR_PAGES_HEAD_LEN);

		assert_non_null(head);
		unit_case(cases[i].what);
		put_header(head);
		memcpy(head + cases[i].at, cases[i].byte, 2);
		assert_int_equal(cr_pages_head(head), cases[i].want);
	}
}

/* What it is made of counts before how it is made. */
static void a_dense_database_is_dense(void **state)
{
	static uint8_t samples[CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN];
	struct unit_random rnd = { 7 };

	(void)state;
	put_header(samples);
	assert_int_equal(cr_class_form(samples), CR_FORM_PAGES);
	unit_fill(&rnd, samples + 24, sizeof(samples) - 24);
	assert_int_equal(cr_class_form(samples), CR_FORM_RANDOM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gear_is_the_key_stream),
		cmocka_unit_test(cuts_are_where_the_format_says),
		cmocka_unit_test(short_run_ends_with_its_last_byte),
		cmocka_unit_test(cut_may_fall_at_the_least_length),
		cmocka_unit_test(cuts_do_not_depend_on_what_lies_before),
		cmocka_unit_test(lengths_keep_their_bounds_and_mean),
		cmocka_unit_test(known_data_has_known_cuts),
		cmocka_unit_test(pages_end_at_multiples_in_the_file),
		cmocka_unit_test(class_follows_size_and_history),
		cmocka_unit_test(samples_reach_from_end_to_end),
		cmocka_unit_test(samples_are_dense_up_to_a_twentieth_over),
		cmocka_unit_test(a_database_is_told_by_its_header),
		cmocka_unit_test(a_dense_database_is_dense),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("chunker", tests, NULL, NULL);
}
