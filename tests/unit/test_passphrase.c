/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/passphrase.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/key_file_write.h"
#include "tests/unit/folder.h"

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

/* Whether reading gives @want, or, with NULL, fails with @code. */
static void expect(int r, struct cr_secret *got, const char *want, int code)
{
	assert_int_equal(r, want ? 0 : code);
	if (want) {
		assert_int_equal(got->len, strlen(want));
		assert_memory_equal(got->bytes, want, got->len);
	} else {
		assert_null(got->bytes);
		assert_true(*cr_detail() != '\0');
	}
	cr_secret_release(got);
}

static void every_source_has_one_form(void **state)
{
	static char longest[CR_PASSPHRASE_MAX + 1];
	static char too_long[CR_PASSPHRASE_MAX + 2];
	static const struct {
		const char *what, *bytes;
		size_t len;
		const char *want;
	} cases[] = {
		{ "plain", "secret", 6, "secret" },
		{ "a newline", "secret\n", 7, "secret" },
		{ "two newlines", "secret\n\n", 8, "secret\n" },
		{ "a return stays", "secret\r\n", 8, "secret\r" },
		{ "blanks stay", " a b ", 5, " a b " },
		{ "empty", "", 0, NULL },
		{ "only a newline", "\n", 1, NULL },
		{ "a zero byte", "a\0b", 3, NULL },
		{ "a zero byte at the end", "ab", 3, NULL },
		{ "the longest", longest, CR_PASSPHRASE_MAX, longest },
		{ "too long", too_long, CR_PASSPHRASE_MAX + 1, NULL },
	};

	(void)state;
	memset(longest, 'x', CR_PASSPHRASE_MAX);
	memset(too_long, 'x', CR_PASSPHRASE_MAX + 1);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct folder_path path = folder_path(&folder, "f");
		struct cr_secret got = { 0 };
		char command[PATH_MAX + 8];
		int fd;

		unit_case(cases[i].what);
		cr_detail_clear();
		folder_write(&folder, "f", cases[i].bytes, cases[i].len, 0600);
		expect(cr_passphrase_file(path.text, &got), &got, cases[i].want,
		       -CR_EUSAGE);

		fd = open(path.text, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		cr_io_fault(CR_IO_READ, 1, CR_IO_SHORT);
		expect(cr_passphrase_fd(fd, &got), &got, cases[i].want,
		       -CR_EUSAGE);
		assert_int_equal(close(fd), 0);

		(void)snprintf(command, sizeof(command), "cat %s", path.text);
		expect(cr_passphrase_command(command, &got), &got,
		       cases[i].want, -CR_EUSAGE);
	}
}

static void a_file_is_private_and_plain(void **state)
{
	static const struct {
		mode_t mode;
		bool good;
	} cases[] = {
		{ 0600, true },	 { 0400, true },  { 0700, true },
		{ 0640, false }, { 0604, false }, { 0620, false },
		{ 0602, false }, { 0644, false },
	};
	struct cr_secret got = { 0 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		folder_write(&folder, "f", "x", 1, cases[i].mode);
		expect(cr_passphrase_file(folder_path(&folder, "f").text, &got),
		       &got, cases[i].good ? "x" : NULL, -CR_EUSAGE);
		assert_int_equal(unlink(folder_path(&folder, "f").text), 0);
	}
	folder_write(&folder, "f", "x", 1, 0600);
	assert_int_equal(symlink("f", folder_path(&folder, "l").text), 0);
	expect(cr_passphrase_file(folder_path(&folder, "l").text, &got), &got,
	       NULL, -CR_EUSAGE);
	assert_int_equal(mkfifo(folder_path(&folder, "p").text, 0600), 0);
	expect(cr_passphrase_file(folder_path(&folder, "p").text, &got), &got,
	       NULL, -CR_EUSAGE);
	expect(cr_passphrase_file(folder_path(&folder, "none").text, &got),
	       &got, NULL, -ENOENT);
	cr_io_fault(CR_IO_READ, 1, EIO);
	expect(cr_passphrase_file(folder_path(&folder, "f").text, &got), &got,
	       NULL, -EIO);
}

