/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - caprockfs: options to session, detaching, exit status.
 *
 * The process that was started is the keeper (keeper.h) or, unless it is to
 * stay in the foreground, waits on a pipe for one.  The one that serves is
 * forked before it unlocks, opens and mounts: neither locked memory nor RocksDB
 * outlive that.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/exit.h"
#include "fs/keeper.h"
#include "fs/mountpoint.h"
#include "fs/options.h"
#include "fs/serve.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/base/secret.h"

/* ---- The process ---- */

/* Before anything else: nothing secret leaves by core, trace or descriptor. */
static int harden(void)
{
	const struct rlimit none = { 0 };
	struct rlimit files;

	(void)umask(077);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return cr_fail(EBADF, "descriptor %d: %m", fd);
	if (setrlimit(RLIMIT_CORE, &none) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0) < 0 ||
	    signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return cr_fail(errno, "closing this process to others: %m");
	/* A pack is a descriptor. */
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return cr_sodium_init();
}

static void log_fuse(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char line[512];
	size_t len;

	(void)vsnprintf(line, sizeof(line), fmt, ap);
	len = strlen(line);
	if (len > 0 && line[len - 1] == '\n')
		line[len - 1] = '\0';
	if (level < FUSE_LOG_ERR)
		level = FUSE_LOG_ERR;
	cr_log((enum cr_log_level)level, "%s", line);
}

/* ---- The one who waits ---- */

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILURE;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cr_log(CR_LOG_ERR, "the keeping process was killed by signal %d",
	       WTERMSIG(status));
	return EXIT_FAILURE;
}

static int wait_until_ready(pid_t pid, int fd)
{
	ssize_t got;
	char ready;

	do
		got = read(fd, &ready, sizeof(ready));
	while (got < 0 && errno == EINTR);
	return got <= 0 ? status_of(pid) : EXIT_SUCCESS;
}

static int run_detached(const struct cr_mount_options *options)
{
	cr_cleanup(cr_closep) int read_end = -1;
	cr_cleanup(cr_closep) int write_end = -1;
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return cr_exit_status(cr_fail(errno, "a pipe: %m"));
	read_end = fd[0];
	write_end = fd[1];
	pid = fork();
	if (pid < 0)
		return cr_exit_status(cr_fail(errno, "another process: %m"));
	if (pid == 0) {
		cr_closep(&read_end);
		/* The pipe goes with the process, when it fails. */
		return cr_keeper_run(options, cr_take_fd(&write_end), cr_serve);
	}
	cr_closep(&write_end);
	return wait_until_ready(pid, read_end);
}

static int run(struct cr_mount_options *options)
{
	cr_cleanup(cr_freep) char *absolute = NULL;
	int r;

	if (!cr_mountpoint_is_fd(options->mountpoint)) {
		r = cr_mountpoint_check(options->mountpoint, options->nonempty);
		if (r < 0)
			return cr_exit_status(r);
		/* Detached, we are elsewhere. */
		absolute = realpath(options->mountpoint, NULL);
		if (!absolute)
			return cr_exit_status(
				cr_fail(errno, "%s: %m", options->mountpoint));
		options->mountpoint = absolute;
	}
	if (options->rw)
		cr_log(CR_LOG_WARNING, "rw is of no use: what was backed up "
				       "is mounted read-only");
	return options->foreground ? cr_keeper_run(options, -1, cr_serve)
				   : run_detached(options);
}

int main(int argc, char **argv)
{
	cr_cleanup(cr_mount_options_release) struct cr_mount_options options = {
		0
	};
	int r;

	cr_log_init(CR_PROGRAM, false);
	fuse_set_log_func(log_fuse);
	r = harden();
	if (r < 0)
		return cr_exit_status(r);
	r = cr_mount_options_parse(argc, argv, &options);
	if (r < 0) {
		r = cr_exit_status(r);
		cr_log(CR_LOG_ERR, "see %s --help", CR_PROGRAM);
		return r;
	}
	switch (options.action) {
	case CR_MOUNT_HELP:
		cr_mount_help(stdout);
		return EXIT_SUCCESS;
	case CR_MOUNT_VERSION:
		(void)printf("%s %s\n", CR_PROGRAM, CAPROCK_VERSION);
		return EXIT_SUCCESS;
	case CR_MOUNT_RUN:
		break;
	}
	if (options.debug)
		cr_log_limit(CR_LOG_DEBUG);
	return run(&options);
}
