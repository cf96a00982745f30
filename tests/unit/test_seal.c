/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected values: ChaCha20Poly1305 of Python's cryptography. */
#include "store/codec/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

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
		const struct cr_seal_with with = { &key, &nonce,
						   law_text(cases[i].ad) };
		uint8_t bytes[128], plain[128];
		struct cr_tag tag;

		unit_case(cases[i].want);
		law_fill(bytes, sizeof(bytes), 0);
		law_fill(plain, sizeof(plain), 0);
		cr_seal(&with, (struct cr_piece){ bytes, cases[i].len }, bytes,
			&tag);
		memcpy(bytes + cases[i].len, &tag, sizeof(tag));
		law_hex(bytes, cases[i].len + sizeof(tag), cases[i].want);
		assert_int_equal(
			cr_open(&with, (struct cr_piece){ bytes, cases[i].len },
				bytes, &tag),
			0);
		assert_memory_equal(bytes, plain, cases[i].len);
	}
}

/* ---- Whatever the means ---- */

#define LONG_MAX_LEN ((1u << 20) + 1)

static const char *name_of(enum cr_seal_means means)
{
	return means == CR_SEAL_SODIUM ? "libsodium" : "libcrypto";
}

/* It is installed where this is tested: nothing here may be left out. */
static void libcrypto_can_be_had(void **state)
{
	(void)state;
	for (int means = 0; means < CR_SEAL_MEANS; means++)
		assert_true(cr_seal_usable((enum cr_seal_means)means));
}

struct sample {
	struct cr_key key;
	struct cr_nonce nonce;
	uint8_t ad[70];
};

static struct cr_seal_with with_of(const struct sample *sample, size_t ad)
{
	return (struct cr_seal_with){ &sample->key,
				      &sample->nonce,
				      { sample->ad, ad } };
}

/*
 * What either makes of @len bytes, in place and apart, is the same, and is
 * opened by either, in place and apart.
 */
static void check_length(const struct sample *sample, size_t ad, size_t len)
{
	const struct cr_seal_with with = with_of(sample, ad);
	uint8_t *plain = test_malloc(len + 1), *want = test_malloc(len + 1);
	uint8_t *got = test_malloc(len + 1);
	const struct cr_piece in = { plain, len };
	struct cr_tag tag, same;

	law_fill(plain, len, (uint8_t)len);
	cr_seal_by(CR_SEAL_SODIUM, &with, in, want, &tag);
	for (int m = 0; m < 2 * CR_SEAL_MEANS; m++) {
		enum cr_seal_means means = (enum cr_seal_means)(m / 2);
		bool here = m % 2 == 1;

		got[len] = 77;
		memcpy(got, plain, len);
		cr_seal_by(means, &with,
			   here ? (struct cr_piece){ got, len } : in, got,
			   &same);
		assert_memory_equal(got, want, len);
		assert_memory_equal(&same, &tag, sizeof(tag));
		memcpy(got, want, len);
		assert_int_equal(
			cr_open_by(means, &with,
				   (struct cr_piece){ here ? got : want, len },
				   got, &tag),
			0);
		assert_memory_equal(got, plain, len);
		assert_int_equal(got[len], 77);
	}
	test_free(plain);
	test_free(want);
	test_free(got);
}

static void all_means_seal_to_the_same_bytes(void **state)
{
	static const size_t around[] = { 1u << 12, 1u << 16, 1u << 17,
					 1u << 20 };
	struct sample sample;

	(void)state;
	law_fill(&sample, sizeof(sample), 5);
	for (size_t len = 0; len <= 300; len++)
		check_length(&sample, len % sizeof(sample.ad), len);
	for (size_t i = 0; i < CR_ARRAY_LEN(around); i++)
		for (size_t off = 0; off < 3; off++)
			check_length(&sample, i, around[i] - 1 + off);
}

/* Open it, in place or apart: refused, and only zeroes are left. */
static void check_refused(enum cr_seal_means means,
			  const struct cr_seal_with *with,
			  struct cr_piece sealed, const struct cr_tag *tag)
{
	uint8_t *out = test_malloc(sealed.len);

	for (int here = 0; here < 2; here++) {
		memset(out, 0x5a, sealed.len);
		if (here)
			memcpy(out, sealed.bytes, sealed.len);
		assert_int_equal(
			cr_open_by(means, with,
				   here ? (struct cr_piece){ out, sealed.len }
					: sealed,
				   out, tag),
			-CR_EAUTH);
		for (size_t i = 0; i < sealed.len; i++)
			assert_int_equal(out[i], 0);
	}
	test_free(out);
}

