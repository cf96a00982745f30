/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A repository that is open follows the key list: what it reads by, which
 * snapshots count, which packs.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "store/base/error.h"
#include "store/codec/compress.h"
#include "store/read/packs.h"
#include "store/read/snapshots.h"
#include "store/write/commit.h"
#include "store/write/packer.h"
#include "tests/unit/session.h"

static struct made_repo made;
static struct cr_repo *old; /* opened by a reader before all that follows */
static struct cr_uid old_key;

static int setup(void **state)
{
	struct cr_credentials cred;

	(void)state;
	made_init(&made);
	cred = made_add_read(&made, &old_key);
	old = made_open(&made, &cred);
	cr_secret_release(&cred.key_file);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_repo_close(old);
	made_release(&made);
	return 0;
}

/* Admit a key that puts "web" and open the repository as that one. */
static struct cr_repo *add_web(struct cr_uid *key)
{
	struct cr_credentials cred = made_add_put(&made, "web", key);
	struct cr_repo *repo = made_open(&made, &cred);

	cr_secret_release(&cred.key_file);
	return repo;
}

static void add_reader(void)
{
	struct cr_credentials cred;
	struct cr_uid key;

	cred = made_add_read(&made, &key);
	cr_secret_release(&cred.key_file);
}

static void revoke_key(const struct cr_uid *key, bool rotate)
{
	session_ok(cr_key_revoke(made.repo, made.w, key, NULL, rotate));
	made_reopen(&made);
}

static void drop_roster(unsigned int n)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "repo/keys/roster/%u", n);
	assert_int_equal(unlink(folder_path(&made.folder, name).text), 0);
}

static void commit_as(const struct cr_repo *repo, const char *source,
		      int64_t time)
{
	struct cr_piece path = { "/p", 2 };
	struct cr_manifest manifest = {
		.repository_hash = repo->hash,
		.source = { source, strlen(source) },
		.domain = *cr_keyring_domain(repo->keys->ring),
		.paths = { &path, 1 },
		.root = { .type = CR_ENTRY_DIRECTORY, .nlink = 2 },
	};
	struct cr_state *state = session_state(&made, source);
	struct cr_manifest_head head;
	struct cr_id id;

	session_ok(
		cr_commit(&(struct cr_commit_to){ repo, made.w, state, NULL },
			  &manifest, time, &head, &id));
	cr_state_close(state);
}

/* ---- The keys ---- */

static void nothing_new_is_nothing_done(void **state)
{
	const struct cr_repo_keys *keys = old->keys;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(cr_repo_renew(old), 0);
	assert_ptr_equal(old->keys, keys);
}

static void a_new_key_becomes_known_and_old_ones_stay(void **state)
{
	const struct cr_repo_keys *before = old->keys;
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		before->ring, cr_keyring_domain(made.repo->keys->ring));
	struct cr_repo *web;
	struct cr_uid key;

	(void)state;
	web = add_web(&key);
	assert_null(cr_repo_key(old, &key));
	assert_int_equal(cr_repo_renew(old), 1);
	assert_int_equal(cr_repo_renew(old), 0);
	assert_non_null(cr_repo_key(old, &key));
	assert_non_null(cr_keyring_domain_keys(
		old->keys->ring, cr_keyring_domain(web->keys->ring)));
	/* What was looked up before may be in use. */
	assert_null(cr_roster_find(&before->roster, &key));
	assert_ptr_equal(cr_keyring_domain_keys(before->ring, &domain->id),
			 domain);
	cr_repo_close(web);
}

static void a_new_epoch_is_taken_in(void **state)
{
	struct cr_pack_header header = { .kind = CR_PACK_DATA };
	struct cr_key sealed, opened;
	struct cr_uid key;

	(void)state;
	cr_repo_close(add_web(&key));
	revoke_key(&key, true);
	session_ok(cr_keyring_pack_key_make(made.repo->keys->ring, &header,
					    &sealed));
	assert_int_equal(header.epoch, 2);
	assert_int_equal(cr_keyring_pack_key(old->keys->ring, &header, &opened),
			 -CR_ECAPABILITY);
	/* Two lists at once: it was admitted, then revoked. */
	assert_int_equal(cr_repo_renew(old), 1);
	assert_int_equal(cr_keyring_epoch(old->keys->ring), 2);
	session_ok(cr_keyring_pack_key(old->keys->ring, &header, &opened));
	assert_memory_equal(&sealed, &opened, sizeof(opened));
}

