/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/slot.h"

#include "store/base/buf.h"
#include "store/base/secret.h"
#include "store/codec/slot_encode.h"
#include "tests/unit/laws.h"

enum { BAD = -CR_ECORRUPT };

static struct cr_slot sample(void)
{
	struct cr_slot slot = {
		.repository = law_uid(1),
		.id = law_uid(2),
		.key = law_uid(3),
		.method = CR_SLOT_PASSPHRASE,
		.role = CR_ROLE_READ,
		.argon = { .passes = 3, .mib = 256 },
	};

	law_fill(slot.argon.salt, sizeof(slot.argon.salt), 4);
	law_fill(slot.commitment.bytes, sizeof(slot.commitment.bytes), 5);
	return slot;
}

static void put_slot(const struct cr_slot *slot, uint32_t body_len,
		     struct cr_buf *out)
{
	cr_slot_head_encode(slot, body_len, out);
	assert_int_equal(out->len, CR_SLOT_HEAD_LEN);
	for (uint32_t i = 0; i < body_len + CR_SEAL_OVERHEAD + CR_SIGN_LEN; i++)
		cr_buf_u8(out, (uint8_t)i);
	assert_int_equal(cr_buf_error(out), 0);
}

static int parse_slot(struct cr_piece bytes)
{
	struct cr_slot slot;

	return cr_slot_parse(bytes, &slot);
}

static void what_is_encoded_is_parsed(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 }, again = { 0 };
	const struct cr_slot slot = sample();
	struct cr_id hash;
	struct cr_slot back;

	(void)state;
	put_slot(&slot, CR_BUNDLE_MAX, &buf);
	assert_int_equal(
		cr_slot_parse((struct cr_piece){ buf.bytes, buf.len }, &back),
		0);
	assert_true(cr_uid_equal(&back.id, &slot.id));
	assert_true(cr_uid_equal(&back.key, &slot.key));
	assert_int_equal(back.argon.mib, 256);
	assert_ptr_equal(back.head.bytes, buf.bytes);
	assert_int_equal(back.head.len, CR_SLOT_HEAD_LEN);
	assert_ptr_equal(back.sealed.bytes, buf.bytes + CR_SLOT_HEAD_LEN);
	assert_int_equal(back.sealed.len, CR_BUNDLE_MAX + CR_SEAL_OVERHEAD);
	assert_memory_equal(&back.signature, buf.bytes + buf.len - CR_SIGN_LEN,
			    CR_SIGN_LEN);
	hash = cr_hash_bytes("slot", buf.bytes, buf.len - CR_SIGN_LEN);
	assert_true(cr_id_equal(&back.signed_hash, &hash));
	cr_slot_head_encode(&back, CR_BUNDLE_MAX, &again);
	assert_memory_equal(again.bytes, buf.bytes, again.len);
	law_no_prefix_parses((struct cr_piece){ buf.bytes, buf.len },
			     parse_slot);
	law_no_byte_may_follow((struct cr_piece){ buf.bytes, buf.len },
			       parse_slot);
}

static void a_slot_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int want;
		const char *said;
	} cases[] = {
		{ "another magic", 7, 'O', BAD, "caprockK" },
		{ "another version", 8, 2, -CR_EVERSION, "version 2" },
		{ "method 0", 60, 0, BAD, "method 0" },
		{ "method 3", 60, 3, BAD, "method 3" },
		{ "role 0", 61, 0, BAD, "role 0" },
		{ "role 4", 61, 4, BAD, "role 4" },
		{ "a put key", 61, 3, 0, "" },
		{ "an owner's slot, with a longer bundle", 61, 1, BAD,
		  "bundle of 178 bytes" },
		{ "a reserved byte", 62, 1, BAD, "reserved" },
		{ "the other one", 63, 1, BAD, "reserved" },
		{ "another length", 120, 177, BAD, "bundle of 177 bytes" },
		{ "a length beyond", 123, 0xff, BAD, "bundle of" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		const struct cr_slot slot = sample();

		unit_case(cases[i].what);
		put_slot(&slot, CR_BUNDLE_MAX, &buf);
		buf.bytes[cases[i].at] = cases[i].value;
		law_verdict(parse_slot((struct cr_piece){ buf.bytes, buf.len }),
			    cases[i].want, cases[i].said);
	}
}