static void check_flips(enum cr_seal_means means, size_t len, size_t step)
{
	uint8_t *bytes = test_malloc(len);
	const struct cr_piece sealed = { bytes, len };
	struct sample sample;
	const struct cr_seal_with with = with_of(&sample, sizeof(sample.ad));
	struct cr_tag tag;

	unit_case(name_of(means));
	law_fill(&sample, sizeof(sample), 1);
	law_fill(bytes, len, 2);
	cr_seal_by(means, &with, sealed, bytes, &tag);
	for (size_t at = 0; at < len; at += step) {
		bytes[at] ^= (uint8_t)(1 << at % 8);
		check_refused(means, &with, sealed, &tag);
		bytes[at] ^= (uint8_t)(1 << at % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(sample); bit++) {
		((uint8_t *)&sample)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_refused(means, &with, sealed, &tag);
		((uint8_t *)&sample)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(tag); bit++) {
		tag.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_refused(means, &with, sealed, &tag);
		tag.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	check_refused(means, &with, (struct cr_piece){ bytes, len - 1 }, &tag);
	assert_int_equal(cr_open_by(means, &with, sealed, bytes, &tag), 0);
	test_free(bytes);
}

static void every_flipped_bit_is_noticed_and_leaves_zeroes(void **state)
{
	(void)state;
	for (int means = 0; means < CR_SEAL_MEANS; means++) {
		check_flips((enum cr_seal_means)means, 33, 1);
		check_flips((enum cr_seal_means)means, 4099, 7);
		/* The first of it is long out when the last is refused. */
		check_flips((enum cr_seal_means)means, 140000, 13999);
	}
}

/* More than it takes for the means to change on the way. */
static void seal_much(void)
{
	struct sample sample;
	const struct cr_seal_with with = with_of(&sample, 9);
	uint8_t *plain = test_malloc(LONG_MAX_LEN);
	uint8_t *out = test_malloc(LONG_MAX_LEN);
	struct cr_tag first, tag;

	law_fill(&sample, sizeof(sample), 3);
	law_fill(plain, LONG_MAX_LEN, 4);
	cr_seal_by(CR_SEAL_SODIUM, &with,
		   (struct cr_piece){ plain, LONG_MAX_LEN }, out, &first);
	for (int i = 0; i < 20; i++) {
		cr_seal(&with, (struct cr_piece){ plain, LONG_MAX_LEN }, out,
			&tag);
		assert_memory_equal(&tag, &first, sizeof(tag));
		assert_int_equal(cr_open(&with,
					 (struct cr_piece){ out, LONG_MAX_LEN },
					 out, &tag),
				 0);
		assert_memory_equal(out, plain, LONG_MAX_LEN);
	}
	test_free(plain);
	test_free(out);
}

/* Whoever may set the environment must not choose what seals. */
static void no_configuration_is_read_on_the_way(void **state)
{
	char path[] = "/tmp/caprock-openssl.cnf-XXXXXX";
	int file = mkstemp(path), events = inotify_init1(IN_NONBLOCK);
	struct inotify_event event;

	(void)state;
	assert_true(file >= 0 && events >= 0);
	assert_true(inotify_add_watch(events, path, IN_OPEN) >= 0);
	assert_int_equal(setenv("OPENSSL_CONF", path, 1), 0);
	seal_much();
	assert_int_equal(read(events, &event, sizeof(event)), -1);
	assert_int_equal(errno, EAGAIN);
	/* And the watch would have told. */
	assert_int_equal(close(open(path, O_RDONLY)), 0);
	assert_int_equal(read(events, &event, sizeof(event)), sizeof(event));
	assert_int_equal(unsetenv("OPENSSL_CONF"), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(close(file), 0);
	assert_int_equal(close(events), 0);
}

/* ---- Nonces ---- */

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

/* ---- Records ---- */

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

/* By either means: the last is long enough for libcrypto. */
static void a_record_opens_where_it_lies(void **state)
{
	static const size_t lens[] = { 0, 1, 64, 100, 70000 };
	static uint8_t bytes[70000];
	const struct cr_key key = law_key(3);
	const struct cr_piece ad = law_text("head");

	(void)state;
	law_fill(bytes, sizeof(bytes), 9);
	for (size_t i = 0; i < CR_ARRAY_LEN(lens); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf sealed = { 0 };
		struct cr_piece plain = { 0 };

		assert_int_equal(
			cr_seal_append(&key, ad,
				       (struct cr_piece){ bytes, lens[i] },
				       &sealed),
			0);
		assert_int_equal(cr_open_in_place(&key, ad, sealed.bytes,
						  sealed.len, &plain),
				 0);
		assert_int_equal(plain.len, lens[i]);
		assert_ptr_equal(plain.bytes, sealed.bytes + CR_NONCE_LEN);
		assert_memory_equal(plain.bytes, bytes, lens[i]);
	}
}

static void what_fails_where_it_lies_is_zero(void **state)
{
	const struct cr_key key = law_key(3);
	uint8_t zero[100] = { 0 };

	(void)state;
	for (size_t at = 0; at < 100 + CR_SEAL_OVERHEAD; at++) {
		cr_cleanup(cr_buf_release) struct cr_buf sealed = { 0 };
		struct cr_piece plain = { 0 };
		uint8_t bytes[100];

		law_fill(bytes, sizeof(bytes), 9);
		assert_int_equal(cr_seal_append(&key, law_text("head"),
						(struct cr_piece){ bytes, 100 },
						&sealed),
				 0);
		sealed.bytes[at] ^= 1;
		assert_int_equal(cr_open_in_place(&key, law_text("head"),
						  sealed.bytes, sealed.len,
						  &plain),
				 -CR_EAUTH);
		assert_null(plain.bytes);
		assert_memory_equal(sealed.bytes + CR_NONCE_LEN, zero, 100);
		assert_int_equal(cr_open_in_place(&key, law_text("head"),
						  sealed.bytes,
						  CR_SEAL_OVERHEAD - 1, &plain),
				 -CR_EAUTH);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(seal_is_rfc_8439_under_a_derived_key),
		/* First, before any other has it loaded. */
		cmocka_unit_test(no_configuration_is_read_on_the_way),
		cmocka_unit_test(libcrypto_can_be_had),
		cmocka_unit_test(all_means_seal_to_the_same_bytes),
		cmocka_unit_test(
			every_flipped_bit_is_noticed_and_leaves_zeroes),
		cmocka_unit_test(a_nonce_never_repeats),
		cmocka_unit_test(a_record_opens_to_what_was_sealed),
		cmocka_unit_test(a_record_that_fails_adds_nothing),
		cmocka_unit_test(a_record_opens_where_it_lies),
		cmocka_unit_test(what_fails_where_it_lies_is_zero),
	};

	if (cr_sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
