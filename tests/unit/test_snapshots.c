/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commits make chains; what is missing from a chain, or contradicts it or what
 * was seen before, is told.
 */
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/codec/manifest_encode.h"
#include "store/disk/manifest_object.h"
#include "store/write/commit.h"
#include "tests/unit/bytes.h"
#include "tests/unit/session.h"

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
	made_release(&made);
	return 0;
}

/* ---- Commits without a session ---------------------------------------------
 */

struct made_snapshot {
	struct cr_manifest_head head;
	struct cr_id id;
};

/* Commit an empty snapshot of @source on @machine, as the key of @repo. */
static struct made_snapshot commit_as(const struct cr_repo *repo,
				      const char *machine, const char *source,
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
	struct cr_state *state = session_state(&made, machine);
	struct made_snapshot ret;

	session_ok(
		cr_commit(&(struct cr_commit_to){ repo, made.w, state, NULL },
			  &manifest, time, &ret.head, &ret.id));
	cr_state_close(state);
	return ret;
}

static struct made_snapshot commit(const char *machine, int64_t time)
{
	return commit_as(made.repo, machine, "src", time);
}

static struct folder_path object_path(const struct made_snapshot *s)
{
	char object[CR_MANIFEST_NAME_LEN], path[CR_MANIFEST_NAME_LEN + 8];

	cr_manifest_name(&s->head.writer, &s->head.incarnation, s->head.seq,
			 object);
	(void)snprintf(path, sizeof(path), "repo/%s", object);
	return folder_path(&made.folder, path);
}

static void remove_object(const struct made_snapshot *s)
{
	assert_int_equal(unlink(object_path(s).text), 0);
}

