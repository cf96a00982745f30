/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/repo.h"

#include <errno.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/codec/repository_encode.h"
#include "store/codec/seal.h"
#include "store/codec/slot_encode.h"
#include "store/disk/derive.h"
#include "store/disk/roster_write.h"
#include "tests/unit/made_repo.h"

static struct made_repo made;

static int setup(void **state)
{
	(void)state;
	made_init(&made);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int call = 0; call < CR_IO_CALLS; call++)
		cr_io_fault((enum cr_io_call)call, 0, 0);
	made_release(&made);
	return 0;
}

static int bad_slots;

static int count_bad(void *arg, const char *name, const struct cr_slot *slot,
		     int error)
{
	int *bad = arg;

	(void)name;
	(void)slot;
	*bad += error != 0;
	return 0;
}

static int try_open(const struct cr_credentials *cred)
{
	struct cr_repo *repo = NULL;
	int r = cr_repo_open(made_path(&made).text, cred, &repo);

	if (r != 0)
		assert_null(repo);
	cr_repo_close(repo);
	return r;
}

static bool says(const char *part)
{
	return strstr(cr_detail(), part) != NULL;
}

/* The object's name below the test's folder. */
static const char *object(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "repo/%s", name);
	return path;
}

static struct cr_slot_secret cheap(const struct cr_secret *passphrase)
{
	return (struct cr_slot_secret){
		.method = CR_SLOT_PASSPHRASE,
		.secret = passphrase,
		.passes = CR_ARGON_PASSES_MIN,
		.mib = CR_ARGON_MIB_MIN,
	};
}

static void what_was_created_opens(void **state)
{
	struct cr_credentials right = { .passphrase = made_secret("open", 4) };
	struct cr_credentials wrong = { .passphrase = made_secret("Open", 4) };
	struct cr_credentials none = { .passphrase = { 0 } };
	const struct cr_slot_secret wrap = cheap(&right.passphrase);
	char path[PATH_MAX];
	struct cr_repo *repo = NULL;
	struct cr_uid slot;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s",
		       folder_path(&made.folder, "second").text);
	assert_int_equal(cr_repo_create(path, &wrap, &slot), 0);
	assert_int_equal(cr_repo_create(path, &wrap, &slot), -EEXIST);
	assert_int_equal(cr_repo_open(path, &right, &repo), 0);
	assert_int_equal(cr_keyring_role(repo->keys->ring), CR_ROLE_OWNER);
	assert_int_equal(repo->keys->roster_n, 1);
	assert_int_equal(repo->keys->roster.keys, 1);
	assert_true(cr_keyring_domain_keys(
			    repo->keys->ring,
			    cr_keyring_domain(repo->keys->ring)) != NULL);
	assert_true(cr_repo_key(repo, cr_keyring_id(repo->keys->ring)) ==
		    &repo->keys->roster.key[0]);
	cr_repo_close(repo);
	repo = NULL;

	assert_int_equal(cr_repo_open(path, &wrong, &repo), -CR_EKEY);
	assert_true(says("wrong passphrase, or no key slot for it in "));
	assert_true(says(path));
	assert_false(says("damaged"));
	assert_int_equal(cr_repo_open(path, &none, &repo), -CR_EKEY);
	assert_int_equal(cr_repo_open(path, &made.owner, &repo), -CR_EKEY);
	assert_true(says("key file"));
	assert_int_equal(cr_repo_open(made.folder.path, &right, &repo),
			 -CR_ENOREPO);
	cr_secret_release(&right.passphrase);
	cr_secret_release(&wrong.passphrase);
}

static void a_key_file_may_leave_its_slot_unsaid(void **state)
{
	struct cr_credentials cred = made.owner;
	struct cr_secret other = made_key_file();

	(void)state;
	memset(&cred.key_file_slot, 0, sizeof(cred.key_file_slot));
	assert_int_equal(try_open(&cred), 0);
	cred.key_file = other;
	assert_int_equal(try_open(&cred), -CR_EKEY);
	cred.key_file_slot = made.owner.key_file_slot;
	assert_int_equal(try_open(&cred), -CR_EKEY);
	cr_secret_release(&other);
}

