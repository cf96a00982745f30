/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fs/detach.h"
#include "fs/exit.h"
#include "fs/mountpoint.h"
#include "fs/notify.h"
#include "fs/options.h"
#include "fs/privileges.h"
#include "fs/watcher.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/log.h"
#include "store/base/passphrase.h"
#include "store/base/secret.h"

#define NAME	       "caprockfs-keep" /* as ps shows it; 15 bytes at most */
#define READ_AHEAD_KIB 1024
#define END_SECONDS    10 /* then one that does not end is killed */
#define LOOK_MS	       2000

struct keeper {
	const struct cr_mount_options *options; /* borrowed */
	const char *notify;			/* borrowed; or NULL */
	pid_t child;
	int state;    /* /proc/CHILD/stat; or -1 */
	int news;     /* from the child */
	int alive;    /* for a watcher: -1, or a pipe that both hold open */
	int writer;   /* its other end */
	int signals;  /* signalfd */
	int launcher; /* or -1 */
	struct cr_mounted place;
	bool mounted; /* then @place is where */
	bool ready;
	bool stopping;
	bool dead;	 /* the child, but a thread of it that cannot end */
	time_t deadline; /* of the monotonic clock, when stopping or dead */
	int status;	 /* what was wrong with us */
};

bool cr_keeper_tell(int keeper, enum cr_news news)
{
	const char byte = (char)news;

	return write(keeper, &byte, 1) == 1;
}

static time_t seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

/* ---- The service manager ---- */

static void tell_manager(const struct keeper *k, const char *state,
			 const char *what)
{
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	const char *names[] = { k->options->repository, what,
				k->options->mountpoint };
	int r;

	cr_buf_put(&text, state, strlen(state));
	cr_buf_put(&text, "STATUS=", strlen("STATUS="));
	/* A name may hold a line of its own. */
	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++)
		cr_escape(names[i], strlen(names[i]), &text);
	cr_buf_u8(&text, 0);
	if (cr_buf_error(&text) == 0 &&
	    (r = cr_notify(k->notify, (const char *)text.bytes)) < 0)
		cr_log(CR_LOG_INFO, "NOTIFY_SOCKET: %s", cr_strerror(r));
}

/* ---- Unmounting ---- */

/*
 * As fast as it goes if @lazy: who is still there keeps what he has open.  Else
 * only if nobody is.  Somebody else may have been faster, or mounted anew.
 */
static void unmount(struct keeper *k, bool lazy)
{
	const char *path = k->options->mountpoint;
	int r;

	if (!k->mounted || !cr_mounted_is_at(&k->place, path))
		return;
	r = cr_mountpoint_unmount(path, lazy);
	if (r < 0 && lazy && cr_mounted_is_at(&k->place, path))
		cr_log(CR_LOG_ERR, "%s: could not be unmounted: %s", path,
		       cr_strerror(r));
}

static void stop(struct keeper *k)
{
	if (!k->stopping)
		tell_manager(k, "STOPPING=1\n", " is being unmounted from ");
	unmount(k, true);
	(void)kill(k->child, SIGTERM);
	if (!k->stopping)
		k->deadline = seconds() + END_SECONDS;
	k->stopping = true;
}

/* ---- Being ready ---- */

static int leave_terminal(struct keeper *k)
{
	struct cr_detach detach = { -1 };
	const char byte = 1;
	int r = cr_detach_prepare(&detach);

	if (r < 0)
		return r;
	cr_detach_finish(&detach);
	if (write(k->launcher, &byte, 1) < 0)
		cr_log(CR_LOG_WARNING, "nobody waits for this mount");
	cr_closep(&k->launcher);
	return 0;
}

/* The kernel takes it back when it says hello, so only now. */
static void raise_read_ahead(const struct keeper *k)
{
	int r = cr_mountpoint_read_ahead(k->options->mountpoint,
					 READ_AHEAD_KIB);

	if (r < 0)
		cr_log(CR_LOG_INFO, "reading ahead stays as it is: %s",
		       cr_strerror(r));
}

/* Ready means: a first request was answered. */
static int become_ready(struct keeper *k)
{
	bool is_fd = cr_mountpoint_is_fd(k->options->mountpoint);
	char state[64];
	struct stat st;

	if (!is_fd && stat(k->options->mountpoint, &st) < 0)
		return cr_fail(errno, "%s: %m", k->options->mountpoint);
	if (!is_fd && geteuid() == 0)
		raise_read_ahead(k);
	k->ready = true;
	(void)snprintf(state, sizeof(state), "READY=1\nMAINPID=%d\n",
		       (int)getpid());
	tell_manager(k, state, " is mounted at ");
	return k->launcher >= 0 ? leave_terminal(k) : 0;
}