static void a_command_must_succeed(void **state)
{
	static const struct {
		const char *command, *want, *says;
	} cases[] = {
		{ "echo a b", "a b", NULL },
		{ "printf secret; exit 3", NULL, "exit status 3" },
		{ "exit 4", NULL, "exit status 4" },
		{ "printf secret; kill -9 $$", NULL, "signal 9" },
		{ "no-such-program-at-all 2>/dev/null", NULL, "status 127" },
		{ "true", NULL, "empty" },
		{ "head -c 200000 /dev/zero | tr '\\0' x", NULL, "longer" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_secret got = { 0 };

		unit_case(cases[i].command);
		expect(cr_passphrase_command(cases[i].command, &got), &got,
		       cases[i].want, -CR_EUSAGE);
		if (cases[i].says)
			assert_non_null(strstr(cr_detail(), cases[i].says));
	}
}

static void the_environment_forgets_at_once(void **state)
{
	static char entry[] = "CAPROCK_PASSPHRASE=secret";
	struct cr_secret got = { 0 };

	(void)state;
	(void)unsetenv("CAPROCK_PASSPHRASE");
	assert_int_equal(cr_passphrase_env("CAPROCK_PASSPHRASE", &got),
			 -ENOENT);
	assert_int_equal(putenv(entry), 0);
	expect(cr_passphrase_env("CAPROCK_PASSPHRASE", &got), &got, "secret",
	       0);
	assert_null(getenv("CAPROCK_PASSPHRASE"));
	assert_null(strstr(entry, "secret"));
	assert_int_equal(entry[sizeof(entry) - 2], 0);
	assert_int_equal(setenv("CAPROCK_PASSPHRASE", "", 1), 0);
	expect(cr_passphrase_env("CAPROCK_PASSPHRASE", &got), &got, NULL,
	       -CR_EUSAGE);
	assert_null(getenv("CAPROCK_PASSPHRASE"));
}

/* Read from the terminal until @text came by. */
static void await(int pty, const char *text)
{
	char seen[512] = "";
	size_t len = 0;

	while (!strstr(seen, text)) {
		ssize_t n = read(pty, seen + len, 1);

		assert_int_equal(n, 1);
		assert_true(++len < sizeof(seen) - 1);
	}
}

static bool echoes(int pty)
{
	struct termios now;

	assert_int_equal(tcgetattr(pty, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

/* In the child: 0 when it read "secret", else what tells the parent. */
static int ask_in_child(bool twice)
{
	struct cr_secret got = { 0 };
	int r = cr_passphrase_ask("Passphrase: ", twice, &got);

	if (r == -CR_EUSAGE)
		return 2;
	if (r == -CR_EINTERRUPT)
		return 3;
	return r == 0 && got.len == 6 && memcmp(got.bytes, "secret", 6) == 0
		       ? 0
		       : 1;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void the_terminal_shows_nothing(void **state)
{
	static const struct {
		const char *what, *first, *second;
		int want;
	} cases[] = {
		{ "once", "secret\n", NULL, 0 },
		{ "twice", "secret\n", "secret\n", 0 },
		{ "two that differ", "secret\n", "secrets\n", 2 },
		{ "one that is a part", "secrets\n", "secret\n", 2 },
		{ "nothing", "\n", NULL, 2 },
		{ "the end of input", "\004", NULL, 2 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		int pty, status;
		pid_t pid;

		unit_case(cases[i].what);
		pid = forkpty(&pty, NULL, NULL, NULL);
		assert_true(pid >= 0);
		if (pid == 0)
			_exit(ask_in_child(cases[i].second != NULL));
		await(pty, "Passphrase: ");
		assert_false(echoes(pty));
		assert_true(write(pty, cases[i].first, strlen(cases[i].first)) >
			    0);
		if (cases[i].second) {
			await(pty, "\nThe same again: ");
			assert_false(echoes(pty));
			assert_true(write(pty, cases[i].second,
					  strlen(cases[i].second)) > 0);
		}
		await(pty, "\n");
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), cases[i].want);
		assert_int_equal(close(pty), 0);
	}
}

static void the_terminal_is_put_right_after_a_signal(void **state)
{
	static const struct {
		const char *what;
		bool handled, ignored;
	} cases[] = {
		{ "deadly", false, false },
		{ "with a handler", true, false },
		{ "ignored", false, true },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		int pty, status;
		pid_t pid;

		unit_case(cases[i].what);
		pid = forkpty(&pty, NULL, NULL, NULL);
		assert_true(pid >= 0);
		if (pid == 0) {
			if (cases[i].handled)
				(void)signal(SIGTERM, on_signal);
			if (cases[i].ignored)
				(void)signal(SIGTERM, SIG_IGN);
			_exit(ask_in_child(false));
		}
		await(pty, "Passphrase: ");
		assert_false(echoes(pty));
		assert_int_equal(kill(pid, SIGTERM), 0);
		if (cases[i].ignored)
			assert_int_equal(write(pty, "secret\n", 7), 7);
		await(pty, "\n");
		assert_true(echoes(pty));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (cases[i].handled || cases[i].ignored) {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status),
					 cases[i].handled ? 3 : 0);
		} else {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), SIGTERM);
		}
		assert_int_equal(close(pty), 0);
	}
}