/* Flip a bit of each byte; @want tells by offset and length. */
static void flip_each(const char *name, int (*want)(size_t i, size_t len))
{
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	size_t len;

	bytes = folder_read(&made.folder, object(name), &len);
	for (size_t i = 0; i < len; i++) {
		int r;

		bytes[i] ^= 0x40;
		folder_write(&made.folder, object(name), bytes, len, 0600);
		r = try_open(&made.owner);
		bytes[i] ^= 0x40;
		if (r != want(i, len))
			print_message("byte %zu of %s: %s\n", i, name,
				      cr_detail());
		assert_int_equal(r, want(i, len));
		assert_true(says(name));
	}
	/* Cut short, and one byte more. */
	for (size_t i = 1; i < len; i += 7) {
		folder_write(&made.folder, object(name), bytes, i, 0600);
		assert_true(try_open(&made.owner) < 0);
	}
	bytes = realloc(bytes, len + 1);
	assert_non_null(bytes);
	bytes[len] = 0;
	folder_write(&made.folder, object(name), bytes, len + 1, 0600);
	assert_true(try_open(&made.owner) < 0);
	folder_write(&made.folder, object(name), bytes, len, 0600);
	assert_int_equal(try_open(&made.owner), 0);
}

static int repository_error(size_t i, size_t len)
{
	(void)len;
	return i < 8 ? -CR_ENOREPO : i < 12 ? -CR_EVERSION : -CR_ECORRUPT;
}

static int roster_error(size_t i, size_t len)
{
	(void)len;
	return i >= 8 && i < 12 ? -CR_EVERSION : -CR_ECORRUPT;
}

/* What is sealed cannot be told from a wrong key; the signature can. */
static int slot_error(size_t i, size_t len)
{
	return i < len - CR_SIGN_LEN ? -CR_EKEY : -CR_ECORRUPT;
}

/* The newest roster says all: one that rotted behind it is reported only. */
static void older_roster_may_rot(void **state)
{
	struct cr_credentials cred;
	struct cr_uid key;
	size_t len;

	(void)state;
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	free(folder_read(&made.folder, object("keys/roster/1"), &len));
	for (size_t i = 0; i < len; i++) {
		cr_cleanup(cr_freep) uint8_t *bytes = folder_read(
			&made.folder, object("keys/roster/1"), &len);
		struct cr_repo *repo;

		bytes[i] ^= 1;
		folder_write(&made.folder, object("keys/roster/1"), bytes, len,
			     0600);
		repo = made_open(&made, &made.owner);
		assert_non_null(repo->keys->roster_damage);
		assert_non_null(
			strstr(repo->keys->roster_damage, "keys/roster/1"));
		assert_int_equal(repo->keys->roster_n, 2);
		cr_repo_close(repo);
		bytes[i] ^= 1;
		folder_write(&made.folder, object("keys/roster/1"), bytes, len,
			     0600);
	}
	made_reopen(&made);
	assert_null(made.repo->keys->roster_damage);
}

static void no_byte_can_be_changed(void **state)
{
	char slot[64];
	struct cr_uid key;
	struct cr_credentials cred;

	(void)state;
	flip_each("repository", repository_error);
	flip_each("keys/roster/1", roster_error);
	cred = made_add_read(&made, &key);
	flip_each("keys/roster/2", roster_error);
	cr_secret_release(&cred.key_file);

	(void)snprintf(slot, sizeof(slot), "keys/%s",
		       cr_uid_hex(&made.owner.key_file_slot).text);
	for (size_t i = 0; i < 2; i++) {
		cr_cleanup(cr_freep) uint8_t *bytes = NULL;
		size_t len;

		/* A damaged head is known for what it is. */
		bytes = folder_read(&made.folder, object(slot), &len);
		bytes[i ? 30 : 2] ^= 1;
		folder_write(&made.folder, object(slot), bytes, len, 0600);
		assert_int_equal(try_open(&made.owner), -CR_EKEY);
		assert_true(says("damaged slots: keys/"));
		bytes[i ? 30 : 2] ^= 1;
		folder_write(&made.folder, object(slot), bytes, len, 0600);
	}
	for (size_t i = 0;; i++) {
		cr_cleanup(cr_freep) uint8_t *bytes = NULL;
		size_t len;
		int r;

		bytes = folder_read(&made.folder, object(slot), &len);
		if (i == len)
			break;
		bytes[i] ^= 0x04;
		folder_write(&made.folder, object(slot), bytes, len, 0600);
		r = try_open(&made.owner);
		bytes[i] ^= 0x04;
		folder_write(&made.folder, object(slot), bytes, len, 0600);
		assert_int_equal(r, slot_error(i, len));
		assert_true(says(slot));
	}
	assert_int_equal(try_open(&made.owner), 0);
}