/* ---- What comes in ---- */

static int on_mounted(struct keeper *k)
{
	struct cr_watch watch = {
		.path = k->options->mountpoint,
		.alive = k->alive,
	};
	int r = 0;

	/* A descriptor is for those who made it to unmount. */
	if (cr_mountpoint_is_fd(watch.path))
		return 0;
	if (!cr_mounted_get(watch.path, &k->place))
		return cr_fail(errno, "%s: %m", watch.path);
	k->mounted = true;
	watch.mounted = k->place;
	if (k->options->auto_unmount)
		r = cr_watcher_start(&watch);
	cr_closep(&k->alive);
	return r;
}

static void on_news(struct keeper *k)
{
	char byte;
	int r = 0;

	if (read(k->news, &byte, 1) != 1) {
		/* It ends: that comes as a signal. */
		cr_closep(&k->news);
		return;
	}
	switch ((enum cr_news)byte) {
	case CR_NEWS_MOUNTED:
		r = on_mounted(k);
		break;
	case CR_NEWS_READY:
		r = become_ready(k);
		break;
	case CR_NEWS_IDLE:
		unmount(k, false);
		break;
	case CR_NEWS_END:
		stop(k);
		break;
	}
	if (r < 0) {
		k->status = cr_exit_status(r);
		stop(k);
	}
}

/* Returns true when the child has ended, which @status is set to. */
static bool on_signal(struct keeper *k, int *status)
{
	struct signalfd_siginfo info;

	if (read(k->signals, &info, sizeof(info)) != sizeof(info))
		return false;
	switch (info.ssi_signo) {
	case SIGCHLD:
		return waitpid(k->child, status, WNOHANG) == k->child;
	case SIGUSR1:
		/* Before that it would end it. */
		if (k->ready)
			(void)kill(k->child, SIGUSR1);
		return false;
	case SIGHUP:
		/* Detached there is no terminal that could hang up. */
		if (k->ready && !k->options->foreground) {
			(void)kill(k->child, SIGHUP);
			return false;
		}
		break;
	default:
		break;
	}
	stop(k);
	return false;
}

/*
 * A thread that waits for storage that hangs cannot be killed, and with it the
 * process stays, and the mount, which nobody serves; no signal tells of that.
 */
static bool is_dead(const struct keeper *k)
{
	char text[256];
	ssize_t len = pread(k->state, text, sizeof(text) - 1, 0);
	const char *name_end;

	if (len <= 0)
		return false;
	text[len] = '\0';
	/* proc(5): the number, the name in parentheses, the state. */
	name_end = strrchr(text, ')');
	return name_end && strncmp(name_end, ") Z", 3) == 0;
}

static void look_at_child(struct keeper *k)
{
	int r;

	if (k->dead || !is_dead(k))
		return;
	k->dead = true;
	k->deadline = seconds() + END_SECONDS;
	cr_log(CR_LOG_ERR, "the serving process is dead, but waits for storage "
			   "that hangs");
	if (!k->mounted || !cr_mounted_is_at(&k->place, k->options->mountpoint))
		return;
	r = cr_mountpoint_abort(&k->place, k->options->mountpoint);
	if (r < 0)
		cr_log(CR_LOG_ERR, "%s: requests could not be ended: %s",
		       k->options->mountpoint, cr_strerror(r));
	unmount(k, true);
}

/* Milliseconds to wait for something to happen. */
static int patience(const struct keeper *k)
{
	time_t now = seconds();

	if (!k->stopping && !k->dead)
		return LOOK_MS;
	return k->deadline > now
		       ? cr_min((int)(k->deadline - now) * 1000, LOOK_MS)
		       : 0;
}

/* Nothing happened.  Whether there is nothing left to wait for. */
static bool on_silence(struct keeper *k)
{
	bool late = patience(k) == 0;

	if (late && k->dead)
		return true;
	if (late) {
		cr_log(CR_LOG_WARNING, "still busy after %d s: killed",
		       END_SECONDS);
		(void)kill(k->child, SIGKILL);
		k->deadline += END_SECONDS;
	}
	look_at_child(k);
	return false;
}

/* Until the child has ended; its status. */
static int attend(struct keeper *k)
{
	int status = SIGKILL; /* of one that is dead */

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = k->signals, .events = POLLIN },
			{ .fd = k->news, .events = POLLIN },
		};
		int n = poll(fds, CR_ARRAY_LEN(fds), patience(k));

		if (n == 0 && on_silence(k))
			return status;
		/* News first: what was told before the end counts. */
		if (n > 0 && fds[1].revents)
			on_news(k);
		else if (n > 0 && fds[0].revents && on_signal(k, &status))
			return status;
	}
}

