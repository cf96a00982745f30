/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An index that comes while others go on: whoever needs it gets it, or does not
 * wait for ever.
 */
#include "store/disk/index_later.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>

#include "store/base/secret.h"
#include "tests/unit/said.h"
#include "tests/unit/session.h"

#define CACHE	 (4u << 20)
#define LONG_MS	 300000u
#define SHORT_MS 50u

static struct made_repo made;
static struct cr_state *own_state;

/* The next process that is started stops at once. */
static bool stops;

static void in_child(void)
{
	if (stops) {
		stops = false;
		(void)raise(SIGSTOP);
	}
}

static int setup(void **state)
{
	struct session ses;

	(void)state;
	made_init(&made);
	session_begin(&made, made.repo, "state", &ses);
	session_end(&ses);
	own_state = session_state(&made, "state");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_state_close(own_state);
	made_release(&made);
	return 0;
}

static struct cr_index_later *begin(void)
{
	struct cr_index_later *later = NULL;

	assert_int_equal(
		cr_index_later_begin(made.repo, own_state, CACHE, &later), 0);
	return later;
}

/* The same with a process that makes it ready once it is let go on. */
static struct cr_index_later *begin_stopped(void)
{
	struct cr_index_later *later;

	stops = true;
	later = begin();
	stops = false;
	return later;
}

/* The one process that was started. */
static pid_t child(void)
{
	FILE *file = fopen("/proc/thread-self/children", "r");
	int pid = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%d", &pid), 1);
	(void)fclose(file);
	return pid;
}

static void *get(void *later)
{
	return cr_index_later_get(later);
}

static void it_comes_while_others_go_on(void **state)
{
	struct cr_index_later *later = begin();
	struct cr_index *index;
	pthread_t thread[4];

	(void)state;
	assert_null(cr_index_later_peek(NULL));
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, get, later),
				 0);
	index = cr_index_later_get(later);
	assert_non_null(index);
	assert_int_equal(cr_index_listed(index), 1);
	for (size_t i = 0; i < CR_ARRAY_LEN(thread); i++) {
		void *got;

		assert_int_equal(pthread_join(thread[i], &got), 0);
		assert_ptr_equal(got, index);
	}
	assert_ptr_equal(cr_index_later_peek(later), index);
	assert_int_equal(cr_index_catch_up(index), 0);
	cr_index_later_free(later);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void before_it_is_started_it_is_waited_for(void **state)
{
	struct cr_index_later *later = begin();
	struct cr_index *index = cr_index_later_get(later);

	(void)state;
	assert_non_null(index);
	assert_int_equal(cr_index_later_start(later, 0), 0);
	assert_ptr_equal(cr_index_later_get(later), index);
	cr_index_later_free(later);
}

static void patience_has_an_end_and_it_still_comes(void **state)
{
	struct cr_index_later *later = begin_stopped();
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct cr_index *index = NULL;

	(void)state;
	assert_int_equal(cr_index_later_start(later, SHORT_MS), 0);
	assert_null(cr_index_later_get(later));
	assert_null(cr_index_later_get(later));
	assert_int_equal(kill(child(), SIGCONT), 0);
	for (int ms = 0; ms < 60000 && !index; ms++) {
		(void)nanosleep(&pause, NULL);
		index = cr_index_later_peek(later);
	}
	assert_non_null(index);
	assert_ptr_equal(cr_index_later_get(later), index);
	cr_index_later_free(later);
}