static void flip_object(const struct made_snapshot *s, off_t at)
{
	int fd = open(object_path(s).text, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	if (fd < 0) {
		assert_int_equal(chmod(object_path(s).text, 0600), 0);
		fd = open(object_path(s).text, O_RDWR | O_CLOEXEC);
	}
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	assert_int_equal(close(fd), 0);
}

/* What @machine (NULL: one without a state) sees. */
static void look_at(const char *machine, struct cr_snapshots *set)
{
	struct cr_state *state = machine ? session_state(&made, machine) : NULL;

	session_ok(cr_snapshots_update(made.repo, state, set));
	cr_state_close(state);
}

static void assert_seen(const char *machine, size_t count, size_t bads,
			const char *tampered)
{
	struct cr_snapshots set = { 0 };

	look_at(machine, &set);
	assert_int_equal(set.count, count);
	assert_int_equal(set.bads, bads);
	if (tampered) {
		assert_int_equal(set.tampered, -CR_ETAMPER);
		if (!strstr(set.tampered_why, tampered))
			fail_msg("said: %s", set.tampered_why);
	} else if (set.tampered) {
		fail_msg("said: %s", set.tampered_why);
	}
	cr_snapshots_release(&set);
}

/* ---- A chain ----------------------------------------------------------------
 */

static void each_commit_follows_the_one_before(void **state)
{
	struct made_snapshot s[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		s[i] = commit("a", 1000 + i);
		assert_int_equal(s[i].head.seq, i + 1);
	}
	assert_true(cr_id_zero(&s[0].head.prev));
	assert_true(cr_id_equal(&s[2].head.prev, &s[1].id));
	assert_true(
		cr_uid_equal(&s[2].head.incarnation, &s[0].head.incarnation));
	assert_seen(NULL, 3, 0, NULL);
	assert_seen("a", 3, 0, NULL);
}

static void a_second_that_is_taken_gives_the_next_free_one(void **state)
{
	(void)state;
	assert_int_equal(commit("a", 1000).head.time, 1000);
	assert_int_equal(commit("a", 1000).head.time, 1001);
	assert_int_equal(commit("a", 1003).head.time, 1003);
	assert_int_equal(commit("a", 1000).head.time, 1002);
	assert_int_equal(commit("a", 1000).head.time, 1004);
	assert_seen(NULL, 5, 0, NULL);
}

/* Its heads are gone: it begins anew, after the last it can see. */
static void a_machine_that_lost_its_state_begins_a_new_incarnation(void **state)
{
	struct made_snapshot first = commit("a", 1000), next;

	(void)state;
	next = commit("b", 2000);
	assert_int_equal(next.head.seq, 1);
	assert_false(
		cr_uid_equal(&next.head.incarnation, &first.head.incarnation));
	assert_true(cr_id_equal(&next.head.prev, &first.id));
	assert_seen(NULL, 2, 0, NULL);
	assert_seen("b", 2, 0, NULL);
}

/* Two machines from one image go on from one state: nobody's chain breaks. */
static void a_cloned_machine_begins_a_new_incarnation(void **state)
{
	char command[2 * PATH_MAX + 16];
	struct made_snapshot one, two, three;

	(void)state;
	(void)commit("a", 1000);
	(void)snprintf(command, sizeof(command), "cp -a '%s' '%s'",
		       folder_path(&made.folder, "a").text,
		       folder_path(&made.folder, "clone").text);
	assert_int_equal(system(command), 0);
	one = commit("a", 2000);
	two = commit("clone", 3000);
	three = commit("a", 4000);
	assert_int_equal(one.head.seq, 2);
	assert_int_equal(two.head.seq, 1);
	assert_true(cr_id_equal(&two.head.prev, &one.id));
	assert_int_equal(three.head.seq, 3);
	assert_true(cr_id_equal(&three.head.prev, &one.id));
	assert_seen(NULL, 4, 0, NULL);
	assert_seen("a", 4, 0, NULL);
}

/* ---- What contradicts -------------------------------------------------------
 */

static void a_gap_is_tampering(void **state)
{
	static const struct {
		const char *what;
		int gone;
		const char *says;
	} cases[] = {
		{ "the first", 0, "the snapshot before it is gone" },
		{ "one between", 1, "the snapshot before it is gone" },
		{ "the last, nobody saw it", 2, NULL },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct made_snapshot s[3];

		unit_case(cases[i].what);
		if (i > 0) {
			made_release(&made);
			made_init(&made);
		}
		for (int n = 0; n < 3; n++)
			s[n] = commit("a", 1000 + n);
		remove_object(&s[cases[i].gone]);
		assert_seen(NULL, 2, 0, cases[i].says);
		/* Who wrote the last one knows of it. */
		assert_seen("a", 2, 0, cases[i].says ? cases[i].says : "gone");
	}
}

static void going_back_is_tampering_until_it_is_undone(void **state)
{
	struct folder_path aside = folder_path(&made.folder, "aside");
	struct made_snapshot last;

	(void)state;
	(void)commit("a", 1000);
	last = commit("a", 2000);
	assert_seen("reader", 2, 0, NULL);
	assert_int_equal(rename(object_path(&last).text, aside.text), 0);
	for (int i = 0; i < 2; i++)
		assert_seen("reader", 1, 0, "which this machine saw, is gone");
	assert_seen("another", 1, 0, NULL);
	assert_int_equal(rename(aside.text, object_path(&last).text), 0);
	assert_seen("reader", 2, 0, NULL);
}

static void an_incarnation_whose_forerunner_is_gone_is_tampering(void **state)
{
	struct made_snapshot first = commit("a", 1000);

	(void)state;
	(void)commit("b", 2000);
	remove_object(&first);
	assert_seen(NULL, 1, 0, "the snapshot it follows is gone");
}

static void a_damaged_manifest_is_damage_and_no_more(void **state)
{
	struct made_snapshot s[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		s[i] = commit("a", 1000 + i);
	assert_seen("reader", 3, 0, NULL);
	flip_object(&s[1], 250);
	assert_seen(NULL, 2, 1, NULL);
	assert_seen("reader", 2, 1, NULL);
	flip_object(&s[2], 250);
	assert_seen("reader", 1, 2, NULL);
	/* The next one takes the number after it, and follows what is there. */
	assert_int_equal(commit("a", 3000).head.seq, 4);
	assert_int_equal(commit("b", 3000).head.seq, 1);
	assert_seen("reader", 3, 2, NULL);
}

static void one_source_at_one_time_twice_is_tampering(void **state)
{
	struct cr_credentials cred;
	struct cr_repo *repo;
	struct cr_uid key;

	struct made_snapshot s;
	struct folder_path aside, path;

	(void)state;
	s = commit_as(made.repo, "a", "web", 1000);
	cred = made_add_put(&made, "web", &key);
	repo = made_open(&made, &cred);
	assert_seen(NULL, 1, 0, NULL);
	/* Who sees the other's takes the next second. */
	path = object_path(&s);
	aside = folder_path(&made.folder, "aside");
	assert_int_equal(rename(path.text, aside.text), 0);
	(void)commit_as(repo, "put", "web", 1000);
	assert_int_equal(rename(aside.text, path.text), 0);
	assert_int_equal(commit_as(repo, "put", "web", 1000).head.time, 1001);
	assert_seen(NULL, 3, 0, "one source and one time");
	cr_repo_close(repo);
	cr_secret_release(&cred.key_file);
}

static void a_source_that_is_not_granted_does_not_count(void **state)
{
	struct cr_credentials cred;
	struct cr_snapshots set = { 0 };
	struct cr_repo *repo;
	struct cr_uid key;

	(void)state;
	cred = made_add_put(&made, "web", &key);
	repo = made_open(&made, &cred);
	(void)commit_as(repo, "put", "other", 1000);
	look_at(NULL, &set);
	assert_int_equal(set.count, 0);
	assert_int_equal(set.bads, 1);
	assert_non_null(strstr(set.bad[0]->why, "not granted"));
	cr_snapshots_release(&set);
	cr_repo_close(repo);
	cr_secret_release(&cred.key_file);
}

/* ---- Revoked ----------------------------------------------------------------
 */

static void a_revoked_key_counts_up_to_the_point(void **state)
{
	struct made_snapshot s[3];
	struct cr_snapshots set = { 0 };
	struct cr_credentials cred;
	struct cr_repo *repo;
	struct cr_head last;
	struct cr_uid key;

	(void)state;
	cred = made_add_put(&made, "web", &key);
	repo = made_open(&made, &cred);
	for (int i = 0; i < 3; i++)
		s[i] = commit_as(repo, "put", "web", 1000 + i);
	assert_seen(NULL, 3, 0, NULL);
	last = (struct cr_head){ key, s[1].head.incarnation, s[1].head.seq,
				 s[1].id };
	session_ok(cr_key_revoke(made.repo, made.w, &key, &last, false));
	made_reopen(&made);
	look_at(NULL, &set);
	assert_int_equal(set.count, 2);
	assert_int_equal(set.bads, 1);
	assert_int_equal(set.bad[0]->error, -CR_EREVOKED);
	assert_non_null(strstr(set.bad[0]->why, "revoked"));
	assert_int_equal(set.tampered, 0);
	cr_snapshots_release(&set);
	cr_repo_close(repo);
	cr_secret_release(&cred.key_file);
}

/* ---- Updates ----------------------------------------------------------------
 */

static void an_update_tells_what_came_and_went(void **state)
{
	struct cr_snapshots set = { 0 };
	const struct cr_snapshot *kept;
	struct made_snapshot first = commit("a", 1000), last;

	(void)state;
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 1);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 0);
	kept = set.snapshot[0];
	last = commit("a", 2000);
	(void)commit("a", 1500);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 2);
	assert_int_equal(set.count, 3);
	assert_ptr_equal(set.snapshot[0], kept);
	for (size_t i = 1; i < set.count; i++)
		assert_true(set.snapshot[i - 1]->head.time <
			    set.snapshot[i]->head.time);
	remove_object(&first);
	remove_object(&last);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 2);
	assert_int_equal(set.count, 1);
	/* Somebody may still look at what is listed no more. */
	assert_true(cr_id_equal(&kept->id, &first.id));
	cr_snapshots_release(&set);
}