static void a_damaged_passphrase_slot_is_named(void **state)
{
	struct cr_credentials cred = { .passphrase = made_secret("a", 1) };
	const struct cr_slot_secret wrap = cheap(&cred.passphrase);
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	char name[64];
	struct cr_uid slot;
	size_t len;

	(void)state;
	assert_int_equal(cr_key_passwd(made.repo, made.w, &wrap, &slot), 0);
	assert_int_equal(try_open(&cred), 0);
	(void)snprintf(name, sizeof(name), "keys/%s", cr_uid_hex(&slot).text);
	bytes = folder_read(&made.folder, object(name), &len);
	/* 8 bytes, u32, 16, 16, 16: the method; it has but two values. */
	bytes[60] = 7;
	folder_write(&made.folder, object(name), bytes, len, 0600);
	assert_int_equal(try_open(&cred), -CR_EKEY);
	assert_true(says(name));
	bytes[60] = CR_SLOT_PASSPHRASE;
	bytes[len - 1] ^= 1;
	folder_write(&made.folder, object(name), bytes, len, 0600);
	assert_int_equal(try_open(&cred), -CR_ECORRUPT);
	assert_true(says("signature does not verify"));
	assert_int_equal(unlink(folder_path(&made.folder, object(name)).text),
			 0);
	assert_int_equal(try_open(&cred), -CR_EKEY);
	cr_secret_release(&cred.passphrase);
}

static void copy(const char *from, const char *to)
{
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	char name[256];
	size_t len;

	(void)snprintf(name, sizeof(name), "%s", object(from));
	bytes = folder_read(&made.folder, name, &len);
	folder_write(&made.folder, object(to), bytes, len, 0600);
}

static void drop(const char *name)
{
	assert_int_equal(unlink(folder_path(&made.folder, object(name)).text),
			 0);
}

static void another_repository_object_is_tampering(void **state)
{
	struct cr_repository info = made.repo->info;
	uint8_t bytes[CR_REPOSITORY_LEN];

	(void)state;
	info.created++;
	cr_repository_encode(&info, bytes);
	folder_write(&made.folder, object("repository"), bytes, sizeof(bytes),
		     0600);
	assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
	assert_true(says("was made for another"));
	drop("repository");
	assert_int_equal(try_open(&made.owner), -CR_ENOREPO);
}

static void rosters_form_one_chain(void **state)
{
	struct cr_credentials cred;
	struct cr_uid key;

	(void)state;
	/* Two rosters 2, by an owner who saw only the first. */
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	copy("keys/roster/2", "other");
	drop("keys/roster/2");
	made_reopen(&made);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	assert_int_equal(made.repo->keys->roster_n, 3);
	copy("keys/roster/2", "kept");

	copy("other", "keys/roster/2");
	assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
	assert_true(says("keys/roster/3: does not follow"));
	copy("keys/roster/3", "keys/roster/2");
	assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
	assert_true(says("keys/roster/2: is roster 3"));
	drop("keys/roster/2");
	made_reopen(&made);
	assert_non_null(strstr(made.repo->keys->roster_damage,
			       "keys/roster/2: missing"));
	assert_int_equal(made.repo->keys->roster_n, 3);
	copy("kept", "keys/roster/2");
	assert_int_equal(try_open(&made.owner), 0);

	/* Names that are not numbers, or not in their one form, are nobody's.
	 */
	copy("keys/roster/1", "keys/roster/04");
	copy("keys/roster/1", "keys/roster/4x");
	copy("keys/roster/1", "keys/roster/99999999999999999999");
	assert_int_equal(try_open(&made.owner), 0);
	copy("keys/roster/1", "keys/roster/18446744073709551615");
	assert_int_equal(try_open(&made.owner), -CR_EMISSING);
	drop("keys/roster/18446744073709551615");

	for (int n = 1; n <= 3; n++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "keys/roster/%d", n);
		drop(name);
	}
	assert_int_equal(try_open(&made.owner), -CR_EMISSING);
}