static void each_method_has_its_numbers(void **state)
{
	static const struct {
		const char *what;
		uint8_t method;
		uint32_t passes, mib;
		uint8_t salt;
		int want;
	} cases[] = {
		{ "the least", 1, 1, 64, 1, 0 },
		{ "the most", 1, 20, 4096, 1, 0 },
		{ "a salt of zeroes", 1, 1, 64, 0, 0 },
		{ "no pass", 1, 0, 64, 1, BAD },
		{ "a pass too many", 1, 21, 64, 1, BAD },
		{ "a MiB too few", 1, 1, 63, 1, BAD },
		{ "a MiB too many", 1, 1, 4097, 1, BAD },
		{ "a key file", 2, 0, 0, 0, 0 },
		{ "a key file with passes", 2, 1, 0, 0, BAD },
		{ "a key file with memory", 2, 0, 64, 0, BAD },
		{ "a key file with salt", 2, 0, 0, 1, BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_slot slot = sample();

		unit_case(cases[i].what);
		slot.method = cases[i].method;
		slot.argon = (struct cr_argon){ .passes = cases[i].passes,
						.mib = cases[i].mib };
		slot.argon.salt[15] = cases[i].salt;
		put_slot(&slot, CR_BUNDLE_MAX, &buf);
		law_verdict(parse_slot((struct cr_piece){ buf.bytes, buf.len }),
			    cases[i].want, "passes over");
	}
}

static void a_bundle_has_the_length_of_its_role(void **state)
{
	static const struct {
		uint8_t role;
		uint32_t len;
		int want;
	} cases[] = {
		{ CR_ROLE_OWNER, 82, 0 },   { CR_ROLE_OWNER, 178, BAD },
		{ CR_ROLE_OWNER, 81, BAD }, { CR_ROLE_READ, 178, 0 },
		{ CR_ROLE_READ, 82, BAD },  { CR_ROLE_PUT, 178, 0 },
		{ CR_ROLE_PUT, 179, BAD },  { CR_ROLE_PUT, 4000, BAD },
		{ CR_ROLE_PUT, 0, BAD },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		struct cr_slot slot = sample();

		slot.role = cases[i].role;
		put_slot(&slot, cases[i].len, &buf);
		law_verdict(parse_slot((struct cr_piece){ buf.bytes, buf.len }),
			    cases[i].want, "key slot: bundle of");
	}
}

static int parse_bundle(struct cr_piece bytes)
{
	struct cr_bundle *bundle = cr_secret_alloc(sizeof(*bundle));
	int r;

	assert_non_null(bundle);
	r = cr_bundle_parse(bytes, bundle);
	cr_secret_free(bundle);
	return r;
}

static void a_bundle_that_is_encoded_is_parsed(void **state)
{
	static const struct {
		uint8_t role;
		size_t len;
	} cases[] = {
		{ CR_ROLE_OWNER, CR_BUNDLE_OWNER_LEN },
		{ CR_ROLE_READ, CR_BUNDLE_MAX },
		{ CR_ROLE_PUT, CR_BUNDLE_MAX },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t bytes[CR_BUNDLE_MAX], again[CR_BUNDLE_MAX];
		struct cr_bundle bundle, back;
		struct cr_piece piece = { bytes, cases[i].len };

		law_fill(&bundle, sizeof(bundle), 1);
		bundle.role = cases[i].role;
		assert_int_equal(cr_bundle_encode(&bundle, bytes),
				 cases[i].len);
		memset(&back, 0xff, sizeof(back));
		assert_int_equal(cr_bundle_parse(piece, &back), 0);
		assert_memory_equal(&back.secret, &bundle.secret, CR_KEY_LEN);
		assert_true(cr_uid_equal(&back.key, &bundle.key));
		assert_int_equal(memcmp(&back.roster_key, &bundle.roster_key,
					CR_KEY_LEN) == 0,
				 cases[i].role != CR_ROLE_OWNER);
		assert_int_equal(cr_bundle_encode(&back, again), cases[i].len);
		assert_memory_equal(again, bytes, cases[i].len);
		law_no_prefix_parses(piece, parse_bundle);
		law_no_byte_may_follow(piece, parse_bundle);
	}
}

static void a_bundle_out_of_bounds_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint8_t version, role;
		size_t len;
		int want;
		const char *said;
	} cases[] = {
		{ "version 0", 0, 1, 82, -CR_EVERSION, "version 0" },
		{ "version 2", 2, 1, 82, -CR_EVERSION, "version 2" },
		{ "role 0", 1, 0, 178, BAD, "role 0" },
		{ "role 4", 1, 4, 178, BAD, "role 4" },
		{ "an owner's, too long", 1, 1, 178, BAD, "178 bytes" },
		{ "a reader's, too short", 1, 2, 82, BAD, "82 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint8_t bytes[CR_BUNDLE_MAX] = { cases[i].version,
						 cases[i].role };
		struct cr_bundle bundle, same;

		unit_case(cases[i].what);
		law_fill(&bundle, sizeof(bundle), 1);
		same = bundle;
		law_verdict(cr_bundle_parse(
				    (struct cr_piece){ bytes, cases[i].len },
				    &bundle),
			    cases[i].want, cases[i].said);
		assert_memory_equal(&bundle, &same, sizeof(same));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_parsed),
		cmocka_unit_test(a_slot_out_of_bounds_is_refused),
		cmocka_unit_test(each_method_has_its_numbers),
		cmocka_unit_test(a_bundle_has_the_length_of_its_role),
		cmocka_unit_test(a_bundle_that_is_encoded_is_parsed),
		cmocka_unit_test(a_bundle_out_of_bounds_is_refused),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
