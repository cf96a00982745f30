/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/keyring.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/secret.h"
#include "store/codec/manifest.h"
#include "store/codec/roster_encode.h"
#include "store/disk/derive.h"
#include "store/disk/roster_write.h"
#include "tests/unit/unit.h"

/* The owner, two readers, two writers with domains of their own, a third that
 * shares the second's. */
enum who { OWNER, READ, READ_2, PUT, PUT_2, SHARED, KEYS };

static const uint8_t roles[KEYS] = {
	CR_ROLE_OWNER, CR_ROLE_READ, CR_ROLE_READ,
	CR_ROLE_PUT,   CR_ROLE_PUT,  CR_ROLE_PUT,
};

static struct cr_bundle bundle[KEYS];
static struct cr_roster roster;

static void add(enum who who)
{
	struct cr_roster_key key = { .role = roles[who] };
	struct cr_bundle *b = &bundle[who];
	struct cr_key seed;

	*b = (struct cr_bundle){ .role = roles[who] };
	cr_random(b->key.bytes, sizeof(b->key.bytes));
	cr_random(b->secret.bytes, sizeof(b->secret.bytes));
	cr_random(b->box_seed.bytes, sizeof(b->box_seed.bytes));
	key.id = b->key;
	cr_bundle_sign_seed(b, &seed);
	key.sign_pk = cr_sign_public(&seed);
	cr_bundle_box_seed(b, &seed);
	key.box_pk = cr_box_public(&seed);
	if (who == OWNER)
		assert_int_equal(cr_roster_add_epoch(&roster, &b->secret), 0);
	if (who == SHARED)
		key.domain = roster.key[PUT_2].domain;
	else if (key.role != CR_ROLE_READ)
		assert_int_equal(cr_roster_add_domain(&roster,
						      &bundle[OWNER].secret,
						      &key.domain),
				 0);
	assert_int_equal(
		cr_roster_add_key(&roster, &bundle[OWNER].secret, &key), 0);
}

static int setup(void **state)
{
	(void)state;
	for (int who = 0; who < KEYS; who++)
		add((enum who)who);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_roster_release(&roster);
	return 0;
}

static struct cr_keyring *ring_of(enum who who)
{
	struct cr_keyring *ring = NULL;

	assert_int_equal(cr_keyring_new(&bundle[who], &roster, &ring), 0);
	return ring;
}

static int try_ring(enum who who)
{
	struct cr_keyring *ring = NULL;
	int r = cr_keyring_new(&bundle[who], &roster, &ring);

	if (r != 0)
		assert_null(ring);
	cr_keyring_free(ring);
	return r;
}

static struct cr_pack_header header_of(enum who who, enum cr_pack_kind kind)
{
	struct cr_pack_header header = {
		.kind = kind,
		.repository = { { 1 } },
		.pack = { { 2 } },
		.writer = bundle[who].key,
		.domain = roster.key[who].domain,
	};

	return header;
}

static struct cr_manifest_head manifest_of(enum who who)
{
	return (struct cr_manifest_head){
		.repository = { { 1 } },
		.writer = bundle[who].key,
		.incarnation = { { 3 } },
		.seq = 4,
	};
}