/* Signed by the owner, yet not what belongs in its place. */
static void a_roster_must_fit_its_repository(void **state)
{
	static const char *const what[] = { "repository", "hash", "owner" };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(what); i++) {
		struct cr_roster_place place = {
			.repository = made.repo->info.id,
			.n = 2,
			.prev = made.repo->keys->roster_hash,
		};
		struct cr_roster *roster = &made.repo->keys->roster;

		unit_case(what[i]);
		place.repository.bytes[0] ^= i == 0;
		roster->repository_hash.bytes[0] ^= i == 1;
		roster->key[0].sign_pk.bytes[0] ^= i == 2;
		assert_int_equal(cr_roster_put(made.w,
					       &made.repo->bundle->secret,
					       &place, roster),
				 0);
		assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
		assert_true(says("keys/roster/2"));
		drop("keys/roster/2");
		made_reopen(&made);
	}
}

/*
 * Wrap @bundle by the owner's key file in a slot whose head is @slot; what
 * its commitment holds spoils the right one.
 */
static struct cr_credentials forge_slot(struct cr_slot *slot,
					const struct cr_bundle *bundle)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	struct cr_credentials cred = made.owner;
	uint8_t plain[CR_BUNDLE_MAX];
	size_t len = cr_bundle_encode(bundle, plain);
	struct cr_signature sig;
	struct cr_key key;
	struct cr_id hash, commitment;
	char name[64];

	slot->method = CR_SLOT_KEY_FILE;
	cr_random(slot->id.bytes, sizeof(slot->id.bytes));
	assert_int_equal(
		cr_slot_wrap_key(
			slot,
			(struct cr_piece){ cred.key_file.bytes, CR_KEY_LEN },
			&key),
		0);
	commitment = cr_slot_commitment(&slot->id, &key);
	for (size_t i = 0; i < sizeof(commitment.bytes); i++)
		slot->commitment.bytes[i] ^= commitment.bytes[i];
	cr_slot_head_encode(slot, (uint32_t)len, &buf);
	assert_int_equal(cr_buf_reserve(&buf, 4096), 0);
	assert_int_equal(cr_seal_append(&key,
					(struct cr_piece){ buf.bytes, buf.len },
					(struct cr_piece){ plain, len }, &buf),
			 0);
	cr_bundle_sign_seed(bundle, &key);
	hash = cr_hash_bytes("slot", buf.bytes, buf.len);
	sig = cr_sign(&key, "sign-slot", &hash);
	cr_buf_put(&buf, sig.bytes, sizeof(sig.bytes));
	(void)snprintf(name, sizeof(name), "keys/%s",
		       cr_uid_hex(&slot->id).text);
	folder_write(&made.folder, object(name), buf.bytes, buf.len, 0600);
	cred.key_file_slot = slot->id;
	return cred;
}

static void a_slot_must_fit_its_bundle(void **state)
{
	static const struct {
		const char *what;
		uint8_t repository, key, role, bundle_role, commitment;
		int want;
	} cases[] = {
		{ "as it should be", 0, 0, 0, 0, 0, 0 },
		{ "of another repository", 1, 0, 0, 0, 0, -CR_EKEY },
		{ "of another wrap key", 0, 0, 0, 0, 1, -CR_EKEY },
		{ "of another key", 0, 1, 0, 0, 0, -CR_ETAMPER },
		{ "of another role", 0, 0, 1, 0, 0, -CR_ETAMPER },
		{ "both of another role", 0, 0, 1, 1, 0, -CR_ECAPABILITY },
	};
	struct cr_uid key;
	struct cr_credentials read = made_add_read(&made, &key);
	struct cr_repo *reader = made_open(&made, &read);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_bundle bundle = *reader->bundle;
		struct cr_slot slot = {
			.repository = made.repo->info.id,
			.key = bundle.key,
			.role = bundle.role,
		};
		struct cr_credentials cred;

		unit_case(cases[i].what);
		slot.repository.bytes[0] ^= cases[i].repository;
		slot.key.bytes[0] ^= cases[i].key;
		slot.role = (uint8_t)(slot.role + cases[i].role);
		bundle.role = (uint8_t)(bundle.role + cases[i].bundle_role);
		slot.commitment.bytes[31] = cases[i].commitment;
		cred = forge_slot(&slot, &bundle);
		assert_int_equal(try_open(&cred), cases[i].want);
	}
	assert_int_equal(cr_repo_each_slot(made.repo, count_bad, &bad_slots),
			 0);
	assert_int_equal(bad_slots, 4);
	cr_repo_close(reader);
	cr_secret_release(&read.key_file);
}