/* The storage may fail in the middle: the set stays what it was, whole. */
static void an_update_that_fails_changes_nothing(void **state)
{
	struct made_snapshot gone = commit("a", 1000);
	struct cr_snapshots set = { 0 };

	(void)state;
	(void)commit("b", 2000);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 2);
	(void)commit("c", 3000);
	remove_object(&gone);
	for (int i = 0; i < 2; i++) {
		/* The first folder is listed, that of the writer is not. */
		cr_io_fault(CR_IO_OPEN, 2, EIO);
		assert_int_equal(cr_snapshots_update(made.repo, NULL, &set),
				 -EIO);
		assert_int_equal(set.count, 2);
		assert_int_equal(set.bads, 0);
	}
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 2);
	cr_snapshots_release(&set);
}

/*
 * A crash may leave the name of an object alone: no snapshot and no damage, but
 * its writer may still be at work.
 */
static void a_placeholder_is_no_manifest(void **state)
{
	struct made_snapshot was = commit("a", 1000), s = commit("b", 2000);
	struct folder_path empty = object_path(&s), bad = object_path(&was);
	struct folder_path kept = folder_path(&made.folder, "kept");
	struct cr_snapshots set = { 0 };

	(void)state;
	assert_int_equal(rename(empty.text, kept.text), 0);
	folder_write(&made.folder, strstr(empty.text, "repo/"), "", 0, 0600);
	flip_object(&was, 100);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 1);
	assert_int_equal(set.count, 0);
	assert_int_equal(set.bads, 1);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 0);

	assert_int_equal(rename(kept.text, empty.text), 0);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 1);
	assert_int_equal(set.count, 1);
	assert_true(cr_id_equal(&set.snapshot[0]->id, &s.id));
	assert_int_equal(truncate(bad.text, 0), 0);
	set.roster_n = 0; /* other keys: what is bad is read again */
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.bads, 0);
	cr_snapshots_release(&set);
}

