/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/codec/paper_encode.h"
#include "store/codec/slot_encode.h"
#include "store/disk/repo_create.h"
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
	const struct cr_key_request revoked = { CR_ROLE_PUT, "x", web, 1,
						&put_key };
	struct cr_key_made done;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		assert_int_equal(cr_key_add(made.repo, made.w,
					    &cases[i].request, &wrap, &done),
				 cases[i].want);
	}
	made_reopen(&made);
	assert_int_equal(made.repo->keys->roster_n, 4);
	assert_memory_equal(&made.repo->keys->roster.key[3].domain,
			    &cr_repo_key(made.repo, &put_key)->domain,
			    CR_UID_LEN);

	assert_int_equal(
		cr_key_revoke(made.repo, made.w, &put_key, NULL, false), 0);
	made_reopen(&made);
	assert_int_equal(cr_key_add(made.repo, made.w, &revoked, &wrap, &done),
			 -CR_EUSAGE);
	assert_true(says("no domain to share"));
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
	assert_int_equal(made.repo->keys->roster.keys, 2);
	assert_int_equal(count_slots().count, 2); /* the second's is gone */
	assert_int_equal(count_slots().errors, 0);
	cr_repo_close(other);
	cr_secret_release(&file);
}

static void a_change_that_fails_changes_nothing(void **state)
{
	static const struct {
		const char *what;
		enum cr_io_call call;
		int nth;
	} cases[] = {
		{ "the slot", CR_IO_WRITE, 1 },
		{ "the roster", CR_IO_WRITE, 2 },
		{ "the roster's name", CR_IO_RENAME, 2 },
	};
	const struct cr_key_request request = { .role = CR_ROLE_READ };
	struct cr_secret file = made_key_file();
	const struct cr_slot_secret wrap = made_wrap(&file);
	struct cr_key_made done;

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		cr_io_fault(cases[i].call, cases[i].nth, EIO);
		assert_int_equal(
			cr_key_add(made.repo, made.w, &request, &wrap, &done),
			-EIO);
		made_reopen(&made);
		assert_int_equal(made.repo->keys->roster_n, 1);
		assert_int_equal(count_slots().count, 1);
	}
	cr_io_fault(CR_IO_WRITE, 1, EIO);
	assert_int_equal(cr_key_passwd(made.repo, made.w, &wrap, &done.slot),
			 -EIO);
	assert_int_equal(try_open(&made.owner), 0);
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
				       cr_keyring_id(made.repo->keys->ring),
				       NULL, false),
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
		cr_keyring_pack_key_make(made.repo->keys->ring, &old, &sealed),
		0);
	assert_int_equal(cr_key_revoke(made.repo, made.w, &out_key, NULL, true),
			 0);
	made_reopen(&made);
	assert_int_equal(cr_keyring_epoch(made.repo->keys->ring), 2);
	writer = made_open(&made, &put);
	assert_int_equal(
		cr_keyring_pack_key_make(writer->keys->ring, &header, &sealed),
		0);
	assert_int_equal(header.epoch, 2);
	assert_int_equal(
		cr_keyring_pack_key(before->keys->ring, &header, &opened),
		-CR_ECAPABILITY);
	after = made_open(&made, &stay);
	assert_int_equal(
		cr_keyring_pack_key(after->keys->ring, &header, &opened), 0);
	assert_memory_equal(&sealed, &opened, sizeof(opened));
	assert_int_equal(cr_keyring_pack_key(after->keys->ring, &old, &opened),
			 0);
	assert_int_equal(try_open(&out), -CR_EKEY);
	cr_repo_close(before);
	cr_repo_close(after);
	cr_repo_close(writer);

	/* A reader of the new epoch has the old ones too. */
	cr_secret_release(&out.key_file);
	out = made_add_read(&made, &out_key);
	after = made_open(&made, &out);
	assert_int_equal(cr_keyring_pack_key(after->keys->ring, &old, &opened),
			 0);
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
		assert_int_equal(cr_keyring_role(repo->keys->ring), typed.role);
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

int main(void)
{
#define LAW(law) cmocka_unit_test_setup_teardown(law, setup, teardown)
	const struct CMUnitTest tests[] = {
		LAW(parameters_are_bounded),
		LAW(a_request_must_make_sense),
		LAW(only_the_owner_changes_keys),
		LAW(of_two_owners_one_is_told),
		LAW(a_change_that_fails_changes_nothing),
		LAW(a_revoked_key_is_out),
		LAW(rotation_leaves_the_revoked_behind),
		LAW(a_new_passphrase_ends_the_old_one),
		LAW(anyone_may_change_the_own_passphrase),
		LAW(paper_opens_what_no_slot_does),
		LAW(slots_are_accounted_for),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
