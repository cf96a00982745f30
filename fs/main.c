/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - caprockfs: options to session, detaching, exit status.
 *
 * The process that was started waits on a pipe for the one that serves, which
 * unlocks, opens and mounts after the fork: neither locked memory nor RocksDB
 * outlive one.
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

#include "fs/mount.h"
#include "fs/mountpoint.h"
#include "fs/ops.h"
#include "fs/options.h"
#include "fs/refresh.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/base/secret.h"

#define PROGRAM	    "caprockfs"
#define THREADS_MIN 4u

/* ---- Exit status ---- */

/* DESIGN.md section 6; what is not listed is 1. */
static const struct {
	int error;
	int status;
} statuses[] = {
	{ -CR_EUSAGE, 2 },	 { -CR_ECORRUPT, 4 },	  { -CR_EAUTH, 4 },
	{ -CR_EMISSING, 4 },	 { -CR_ETAMPER, 6 },	  { -CR_ENOREPO, 10 },
	{ -CR_EVERSION, 10 },	 { -CR_ELOCKED, 11 },	  { -CR_EKEY, 12 },
	{ -CR_ECAPABILITY, 13 }, { -CR_EINTERRUPT, 130 }, { -EINTR, 130 },
};

/* Say why, once, and return the status for it. */
static int fail(int r)
{
	const char *why = cr_detail();

	cr_log(CR_LOG_ERR, "%s",
	       r == -ENOMEM || *why == '\0' ? cr_strerror(r) : why);
	for (size_t i = 0; i < CR_ARRAY_LEN(statuses); i++)
		if (statuses[i].error == r)
			return statuses[i].status;
	return EXIT_FAILURE;
}

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

/* Where the one who waits is told; -1: nobody waits. */
struct waiting {
	int fd;
};

/* The kernel has said hello: leave the terminal, and let the caller go on. */
static void detach(void *arg)
{
	struct waiting *waiting = arg;
	const char ready = 1;
	int null;

	if (waiting->fd < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	(void)setsid();
	if (chdir("/") < 0)
		cr_log(CR_LOG_WARNING, "/: %m");
	cr_log_init(PROGRAM, true);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	cr_closep(&null);
	/* Without a reader there is nobody to tell. */
	if (write(waiting->fd, &ready, sizeof(ready)) < 0)
		cr_log(CR_LOG_WARNING, "nobody waits for this mount");
	cr_closep(&waiting->fd);
}

/* ---- The session ---- */

static int add_options(const struct cr_mount_options *options, char **ret)
{
	cr_cleanup(cr_freep) char *path = realpath(options->repository, NULL);
	cr_cleanup(cr_freep) char *fsname = NULL;
	char fixed[160];

	(void)snprintf(fixed, sizeof(fixed),
		       "ro,nosuid,nodev,noatime,default_permissions,"
		       "max_read=%u,subtype=%s%s%s%s",
		       CR_MAX_READ, PROGRAM, options->noexec ? ",noexec" : "",
		       options->allow_other ? ",allow_other" : "",
		       options->debug ? ",debug" : "");
	if (asprintf(&fsname, "fsname=%s", path ? path : options->repository) <
	    0) {
		fsname = NULL;
		return -ENOMEM;
	}
	if (fuse_opt_add_opt(ret, fixed) < 0 ||
	    fuse_opt_add_opt_escaped(ret, fsname) < 0)
		return -ENOMEM;
	return 0;
}

static int session_new(struct cr_mount *mount)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	cr_cleanup(cr_freep) char *options = NULL;
	int r = add_options(mount->options, &options);

	if (r == 0 && (fuse_opt_add_arg(&args, PROGRAM) < 0 ||
		       fuse_opt_add_arg(&args, "-o") < 0 ||
		       fuse_opt_add_arg(&args, options) < 0))
		r = -ENOMEM;
	if (r == 0) {
		mount->session =
			fuse_session_new(&args, &cr_ops, sizeof(cr_ops), mount);
		if (!mount->session)
			r = cr_fail(EINVAL, "libfuse takes no such options");
	}
	fuse_opt_free_args(&args);
	return r;
}

static unsigned int threads(const struct cr_mount_options *options)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (options->threads > 0)
		return options->threads;
	return cores > 0 ? cr_max(2 * (unsigned int)cores, THREADS_MIN)
			 : THREADS_MIN;
}

