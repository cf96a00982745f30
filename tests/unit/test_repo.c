/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/repo.h"

#include <errno.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/codec/manifest.h"
#include "store/codec/paper_encode.h"
#include "store/codec/repository_encode.h"
#include "store/codec/slot_encode.h"
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
	assert_int_equal(cr_keyring_role(repo->ring), CR_ROLE_OWNER);
	assert_int_equal(repo->roster_n, 1);
	assert_int_equal(repo->roster.keys, 1);
	assert_true(cr_keyring_domain_keys(
			    repo->ring, cr_keyring_domain(repo->ring)) != NULL);
	assert_true(cr_repo_key(repo, cr_keyring_id(repo->ring)) ==
		    &repo->roster.key[0]);
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

static void parameters_are_bounded(void **state)
{
	struct cr_secret text = made_secret("x", 1);
	struct cr_slot_secret wrap = cheap(&text);
	struct cr_uid slot;
	static const struct {
		uint32_t passes, mib;
	} bad[] = {
		{ 0, 64 },
		{ 21, 64 },
		{ 1, 63 },
		{ 1, 4097 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(bad); i++) {
		wrap.passes = bad[i].passes;
		wrap.mib = bad[i].mib;
		assert_int_equal(cr_key_passwd(made.repo, made.w, &wrap, &slot),
				 -CR_EUSAGE);
	}
	wrap = cheap(&text);
	text.len = 0;
	assert_int_equal(cr_key_passwd(made.repo, made.w, &wrap, &slot),
			 -CR_EUSAGE);
	wrap.method = CR_SLOT_KEY_FILE;
	assert_int_equal(cr_key_passwd(made.repo, made.w, &wrap, &slot),
			 -CR_EUSAGE);
	cr_secret_release(&text);
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

static void no_byte_can_be_changed(void **state)
{
	char slot[64];
	struct cr_uid key;
	struct cr_credentials cred;

	(void)state;
	flip_each("repository", repository_error);
	flip_each("keys/roster/1", roster_error);
	cred = made_add_read(&made, &key);
	flip_each("keys/roster/1", roster_error);
	flip_each("keys/roster/2", roster_error);
	cr_secret_release(&cred.key_file);

	(void)snprintf(slot, sizeof(slot), "keys/%s",
		       cr_uid_hex(&made.owner.key_file_slot).text);
	for (size_t i = 0; i < 2; i++) {
		cr_cleanup(cr_freep) uint8_t *bytes = NULL;
		size_t len;

		/* With a damaged head the slot is named, else only missed. */
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
	assert_int_equal(made.repo->roster_n, 3);
	copy("keys/roster/2", "kept");

	copy("other", "keys/roster/2");
	assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
	assert_true(says("keys/roster/3: does not follow"));
	copy("keys/roster/3", "keys/roster/2");
	assert_int_equal(try_open(&made.owner), -CR_ETAMPER);
	assert_true(says("keys/roster/2: is roster 3"));
	drop("keys/roster/2");
	assert_int_equal(try_open(&made.owner), -CR_EMISSING);
	assert_true(says("keys/roster/2: missing"));
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
	assert_int_equal(cr_keyring_role(reader->ring), CR_ROLE_READ);
	assert_int_equal(cr_keyring_role(writer->ring), CR_ROLE_PUT);
	key = cr_repo_key(reader, &put_key);
	assert_non_null(key);
	assert_int_equal(key->sources, 1);
	assert_string_equal(key->source[0], "web");
	assert_string_equal(cr_repo_key(writer, &read_key)->label, "reader");
	assert_int_equal(
		cr_keyring_pack_key_make(writer->ring, &header, &made_key), 0);
	assert_int_equal(cr_keyring_pack_key(writer->ring, &header, &opened),
			 -CR_ECAPABILITY);
	assert_int_equal(cr_keyring_pack_key(reader->ring, &header, &opened),
			 0);
	assert_memory_equal(&made_key, &opened, sizeof(opened));
	cr_secret_release(&read.key_file);
	cr_secret_release(&put.key_file);
}

static void a_request_must_make_sense(void **state)
{
	static const char *const web[] = { "web" }, *const db[] = { "db" };
	static const char *const twice[] = { "db", "db" };
	static const char *const odd[] = { "a/b" };
	static const char too_long[] =
		"12345678901234567890123456789012345678901234567890123456789"
		"012345";
	static const struct cr_uid nobody = { { 1 } };
	struct cr_uid read_key, put_key;
	struct cr_credentials read = made_add_read(&made, &read_key);
	struct cr_credentials put = made_add_put(&made, "web", &put_key);
	const struct {
		const char *what;
		struct cr_key_request request;
		int want;
	} cases[] = {
		{ "an owner",
		  { CR_ROLE_OWNER, "x", NULL, 0, NULL },
		  -CR_EUSAGE },
		{ "a reader with a source",
		  { CR_ROLE_READ, "x", db, 1, NULL },
		  -CR_EUSAGE },
		{ "a reader that shares",
		  { CR_ROLE_READ, "x", NULL, 0, &put_key },
		  -CR_EUSAGE },
		{ "a writer without",
		  { CR_ROLE_PUT, "x", NULL, 0, NULL },
		  -CR_EUSAGE },
		{ "a source of another",
		  { CR_ROLE_PUT, "x", web, 1, NULL },
		  -CR_EUSAGE },
		{ "a source twice",
		  { CR_ROLE_PUT, "x", twice, 2, NULL },
		  -CR_EUSAGE },
		{ "an odd name",
		  { CR_ROLE_PUT, "x", odd, 1, NULL },
		  -CR_EUSAGE },
		{ "a long label",
		  { CR_ROLE_PUT, too_long, db, 1, NULL },
		  -CR_EUSAGE },
		{ "sharing with nobody",
		  { CR_ROLE_PUT, "x", db, 1, &nobody },
		  -CR_EUSAGE },
		{ "sharing with a reader",
		  { CR_ROLE_PUT, "x", db, 1, &read_key },
		  -CR_EUSAGE },
		{ "sharing", { CR_ROLE_PUT, NULL, db, 1, &put_key }, 0 },
	};
	const struct cr_slot_secret wrap = made_wrap(&put.key_file);

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_key_made done;

		unit_case(cases[i].what);
		assert_int_equal(cr_key_add(made.repo, made.w,
					    &cases[i].request, &wrap, &done),
				 cases[i].want);
	}
	made_reopen(&made);
	assert_int_equal(made.repo->roster_n, 4);
	assert_memory_equal(&made.repo->roster.key[3].domain,
			    &cr_repo_key(made.repo, &put_key)->domain,
			    CR_UID_LEN);
	cr_secret_release(&read.key_file);
	cr_secret_release(&put.key_file);
}

static void only_the_owner_changes_keys(void **state)
{
	const struct cr_key_request request = { .role = CR_ROLE_READ };
	struct cr_uid key;
	struct cr_credentials cred = made_add_read(&made, &key);
	const struct cr_slot_secret wrap = made_wrap(&cred.key_file);
	struct cr_repo *reader = made_open(&made, &cred);
	struct cr_key_made done;

	(void)state;
	assert_int_equal(cr_key_add(reader, made.w, &request, &wrap, &done),
			 -CR_ECAPABILITY);
	assert_int_equal(cr_key_revoke(reader, made.w, &key, NULL, false),
			 -CR_ECAPABILITY);
	cr_repo_close(reader);
	cr_secret_release(&cred.key_file);
}

struct slots_seen {
	int count;
	int errors;
};

static int see_slot(void *arg, const char *name, const struct cr_slot *slot,
		    int error)
{
	struct slots_seen *seen = arg;

	assert_memory_equal(name, "keys/", 5);
	assert_true(slot || error);
	seen->count++;
	seen->errors += error != 0;
	return 0;
}

static struct slots_seen count_slots(void)
{
	struct slots_seen seen = { 0 };

	assert_int_equal(cr_repo_each_slot(made.repo, see_slot, &seen), 0);
	return seen;
}

static void of_two_owners_one_is_told(void **state)
{
	const struct cr_key_request request = { .role = CR_ROLE_READ };
	struct cr_secret file = made_key_file();
	const struct cr_slot_secret wrap = made_wrap(&file);
	struct cr_repo *other = made_open(&made, &made.owner);
	struct cr_key_made done;

	(void)state;
	assert_int_equal(cr_key_add(made.repo, made.w, &request, &wrap, &done),
			 0);
	assert_int_equal(cr_key_add(other, made.w, &request, &wrap, &done),
			 -EEXIST);
	assert_true(says("try again"));
	made_reopen(&made);
	assert_int_equal(made.repo->roster.keys, 2);
	assert_int_equal(count_slots().count, 2); /* the second's is gone */
	assert_int_equal(count_slots().errors, 0);
	cr_repo_close(other);
	cr_secret_release(&file);
}

static void a_revoked_key_is_out(void **state)
{
	struct cr_uid key, put_key;
	struct cr_credentials cred = made_add_read(&made, &key);
	struct cr_credentials put = made_add_put(&made, "web", &put_key);
	const struct cr_head last = {
		.writer = put_key,
		.incarnation = { { 9 } },
		.seq = 7,
		.hash = { { 8 } },
	};
	const struct cr_roster_key *found;
	char kept[64];

	(void)state;
	(void)snprintf(kept, sizeof(kept), "keys/%s",
		       cr_uid_hex(&cred.key_file_slot).text);
	copy(kept, "kept");
	assert_int_equal(cr_key_revoke(made.repo, made.w, &key, &last, false),
			 -CR_EUSAGE);
	assert_int_equal(cr_key_revoke(made.repo, made.w, &key, NULL, false),
			 0);
	made_reopen(&made);
	assert_int_equal(try_open(&cred), -CR_EKEY); /* its slot is deleted */
	copy("kept", kept);
	assert_int_equal(try_open(&cred), -CR_ECAPABILITY);
	assert_true(says("revoked"));
	assert_int_equal(cr_key_revoke(made.repo, made.w, &key, NULL, false),
			 -CR_EUSAGE);
	assert_int_equal(cr_key_revoke(made.repo, made.w,
				       cr_keyring_id(made.repo->ring), NULL,
				       false),
			 -CR_EUSAGE);
	assert_int_equal(cr_key_revoke(made.repo, made.w, &last.incarnation,
				       NULL, false),
			 -CR_EUSAGE);

	assert_int_equal(
		cr_key_revoke(made.repo, made.w, &put_key, &last, false), 0);
	made_reopen(&made);
	found = cr_repo_key(made.repo, &put_key);
	assert_true(found->revoked);
	assert_int_equal(found->last_seq, 7);
	assert_true(cr_uid_equal(&found->last_incarnation, &last.incarnation));
	assert_true(cr_id_equal(&found->last_manifest, &last.hash));
	cr_secret_release(&cred.key_file);
	cr_secret_release(&put.key_file);

	/* The source is free for the machine's next key. */
	put = made_add_put(&made, "web", &put_key);
	assert_int_equal(try_open(&put), 0);
	cr_secret_release(&put.key_file);
}

static void rotation_leaves_the_revoked_behind(void **state)
{
	struct cr_uid out_key, stay_key, put_key;
	struct cr_credentials out = made_add_read(&made, &out_key);
	struct cr_credentials stay = made_add_read(&made, &stay_key);
	struct cr_credentials put = made_add_put(&made, "web", &put_key);
	struct cr_repo *before = made_open(&made, &out), *after, *writer;
	struct cr_pack_header header = { .kind = CR_PACK_META };
	struct cr_pack_header old = { .kind = CR_PACK_META };
	struct cr_key sealed, opened;

	(void)state;
	assert_int_equal(
		cr_keyring_pack_key_make(made.repo->ring, &old, &sealed), 0);
	assert_int_equal(cr_key_revoke(made.repo, made.w, &out_key, NULL, true),
			 0);
	made_reopen(&made);
	assert_int_equal(cr_keyring_epoch(made.repo->ring), 2);
	writer = made_open(&made, &put);
	assert_int_equal(
		cr_keyring_pack_key_make(writer->ring, &header, &sealed), 0);
	assert_int_equal(header.epoch, 2);
	assert_int_equal(cr_keyring_pack_key(before->ring, &header, &opened),
			 -CR_ECAPABILITY);
	after = made_open(&made, &stay);
	assert_int_equal(cr_keyring_pack_key(after->ring, &header, &opened), 0);
	assert_memory_equal(&sealed, &opened, sizeof(opened));
	assert_int_equal(cr_keyring_pack_key(after->ring, &old, &opened), 0);
	assert_int_equal(try_open(&out), -CR_EKEY);
	cr_repo_close(before);
	cr_repo_close(after);
	cr_repo_close(writer);

	/* A reader of the new epoch has the old ones too. */
	cr_secret_release(&out.key_file);
	out = made_add_read(&made, &out_key);
	after = made_open(&made, &out);
	assert_int_equal(cr_keyring_pack_key(after->ring, &old, &opened), 0);
	cr_repo_close(after);
	cr_secret_release(&out.key_file);
	cr_secret_release(&stay.key_file);
	cr_secret_release(&put.key_file);
}

static void a_new_passphrase_ends_the_old_one(void **state)
{
	struct cr_credentials first = { .passphrase = made_secret("one", 3) };
	struct cr_credentials second = { .passphrase = made_secret("two", 3) };
	const struct cr_slot_secret one = cheap(&first.passphrase);
	const struct cr_slot_secret two = cheap(&second.passphrase);
	struct cr_uid slot;

	(void)state;
	assert_int_equal(cr_key_passwd(made.repo, made.w, &one, &slot), 0);
	assert_int_equal(try_open(&first), 0);
	assert_int_equal(cr_key_passwd(made.repo, made.w, &two, &slot), 0);
	assert_int_equal(try_open(&first), -CR_EKEY);
	assert_int_equal(try_open(&second), 0);
	assert_int_equal(try_open(&made.owner), 0); /* key files stay */
	assert_int_equal(count_slots().count, 2);
	cr_secret_release(&first.passphrase);
	cr_secret_release(&second.passphrase);
}

static void anyone_may_change_the_own_passphrase(void **state)
{
	struct cr_uid key, slot;
	struct cr_credentials cred = made_add_read(&made, &key);
	struct cr_credentials next = { .key_file = made_key_file() };
	const struct cr_slot_secret wrap = made_wrap(&next.key_file);
	struct cr_repo *reader = made_open(&made, &cred);

	(void)state;
	assert_int_equal(
		cr_key_passwd(reader, made.w, &wrap, &next.key_file_slot), 0);
	slot = next.key_file_slot;
	assert_int_equal(try_open(&next), 0);
	assert_false(cr_uid_equal(&slot, &cred.key_file_slot));
	cr_repo_close(reader);
	cr_secret_release(&cred.key_file);
	cr_secret_release(&next.key_file);
}

/* The bundle as it comes back from paper. */
static void by_paper(const struct cr_bundle *from, struct cr_bundle *to)
{
	cr_cleanup(cr_buf_release) struct cr_buf paper = { 0 };
	uint8_t plain[CR_BUNDLE_MAX], typed[CR_BUNDLE_MAX];
	size_t len = cr_bundle_encode(from, plain);

	assert_int_equal(
		cr_paper_encode((struct cr_piece){ plain, len }, &paper), 0);
	assert_int_equal(
		cr_paper_parse((struct cr_piece){ paper.bytes, paper.len },
			       typed),
		len);
	assert_int_equal(cr_bundle_parse((struct cr_piece){ typed, len }, to),
			 0);
}

static void paper_opens_what_no_slot_does(void **state)
{
	struct cr_uid key;
	struct cr_credentials cred = made_add_read(&made, &key);
	struct cr_credentials next = { .key_file = made_key_file() };
	const struct cr_slot_secret wrap = made_wrap(&next.key_file);
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	cr_cleanup(cr_storage_w_closep) struct cr_storage_w *w = NULL;
	const struct cr_credentials *holders[] = { &made.owner, &cred };

	(void)state;
	assert_int_equal(cr_storage_open(made_path(&made).text, &storage), 0);
	assert_int_equal(cr_storage_w_open(storage, &w), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(holders); i++) {
		struct cr_repo *repo = made_open(&made, holders[i]);
		struct cr_bundle typed;
		char slot[64];

		by_paper(repo->bundle, &typed);
		cr_repo_close(repo);
		(void)snprintf(slot, sizeof(slot), "keys/%s",
			       cr_uid_hex(&holders[i]->key_file_slot).text);
		copy(slot, "kept");
		drop(slot);
		assert_int_equal(try_open(holders[i]), -CR_EKEY);
		assert_int_equal(cr_key_import(storage, w, &typed, &wrap,
					       &next.key_file_slot),
				 0);
		repo = made_open(&made, &next);
		assert_int_equal(cr_keyring_role(repo->ring), typed.role);
		cr_repo_close(repo);
		copy("kept", slot);

		typed.repository_hash.bytes[0] ^= 1;
		assert_int_equal(cr_key_import(storage, w, &typed, &wrap,
					       &next.key_file_slot),
				 -CR_EKEY);
	}
	cr_secret_release(&cred.key_file);
	cr_secret_release(&next.key_file);
}

static void slots_are_accounted_for(void **state)
{
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	struct cr_uid key;
	struct cr_credentials cred = made_add_read(&made, &key);
	char name[64];
	size_t len;

	(void)state;
	assert_int_equal(count_slots().count, 2);
	assert_int_equal(count_slots().errors, 0);
	(void)snprintf(name, sizeof(name), "keys/%s",
		       cr_uid_hex(&cred.key_file_slot).text);
	copy(name, "keys/00112233445566778899aabbccddeeff");
	folder_write(&made.folder, object("keys/junk"), "x", 1, 0600);
	bytes = folder_read(&made.folder, object(name), &len);
	bytes[len - 5] ^= 1;
	folder_write(&made.folder, object(name), bytes, len, 0600);
	assert_int_equal(count_slots().count, 3);
	assert_int_equal(count_slots().errors, 2);
	cr_secret_release(&cred.key_file);
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
		LAW(parameters_are_bounded),
		LAW(no_byte_can_be_changed),
		LAW(a_damaged_passphrase_slot_is_named),
		LAW(another_repository_object_is_tampering),
		LAW(rosters_form_one_chain),
		LAW(another_owners_roster_is_damage),
		LAW(a_key_opens_with_its_role),
		LAW(a_request_must_make_sense),
		LAW(only_the_owner_changes_keys),
		LAW(of_two_owners_one_is_told),
		LAW(a_revoked_key_is_out),
		LAW(rotation_leaves_the_revoked_behind),
		LAW(a_new_passphrase_ends_the_old_one),
		LAW(anyone_may_change_the_own_passphrase),
		LAW(paper_opens_what_no_slot_does),
		LAW(slots_are_accounted_for),
		LAW(a_rollback_of_the_roster_is_noticed),
		LAW(a_failed_creation_leaves_no_repository),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
