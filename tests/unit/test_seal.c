/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected values: ChaCha20Poly1305 of Python's cryptography. */
#include "store/codec/seal.h"

#include "store/base/buf.h"
#include "store/base/secret.h"
#include "tests/unit/laws.h"

static void seal_is_rfc_8439_under_a_derived_key(void **state)
{
	static const struct {
		const char *ad;
		size_t len;
		const char *want; /* ciphertext, tag */
	} cases[] = {
		{ "", 0, "40841d129f4522499a6a50fc7c73ea10" },
		{ "", 3, "b435b8a2cb97331b0470e3374ad368793c8c73" },
		{ "header", 70,
		  "b435b82b4bcfd1a018fde3685f73cb9280e1a0910aa6e35b8045cac193"
		  "f15c7870e8b0cd90e547e9b1c8061012933c8b68441bbb333317fa2baa"
		  "4cdc178be8a2e96d2f1907580748aa7ec88ec105ddbee4d8dd764e11" },
	};
	struct cr_key key = law_key(0);
	struct cr_nonce nonce;

	(void)state;
	law_fill(&nonce, sizeof(nonce), 100);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_piece ad = law_text(cases[i].ad);
		uint8_t bytes[128], plain[128];
		struct cr_tag tag;

		unit_case(cases[i].want);
		law_fill(bytes, sizeof(bytes), 0);
		law_fill(plain, sizeof(plain), 0);
		cr_seal(&key, &nonce, ad, bytes, cases[i].len, &tag);
		memcpy(bytes + cases[i].len, &tag, sizeof(tag));
		law_hex(bytes, cases[i].len + sizeof(tag), cases[i].want);
		assert_int_equal(
			cr_open(&key, &nonce, ad, bytes, cases[i].len, &tag),
			0);
		assert_memory_equal(bytes, plain, cases[i].len);
	}
}

/* Everything that a seal binds, so that a bit of each can be flipped. */
struct sealed {
	struct cr_key key;
	struct cr_nonce nonce;
	uint8_t ad[5];
	struct cr_tag tag;
	uint8_t bytes[33];
};

static void every_flipped_bit_is_noticed(void **state)
{
	static const uint8_t zero[sizeof(((struct sealed *)0)->bytes)];
	struct sealed good;

	(void)state;
	law_fill(&good, sizeof(good), 1);
	cr_seal(&good.key, &good.nonce,
		(struct cr_piece){ good.ad, sizeof(good.ad) }, good.bytes,
		sizeof(good.bytes), &good.tag);
	for (size_t bit = 0; bit < 8 * sizeof(good); bit++) {
		struct sealed bad = good;

		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			cr_open(&bad.key, &bad.nonce,
				(struct cr_piece){ bad.ad, sizeof(bad.ad) },
				bad.bytes, sizeof(bad.bytes), &bad.tag),
			-CR_EAUTH);
		assert_memory_equal(bad.bytes, zero, sizeof(zero));
	}
}

static int nonce_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cr_nonce));
}

static void a_nonce_never_repeats(void **state)
{
	static struct cr_nonce nonce[20000];
	const struct cr_key key = law_key(0);
	const struct cr_piece material[] = { { "same", 4 }, { "again", 5 } };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(nonce); i++)
		nonce[i] = cr_seal_nonce(&key, material, 2);
	qsort(nonce, CR_ARRAY_LEN(nonce), sizeof(nonce[0]), nonce_order);
	for (size_t i = 1; i < CR_ARRAY_LEN(nonce); i++)
		assert_true(nonce_order(&nonce[i - 1], &nonce[i]) != 0);
}

static void a_record_opens_to_what_was_sealed(void **state)
{
	const struct cr_key key = law_key(3);
	const struct cr_piece ad = law_text("head");

	(void)state;
	for (size_t len = 0; len < 100; len += 33) {
		cr_cleanup(cr_buf_release) struct cr_buf sealed = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
		uint8_t bytes[100];

		law_fill(bytes, sizeof(bytes), 9);
		cr_buf_put(&sealed, "before", 6);
		cr_buf_put(&plain, "before", 6);
		assert_int_equal(cr_seal_append(&key, ad,
						(struct cr_piece){ bytes, len },
						&sealed),
				 0);
		assert_int_equal(sealed.len, 6 + len + CR_SEAL_OVERHEAD);
		assert_int_equal(
			cr_open_append(&key, ad,
				       (struct cr_piece){ sealed.bytes + 6,
							  sealed.len - 6 },
				       &plain),
			0);
		assert_int_equal(plain.len, 6 + len);
		assert_memory_equal(plain.bytes + 6, bytes, len);
	}
}

static void a_record_that_fails_adds_nothing(void **state)
{
	cr_cleanup(cr_buf_release) struct cr_buf sealed = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	const struct cr_key key = law_key(3);
	const struct cr_piece ad = law_text("head");

	(void)state;
	assert_int_equal(cr_seal_append(&key, ad, law_text("text"), &sealed),
			 0);
	cr_buf_put(&plain, "before", 6);
	for (size_t len = 0; len < sealed.len; len++) {
		assert_int_equal(
			cr_open_append(&key, ad,
				       (struct cr_piece){ sealed.bytes, len },
				       &plain),
			-CR_EAUTH);
		assert_int_equal(plain.len, 6);
	}
	assert_int_equal(
		cr_open_append(&key, law_text("Head"),
			       (struct cr_piece){ sealed.bytes, sealed.len },
			       &plain),
		-CR_EAUTH);
	assert_int_equal(plain.len, 6);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_is_rfc_8439_under_a_derived_key),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(a_nonce_never_repeats),
		cmocka_unit_test(a_record_opens_to_what_was_sealed),
		cmocka_unit_test(a_record_that_fails_adds_nothing),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
