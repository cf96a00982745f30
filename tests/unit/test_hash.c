/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected values: hashlib.blake2b(..., key=, person=) of Python. */
#include "store/codec/hash.h"

#include "tests/unit/laws.h"

static uint8_t data[256];

static void hash_is_blake2b_with_its_label(void **state)
{
	static const struct {
		const char *label;
		const char *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "repository", "", 0,
		  "f41a48609514c334082eb526dcfe74ba"
		  "68105ae98916e883d5e05f6ad5a567b6" },
		{ "stored", "abc", 3,
		  "6bfa0075757b283f023a212766dd952b"
		  "a354ab0d8bec72268368cf3082a82c10" },
		{ "sixteen-letters!", (const char *)data, sizeof(data),
		  "1ce1414b31c73b2330ef8df6d65e2ee1"
		  "2a99eba2a8be30d88aec00108b8b23c2" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_id id = cr_hash_bytes(cases[i].label, cases[i].bytes,
						cases[i].len);

		unit_case(cases[i].label);
		law_hex(&id, sizeof(id), cases[i].want);
	}
}

static void kdf_is_keyed_blake2b(void **state)
{
	static const uint8_t one[4] = { 1 };
	static const struct {
		const char *label;
		const uint8_t *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "owner-sign", data, 0,
		  "35b9dd6dce3ded6344086d0aafb962b1"
		  "79ec4d6dc9ab7acaefc6f77948488b2f" },
		{ "epoch-meta", one, sizeof(one),
		  "71d23095bc6c4a5d4aae40f5f418a906"
		  "fb3e5ba812778ff6a75ea6a9e586279b" },
		{ "seal-nonce", data, sizeof(data),
		  "7b7838152bcdeda89ad323eae97fe22f"
		  "3b22b9bbfca69a8d301da50eb741fc7b" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_key key = law_key(0), out;

		unit_case(cases[i].label);
		cr_kdf_bytes(&key, cases[i].label, cases[i].bytes, cases[i].len,
			     &out);
		law_hex(&out, sizeof(out), cases[i].want);
		/* In place, as key ladders do. */
		cr_kdf_bytes(&key, cases[i].label, cases[i].bytes, cases[i].len,
			     &key);
		assert_memory_equal(&key, &out, sizeof(key));
	}
}

static void pieces_are_joined_without_separators(void **state)
{
	const struct cr_piece piece[] = { { data, 0 },
					  { data, 100 },
					  { data + 100, 1 },
					  { data + 101, sizeof(data) - 101 } };
	struct cr_id whole = cr_hash_bytes("stored", data, sizeof(data));
	struct cr_id parts = cr_hash("stored", piece, CR_ARRAY_LEN(piece));

	(void)state;
	assert_true(cr_id_equal(&whole, &parts));
}

static void each_type_of_chunk_has_its_own_ids(void **state)
{
	static const char *const want[CR_CHUNK_TYPES] = {
		[CR_CHUNK_DATA] = "8c5a5dd990faa4a647366acb601cfd08"
				  "87f1c4fb809ce7880dac74046224e680",
		[CR_CHUNK_INLINE] = "b414e7150ff546baf61db63930346f0a"
				    "b0016fe8226fb9c7e2430759e5b53764",
		[CR_CHUNK_LEAF] = "44605a4f3e9eafeeb59e5f0c04012273"
				  "5a666de1e5aaf5961099accc81d08ecd",
		[CR_CHUNK_REFS] = "bf083be82c32bd1aa8cf91647a9b2715"
				  "a3efb5c93818477904b937600a04d9ea",
		[CR_CHUNK_DNODE] = "17f030c7ffe3223fd7768b832383ea39"
				   "c07cb4eb16500043ad5899f0938dd805",
		[CR_CHUNK_LLIST] = "515f05be1d751dc25d9fe0daf8c530ed"
				   "0503ff5cceca9f6f4db8c93e20d6fd07",
		[CR_CHUNK_LNODE] = "17b21703f02039146e911ada64b9d7fb"
				   "754a4a52eb0aa82e9215b274555c7a0c",
		[CR_CHUNK_XATTR] = "a47a0b75d4d6d23afc0ee96a88124d69"
				   "1ead00ea8be3ea9f9a462a4a0f116cb8",
		[CR_CHUNK_LINK] = "15d3699df9c855498870997d41a3684a"
				  "3523db6edea3f49f5a4e1b7a6cfd5ab9",
		[CR_CHUNK_TEXT] = "1aa11020c51bfa80da06fff0cb430a2c"
				  "3be351950ed345174ccdde304de7a67d",
	};
	struct cr_key key = law_key(0);

	(void)state;
	for (int type = CR_CHUNK_DATA; type < CR_CHUNK_TYPES; type++) {
		struct cr_id id =
			cr_chunk_id(&key, (enum cr_chunk_type)type, "abc", 3);

		law_hex(&id, sizeof(id), want[type]);
	}
}

