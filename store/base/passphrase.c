/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"

/* Strip the newline, check, hand over.  @from names the source. */
static int finish(struct cr_secret *secret, const char *from,
		  struct cr_secret *ret)
{
	if (secret->len > 0 && secret->bytes[secret->len - 1] == '\n')
		secret->bytes[--secret->len] = '\0';
	if (secret->len == 0)
		return cr_fail(CR_EUSAGE, "%s: the passphrase is empty", from);
	if (secret->len > CR_PASSPHRASE_MAX)
		return cr_fail(CR_EUSAGE,
			       "%s: the passphrase is longer than %d bytes",
			       from, CR_PASSPHRASE_MAX);
	if (memchr(secret->bytes, '\0', secret->len))
		return cr_fail(CR_EUSAGE,
			       "%s: the passphrase has a zero byte in it",
			       from);
	*ret = cr_take(*secret);
	return 0;
}

/* Room for the longest, its newline, and a byte that tells more. */
static int init(struct cr_secret *secret)
{
	secret->bytes = cr_secret_alloc(CR_PASSPHRASE_MAX + 2);
	return secret->bytes ? 0 : -ENOMEM;
}

/* As much as can be right, and a byte more. */
static int slurp(int fd, const char *from, struct cr_secret *secret)
{
	ssize_t n;
	int r = init(secret);

	if (r < 0)
		return r;
	n = cr_io_read(fd, secret->bytes, CR_PASSPHRASE_MAX + 2);
	if (n < 0)
		return cr_fail((int)-n, "%s: %s", from, cr_strerror((int)n));
	secret->len = (size_t)n;
	return 0;
}

static int read_all(int fd, const char *from, struct cr_secret *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret secret = { 0 };
	int r = slurp(fd, from, &secret);

	return r < 0 ? r : finish(&secret, from, ret);
}

static int open_private(const char *path)
{
	cr_cleanup(cr_closep) int fd = cr_io_open(AT_FDCWD, path, O_RDONLY, 0);
	struct stat st;

	if (fd == -ELOOP)
		return cr_fail(CR_EUSAGE, "%s: is a symbolic link", path);
	if (fd < 0)
		return cr_fail(-fd, "%s: %s", path, cr_strerror(fd));
	if (fstat(fd, &st) < 0)
		return cr_fail(errno, "%s: %s", path, strerrordesc_np(errno));
	if (!S_ISREG(st.st_mode))
		return cr_fail(CR_EUSAGE, "%s: is not a regular file", path);
	if ((st.st_mode & 066) != 0)
		return cr_fail(CR_EUSAGE,
			       "%s: others may read or write it; chmod 600",
			       path);
	return cr_take_fd(&fd);
}

int cr_passphrase_file(const char *path, struct cr_secret *ret)
{
	cr_cleanup(cr_closep) int fd = open_private(path);

	return fd < 0 ? fd : read_all(fd, path, ret);
}

int cr_passphrase_fd(int fd, struct cr_secret *ret)
{
	return read_all(fd, "passphrase descriptor", ret);
}

/* Signals that we ignore would stay ignored in the command. */
static int spawn(const char *command, int out, pid_t *pid)
{
	char sh[] = "sh", c[] = "-c";
	cr_cleanup(cr_freep) char *copy = strdup(command);
	char *const argv[] = { sh, c, copy, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t defaults;
	int err;

	if (!copy)
		return -ENOMEM;
	err = posix_spawn_file_actions_init(&actions);
	if (err)
		return -err;
	err = posix_spawnattr_init(&attr);
	if (err) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return -err;
	}
	(void)sigemptyset(&defaults);
	(void)sigaddset(&defaults, SIGPIPE);
	(void)sigaddset(&defaults, SIGXFSZ);
	(void)posix_spawnattr_setsigdefault(&attr, &defaults);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!err)
		err = posix_spawn(pid, "/bin/sh", &actions, &attr, argv,
				  environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return cr_fail(errno, "passphrase command: %s",
				       strerrordesc_np(errno));
	if (WIFSIGNALED(status))
		return cr_fail(CR_EUSAGE,
			       "passphrase command: ended by signal %d",
			       WTERMSIG(status));
	if (WEXITSTATUS(status) != 0)
		return cr_fail(CR_EUSAGE, "passphrase command: exit status %d",
			       WEXITSTATUS(status));
	return 0;
}

int cr_passphrase_command(const char *command, struct cr_secret *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret secret = { 0 };
	cr_cleanup(cr_closep) int in = -1;
	int out, both[2], r, waited;
	pid_t pid = -1;

	if (pipe2(both, O_CLOEXEC) < 0)
		return cr_fail(errno, "passphrase command: %s",
			       strerrordesc_np(errno));
	in = both[0];
	out = both[1];
	r = spawn(command, out, &pid);
	cr_closep(&out);
	if (r < 0)
		return cr_fail(-r, "passphrase command: %s", cr_strerror(r));
	r = slurp(in, "passphrase command", &secret);
	cr_closep(&in);
	waited = wait_for(pid);
	if (r < 0)
		return r;
	/* One that prints too much cannot end well, with nobody to read it. */
	if (waited < 0 && secret.len < CR_PASSPHRASE_MAX + 2)
		return waited;
	return finish(&secret, "passphrase command", ret);
}

int cr_passphrase_env(const char *name, struct cr_secret *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret secret = { 0 };
	char *value = getenv(name);
	size_t len;
	int r;

	if (!value)
		return -ENOENT;
	len = strlen(value);
	r = init(&secret);
	if (r == 0) {
		secret.len = cr_min(len, (size_t)CR_PASSPHRASE_MAX + 2);
		memcpy(secret.bytes, value, secret.len);
	}
	/* Else it could still be read in /proc/self/environ. */
	cr_wipe(value, len);
	(void)unsetenv(name);
	return r < 0 ? r : finish(&secret, name, ret);
}