static void one_that_was_stopped_asks_again(void **state)
{
	int pty, status;
	pid_t pid;

	(void)state;
	pid = forkpty(&pty, NULL, NULL, NULL);
	assert_true(pid >= 0);
	if (pid == 0) {
		/* Its group is orphaned: the default would be dropped. */
		(void)signal(SIGTSTP, on_signal);
		_exit(ask_in_child(false));
	}
	await(pty, "Passphrase: ");
	assert_int_equal(kill(pid, SIGTSTP), 0);
	await(pty, "Passphrase: ");
	assert_int_equal(write(pty, "secret\n", 7), 7);
	await(pty, "\n");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(close(pty), 0);
}

static void without_a_terminal_it_says_so(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		struct cr_secret got = { 0 };

		(void)setsid();
		_exit(cr_passphrase_ask("?", false, &got) == -ENXIO ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void a_key_file_comes_back(void **state)
{
	static const struct cr_uid slot = { { 0x12, 0xab } };
	struct cr_secret secret = { cr_secret_alloc(32), 32 }, back = { 0 };
	struct folder_path path = folder_path(&folder, "k");
	cr_cleanup(cr_freep) char *text = NULL;
	struct cr_uid id;
	struct stat st;
	size_t len;

	(void)state;
	cr_random(secret.bytes, 32);
	assert_int_equal(cr_key_file_write(path.text, &slot, &secret), 0);
	assert_int_equal(stat(path.text, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(cr_key_file_write(path.text, &slot, &secret), -EEXIST);
	assert_int_equal(cr_key_file_read(path.text, &id, &back), 0);
	assert_true(cr_uid_equal(&id, &slot));
	assert_int_equal(back.len, 32);
	assert_memory_equal(back.bytes, secret.bytes, 32);
	text = (char *)folder_read(&folder, "k", &len);
	assert_int_equal(len, 14 + 32 + 1 + 64 + 1);
	assert_memory_equal(text, "caprock-key-1 12ab0000", 22);
	cr_secret_release(&back);

	/* Any other form is refused: cut, longer, a changed byte. */
	for (size_t i = 0; i < len; i++) {
		char kept = text[i];

		text[i] = '*';
		folder_write(&folder, "k", text, len, 0600);
		assert_int_equal(cr_key_file_read(path.text, &id, &back),
				 -CR_EUSAGE);
		text[i] = kept;
		folder_write(&folder, "k", text, i, 0600);
		assert_int_equal(cr_key_file_read(path.text, &id, &back),
				 i == len - 1 ? 0 : -CR_EUSAGE);
		cr_secret_release(&back);
	}
	folder_write(&folder, "k", text, len, 0640);
	assert_int_equal(cr_key_file_read(path.text, &id, &back), -CR_EUSAGE);
	cr_secret_release(&secret);
}

static void a_key_file_that_cannot_be_written_is_gone(void **state)
{
	static const struct {
		enum cr_io_call call;
		int nth, err;
	} cases[] = {
		{ CR_IO_OPEN, 1, EACCES }, { CR_IO_WRITE, 1, ENOSPC },
		{ CR_IO_SYNC, 1, EIO },	   { CR_IO_CLOSE, 1, EIO },
		{ CR_IO_SYNC, 2, EIO },
	};
	static const struct cr_uid slot;
	struct cr_secret secret = { cr_secret_alloc(32), 32 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_io_fault(cases[i].call, cases[i].nth, cases[i].err);
		assert_int_equal(
			cr_key_file_write(folder_path(&folder, "k").text, &slot,
					  &secret),
			-cases[i].err);
		assert_false(folder_has(&folder, "k"));
	}
	cr_secret_release(&secret);
}

int main(void)
{
#define LAW(law) cmocka_unit_test_setup_teardown(law, setup, teardown)
	const struct CMUnitTest tests[] = {
		LAW(every_source_has_one_form),
		LAW(a_file_is_private_and_plain),
		LAW(a_command_must_succeed),
		LAW(the_environment_forgets_at_once),
		LAW(the_terminal_shows_nothing),
		LAW(the_terminal_is_put_right_after_a_signal),
		LAW(one_that_was_stopped_asks_again),
		LAW(without_a_terminal_it_says_so),
		LAW(a_key_file_comes_back),
		LAW(a_key_file_that_cannot_be_written_is_gone),
	};

	assert(cr_sodium_init() == 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