static bool same_key(const struct cr_key *a, const struct cr_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void each_role_can_and_cannot(void **state)
{
	static const struct {
		const char *what;
		enum who who;
		bool reads, writes;
	} cases[] = {
		{ "the owner", OWNER, true, true },
		{ "a reader", READ, true, false },
		{ "a writer", PUT, false, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_keyring_freep) struct cr_keyring *ring =
			ring_of(cases[i].who);
		cr_cleanup(cr_keyring_freep) struct cr_keyring *owner =
			ring_of(OWNER);
		struct cr_pack_header header = header_of(OWNER, CR_PACK_DATA);
		struct cr_manifest_head head = manifest_of(OWNER);
		const int can_read = cases[i].reads ? 0 : -CR_ECAPABILITY;
		const int can_write = cases[i].writes ? 0 : -CR_ECAPABILITY;
		struct cr_key key;

		unit_case(cases[i].what);
		assert_int_equal(cr_keyring_role(ring), roles[cases[i].who]);
		assert_true(cr_uid_equal(cr_keyring_id(ring),
					 &bundle[cases[i].who].key));
		assert_int_equal(cr_keyring_reads(ring), cases[i].reads);
		assert_int_equal(cr_keyring_writes(ring), cases[i].writes);
		assert_int_equal(cr_uid_zero(cr_keyring_domain(ring)),
				 !cases[i].writes);

		assert_int_equal(cr_keyring_pack_key_make(owner, &header, &key),
				 0);
		assert_int_equal(cr_keyring_pack_key(ring, &header, &key),
				 can_read);
		assert_int_equal(
			cr_keyring_manifest_key_make(owner, &head, &key), 0);
		assert_int_equal(cr_keyring_manifest_key(ring, &head, &key),
				 can_read);
		assert_int_equal(cr_keyring_pack_key_make(ring, &header, &key),
				 can_write);
		assert_int_equal(
			cr_keyring_manifest_key_make(ring, &head, &key),
			can_write);
	}
}

static void what_a_writer_seals_every_reader_opens(void **state)
{
	static const enum who writers[] = { OWNER, PUT, SHARED };
	static const enum who readers[] = { OWNER, READ, READ_2 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(writers) * 3 * 2; i++) {
		enum who writer = writers[i % 3], reader = readers[i / 3 % 3];
		cr_cleanup(cr_keyring_freep) struct cr_keyring *from =
			ring_of(writer);
		cr_cleanup(cr_keyring_freep) struct cr_keyring *to =
			ring_of(reader);
		struct cr_pack_header header =
			header_of(writer, i < 9 ? CR_PACK_DATA : CR_PACK_META);
		struct cr_manifest_head head = manifest_of(writer);
		struct cr_key made, again, opened;

		assert_int_equal(cr_keyring_pack_key_make(from, &header, &made),
				 0);
		assert_int_equal(header.epoch, 1);
		assert_int_equal(cr_keyring_pack_key(to, &header, &opened), 0);
		assert_true(same_key(&made, &opened));
		assert_int_equal(
			cr_keyring_pack_key_make(from, &header, &again), 0);
		assert_false(same_key(&made, &again));

		assert_int_equal(cr_keyring_footer_key(from, &header, &made),
				 0);
		assert_int_equal(cr_keyring_footer_key(to, &header, &opened),
				 0);
		assert_true(same_key(&made, &opened));

		assert_int_equal(
			cr_keyring_manifest_key_make(from, &head, &made), 0);
		assert_int_equal(cr_keyring_manifest_key(to, &head, &opened),
				 0);
		assert_true(same_key(&made, &opened));
	}
}

static void a_pack_key_is_bound_to_its_header(void **state)
{
	cr_cleanup(cr_keyring_freep) struct cr_keyring *ring = ring_of(OWNER);
	const struct cr_pack_header none = header_of(OWNER, CR_PACK_DATA);
	struct cr_pack_header header = none;
	struct cr_id one, other;
	struct cr_key made, key;

	(void)state;
	assert_int_equal(cr_keyring_pack_key_make(ring, &header, &made), 0);
	header.pack.bytes[0] ^= 1;
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key), 0);
	assert_false(same_key(&made, &key));
	header.pack = none.pack;
	header.repository.bytes[0] ^= 1;
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key), 0);
	assert_false(same_key(&made, &key));
	header.repository = none.repository;
	header.kind = CR_PACK_META;
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key), -CR_EAUTH);
	header.kind = CR_PACK_DATA;
	header.epoch = 0;
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key),
			 -CR_ECAPABILITY);
	header.epoch = 2;
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key),
			 -CR_ECAPABILITY);
	header.epoch = 1;
	for (size_t i = 0; i < sizeof(header.sealed_key); i++) {
		header.sealed_key[i] ^= 0x20;
		assert_int_equal(cr_keyring_pack_key(ring, &header, &key),
				 -CR_EAUTH);
		header.sealed_key[i] ^= 0x20;
	}
	assert_int_equal(cr_keyring_pack_key(ring, &header, &key), 0);
	assert_true(same_key(&made, &key));

	one = cr_pack_commitment(&made, &header.pack);
	other = cr_pack_commitment(&made, &header.repository);
	assert_false(cr_id_equal(&one, &other));
}

static void a_manifest_key_is_bound_to_its_head(void **state)
{
	cr_cleanup(cr_keyring_freep) struct cr_keyring *ring = ring_of(OWNER);
	struct cr_manifest_head head = manifest_of(OWNER), changed;
	struct cr_key made, key;

	(void)state;
	assert_int_equal(cr_keyring_manifest_key_make(ring, &head, &made), 0);
	for (int field = 0; field < 4; field++) {
		changed = head;
		changed.repository.bytes[0] ^= field == 0;
		changed.writer.bytes[0] ^= field == 1;
		changed.incarnation.bytes[0] ^= field == 2;
		changed.seq += field == 3;
		assert_int_equal(cr_keyring_manifest_key(ring, &changed, &key),
				 0);
		assert_false(same_key(&made, &key));
	}
	head.sealed_key[40] ^= 1;
	assert_int_equal(cr_keyring_manifest_key(ring, &head, &key), -CR_EAUTH);
}