static void no_more_than_sixteen_slots_are_tried(void **state)
{
	struct cr_credentials cred = { .passphrase = made_secret("a", 1) };
	struct cr_slot_secret wrap = cheap(&cred.passphrase);
	struct cr_uid slot;

	(void)state;
	for (int i = 0; i < 17; i++) {
		assert_int_equal(cr_key_import(made.repo->storage, made.w,
					       made.repo->bundle, &wrap, &slot),
				 0);
		if (i < 15)
			continue;
		assert_int_equal(try_open(&cred), 0);
		cred.passphrase.bytes[0] = 'b';
		assert_int_equal(try_open(&cred), -CR_EKEY);
		assert_int_equal(says("only 16 slots were tried"), i == 16);
		cred.passphrase.bytes[0] = 'a';
	}
	cr_secret_release(&cred.passphrase);
}

static void another_owners_roster_is_damage(void **state)
{
	struct cr_secret file = made_key_file();
	const struct cr_slot_secret wrap = made_wrap(&file);
	struct cr_uid slot;

	(void)state;
	assert_int_equal(
		cr_repo_create(folder_path(&made.folder, "second").text, &wrap,
			       &slot),
		0);
	copy("../second/keys/roster/1", "keys/roster/1");
	assert_int_equal(try_open(&made.owner), -CR_ECORRUPT);
	assert_true(says("keys/roster/1: signature does not verify"));
	cr_secret_release(&file);
}

static void a_key_opens_with_its_role(void **state)
{
	struct cr_uid read_key, put_key;
	struct cr_credentials read = made_add_read(&made, &read_key);
	struct cr_credentials put = made_add_put(&made, "web", &put_key);
	cr_cleanup(cr_repo_closep) struct cr_repo *reader = NULL;
	cr_cleanup(cr_repo_closep) struct cr_repo *writer = NULL;
	const struct cr_roster_key *key;
	struct cr_pack_header header = { .kind = CR_PACK_DATA };
	struct cr_key made_key, opened;

	(void)state;
	reader = made_open(&made, &read);
	writer = made_open(&made, &put);
	assert_int_equal(cr_keyring_role(reader->keys->ring), CR_ROLE_READ);
	assert_int_equal(cr_keyring_role(writer->keys->ring), CR_ROLE_PUT);
	key = cr_repo_key(reader, &put_key);
	assert_non_null(key);
	assert_int_equal(key->sources, 1);
	assert_string_equal(key->source[0], "web");
	assert_string_equal(cr_repo_key(writer, &read_key)->label, "reader");
	assert_int_equal(cr_keyring_pack_key_make(writer->keys->ring, &header,
						  &made_key),
			 0);
	assert_int_equal(
		cr_keyring_pack_key(writer->keys->ring, &header, &opened),
		-CR_ECAPABILITY);
	assert_int_equal(
		cr_keyring_pack_key(reader->keys->ring, &header, &opened), 0);
	assert_memory_equal(&made_key, &opened, sizeof(opened));
	cr_secret_release(&read.key_file);
	cr_secret_release(&put.key_file);
}

static void a_rollback_of_the_roster_is_noticed(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *seen = NULL;
	struct cr_credentials cred;
	struct cr_repo *old;
	struct cr_uid key;

	(void)state;
	assert_int_equal(cr_state_open(folder_path(&made.folder, "state").text,
				       cr_storage_fd(made.repo->storage),
				       &made.repo->info.id, true, &seen),
			 0);
	old = made_open(&made, &made.owner);
	assert_int_equal(cr_repo_check_heads(old, seen), 0);
	assert_int_equal(cr_repo_check_heads(old, seen), 0);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	assert_int_equal(cr_repo_check_heads(made.repo, seen), 0);
	assert_int_equal(cr_repo_check_heads(old, seen), -CR_ETAMPER);
	assert_true(says("rolled back"));

	/* Another roster 3, as good as the first by itself. */
	drop("keys/roster/3");
	made_reopen(&made);
	assert_int_equal(cr_repo_check_heads(made.repo, seen), -CR_ETAMPER);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	assert_int_equal(cr_repo_check_heads(made.repo, seen), -CR_ETAMPER);
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	assert_int_equal(cr_repo_check_heads(made.repo, seen), -CR_ETAMPER);
	assert_true(says("is not the one"));
	cr_repo_close(old);
}

