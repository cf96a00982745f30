/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/repository.h"

#include "store/codec/repository_encode.h"
#include "tests/unit/laws.h"

#define SUM_AT (CR_REPOSITORY_LEN - CR_ID_LEN)

static struct cr_repository sample(void)
{
	return (struct cr_repository){
		.id = law_uid(0),
		.suite = CR_SUITE_CHACHA20,
		.chunker = CR_CHUNKER_GEAR,
		.file_hash = CR_FILE_HASH_BLAKE2B,
		.created = 1700000000,
	};
}

static void the_object_is_that_of_the_specification(void **state)
{
	struct cr_repository repository = sample();
	uint8_t bytes[CR_REPOSITORY_LEN];
	struct cr_id hash;

	(void)state;
	cr_repository_encode(&repository, bytes);
	law_hex(bytes, sizeof(bytes),
		"636170726f636b5201000000000102030405060708090a0b0c0d0e0f000000"
		"00000000000000000000000000010001000100000000f15365000000007e44"
		"8329c98546bb268c6cdfaf7eb3357948c56eecc3ef7889314122d6d15bc5");
	hash = cr_repository_hash(bytes);
	law_hex(&hash, sizeof(hash),
		"e75bed8a528fe2a5ff07f2b062bc518fa4108650bd88525484573083"
		"55bf23e4");
}

static void what_is_encoded_is_parsed(void **state)
{
	struct cr_repository repository = sample(), back;
	uint8_t bytes[CR_REPOSITORY_LEN], again[CR_REPOSITORY_LEN];

	(void)state;
	repository.write_flags = 1ull << 63; /* the caller's business */
	repository.created = -1;
	cr_repository_encode(&repository, bytes);
	assert_int_equal(
		cr_repository_parse((struct cr_piece){ bytes, sizeof(bytes) },
				    &back),
		0);
	assert_true(cr_uid_equal(&back.id, &repository.id));
	assert_true(back.write_flags == repository.write_flags);
	assert_int_equal(back.created, -1);
	cr_repository_encode(&back, again);
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static void what_is_not_known_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at; /* the byte that is flipped */
		bool sum;  /* is made right again */
		int want;
		const char *said;
	} cases[] = {
		{ "another magic", 7, true, -CR_ENOREPO, "caprockR" },
		{ "another version", 8, true, -CR_EVERSION, "version 0" },
		{ "another version, no sum", 11, false, -CR_EVERSION,
		  "version" },
		{ "a read flag", 28, true, -CR_EVERSION, "read flags 1" },
		{ "the last read flag", 35, true, -CR_EVERSION, "read flags" },
		{ "another suite", 44, true, -CR_EVERSION, "suite 0" },
		{ "another chunker", 46, true, -CR_EVERSION, "chunker 0" },
		{ "another file hash", 48, true, -CR_EVERSION, "hash 0" },
		{ "a reserved byte", 50, true, -CR_ECORRUPT, "reserved" },
		{ "the other reserved byte", 51, true, -CR_ECORRUPT,
		  "reserved" },
		{ "a byte of the id", 12, false, -CR_ECORRUPT, "sum" },
		{ "the time", 59, false, -CR_ECORRUPT, "sum" },
		{ "the sum", SUM_AT, false, -CR_ECORRUPT, "sum" },
		{ "the sum's end", CR_REPOSITORY_LEN - 1, false, -CR_ECORRUPT,
		  "sum" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_repository repository = sample(), ret = sample();
		uint8_t bytes[CR_REPOSITORY_LEN];
		struct cr_id sum;

		unit_case(cases[i].what);
		cr_repository_encode(&repository, bytes);
		bytes[cases[i].at] ^= 1;
		sum = cr_hash_bytes("repository-sum", bytes, SUM_AT);
		if (cases[i].sum)
			memcpy(bytes + SUM_AT, &sum, sizeof(sum));
		law_verdict(cr_repository_parse(
				    (struct cr_piece){ bytes, sizeof(bytes) },
				    &ret),
			    cases[i].want, cases[i].said);
		assert_memory_equal(&ret, &repository, sizeof(ret));
	}
}

static void the_length_is_fixed(void **state)
{
	struct cr_repository repository = sample(), ret;
	uint8_t bytes[CR_REPOSITORY_LEN + 1] = { 0 };

	(void)state;
	cr_repository_encode(&repository, bytes);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		int want = len < CR_MAGIC_LEN	      ? -CR_ENOREPO
			   : len == CR_REPOSITORY_LEN ? 0
						      : -CR_ECORRUPT;

		assert_int_equal(cr_repository_parse(
					 (struct cr_piece){ bytes, len }, &ret),
				 want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_object_is_that_of_the_specification),
		cmocka_unit_test(what_is_encoded_is_parsed),
		cmocka_unit_test(what_is_not_known_is_refused),
		cmocka_unit_test(the_length_is_fixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