static void a_domain_is_seen_by_those_who_share_it(void **state)
{
	/* Whether the key has the domain of OWNER, PUT, PUT_2. */
	static const struct {
		enum who who;
		bool has[3];
	} cases[] = {
		{ OWNER, { true, true, true } },
		{ READ, { true, true, true } },
		{ PUT, { false, true, false } },
		{ PUT_2, { false, false, true } },
		{ SHARED, { false, false, true } },
	};
	static const enum who domain[3] = { OWNER, PUT, PUT_2 };
	struct cr_domain_keys seen[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_keyring_freep) struct cr_keyring *ring =
			ring_of(cases[i].who);

		for (size_t d = 0; d < 3; d++) {
			const struct cr_pack_header header =
				header_of(domain[d], CR_PACK_META);
			const struct cr_domain_keys *keys =
				cr_keyring_domain_keys(ring, &header.domain);
			struct cr_key key;

			assert_int_equal(keys != NULL, cases[i].has[d]);
			assert_int_equal(
				cr_keyring_footer_key(ring, &header, &key),
				keys ? 0 : -CR_ECAPABILITY);
			if (keys && i == 0)
				seen[d] = *keys;
			if (keys)
				assert_memory_equal(keys, &seen[d],
						    sizeof(*keys));
		}
	}
	assert_memory_not_equal(&seen[0].id_key, &seen[1].id_key, CR_KEY_LEN);
	assert_memory_not_equal(&seen[0].id_key, &seen[0].name_key, CR_KEY_LEN);
	assert_memory_not_equal(&seen[0].link_key, &seen[0].footer_key,
				CR_KEY_LEN);
}

static void a_signature_is_that_of_the_key(void **state)
{
	static const struct cr_id hash = { { 5 } };

	(void)state;
	for (int who = 0; who < KEYS; who++) {
		cr_cleanup(cr_keyring_freep) struct cr_keyring *ring =
			ring_of((enum who)who);
		struct cr_signature sig;

		if (!cr_keyring_writes(ring))
			continue;
		sig = cr_keyring_sign(ring, "sign-footer", &hash);
		for (int other = 0; other < KEYS; other++)
			assert_int_equal(
				cr_sign_verify(&roster.key[other].sign_pk,
					       "sign-footer", &hash, &sig),
				other == who ? 0 : -CR_EAUTH);
		assert_int_equal(cr_sign_verify(&roster.key[who].sign_pk,
						"sign-manifest", &hash, &sig),
				 -CR_EAUTH);
	}
}

static void only_an_admitted_key_gets_a_ring(void **state)
{
	static const struct cr_key other = { { 1 } };
	struct cr_roster_key *key = &roster.key[READ];

	(void)state;
	key->revoked = true;
	assert_int_equal(try_ring(READ), -CR_ECAPABILITY);
	key->revoked = false;
	assert_int_equal(try_ring(READ), 0);
	bundle[READ].key.bytes[0] ^= 1;
	assert_int_equal(try_ring(READ), -CR_ECAPABILITY);
	bundle[READ].key.bytes[0] ^= 1;
	bundle[READ].role = CR_ROLE_PUT;
	assert_int_equal(try_ring(READ), -CR_ECAPABILITY);
	bundle[READ].role = CR_ROLE_READ;
	bundle[READ].secret = other;
	assert_int_equal(try_ring(READ), -CR_ECAPABILITY);
	bundle[OWNER].secret = other;
	assert_int_equal(try_ring(OWNER), -CR_ECAPABILITY);
}

static void what_does_not_open_is_damage(void **state)
{
	static const enum who granted[] = { READ, PUT };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(granted); i++) {
		struct cr_roster_key *key = &roster.key[granted[i]];

		for (uint32_t b = 0; b < key->grant_len; b++) {
			key->grant[b] ^= 1;
			assert_int_equal(try_ring(granted[i]), -CR_ECORRUPT);
			key->grant[b] ^= 1;
		}
		for (uint32_t len = 0; len < key->grant_len; len++) {
			uint32_t whole = key->grant_len;

			key->grant_len = len;
			assert_int_equal(try_ring(granted[i]), -CR_ECORRUPT);
			key->grant_len = whole;
		}
		assert_int_equal(try_ring(granted[i]), 0);
	}
	for (uint32_t d = 0; d < roster.domains; d++) {
		roster.domain[d].sealed[50] ^= 1;
		assert_int_equal(try_ring(OWNER), -CR_ECORRUPT);
		assert_int_equal(try_ring(READ), -CR_ECORRUPT);
		assert_int_equal(try_ring(PUT), 0);
		roster.domain[d].sealed[50] ^= 1;
	}
	roster.epoch[0].data.bytes[3] ^= 1;
	assert_int_equal(try_ring(OWNER), -CR_ECORRUPT);
	assert_int_equal(try_ring(READ), -CR_ECORRUPT);
	roster.epoch[0].data.bytes[3] ^= 1;
	roster.epoch[0].meta.bytes[3] ^= 1;
	assert_int_equal(try_ring(OWNER), -CR_ECORRUPT);
	assert_int_equal(try_ring(READ), -CR_ECORRUPT);
}