/* ---- Beginning and end ---- */

static sigset_t our_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1,
				       SIGCHLD };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < CR_ARRAY_LEN(signals); i++)
		(void)sigaddset(&set, signals[i]);
	return set;
}

/* Of what was inherited: a descriptor of the mount would keep it alive. */
static void close_others(const struct keeper *k)
{
	const int ours[] = { k->news,  k->signals, k->launcher,
			     k->alive, k->writer,  k->state };
	int last = STDERR_FILENO;

	for (;;) {
		int next = -1;

		for (size_t i = 0; i < CR_ARRAY_LEN(ours); i++)
			if (ours[i] > last && (next < 0 || ours[i] < next))
				next = ours[i];
		if (next != last + 1)
			(void)close_range(
				(unsigned int)last + 1,
				next < 0 ? ~0u : (unsigned int)next - 1, 0);
		if (next < 0)
			return;
		last = next;
	}
}

/* Nothing stays here but what unmounting takes. */
static int shed(struct keeper *k)
{
	cr_cleanup(cr_secret_release) struct cr_secret passphrase = { 0 };
	sigset_t set = our_signals();
	uint64_t keep = 0;
	int r = 0;

	(void)prctl(PR_SET_NAME, NAME);
	(void)!cr_passphrase_env(CR_PASSPHRASE_ENV, &passphrase);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (k->signals < 0)
		return cr_fail(errno, "waiting for signals: %m");
	close_others(k);
	/* The mountpoint may lie where only its owner may go. */
	if (geteuid() == 0)
		keep = CR_CAPABILITY(CAP_SYS_ADMIN) |
		       CR_CAPABILITY(CAP_DAC_READ_SEARCH);
	/* Who is not root unmounts by a program that gets new ones. */
	if (geteuid() == 0)
		r = cr_privileges_no_new();
	if (r == 0)
		r = cr_privileges_keep(keep);
	return r < 0 ? cr_fail(-r, "giving privileges away: %s", cr_strerror(r))
		     : 0;
}

static int outcome(const struct keeper *k, int status)
{
	if (k->status != EXIT_SUCCESS)
		return k->status;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (k->stopping)
		return k->ready ? EXIT_SUCCESS : CR_EXIT_INTERRUPT;
	cr_log(CR_LOG_ERR, "the serving process was killed by signal %d",
	       WTERMSIG(status));
	return EXIT_FAILURE;
}

static int keep(struct keeper *k)
{
	int r = shed(k), status;

	if (r < 0) {
		(void)kill(k->child, SIGKILL);
		(void)waitpid(k->child, &status, 0);
		return cr_exit_status(r);
	}
	status = attend(k);
	if (!k->stopping)
		tell_manager(k, "STOPPING=1\n", " is no longer served at ");
	unmount(k, true);
	return outcome(k, status);
}

static int make_alive(struct keeper *k)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	k->alive = ends[0];
	k->writer = ends[1];
	return 0;
}

int cr_keeper_run(const struct cr_mount_options *options, int launcher,
		  int (*serve)(const struct cr_mount_options *options,
			       int keeper))
{
	struct keeper k = {
		.options = options,
		.notify = getenv("NOTIFY_SOCKET"),
		.news = -1,
		.alive = -1,
		.writer = -1,
		.signals = -1,
		.state = -1,
		.launcher = launcher,
	};
	char name[32];
	sigset_t set = our_signals(), before;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0 ||
	    (options->auto_unmount && make_alive(&k) < 0))
		return cr_exit_status(cr_fail(errno, "a pipe: %m"));
	(void)sigprocmask(SIG_BLOCK, &set, &before);
	k.child = fork();
	if (k.child < 0)
		return cr_exit_status(cr_fail(errno, "another process: %m"));
	if (k.child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
		cr_closep(&ends[0]);
		cr_closep(&k.alive);
		cr_closep(&launcher);
		r = serve(options, ends[1]);
		cr_closep(&ends[1]);
		cr_closep(&k.writer);
		return r;
	}
	cr_closep(&ends[1]);
	(void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)k.child);
	k.state = open(name, O_RDONLY | O_CLOEXEC);
	k.news = ends[0];
	r = keep(&k);
	cr_closep(&k.news);
	cr_closep(&k.signals);
	cr_closep(&k.state);
	cr_closep(&k.launcher);
	cr_closep(&k.alive);
	cr_closep(&k.writer);
	return r;
}
