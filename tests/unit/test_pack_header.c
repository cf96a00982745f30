/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/pack_header.h"

#include "store/codec/pack_header_encode.h"
#include "tests/unit/laws.h"

static struct cr_pack_header sample(void)
{
	struct cr_pack_header header = {
		.kind = CR_PACK_META,
		.repository = law_uid(1),
		.pack = law_uid(2),
		.writer = law_uid(3),
		.domain = law_uid(4),
		.epoch = 5,
	};

	law_fill(header.sealed_key, sizeof(header.sealed_key), 6);
	return header;
}

static void what_is_encoded_is_parsed(void **state)
{
	const struct cr_pack_header header = sample();
	uint8_t bytes[CR_PACK_HEADER_LEN], again[CR_PACK_HEADER_LEN];
	struct cr_pack_header back;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	cr_pack_header_encode(&header, bytes);
	assert_int_equal(cr_pack_header_parse(bytes, &back), 0);
	assert_int_equal(back.kind, CR_PACK_META);
	assert_true(cr_uid_equal(&back.repository, &header.repository));
	assert_true(cr_uid_equal(&back.pack, &header.pack));
	assert_true(cr_uid_equal(&back.writer, &header.writer));
	assert_true(cr_uid_equal(&back.domain, &header.domain));
	assert_int_equal(back.epoch, 5);
	assert_memory_equal(back.sealed_key, header.sealed_key,
			    sizeof(header.sealed_key));
	cr_pack_header_encode(&back, again);
	assert_memory_equal(again, bytes, sizeof(bytes));
}

static void fields_lie_where_the_specification_says(void **state)
{
	const struct cr_pack_header header = sample();
	uint8_t bytes[CR_PACK_HEADER_LEN];

	(void)state;
	cr_pack_header_encode(&header, bytes);
	assert_memory_equal(bytes, "caprockP\1\0\0\0\1\0\2\0", 16);
	assert_memory_equal(bytes + 16, &header.repository, 16);
	assert_memory_equal(bytes + 32, &header.pack, 16);
	assert_memory_equal(bytes + 48, &header.writer, 16);
	assert_memory_equal(bytes + 64, &header.domain, 16);
	assert_memory_equal(bytes + 80, "\5\0\0\0\0\0\0\0", 8);
	assert_memory_equal(bytes + 88, header.sealed_key, 80);
}

static void a_field_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int want;
		const char *said;
	} cases[] = {
		{ "another magic", 0, 'C', -CR_ECORRUPT, "caprockP" },
		{ "a trailer's magic", 7, 'T', -CR_ECORRUPT, "caprockP" },
		{ "version 2", 8, 2, -CR_EVERSION, "version 2" },
		{ "a large version", 11, 1, -CR_EVERSION, "version 16777217" },
		{ "suite 2", 12, 2, -CR_EVERSION, "suite 2" },
		{ "suite 257", 13, 1, -CR_EVERSION, "suite 257" },
		{ "data", 14, 1, 0, "" },
		{ "kind 0", 14, 0, -CR_ECORRUPT, "kind 0" },
		{ "kind 3", 14, 3, -CR_ECORRUPT, "kind 3" },
		{ "a reserved byte", 15, 1, -CR_ECORRUPT, "reserved" },
		{ "epoch 1", 80, 1, 0, "" },
		{ "epoch 0", 80, 0, -CR_ECORRUPT, "epoch 0" },
		{ "epoch 1025 and more", 81, 4, -CR_ECORRUPT, "epoch 1029" },
		{ "a reserved word", 84, 1, -CR_ECORRUPT, "reserved" },
		{ "its last byte", 87, 1, -CR_ECORRUPT, "reserved" },
		{ "the first byte of the end", 168, 1, -CR_ECORRUPT,
		  "reserved" },
		{ "the last byte", 255, 1, -CR_ECORRUPT, "reserved" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_pack_header header = sample(), ret = sample();
		uint8_t bytes[CR_PACK_HEADER_LEN];

		unit_case(cases[i].what);
		cr_pack_header_encode(&header, bytes);
		bytes[cases[i].at] = cases[i].value;
		law_verdict(cr_pack_header_parse(bytes, &ret), cases[i].want,
			    cases[i].said);
		if (cases[i].want < 0)
			assert_int_equal(ret.kind, CR_PACK_META);
	}
}

static void epochs_are_counted_to_1024(void **state)
{
	uint8_t bytes[CR_PACK_HEADER_LEN];
	struct cr_pack_header header = sample();

	(void)state;
	header.epoch = 1024;
	cr_pack_header_encode(&header, bytes);
	assert_int_equal(cr_pack_header_parse(bytes, &header), 0);
	header.epoch = 1025;
	cr_pack_header_encode(&header, bytes);
	law_verdict(cr_pack_header_parse(bytes, &header), -CR_ECORRUPT,
		    "epoch 1025");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_parsed),
		cmocka_unit_test(fields_lie_where_the_specification_says),
		cmocka_unit_test(a_field_out_of_bounds_is_refused),
		cmocka_unit_test(epochs_are_counted_to_1024),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
