/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected values: Ed25519, X25519 and Argon2id of Python's cryptography. */
#include "store/codec/sign.h"

#include <sys/resource.h>

#include "store/base/secret.h"
#include "tests/unit/laws.h"

static void keys_and_signatures_are_those_of_the_rfcs(void **state)
{
	const struct cr_key seed = law_key(0);
	const struct cr_id hash = law_id(0);
	struct cr_sign_pk sign_pk = cr_sign_public(&seed);
	struct cr_box_pk box_pk = cr_box_public(&seed);
	struct cr_signature sig = cr_sign(&seed, "sign-slot", &hash);

	(void)state;
	law_hex(&sign_pk, sizeof(sign_pk),
		"03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531"
		"b8");
	law_hex(&box_pk, sizeof(box_pk),
		"4701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca"
		"01");
	law_hex(&sig, sizeof(sig),
		"1bcf407665232ce56655a46f9ce3476ecfeb8827517ed0bdbf25e4b7d325da"
		"c996b3ca1b59edd74ce8a8490f9aa9171662b19e4900a2d69dab764fabe752"
		"df02");
	assert_int_equal(cr_sign_verify(&sign_pk, "sign-slot", &hash, &sig), 0);
}

/* Everything that a signature binds. */
struct signature {
	struct cr_sign_pk pk;
	struct cr_id hash;
	struct cr_signature sig;
};

static void every_flipped_bit_spoils_a_signature(void **state)
{
	const struct cr_key seed = law_key(5);
	struct signature good = { cr_sign_public(&seed), law_id(9), { { 0 } } };

	(void)state;
	good.sig = cr_sign(&seed, "sign-footer", &good.hash);
	assert_int_equal(
		cr_sign_verify(&good.pk, "sign-footer", &good.hash, &good.sig),
		0);
	for (size_t bit = 0; bit < 8 * sizeof(good); bit++) {
		struct signature bad = good;

		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cr_sign_verify(&bad.pk, "sign-footer",
						&bad.hash, &bad.sig),
				 -CR_EAUTH);
	}
	assert_int_equal(
		cr_sign_verify(&good.pk, "sign-slot", &good.hash, &good.sig),
		-CR_EAUTH);
}

static void a_box_opens_with_its_own_seed_only(void **state)
{
	const struct cr_key seed = law_key(1), other = law_key(2);
	const struct cr_box_pk pk = cr_box_public(&seed);
	uint8_t sealed[9 + CR_BOX_OVERHEAD], plain[9];
	const struct cr_piece box = { sealed, sizeof(sealed) };

	(void)state;
	assert_int_equal(cr_box_seal(&pk, law_text("plaintext"), sealed), 0);
	assert_int_equal(cr_box_open(&seed, box, plain), 0);
	assert_memory_equal(plain, "plaintext", sizeof(plain));
	assert_int_equal(cr_box_open(&other, box, plain), -CR_EAUTH);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cr_box_open(&seed, box, plain), -CR_EAUTH);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void a_public_key_that_is_no_point_is_refused(void **state)
{
	static const struct cr_box_pk zero;
	uint8_t sealed[1 + CR_BOX_OVERHEAD];

	(void)state;
	law_verdict(cr_box_seal(&zero, law_text("x"), sealed), -CR_ECORRUPT,
		    "not a point");
}

static void argon2id_is_that_of_rfc_9106(void **state)
{
	struct cr_argon param = { .passes = 1, .mib = 64 };
	struct cr_key key;

	(void)state;
	law_fill(param.salt, sizeof(param.salt), 0);
	assert_int_equal(cr_argon2id(&param, law_text("passphrase"), &key), 0);
	law_hex(&key, sizeof(key),
		"094ca73b3aa570d096506202398d83985c294cd7775dfaf828d241b303811f"
		"8c");
}

/* A sanitizer's allocator ends the program where there is no memory. */
void __asan_init(void) __attribute__((weak));

/* With no memory to be had, only what is refused before asking is refused. */
static void argon2id_is_bounded_before_memory_is_asked_for(void **state)
{
	static const struct {
		const char *what;
		uint32_t passes, mib;
		int want;
		const char *said;
	} cases[] = {
		{ "no pass", 0, 64, -CR_ECORRUPT, "0 passes over 64 MiB" },
		{ "a pass too many", 21, 64, -CR_ECORRUPT, "21 passes" },
		{ "a MiB too few", 1, 63, -CR_ECORRUPT, "over 63 MiB" },
		{ "a MiB too many", 1, 4097, -CR_ECORRUPT, "over 4097 MiB" },
		{ "as much as fits", UINT32_MAX, UINT32_MAX, -CR_ECORRUPT,
		  "4294967295" },
		{ "the least", 1, 64, -ENOMEM, "no 64 MiB" },
		{ "the most", 20, 4096, -ENOMEM, "no 4096 MiB" },
	};
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit){ 4096, before.rlim_max };
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_argon param = { .passes = cases[i].passes,
					  .mib = cases[i].mib };
		struct cr_key key = law_key(1), same = law_key(1);
		int r;

		unit_case(cases[i].what);
		if (cases[i].want == -ENOMEM && __asan_init)
			continue;
		assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
		r = cr_argon2id(&param, law_text("passphrase"), &key);
		assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
		law_verdict(r, cases[i].want, cases[i].said);
		if (r == -CR_ECORRUPT)
			assert_memory_equal(&key, &same, sizeof(key));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_and_signatures_are_those_of_the_rfcs),
		cmocka_unit_test(every_flipped_bit_spoils_a_signature),
		cmocka_unit_test(a_box_opens_with_its_own_seed_only),
		cmocka_unit_test(a_public_key_that_is_no_point_is_refused),
		cmocka_unit_test(argon2id_is_that_of_rfc_9106),
		cmocka_unit_test(
			argon2id_is_bounded_before_memory_is_asked_for),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
