/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/state.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/base/secret.h"
#include "store/codec/hash.h"
#include "tests/unit/folder.h"

static const struct cr_uid repository = { { 0x3f, 0xa0 } };
#define ID "3fa00000000000000000000000000000"

static struct folder folder;

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	folder_release(&folder);
	return 0;
}

static struct cr_state *open_state(void)
{
	struct cr_state *opened = NULL;

	assert_int_equal(cr_state_open(folder_path(&folder, "s").text, -1,
				       &repository, true, &opened),
			 0);
	return opened;
}

static void it_is_made_on_demand_and_private(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *opened = NULL;
	cr_cleanup(cr_freep) char *path = NULL;
	struct stat st;

	(void)state;
	assert_int_equal(cr_state_open(folder_path(&folder, "a/b").text, -1,
				       &repository, false, &opened),
			 -ENOENT);
	assert_false(folder_has(&folder, "a"));
	assert_int_equal(cr_state_open(folder_path(&folder, "a/b").text, -1,
				       &repository, true, &opened),
			 0);
	assert_int_equal(fstat(cr_state_fd(opened), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	path = cr_state_path(opened, "db.1");
	assert_non_null(path);
	assert_int_equal(path[0], '/');
	assert_non_null(strstr(path, "/a/b/" ID "/db.1"));

	cr_state_close(cr_take(opened));
	assert_int_equal(cr_state_open(folder_path(&folder, "a/b").text, -1,
				       &repository, false, &opened),
			 0);
}

static void the_environment_names_it_when_no_option_does(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *opened = NULL;

	(void)state;
	assert_int_equal(setenv("CAPROCK_STATE_DIR",
				folder_path(&folder, "env").text, 1),
			 0);
	assert_int_equal(cr_state_open(NULL, -1, &repository, true, &opened),
			 0);
	assert_int_equal(unsetenv("CAPROCK_STATE_DIR"), 0);
	assert_true(folder_has(&folder, "env/" ID));
}

static void it_never_lies_in_the_repository(void **state)
{
	static const char *const inside[] = {
		"repo",	      "repo/state",	 "repo/a/b/c",
		"link/state", "other/../repo/x",
	};
	cr_cleanup(cr_state_closep) struct cr_state *opened = NULL;
	cr_cleanup(cr_closep) int repo = -1;

	(void)state;
	assert_int_equal(mkdir(folder_path(&folder, "repo").text, 0700), 0);
	assert_int_equal(mkdir(folder_path(&folder, "other").text, 0700), 0);
	assert_int_equal(symlink("repo", folder_path(&folder, "link").text), 0);
	repo = open(folder_path(&folder, "repo").text, O_RDONLY | O_CLOEXEC);
	assert_true(repo >= 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(inside); i++) {
		unit_case(inside[i]);
		assert_int_equal(
			cr_state_open(folder_path(&folder, inside[i]).text,
				      repo, &repository, true, &opened),
			-CR_EUSAGE);
		/* Nothing was made on the way: it can still be removed. */
		assert_int_equal(rmdir(folder_path(&folder, "repo").text), 0);
		cr_closep(&repo);
		assert_int_equal(mkdir(folder_path(&folder, "repo").text, 0700),
				 0);
		repo = open(folder_path(&folder, "repo").text,
			    O_RDONLY | O_CLOEXEC);
	}
	assert_int_equal(mkdir(folder_path(&folder, "repo/" ID).text, 0700), 0);
	assert_int_equal(cr_state_open(folder_path(&folder, "repo").text, repo,
				       &repository, false, &opened),
			 -CR_EUSAGE);
	assert_int_equal(cr_state_open(folder_path(&folder, "repo2").text, repo,
				       &repository, true, &opened),
			 0);
}

static void others_may_not_write_there(void **state)
{
	struct cr_state *opened = NULL;

	(void)state;
	cr_state_close(open_state());
	assert_int_equal(chmod(folder_path(&folder, "s/" ID).text, 0770), 0);
	assert_int_equal(cr_state_open(folder_path(&folder, "s").text, -1,
				       &repository, true, &opened),
			 -CR_EUSAGE);
}

/* Locks in another process until told, by a byte, to end. */
static pid_t lock_elsewhere(int *release)
{
	int ready[2], quit[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(quit), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct cr_state *opened = NULL;
		int r;

		(void)close(quit[1]);
		r = cr_state_open(folder_path(&folder, "s").text, -1,
				  &repository, true, &opened);
		if (r == 0)
			r = cr_state_lock(opened, false, NULL);
		(void)!write(ready[1], r == 0 ? "y" : "n", 1);
		(void)!read(quit[0], &c, 1);
		_exit(0); /* without unlocking: the kernel must */
	}
	(void)close(ready[1]);
	(void)close(quit[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	(void)close(ready[0]);
	*release = quit[1];
	return pid;
}

static void one_process_writes_at_a_time(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *ours = open_state();
	char pid_text[32];
	int release;
	pid_t pid;

	(void)state;
	pid = lock_elsewhere(&release);
	(void)snprintf(pid_text, sizeof(pid_text), "pid %d (", (int)pid);
	assert_int_equal(cr_state_lock(ours, false, NULL), -CR_ELOCKED);
	assert_non_null(strstr(cr_detail(), pid_text));
	assert_non_null(strstr(cr_detail(), "since 20"));
	assert_false(cr_state_locked(ours));
	(void)close(release);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(cr_state_lock(ours, false, NULL), 0);
	assert_true(cr_state_locked(ours));
	cr_state_unlock(ours);
	assert_false(cr_state_locked(ours));
	assert_int_equal(cr_state_lock(ours, false, NULL), 0);
}

static int release_now = -1;
static char said[256];

static void note_and_release(const char *who)
{
	(void)snprintf(said, sizeof(said), "%s", who);
	(void)close(release_now);
}

static void waiting_is_announced_and_ends(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *ours = open_state();
	pid_t pid;

	(void)state;
	pid = lock_elsewhere(&release_now);
	assert_int_equal(cr_state_lock(ours, true, note_and_release), 0);
	assert_non_null(strstr(said, "is in use by pid"));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void waiting_ends_with_a_signal(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *ours = open_state();
	struct sigaction act = { .sa_handler = on_alarm };
	int release;
	pid_t pid;

	(void)state;
	pid = lock_elsewhere(&release);
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	(void)ualarm(50000, 50000);
	assert_int_equal(cr_state_lock(ours, true, NULL), -EINTR);
	(void)ualarm(0, 0);
	assert_false(cr_state_locked(ours));
	(void)close(release);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static struct cr_head head(uint8_t writer, uint8_t incarnation, uint64_t seq,
			   uint8_t hash)
{
	return (struct cr_head){
		.writer = { { writer } },
		.incarnation = { { incarnation } },
		.seq = seq,
		.hash = { { hash } },
	};
}

static void set(struct cr_heads *heads, struct cr_head one)
{
	assert_int_equal(cr_heads_set(heads, &one), 0);
}

static void heads_come_back_as_they_were_saved(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *opened = open_state();
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	cr_cleanup(cr_heads_release) struct cr_heads back = { 0 };

	(void)state;
	assert_int_equal(cr_heads_load(opened, &heads), 0);
	assert_int_equal(heads.count, 0);
	set(&heads, head(0, 0, 3, 9));
	set(&heads, head(1, 2, 1, 4));
	set(&heads, head(1, 2, 1ull << 60, 5));
	assert_int_equal(heads.count, 2);
	assert_int_equal(cr_heads_save(opened, &heads), 0);
	assert_int_equal(cr_heads_load(opened, &back), 0);
	assert_int_equal(back.count, 2);
	assert_memory_equal(back.head, heads.head, 2 * sizeof(back.head[0]));
	assert_null(cr_heads_find(&back, &(struct cr_uid){ { 7 } }));
}

static void heads_of_two_processes_are_joined(void **state)
{
	static const struct {
		const char *what;
		uint8_t incarnation;
		uint64_t seq;
		uint64_t want; /* when the other saved (1, 5) */
	} cases[] = {
		{ "ours is older", 1, 4, 5 },
		{ "ours is newer", 1, 6, 6 },
		{ "ours is of a new incarnation", 2, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_state_closep) struct cr_state *opened =
			open_state();
		cr_cleanup(cr_heads_release) struct cr_heads ours = { 0 };
		cr_cleanup(cr_heads_release) struct cr_heads theirs = { 0 };
		cr_cleanup(cr_heads_release) struct cr_heads back = { 0 };

		unit_case(cases[i].what);
		(void)unlinkat(cr_state_fd(opened), "heads", 0);
		set(&theirs, head(1, 1, 5, 5));
		set(&theirs, head(2, 1, 1, 1));
		assert_int_equal(cr_heads_save(opened, &theirs), 0);
		set(&ours, head(1, cases[i].incarnation, cases[i].seq, 6));
		assert_int_equal(cr_heads_save(opened, &ours), 0);
		assert_int_equal(cr_heads_load(opened, &back), 0);
		assert_int_equal(back.count, 2);
		assert_int_equal(
			cr_heads_find(&back, &theirs.head[0].writer)->seq,
			cases[i].want);
	}
}

static void damaged_heads_are_none(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *opened = open_state();
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	cr_cleanup(cr_freep) uint8_t *bytes = NULL;
	size_t len;

	(void)state;
	cr_log_limit(CR_LOG_ERR);
	set(&heads, head(1, 2, 3, 4));
	assert_int_equal(cr_heads_save(opened, &heads), 0);
	bytes = folder_read(&folder, "s/" ID "/heads", &len);
	for (size_t i = 0; i <= 2 * len; i++) {
		struct cr_heads back = { 0 };
		bool flip = i < len;

		if (flip)
			bytes[i] ^= 0x10;
		folder_write(&folder, "s/" ID "/heads", bytes,
			     flip ? len : 2 * len - i, 0600);
		assert_int_equal(cr_heads_load(opened, &back), 0);
		assert_int_equal(back.count, i == len ? 1 : 0);
		cr_heads_release(&back);
		if (flip)
			bytes[i] ^= 0x10;
	}
}

static void heads_must_hold_their_count(void **state)
{
	static const struct {
		uint32_t count;
		size_t entries;
	} cases[] = {
		{ 1, 0 },
		{ 0, 1 },
		{ UINT32_MAX, 1 },
		{ (1u << 31) + 1, 1 },
	};
	cr_cleanup(cr_state_closep) struct cr_state *opened = open_state();

	(void)state;
	cr_log_limit(CR_LOG_ERR);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_heads back = { 0 };
		uint8_t bytes[16 + 72 + 32] = "caprockH";
		size_t len = 16 + 72 * cases[i].entries;
		struct cr_id sum;

		(void)unit_put_u32(unit_put_u32(bytes + 8, 1), cases[i].count);
		sum = cr_hash_bytes("heads-sum", bytes, len);
		memcpy(bytes + len, sum.bytes, sizeof(sum.bytes));
		folder_write(&folder, "s/" ID "/heads", bytes, len + 32, 0600);
		assert_int_equal(cr_heads_load(opened, &back), 0);
		assert_int_equal(back.count, 0);
	}
}

static void a_failed_save_keeps_the_old_heads(void **state)
{
	static const struct {
		enum cr_io_call call;
		int nth;
	} cases[] = {
		{ CR_IO_OPEN, 3 },  { CR_IO_WRITE, 1 },	 { CR_IO_SYNC, 1 },
		{ CR_IO_CLOSE, 1 }, { CR_IO_RENAME, 1 },
	};
	cr_cleanup(cr_state_closep) struct cr_state *opened = open_state();
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };

	(void)state;
	set(&heads, head(1, 1, 1, 1));
	assert_int_equal(cr_heads_save(opened, &heads), 0);
	set(&heads, head(1, 1, 2, 2));
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_heads back = { 0 };

		cr_io_fault(cases[i].call, cases[i].nth, ENOSPC);
		assert_int_equal(cr_heads_save(opened, &heads), -ENOSPC);
		assert_int_equal(cr_heads_load(opened, &back), 0);
		assert_int_equal(back.head[0].seq, 1);
		cr_heads_release(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			it_is_made_on_demand_and_private, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_environment_names_it_when_no_option_does, setup,
			teardown),
		cmocka_unit_test_setup_teardown(it_never_lies_in_the_repository,
						setup, teardown),
		cmocka_unit_test_setup_teardown(others_may_not_write_there,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_process_writes_at_a_time,
						setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_is_announced_and_ends,
						setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_with_a_signal,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			heads_come_back_as_they_were_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(
			heads_of_two_processes_are_joined, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_heads_are_none, setup,
						teardown),
		cmocka_unit_test_setup_teardown(heads_must_hold_their_count,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_save_keeps_the_old_heads, setup, teardown),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