static void who_is_revoked_keeps_what_it_had(void **state)
{
	const struct cr_repo_keys *before = old->keys;

	(void)state;
	revoke_key(&old_key, true);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cr_repo_renew(old), -CR_ECAPABILITY);
		assert_non_null(strstr(cr_detail(), "revoked"));
		assert_ptr_equal(old->keys, before);
	}
}

static void an_older_list_is_tampering(void **state)
{
	const struct cr_repo_keys *before = old->keys;

	(void)state;
	drop_roster(2);
	assert_int_equal(cr_repo_renew(old), -CR_ETAMPER);
	assert_non_null(strstr(cr_detail(), "rolled back"));
	assert_ptr_equal(old->keys, before);
}

static void another_history_is_tampering(void **state)
{
	const struct cr_repo_keys *before = old->keys;

	(void)state;
	drop_roster(2);
	made_reopen(&made);
	add_reader();
	/* As many as there were: one does not look into each every second. */
	assert_int_equal(cr_repo_renew(old), 0);
	add_reader();
	assert_int_equal(cr_repo_renew(old), -CR_ETAMPER);
	assert_non_null(strstr(cr_detail(), "key list 2"));
	assert_ptr_equal(old->keys, before);
}

static void a_damaged_list_changes_nothing(void **state)
{
	static const char name[] = "repo/keys/roster/3";
	const struct cr_repo_keys *before = old->keys;
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	size_t len;

	(void)state;
	add_reader();
	bytes = folder_read(&made.folder, name, &len);
	for (size_t at = 0; at < len; at += len / 7) {
		bytes[at] ^= 1;
		folder_write(&made.folder, name, bytes, len, 0600);
		bytes[at] ^= 1;
		assert_true(cr_is_damage(cr_repo_renew(old)));
		assert_ptr_equal(old->keys, before);
	}
	folder_write(&made.folder, name, bytes, len, 0600);
	assert_int_equal(cr_repo_renew(old), 1);
}

/* ---- Snapshots ---- */

static void assert_set(const struct cr_snapshots *set, size_t count,
		       size_t bads)
{
	if (set->count != count || set->bads != bads)
		fail_msg("%zu count, %zu do not", set->count, set->bads);
}

static void what_a_new_key_signed_counts_once_it_is_known(void **state)
{
	struct cr_snapshots set = { 0 };
	struct cr_snapshot *mine;
	struct cr_repo *web;
	struct cr_uid key;

	(void)state;
	commit_as(made.repo, "src", 1000);
	web = add_web(&key);
	commit_as(web, "web", 2000);
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 1, 1);
	mine = set.snapshot[0];
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 0);

	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 2, 0);
	assert_ptr_equal(set.snapshot[0], mine);
	assert_string_equal(set.snapshot[1]->source, "web");
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 0);
	cr_snapshots_release(&set);
	cr_repo_close(web);
}

static void what_a_revoked_key_signed_is_judged_again(void **state)
{
	struct cr_snapshots set = { 0 };
	const struct cr_snapshot *theirs;
	struct cr_repo *web;
	struct cr_uid key;

	(void)state;
	commit_as(made.repo, "src", 1000);
	web = add_web(&key);
	commit_as(web, "web", 2000);
	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 2, 0);
	theirs = set.snapshot[1];

	revoke_key(&key, false);
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 0);
	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 1, 1);
	assert_string_equal(set.snapshot[0]->source, "src");
	assert_int_equal(set.bad[0]->error, -CR_EREVOKED);
	/* Somebody may be in it. */
	assert_string_equal(theirs->source, "web");
	assert_int_equal(theirs->error, 0);
	/* The next list says the same of it. */
	add_reader();
	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 0);
	assert_set(&set, 1, 1);
	cr_snapshots_release(&set);
	cr_repo_close(web);
}

/* A put key may write any epoch into a manifest: that costs nobody the rest. */
static void an_unknown_epoch_is_one_snapshot_not_all(void **state)
{
	struct cr_snapshots set = { 0 };
	struct cr_uid key;

	(void)state;
	commit_as(made.repo, "src", 1000);
	cr_repo_close(add_web(&key));
	revoke_key(&key, true);
	commit_as(made.repo, "src", 2000);
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 1, 1);
	assert_int_equal(set.bad[0]->error, -CR_ECAPABILITY);
	assert_int_equal(set.tampered, 0);

	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_snapshots_update(old, NULL, &set), 2);
	assert_set(&set, 2, 0);
	cr_snapshots_release(&set);
}