/* Returns once the mount is gone, or a signal ended it. */
static int loop(struct cr_mount *mount)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct cr_refresh *refresh = NULL;
	int r;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_clone_fd(config, 0);
	fuse_loop_cfg_set_max_threads(config, threads(mount->options));
	r = cr_refresh_start(mount, &refresh);
	if (r == 0) {
		r = fuse_session_loop_mt(mount->session, config);
		if (cr_mount_may_share(mount) < 0)
			r = -CR_EUSAGE; /* that ended it, in op_init() */
		else if (r != 0)
			r = cr_fail(r < 0 ? -r : EIO, "%s: the mount ended: %s",
				    mount->options->mountpoint,
				    cr_strerror(r < 0 ? r : -EIO));
	}
	cr_refresh_stop(refresh);
	fuse_loop_cfg_destroy(config);
	return r;
}

static int serve_session(struct cr_mount *mount)
{
	const char *mountpoint = mount->options->mountpoint;
	int r;

	if (fuse_session_mount(mount->session, mountpoint) < 0)
		return cr_fail(EIO, "%s: could not be mounted", mountpoint);
	cr_mount_try(mount);
	r = loop(mount);
	fuse_session_unmount(mount->session);
	return r;
}

/* Everything after the fork.  Returns the exit status. */
static int serve(const struct cr_mount_options *options, int ready_fd)
{
	cr_cleanup(cr_mount_closep) struct cr_mount *mount = NULL;
	struct waiting waiting = { ready_fd };
	int r = cr_mount_unlock(options, &mount);

	if (r < 0)
		return fail(r);
	cr_refresh_block_signals();
	r = cr_mount_open(mount);
	if (r == 0)
		r = session_new(mount);
	if (r < 0)
		return fail(r);
	mount->ready = detach;
	mount->ready_arg = &waiting;
	r = serve_session(mount);
	fuse_session_destroy(mount->session);
	return r < 0 ? fail(r) : EXIT_SUCCESS;
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
	cr_log(CR_LOG_ERR, "the serving process was killed by signal %d",
	       WTERMSIG(status));
	return EXIT_FAILURE;
}

/* Ready means: it said so, and a first request was answered. */
static int wait_until_ready(const struct cr_mount_options *options, pid_t pid,
			    int fd)
{
	struct stat st;
	ssize_t got;
	char ready;

	do
		got = read(fd, &ready, sizeof(ready));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return status_of(pid);
	if (!cr_mountpoint_is_fd(options->mountpoint) &&
	    stat(options->mountpoint, &st) < 0)
		return fail(cr_fail(errno, "%s: %m", options->mountpoint));
	return EXIT_SUCCESS;
}

static int serve_detached(const struct cr_mount_options *options)
{
	cr_cleanup(cr_closep) int read_end = -1;
	cr_cleanup(cr_closep) int write_end = -1;
	int fd[2];
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return fail(cr_fail(errno, "a pipe: %m"));
	read_end = fd[0];
	write_end = fd[1];
	pid = fork();
	if (pid < 0)
		return fail(cr_fail(errno, "another process: %m"));
	if (pid == 0) {
		cr_closep(&read_end);
		/* The pipe goes with the process, when it fails. */
		return serve(options, cr_take_fd(&write_end));
	}
	cr_closep(&write_end);
	return wait_until_ready(options, pid, read_end);
}

static int run(struct cr_mount_options *options)
{
	cr_cleanup(cr_freep) char *absolute = NULL;
	int r;

	if (!cr_mountpoint_is_fd(options->mountpoint)) {
		r = cr_mountpoint_check(options->mountpoint, options->nonempty);
		if (r < 0)
			return fail(r);
		/* Detached, we are elsewhere. */
		absolute = realpath(options->mountpoint, NULL);
		if (!absolute)
			return fail(
				cr_fail(errno, "%s: %m", options->mountpoint));
		options->mountpoint = absolute;
	}
	return options->foreground ? serve(options, -1)
				   : serve_detached(options);
}

int main(int argc, char **argv)
{
	cr_cleanup(cr_mount_options_release) struct cr_mount_options options = {
		0
	};
	int r;

	cr_log_init(PROGRAM, false);
	fuse_set_log_func(log_fuse);
	r = harden();
	if (r < 0)
		return fail(r);
	r = cr_mount_options_parse(argc, argv, &options);
	if (r < 0) {
		r = fail(r);
		cr_log(CR_LOG_ERR, "see %s --help", PROGRAM);
		return r;
	}
	switch (options.action) {
	case CR_MOUNT_HELP:
		cr_mount_help(stdout);
		return EXIT_SUCCESS;
	case CR_MOUNT_VERSION:
		(void)printf("%s %s\n", PROGRAM, CAPROCK_VERSION);
		return EXIT_SUCCESS;
	case CR_MOUNT_RUN:
		break;
	}
	if (options.debug)
		cr_log_limit(CR_LOG_DEBUG);
	return run(&options);
}