static void who_waits_is_sent_away_at_the_end(void **state)
{
	struct cr_index_later *later = begin_stopped();
	pthread_t thread;
	void *got;

	(void)state;
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	assert_int_equal(pthread_create(&thread, NULL, get, later), 0);
	cr_index_later_stop(later);
	assert_int_equal(pthread_join(thread, &got), 0);
	assert_null(got);
	assert_null(cr_index_later_get(later));
	cr_index_later_free(later);
	/* Nothing is left of who made it ready. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void one_that_was_never_needed_ends(void **state)
{
	(void)state;
	cr_index_later_free(begin());
	cr_index_later_free(begin_stopped());
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void who_makes_it_ready_may_be_killed(void **state)
{
	struct cr_index_later *later = begin_stopped();
	struct said said;

	(void)state;
	listen_begin(&said);
	assert_int_equal(kill(child(), SIGKILL), 0);
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	assert_null(cr_index_later_get(later));
	cr_index_later_free(later);
	assert_int_equal(listen_end(&said), 1);
	assert_non_null(strstr(said.line, "ended in signal 9"));
}

static void without_one_and_without_the_lock_there_is_none(void **state)
{
	cr_cleanup(cr_state_closep) struct cr_state *other =
		session_state(&made, "state");
	struct cr_index_later *later;
	struct said said;

	(void)state;
	assert_int_equal(cr_state_lock(other, false, NULL), 0);
	assert_int_equal(cr_index_reset(other), 0);
	listen_begin(&said);
	later = begin();
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	assert_null(cr_index_later_get(later));
	cr_index_later_free(later);
	(void)listen_end(&said);
}

/* KiB of this process that are locked. */
static long locked(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	while (file && kib < 0 && fgets(line, sizeof(line), file))
		if (sscanf(line, "VmLck: %ld", &kib) != 1)
			kib = -1;
	if (file)
		(void)fclose(file);
	return kib;
}

/* As who makes it ready does, when that takes long. */
static void a_child_locks_secrets_again(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	/* Where nothing can be locked, or a sanitizer pretends to. */
	if (!cr_secret_locked() || locked() <= 0)
		skip();
	pid = fork();
	if (pid == 0) {
		bool was = locked() > 0;

		cr_secret_lock_again();
		_exit(!was && locked() > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/*
 * Who makes it ready starts threads then.  Laws before have left some of
 * RocksDB's here, and ThreadSanitizer does not bear that after a fork.
 */
static void skip_under_tsan(void)
{
#if defined(__SANITIZE_THREAD__)
	skip();
#endif
}

static void one_that_is_missing_is_made(void **state)
{
	struct cr_index_later *later;
	struct cr_index *index;

	(void)state;
	skip_under_tsan();
	assert_int_equal(cr_state_lock(own_state, false, NULL), 0);
	assert_int_equal(cr_index_reset(own_state), 0);
	cr_state_unlock(own_state);
	later = begin();
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	index = cr_index_later_get(later);
	assert_non_null(index);
	assert_int_equal(cr_index_listed(index), 1);
	/* Its maker has given the lock back. */
	assert_int_equal(cr_state_lock(own_state, false, NULL), 0);
	cr_state_unlock(own_state);
	cr_index_later_free(later);
}

static void one_that_is_damaged_is_made_anew(void **state)
{
	cr_cleanup(cr_freep) char *pointer = cr_state_path(own_state, "db");
	struct cr_index_later *later;
	struct said said;

	(void)state;
	skip_under_tsan();
	assert_int_equal(truncate(pointer, 3), 0);
	listen_begin(&said);
	later = begin();
	assert_int_equal(cr_index_later_start(later, LONG_MS), 0);
	assert_non_null(cr_index_later_get(later));
	assert_int_equal(listen_count(&said, "set aside and made anew"), 1);
	cr_index_later_free(later);
	(void)listen_end(&said);
}

int main(void)
{
#define law(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest laws[] = {
		law(it_comes_while_others_go_on),
		law(before_it_is_started_it_is_waited_for),
		law(patience_has_an_end_and_it_still_comes),
		law(who_waits_is_sent_away_at_the_end),
		law(one_that_was_never_needed_ends),
		law(who_makes_it_ready_may_be_killed),
		law(without_one_and_without_the_lock_there_is_none),
		law(a_child_locks_secrets_again),
		law(one_that_is_missing_is_made),
		law(one_that_is_damaged_is_made_anew),
	};

	if (cr_sodium_init() < 0 || pthread_atfork(NULL, NULL, in_child) != 0)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(laws, NULL, NULL);
}