static struct cr_id one_by_one(const struct cr_key *key,
			       const struct cr_id_wanted *want)
{
	struct cr_file_hash hash;

	if (want->type > 0)
		return cr_chunk_id(key, want->type, want->bytes.bytes,
				   want->bytes.len);
	cr_file_hash_init(&hash);
	cr_file_hash_update(&hash, want->bytes.bytes, want->bytes.len);
	return cr_file_hash_final(&hash);
}

static void ids_made_together_are_those_made_one_by_one(void **state)
{
	static uint8_t bytes[200000];
	struct cr_id_wanted want[200] = { 0 };
	struct cr_id id[CR_ARRAY_LEN(want)];
	struct cr_key key = law_key(0);

	(void)state;
	law_fill(bytes, sizeof(bytes), 5);
	for (size_t n = 0; n <= CR_ARRAY_LEN(want); n += n < 9 ? 1 : 191) {
		for (size_t i = 0; i < n; i++)
			want[i] = (struct cr_id_wanted){
				(enum cr_chunk_type)(i % CR_CHUNK_TYPES),
				{ bytes + i, i * i * 7 % 20000 },
				&id[i],
			};
		memset(id, 0, sizeof(id));
		cr_chunk_ids(&key, want, n);
		for (size_t i = 0; i < n; i++) {
			struct cr_id one = one_by_one(&key, &want[i]);

			assert_true(cr_id_equal(&id[i], &one));
		}
	}
}

static void stored_hash_is_the_hash_of_its_shards(void **state)
{
	static const struct {
		size_t len;
		const char *want;
	} cases[] = {
		{ 0, "f78ca405e56e4ee702acf7aea315f624"
		     "52fe8a292e4f67bcb83aa2be4c6e6906" },
		{ 1, "0c9ad508125dcc2e19147ad311d31579"
		     "e10097197b840f7e0627888ee5ac8091" },
		{ 65536, "3a82f89870fc4bb379633ec57a2dd864"
			 "3d37a164e82058e67fa82bc9b9953dff" },
		{ 65537, "a71f42d503d328417baa44eda3f8ab3a"
			 "7219dc5169268d49a71e01064a45a636" },
		{ 131077, "6c9d508865c473dc686c5ebaecb5e196"
			  "24e65b6a9e36e9855acfb9ebdc9c8ea9" },
	};
	static uint8_t bytes[131077];

	(void)state;
	memset(bytes, 7, sizeof(bytes));
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_id id = cr_stored_hash(bytes, cases[i].len);

		law_hex(&id, sizeof(id), cases[i].want);
	}
}

static void file_hash_is_what_b2sum_prints(void **state)
{
	static const struct {
		uint64_t zeros;
		const char *want;
	} cases[] = {
		{ 0, "bddd813c634239723171ef3fee98579b"
		     "94964e3bb1cb3e427262c8c068d52319" },
		{ 70000, "f1ed99078cc672c22851c30de59001b9"
			 "9e38ab0ff4fe879322e435067f613e55" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_file_hash hash;
		struct cr_id id;

		cr_file_hash_init(&hash);
		cr_file_hash_update(&hash, "a", 1);
		cr_file_hash_update(&hash, "bc", 2);
		cr_file_hash_zeros(&hash, cases[i].zeros);
		id = cr_file_hash_final(&hash);
		law_hex(&id, sizeof(id), cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash_is_blake2b_with_its_label),
		cmocka_unit_test(kdf_is_keyed_blake2b),
		cmocka_unit_test(pieces_are_joined_without_separators),
		cmocka_unit_test(each_type_of_chunk_has_its_own_ids),
		cmocka_unit_test(ids_made_together_are_those_made_one_by_one),
		cmocka_unit_test(stored_hash_is_the_hash_of_its_shards),
		cmocka_unit_test(file_hash_is_what_b2sum_prints),
	};

	law_fill(data, sizeof(data), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
