/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected values: libsodium's crypto_generichash. */
#include "store/codec/blake2b.h"

#include <sodium.h>

#include "tests/unit/laws.h"

#define LONGEST	 102400
#define JOBS_MAX 1024

/* Messages at every alignment; what a hash may not touch lies around them. */
static uint8_t text[LONGEST + 64];
static uint8_t key[7][CR_BLAKE2B_KEY_LEN];
static uint8_t made[JOBS_MAX][CR_BLAKE2B_LEN];

static void want(const struct cr_blake2b_job *job, uint8_t out[CR_BLAKE2B_LEN])
{
	static const uint8_t salt[crypto_generichash_blake2b_SALTBYTES];

	assert_int_equal(crypto_generichash_blake2b_salt_personal(
				 out, CR_BLAKE2B_LEN, job->bytes, job->len,
				 job->key, job->key ? CR_BLAKE2B_KEY_LEN : 0,
				 salt, job->personal),
			 0);
}

/* Each of @job, by every means, is what libsodium makes of it. */
static void check(struct cr_blake2b_job *job, size_t n)
{
	for (size_t i = 0; i < n; i++)
		job[i].out = made[i];
	for (int means = 0; means < CR_BLAKE2B_MEANS; means++) {
		if (!cr_blake2b_usable((enum cr_blake2b_means)means))
			continue;
		memset(made, 0, sizeof(made));
		cr_blake2b_many_by((enum cr_blake2b_means)means, job, n);
		for (size_t i = 0; i < n; i++) {
			uint8_t wanted[CR_BLAKE2B_LEN];

			want(&job[i], wanted);
			if (memcmp(made[i], wanted, sizeof(wanted)) != 0)
				fail_msg("means %d: job %zu of %zu, %zu bytes",
					 means, i, n, job[i].len);
		}
	}
}

/* The message of @len bytes that is number @i of many: keyed or not, named. */
static struct cr_blake2b_job job_of(size_t i, size_t len)
{
	struct cr_blake2b_job job = { .bytes = text + i % 61, .len = len };

	if (i % 8 != 7)
		job.key = key[i % 8];
	job.personal[0] = (uint8_t)(i % 5);
	job.personal[15] = (uint8_t)(i % 3);
	return job;
}

static void every_length_around_a_block(void **state)
{
	struct cr_blake2b_job job[701];

	(void)state;
	for (size_t first = 0; first < 8; first++) {
		for (size_t i = 0; i < CR_ARRAY_LEN(job); i++)
			job[i] = job_of(i + first, i);
		check(job, CR_ARRAY_LEN(job));
	}
}

/* So that each number of lanes at work begins, goes on and ends. */
static void any_number_of_messages(void **state)
{
	struct cr_blake2b_job job[40];

	(void)state;
	for (size_t n = 0; n <= CR_ARRAY_LEN(job); n++)
		for (size_t len = 0; len < 700; len += 63) {
			for (size_t i = 0; i < n; i++)
				job[i] = job_of(i, len);
			check(job, n);
		}
}

static void lanes_of_unequal_length(void **state)
{
	static const size_t len[] = { 0,   1,	127,  128,  129,   255,
				      256, 257, 4096, 4097, 65536, LONGEST };
	struct cr_blake2b_job job[300];
	uint32_t seed = 1;

	(void)state;
	for (int turn = 0; turn < 30; turn++) {
		size_t n = turn < 20 ? 25 : CR_ARRAY_LEN(job);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			job[i] = job_of(
				seed >> 16 & 63,
				turn % 2 == 0
					? len[(seed >> 8) % CR_ARRAY_LEN(len)]
					: (seed >> 8) % 3000);
		}
		check(job, n);
	}
}

static void the_best_means_is_taken(void **state)
{
	struct cr_blake2b_job job[17];
	uint8_t wanted[CR_BLAKE2B_LEN];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(job); i++) {
		job[i] = job_of(i, 1000 * i);
		job[i].out = made[i];
	}
	assert_true(cr_blake2b_usable(CR_BLAKE2B_PLAIN));
	cr_blake2b_many(job, CR_ARRAY_LEN(job));
	for (size_t i = 0; i < CR_ARRAY_LEN(job); i++) {
		want(&job[i], wanted);
		assert_memory_equal(made[i], wanted, sizeof(wanted));
	}
}

/* However a stream is cut, it is one message. */
static void a_stream_is_one_message(void **state)
{
	(void)state;
	for (size_t len = 0; len < 700; len += len < 300 ? 1 : 13)
		for (size_t part = 1; part < 300; part += 1 + part / 3) {
			struct cr_blake2b_job job = { text, len, NULL, "", 0 };
			uint8_t out[CR_BLAKE2B_LEN], wanted[CR_BLAKE2B_LEN];
			struct cr_blake2b stream;

			cr_blake2b_init(&stream);
			for (size_t at = 0; at < len; at += part)
				cr_blake2b_update(&stream, text + at,
						  cr_min(part, len - at));
			cr_blake2b_update(&stream, NULL, 0);
			cr_blake2b_final(&stream, out);
			want(&job, wanted);
			assert_memory_equal(out, wanted, sizeof(wanted));
		}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_around_a_block),
		cmocka_unit_test(any_number_of_messages),
		cmocka_unit_test(lanes_of_unequal_length),
		cmocka_unit_test(the_best_means_is_taken),
		cmocka_unit_test(a_stream_is_one_message),
	};
	static const uint8_t seed[randombytes_SEEDBYTES];

	if (sodium_init() < 0)
		return 1;
	/* No period: a block taken for another is noticed. */
	randombytes_buf_deterministic(text, sizeof(text), seed);
	law_fill(key, sizeof(key), 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
