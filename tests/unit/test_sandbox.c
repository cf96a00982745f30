/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each law is tried in a child, which goes into the sandbox for good. */
#include "fs/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>

#include "store/base/error.h"
#include "store/base/util.h"
#include "store/codec/seal.h"
#include "tests/unit/folder.h"

/* For the leak checker's sake all can be read then; see sandbox.c. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

static struct folder folder;
static struct cr_sandbox sandbox;

/* What the child found: 0, or the line that was wrong. */
#define HOLDS(what)                                \
	do {                                       \
		if (!(what))                       \
			return __LINE__ % 250 + 1; \
	} while (0)

static int setup(void **state)
{
	(void)state;
	folder_init(&folder);
	assert_int_equal(chdir(folder.path), 0);
	assert_int_equal(mkdir("repo", 0700), 0);
	assert_int_equal(mkdir("state", 0700), 0);
	assert_int_equal(mkdir("other", 0700), 0);
	folder_write(&folder, "repo/object", "bytes", 5, 0600);
	folder_write(&folder, "other/object", "bytes", 5, 0600);
	sandbox.repository = open("repo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	sandbox.state = open("state", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(sandbox.repository >= 0 && sandbox.state >= 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cr_closep(&sandbox.repository);
	cr_closep(&sandbox.state);
	assert_int_equal(chdir("/"), 0);
	folder_release(&folder);
	return 0;
}

/* Run @fn in the sandbox; its wait status. */
static int within(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(cr_sandbox_enter(&sandbox) < 0 ? 255 : fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_holds(int (*fn)(void))
{
	int status = within(fn);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static bool refuses(int result, int err)
{
	return result < 0 && errno == err;
}

/* ---- Files ---- */

static int read_the_repository(void)
{
	char bytes[8];
	int fd = openat(sandbox.repository, "object", O_RDONLY | O_CLOEXEC);

	HOLDS(fd >= 0);
	HOLDS(read(fd, bytes, sizeof(bytes)) == 5);
	HOLDS(refuses(openat(sandbox.repository, "object", O_WRONLY), EACCES));
	HOLDS(refuses(
		openat(sandbox.repository, "new", O_WRONLY | O_CREAT, 0600),
		EACCES));
	HOLDS(refuses(unlinkat(sandbox.repository, "object", 0), EACCES));
	HOLDS(refuses(open("other/object", O_WRONLY), EACCES));
	HOLDS(SANITIZED || refuses(open("other/object", O_RDONLY), EACCES));
	HOLDS(SANITIZED || refuses(open("/etc/passwd", O_RDONLY), EACCES));
	HOLDS(refuses(open("/tmp/x", O_WRONLY | O_CREAT, 0600), EACCES));
	return 0;
}

static void the_repository_is_read_and_nothing_else(void **state)
{
	(void)state;
	assert_holds(read_the_repository);
}

static int keep_the_state(void)
{
	int fd = openat(sandbox.state, "new", O_RDWR | O_CREAT | O_CLOEXEC,
			0600);

	HOLDS(fd >= 0);
	HOLDS(write(fd, "x", 1) == 1);
	HOLDS(fsync(fd) == 0);
	HOLDS(ftruncate(fd, 0) == 0);
	HOLDS(renameat(sandbox.state, "new", sandbox.state, "heads") == 0);
	HOLDS(mkdirat(sandbox.state, "folder", 0700) == 0);
	HOLDS(unlinkat(sandbox.state, "folder", AT_REMOVEDIR) == 0);
	HOLDS(unlinkat(sandbox.state, "heads", 0) == 0);
	HOLDS(symlinkat("x", sandbox.state, "link") < 0);
	return 0;
}

static void the_state_is_kept(void **state)
{
	(void)state;
	assert_holds(keep_the_state);
}

/* ---- Decoding ---- */

static void *open_much(void *arg)
{
	static uint8_t bytes[1 << 20], same[sizeof(bytes)];
	static const struct cr_key key = { { 1 } };
	static const struct cr_nonce nonce = { { 2 } };
	const struct cr_seal_with with = { &key, &nonce, { NULL, 0 } };
	const struct cr_piece sealed = CR_PIECE(&bytes);
	bool *good = arg;
	struct cr_tag tag;

	cr_seal_by(CR_SEAL_SODIUM, &with, sealed, bytes, &tag);
	*good = cr_open_by(CR_SEAL_LIBCRYPTO, &with, sealed, same, &tag) == 0 &&
		same[7] == 0;
	tag.bytes[0] ^= 1;
	*good = *good && cr_open_by(CR_SEAL_LIBCRYPTO, &with, sealed, same,
				    &tag) == -CR_EAUTH;
	return NULL;
}

static int use_libcrypto(void)
{
	pthread_t thread;
	bool good = false;

	HOLDS(cr_seal_usable(CR_SEAL_LIBCRYPTO));
	HOLDS(pthread_create(&thread, NULL, open_much, &good) == 0);
	HOLDS(pthread_join(thread, NULL) == 0);
	HOLDS(good);
	return 0;
}

static void what_decodes_fast_is_at_hand(void **state)
{
	(void)state;
	assert_holds(use_libcrypto);
}

/* ---- Threads ---- */

struct early {
	int go[2];
	int errors; /* what it was refused */
};

/* Was there before; waits until all is confined. */
static void *try_things(void *arg)
{
	struct early *early = arg;
	char byte;

	if (read(early->go[0], &byte, 1) == 1) {
		early->errors += open("other/object", O_WRONLY) < 0;
		early->errors += socket(AF_INET, SOCK_STREAM, 0) < 0;
		early->errors +=
			openat(sandbox.repository, "object", O_RDONLY) < 0;
	}
	return NULL;
}

static int confine_early_threads(void)
{
	struct early early[3] = { 0 };
	pthread_t thread[3];

	for (int i = 0; i < 3; i++) {
		HOLDS(pipe(early[i].go) == 0);
		HOLDS(pthread_create(&thread[i], NULL, try_things, &early[i]) ==
		      0);
	}
	HOLDS(cr_sandbox_enter(&sandbox) == 0);
	for (int i = 0; i < 3; i++) {
		HOLDS(write(early[i].go[1], "x", 1) == 1);
		HOLDS(pthread_join(thread[i], NULL) == 0);
		HOLDS(early[i].errors == 2);
	}
	return 0;
}

static void threads_that_are_there_are_confined(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confine_early_threads());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- Calls ---- */

static void *do_nothing(void *arg)
{
	return arg;
}

static int use_threads(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	void *result = NULL;

	for (int i = 0; i < 3; i++) {
		HOLDS(pthread_create(&thread, NULL, do_nothing, &mutex) == 0);
		HOLDS(pthread_setname_np(pthread_self(), "named") == 0);
		HOLDS(pthread_join(thread, &result) == 0);
		HOLDS(result == &mutex);
	}
	/* A mapping of its own, and back. */
	free(malloc(64 << 20));
	openlog("test_sandbox", LOG_NDELAY, LOG_DAEMON);
	syslog(LOG_DEBUG, "from within the sandbox");
	return 0;
}

static void it_lives_on(void **state)
{
	(void)state;
	assert_holds(use_threads);
}

static int start_something(void)
{
	/* Which the leak checker does. */
	if (SANITIZED)
		return 0;
	HOLDS(fork() < 0);
	HOLDS(mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	HOLDS(kill(getppid(), 0) < 0);
	return 0;
}

static void no_process_and_no_code_is_added(void **state)
{
	(void)state;
	assert_holds(start_something);
}

static int use_the_network(void)
{
	HOLDS(refuses(socket(AF_INET, SOCK_STREAM, 0), ENOSYS));
	HOLDS(refuses(socket(AF_NETLINK, SOCK_RAW, 0), ENOSYS));
	return 0;
}

static void there_is_no_network(void **state)
{
	(void)state;
	assert_holds(use_the_network);
}

static int run_a_program(void)
{
	(void)execl("/bin/true", "true", NULL);
	return 1;
}

static int unmount(void)
{
	(void)umount2("/nonexistent", 0);
	return 1;
}

static int open_by_handle(void)
{
	struct {
		struct file_handle handle;
		char bytes[8];
	} handle = { .handle = { .handle_bytes = 8 } };

	(void)open_by_handle_at(AT_FDCWD, &handle.handle, O_RDONLY);
	return 1;
}

static void what_only_an_intruder_wants_ends_it(void **state)
{
	static int (*const cases[])(void) = { run_a_program, unmount,
					      open_by_handle };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		int status = within(cases[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static int look_at_privileges(void)
{
	HOLDS(refuses(chown("other", 1, 1), ENOSYS));
	/* Who has CAP_DAC_OVERRIDE could. */
	HOLDS(geteuid() != 0 ||
	      refuses(openat(sandbox.state, "closed/file", O_RDONLY), EACCES));
	return 0;
}

static void root_is_no_longer_root(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	folder_write(&folder, "state/file", "x", 1, 0600);
	assert_int_equal(mkdir("state/closed", 0700), 0);
	folder_write(&folder, "state/closed/file", "x", 1, 0600);
	assert_int_equal(chown("state/closed", 1, 1), 0);
	assert_holds(look_at_privileges);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_repository_is_read_and_nothing_else, setup,
			teardown),
		cmocka_unit_test_setup_teardown(the_state_is_kept, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_decodes_fast_is_at_hand,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			threads_that_are_there_are_confined, setup, teardown),
		cmocka_unit_test_setup_teardown(it_lives_on, setup, teardown),
		cmocka_unit_test_setup_teardown(no_process_and_no_code_is_added,
						setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_no_network, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			what_only_an_intruder_wants_ends_it, setup, teardown),
		cmocka_unit_test_setup_teardown(root_is_no_longer_root, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