/* A grant sealed to a key by somebody who knows only its public key. */
static void forge_grant(enum who who, const struct cr_grant *grant)
{
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	struct cr_roster_key *key = &roster.key[who];

	assert_int_equal(
		cr_grant_encode((enum cr_role)key->role, grant, &plain), 0);
	free(key->grant);
	key->grant_len = (uint32_t)plain.len + CR_BOX_OVERHEAD;
	key->grant = malloc(key->grant_len);
	assert_non_null(key->grant);
	assert_int_equal(
		cr_box_seal(&key->box_pk,
			    (struct cr_piece){ plain.bytes, plain.len },
			    key->grant),
		0);
}

static void a_grant_must_fit_the_epochs(void **state)
{
	struct cr_grant_epoch epoch = { 0 };
	const struct cr_grant grant = { .epoch = &epoch, .epochs = 1 };

	(void)state;
	cr_owner_epoch(&bundle[OWNER].secret, 2, &epoch);
	forge_grant(READ, &grant);
	assert_int_equal(try_ring(READ), -CR_ECORRUPT);
	assert_non_null(strstr(cr_detail(), "not listed"));
	forge_grant(PUT, &grant);
	assert_int_equal(try_ring(PUT), -CR_ECORRUPT); /* not the newest */
	epoch.epoch = 1;
	forge_grant(READ, &grant);
	assert_int_equal(try_ring(READ), -CR_ECORRUPT); /* other secrets */
}

static void a_new_epoch_is_for_those_it_is_granted(void **state)
{
	const struct cr_key *s = &bundle[OWNER].secret;
	cr_cleanup(cr_keyring_freep) struct cr_keyring *put = NULL;
	cr_cleanup(cr_keyring_freep) struct cr_keyring *old = NULL;
	cr_cleanup(cr_keyring_freep) struct cr_keyring *ours = NULL;
	struct cr_pack_header before = header_of(PUT, CR_PACK_DATA);
	struct cr_pack_header after = before;
	struct cr_uid added;
	struct cr_key key;

	(void)state;
	put = ring_of(PUT);
	assert_int_equal(cr_keyring_pack_key_make(put, &before, &key), 0);
	assert_int_equal(cr_roster_add_epoch(&roster, s), 0);
	assert_int_equal(try_ring(PUT), -CR_ECORRUPT); /* its grant is old */
	assert_int_equal(cr_roster_add_domain(&roster, s, &added), 0);
	assert_int_equal(cr_roster_grant(&roster, s, &roster.key[PUT]), 0);
	assert_int_equal(cr_roster_grant(&roster, s, &roster.key[READ_2]), 0);
	cr_keyring_free(put);
	put = ring_of(PUT);
	assert_int_equal(cr_keyring_epoch(put), 2);
	assert_int_equal(cr_keyring_pack_key_make(put, &after, &key), 0);
	assert_int_equal(after.epoch, 2);

	old = ring_of(READ);
	assert_int_equal(cr_keyring_pack_key(old, &before, &key), 0);
	assert_int_equal(cr_keyring_pack_key(old, &after, &key),
			 -CR_ECAPABILITY);
	assert_null(cr_keyring_domain_keys(old, &added));
	ours = ring_of(READ_2);
	assert_non_null(cr_keyring_domain_keys(ours, &added));
	assert_int_equal(cr_keyring_pack_key(ours, &before, &key), 0);
	assert_int_equal(cr_keyring_pack_key(ours, &after, &key), 0);
}

int main(void)
{
#define LAW(law) cmocka_unit_test_setup_teardown(law, setup, teardown)
	const struct CMUnitTest tests[] = {
		LAW(each_role_can_and_cannot),
		LAW(what_a_writer_seals_every_reader_opens),
		LAW(a_pack_key_is_bound_to_its_header),
		LAW(a_manifest_key_is_bound_to_its_head),
		LAW(a_domain_is_seen_by_those_who_share_it),
		LAW(a_signature_is_that_of_the_key),
		LAW(only_an_admitted_key_gets_a_ring),
		LAW(what_does_not_open_is_damage),
		LAW(a_grant_must_fit_the_epochs),
		LAW(a_new_epoch_is_for_those_it_is_granted),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