/* What was seen may rot: that is damage, and nobody put it there. */
static void a_rotten_roster_is_no_rollback(void **state)
{
	struct cr_state *seen[2];
	struct cr_credentials cred;
	struct cr_uid key;

	(void)state;
	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
	assert_int_equal(made.repo->keys->roster_n, 2);
	for (int i = 0; i < 2; i++) {
		const char *name = i ? "state-b" : "state-a";

		assert_int_equal(
			cr_state_open(folder_path(&made.folder, name).text,
				      cr_storage_fd(made.repo->storage),
				      &made.repo->info.id, true, &seen[i]),
			0);
		assert_int_equal(cr_repo_check_heads(made.repo, seen[i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		cred = made_add_read(&made, &key);
		cr_secret_release(&cred.key_file);
	}
	/* The one that was seen, then the one that names its hash too. */
	for (int i = 0; i < 2; i++) {
		cr_cleanup(cr_freep) uint8_t *bytes = NULL;
		char name[32];
		size_t len;

		(void)snprintf(name, sizeof(name), "keys/roster/%d", i + 2);
		bytes = folder_read(&made.folder, object(name), &len);
		bytes[len / 2] ^= 1;
		folder_write(&made.folder, object(name), bytes, len, 0600);
		made_reopen(&made);
		assert_non_null(made.repo->keys->roster_damage);
		assert_int_equal(cr_id_zero(&made.repo->keys->roster_chain[1]),
				 i);
		assert_int_equal(cr_repo_check_heads(made.repo, seen[i]), 0);
		cr_state_close(seen[i]);
	}
}

static void a_failed_creation_leaves_no_repository(void **state)
{
	static const struct {
		const char *what;
		enum cr_io_call call;
		int nth;
	} cases[] = {
		{ "the layout", CR_IO_MKDIR, 2 },
		{ "the slot", CR_IO_WRITE, 1 },
		{ "the roster", CR_IO_WRITE, 2 },
		{ "the repository", CR_IO_WRITE, 3 },
		{ "its name", CR_IO_RENAME, 3 },
	};
	const struct cr_slot_secret wrap = made_wrap(&made.owner.key_file);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_repo *repo = NULL;
		struct cr_uid slot;
		char name[16];

		unit_case(cases[i].what);
		(void)snprintf(name, sizeof(name), "r%zu", i);
		cr_io_fault(cases[i].call, cases[i].nth, ENOSPC);
		assert_int_equal(
			cr_repo_create(folder_path(&made.folder, name).text,
				       &wrap, &slot),
			-ENOSPC);
		assert_int_equal(
			cr_repo_open(folder_path(&made.folder, name).text,
				     &made.owner, &repo),
			-CR_ENOREPO);
	}
}

int main(void)
{
#define LAW(law) cmocka_unit_test_setup_teardown(law, setup, teardown)
	const struct CMUnitTest tests[] = {
		LAW(what_was_created_opens),
		LAW(a_key_file_may_leave_its_slot_unsaid),
		LAW(older_roster_may_rot),
		LAW(no_byte_can_be_changed),
		LAW(a_damaged_passphrase_slot_is_named),
		LAW(another_repository_object_is_tampering),
		LAW(rosters_form_one_chain),
		LAW(a_roster_must_fit_its_repository),
		LAW(a_slot_must_fit_its_bundle),
		LAW(no_more_than_sixteen_slots_are_tried),
		LAW(another_owners_roster_is_damage),
		LAW(a_key_opens_with_its_role),
		LAW(a_rollback_of_the_roster_is_noticed),
		LAW(a_rotten_roster_is_no_rollback),
		LAW(a_failed_creation_leaves_no_repository),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