/* What the storage could not read is no verdict on what lies there. */
static void a_manifest_that_could_not_be_read_is_read_again(void **state)
{
	struct cr_snapshots set = { 0 };

	(void)state;
	(void)commit("a", 1000);
	cr_io_fault(CR_IO_READ, -1, EIO);
	for (int changed = 1; changed >= 0; changed--) {
		assert_int_equal(cr_snapshots_update(made.repo, NULL, &set),
				 changed);
		assert_int_equal(set.count, 0);
		assert_int_equal(set.bads, 1);
		assert_int_equal(set.bad[0]->error, -EIO);
	}
	cr_io_fault(CR_IO_READ, 0, 0);
	assert_int_equal(cr_snapshots_update(made.repo, NULL, &set), 2);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.bads, 0);
	cr_snapshots_release(&set);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_commit_follows_the_one_before),
		TEST(a_second_that_is_taken_gives_the_next_free_one),
		TEST(a_machine_that_lost_its_state_begins_a_new_incarnation),
		TEST(a_cloned_machine_begins_a_new_incarnation),
		TEST(a_gap_is_tampering),
		TEST(going_back_is_tampering_until_it_is_undone),
		TEST(an_incarnation_whose_forerunner_is_gone_is_tampering),
		TEST(a_damaged_manifest_is_damage_and_no_more),
		TEST(one_source_at_one_time_twice_is_tampering),
		TEST(a_source_that_is_not_granted_does_not_count),
		TEST(a_revoked_key_counts_up_to_the_point),
		TEST(an_update_tells_what_came_and_went),
		TEST(an_update_that_fails_changes_nothing),
		TEST(a_manifest_that_could_not_be_read_is_read_again),
		TEST(a_placeholder_is_no_manifest),
	};

	if (cr_sodium_init() < 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