/* ---- Packs ---- */

static struct cr_uid last_pack;

static int packed(void *arg, const struct cr_packed *p)
{
	(void)arg;
	last_pack = p->header->pack;
	return 0;
}

/* A data pack of one chunk, by the key of @repo. */
static struct cr_uid publish(const struct cr_repo *repo)
{
	const struct cr_packer_options options = {
		.repo = repo,
		.storage = made.w,
		.kind = CR_PACK_DATA,
		.target = CR_PACK_DATA_TARGET,
		.packed = packed,
	};
	cr_cleanup(cr_open_block_release) struct cr_open_block block = { 0 };
	const struct cr_id id = { { 1 } };
	struct cr_compressor *comp = NULL;
	struct cr_packer *packer = NULL;

	session_ok(cr_compressor_new(1, &comp));
	session_ok(cr_packer_new(&options, &packer));
	session_ok(cr_open_block_add(&block, CR_CHUNK_DATA, &id,
				     (struct cr_piece){ "chunk", 5 }));
	session_ok(cr_packer_put(packer, &block, comp));
	session_ok(cr_packer_finish(packer));
	cr_packer_free(packer);
	cr_compressor_free(comp);
	return last_pack;
}

static void a_pack_is_judged_again_though_it_is_cached(void **state)
{
	struct cr_packs *packs = NULL;
	struct cr_cached *cached = NULL;
	struct cr_uid key, pack;
	struct cr_repo *web;

	(void)state;
	web = add_web(&key);
	session_ok(cr_min(cr_repo_renew(old), 0));
	pack = publish(web);
	session_ok(cr_packs_new(old, 1 << 20, &packs));
	session_ok(cr_packs_get(packs, CR_PACK_DATA, &pack, &cached));
	cr_cached_unpin(cached);

	revoke_key(&key, false);
	session_ok(cr_packs_get(packs, CR_PACK_DATA, &pack, &cached));
	cr_cached_unpin(cached);
	session_ok(cr_min(cr_repo_renew(old), 0));
	assert_int_equal(cr_packs_get(packs, CR_PACK_DATA, &pack, &cached),
			 -CR_EAUTH);
	cr_packs_free(packs);
	cr_repo_close(web);
}

/* ---- Threads ---- */

enum { READERS = 4, LISTS = 20 };

static atomic_bool done;

/* Each set of keys is one that agrees with itself, and none goes back. */
static void *look(void *arg)
{
	atomic_bool *agree = arg;
	uint64_t seen = 0;

	while (!atomic_load(&done)) {
		const struct cr_repo_keys *keys = old->keys;
		const struct cr_domain_keys *domain = cr_keyring_domain_keys(
			keys->ring, &keys->roster.domain[0].id);

		if (keys->roster_n < seen || !domain ||
		    cr_keyring_epoch(keys->ring) != keys->roster.epochs ||
		    !cr_repo_key(old, &old_key))
			atomic_store(agree, false);
		seen = keys->roster_n;
	}
	return NULL;
}

static void readers_never_see_half_of_it(void **state)
{
	pthread_t thread[READERS];
	atomic_bool agree = true;

	(void)state;
	atomic_store(&done, false);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, look, &agree),
				 0);
	for (int i = 0; i < LISTS; i++) {
		add_reader();
		session_ok(cr_min(cr_repo_renew(old), 0));
	}
	atomic_store(&done, true);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_true(atomic_load(&agree));
	assert_int_equal(old->keys->roster_n, 2 + LISTS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_new_is_nothing_done),
		TEST(a_new_key_becomes_known_and_old_ones_stay),
		TEST(a_new_epoch_is_taken_in),
		TEST(who_is_revoked_keeps_what_it_had),
		TEST(an_older_list_is_tampering),
		TEST(another_history_is_tampering),
		TEST(a_damaged_list_changes_nothing),
		TEST(what_a_new_key_signed_counts_once_it_is_known),
		TEST(what_a_revoked_key_signed_is_judged_again),
		TEST(an_unknown_epoch_is_one_snapshot_not_all),
		TEST(a_pack_is_judged_again_though_it_is_cached),
		TEST(readers_never_see_half_of_it),
	};

	assert_int_equal(cr_sodium_init(), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
