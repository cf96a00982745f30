/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"

/* How often one who waits for the lock looks: 100 ms. */
#define LOCK_RETRY_NS 100000000

struct cr_state {
	int fd;
	int lock_fd;
	bool locked;
	char *path; /* owned; absolute */
};

/* The path of the folder that holds all states; free() it. */
static int base_path(const char *path, char **ret)
{
	const char *env = getenv("CAPROCK_STATE_DIR");
	const char *home = getenv("HOME"), *xdg = getenv("XDG_STATE_HOME");
	int r;

	if (!path && env && *env)
		path = env;
	if (path)
		r = asprintf(ret, "%s", path);
	else if (geteuid() == 0)
		r = asprintf(ret, "/var/lib/caprock");
	else if (xdg && *xdg == '/')
		r = asprintf(ret, "%s/caprock", xdg);
	else if (home && *home == '/')
		r = asprintf(ret, "%s/.local/state/caprock", home);
	else
		return cr_fail(CR_EUSAGE,
			       "no place for the state: neither HOME nor "
			       "XDG_STATE_HOME is set; give --state-dir");
	return r < 0 ? -ENOMEM : 0;
}

/* Whether the directory @at is @repo or lies below it: 1, 0, -errno. */
static int is_inside(int at, const struct stat *repo)
{
	cr_cleanup(cr_closep) int fd = -1;
	struct stat st, above;

	if (fstat(at, &st) < 0)
		return -errno;
	for (;;) {
		int up;

		if (st.st_dev == repo->st_dev && st.st_ino == repo->st_ino)
			return 1;
		up = openat(fd >= 0 ? fd : at, "..",
			    O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			return -errno;
		cr_closep(&fd);
		fd = up;
		if (fstat(fd, &above) < 0)
			return -errno;
		if (above.st_dev == st.st_dev && above.st_ino == st.st_ino)
			return 0;
		st = above;
	}
}

static int must_be_outside(int at, int repo_fd, const char *path)
{
	struct stat repo;
	int r;

	if (repo_fd < 0)
		return 0;
	r = fstat(repo_fd, &repo) < 0 ? -errno : is_inside(at, &repo);
	if (r < 0)
		return cr_fail(-r, "%s: %s", path, cr_strerror(r));
	if (r > 0)
		return cr_fail(CR_EUSAGE,
			       "%s: the state must not lie inside the "
			       "repository; give another --state-dir",
			       path);
	return 0;
}

/*
 * Open @path part by part, so that nothing is made before it is known that it
 * would not be made inside the repository.
 */
static int open_path(const char *path, int repo_fd, bool create)
{
	cr_cleanup(cr_freep) char *copy = strdup(path);
	cr_cleanup(cr_closep) int fd = -1;
	char *save = NULL;
	int r;

	if (!copy)
		return -ENOMEM;
	fd = open(*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (char *part = strtok_r(copy, "/", &save); part && fd >= 0;
	     part = strtok_r(NULL, "/", &save)) {
		int below = openat(fd, part, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (below < 0 && errno == ENOENT) {
			if (!create)
				return -ENOENT;
			r = must_be_outside(fd, repo_fd, path);
			if (r < 0)
				return r;
			r = cr_io_mkdir(fd, part);
			if (r < 0)
				return cr_fail(-r, "%s: %s", path,
					       cr_strerror(r));
			below = openat(fd, part,
				       O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		r = -errno;
		cr_closep(&fd);
		fd = below;
		errno = -r;
	}
	if (fd < 0)
		return cr_fail(errno, "%s: %s", path, strerrordesc_np(errno));
	r = must_be_outside(fd, repo_fd, path);
	return r < 0 ? r : cr_take_fd(&fd);
}

/* What it remembers is trusted, so nobody else may write there. */
static int must_be_ours(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cr_fail(errno, "%s: %s", path, strerrordesc_np(errno));
	if ((st.st_mode & 022) != 0 ||
	    (geteuid() != 0 && st.st_uid != geteuid()))
		return cr_fail(CR_EUSAGE,
			       "%s: others may write there; the state's folder "
			       "must be ours alone (mode 0700)",
			       path);
	return 0;
}

int cr_state_open(const char *path, int repo_fd,
		  const struct cr_uid *repository, bool create,
		  struct cr_state **ret)
{
	cr_cleanup(cr_state_closep) struct cr_state *state = NULL;
	cr_cleanup(cr_freep) char *base = NULL, *full = NULL;
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	r = base_path(path, &base);
	if (r < 0)
		return r;
	if (asprintf(&full, "%s/%s", base, cr_uid_hex(repository).text) < 0)
		return -ENOMEM;
	fd = open_path(full, repo_fd, create);
	if (fd < 0)
		return fd;
	r = must_be_ours(fd, full);
	if (r < 0)
		return r;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->lock_fd = -1;
	state->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (state->fd >= 0)
		state->path = realpath(full, NULL);
	if (!state->path)
		return cr_fail(errno, "%s: %s", full, strerrordesc_np(errno));
	*ret = cr_take(state);
	return 0;
}

void cr_state_close(struct cr_state *state)
{
	if (!state)
		return;
	cr_state_unlock(state);
	cr_closep(&state->lock_fd);
	cr_closep(&state->fd);
	free(state->path);
	free(state);
}

int cr_state_fd(const struct cr_state *state)
{
	return state->fd;
}

char *cr_state_path(const struct cr_state *state, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", state->path, name) < 0 ? NULL : path;
}

#define LOCK_TEXT_MAX 256

/* "pid 12 (caprock), since 2026-01-02 03:04:05", as the holder wrote it. */
static void say_holder(const struct cr_state *state, char *out, size_t room)
{
	char text[LOCK_TEXT_MAX + 1] = "";
	ssize_t n = cr_io_pread(state->lock_fd, text, LOCK_TEXT_MAX, 0);

	if (n < 0)
		n = 0;
	text[n] = '\0';
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	(void)snprintf(out, room, "%s is in use by %s", state->path,
		       *text ? text : "another process");
}

/* For people only: that it cannot be written is no reason to fail. */
static void write_holder(const struct cr_state *state)
{
	char text[LOCK_TEXT_MAX + 1], date[32] = "?";
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm))
		(void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(text, sizeof(text), "pid %d (%.64s), since %s",
		       (int)getpid(), program_invocation_short_name, date);
	if (ftruncate(state->lock_fd, 0) == 0 &&
	    cr_io_pwrite(state->lock_fd, text, strlen(text), 0) < 0)
		(void)!ftruncate(state->lock_fd, 0);
}

/*
 * Byte 0 is the writer's lock.  Locks belong to the open file description, so
 * they end with the process however it ends.
 */
static int ofd_lock(int fd, int command, short type)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = 0,
		.l_len = 1,
	};

	return fcntl(fd, command, &lock) < 0 ? -errno : 0;
}

static int open_lock(struct cr_state *state)
{
	int fd;

	if (state->lock_fd >= 0)
		return 0;
	fd = cr_io_open(state->fd, "lock", O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fd;
	state->lock_fd = fd;
	return 0;
}

/*
 * Try until it can be had.  Signals are let in only while we sleep: none can
 * come between the last look and a wait that does not end.
 */
static int wait_for_lock(const struct cr_state *state, const char *who,
			 void (*waiting)(const char *who))
{
	const struct timespec pause = { .tv_nsec = LOCK_RETRY_NS };
	sigset_t all, before;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	if (waiting)
		waiting(who);
	do {
		r = ppoll(NULL, 0, &pause, &before) < 0 ? -errno : 0;
		if (r == 0)
			r = ofd_lock(state->lock_fd, F_OFD_SETLK, F_WRLCK);
	} while (r == -EAGAIN || r == -EACCES);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int cr_state_lock(struct cr_state *state, bool wait,
		  void (*waiting)(const char *who))
{
	char who[LOCK_TEXT_MAX + 256];
	int r;

	assert(!state->locked);
	r = open_lock(state);
	if (r < 0)
		return cr_fail(-r, "%s/lock: %s", state->path, cr_strerror(r));
	r = ofd_lock(state->lock_fd, F_OFD_SETLK, F_WRLCK);
	if (r == -EAGAIN || r == -EACCES) {
		say_holder(state, who, sizeof(who));
		if (!wait)
			return cr_fail(CR_ELOCKED, "%s", who);
		r = wait_for_lock(state, who, waiting);
	}
	if (r == -EINTR)
		return r;
	if (r < 0)
		return cr_fail(-r, "%s/lock: %s", state->path, cr_strerror(r));
	state->locked = true;
	write_holder(state);
	return 0;
}

void cr_state_unlock(struct cr_state *state)
{
	if (!state->locked)
		return;
	(void)!ftruncate(state->lock_fd, 0);
	(void)ofd_lock(state->lock_fd, F_OFD_SETLK, F_UNLCK);
	state->locked = false;
}

bool cr_state_locked(const struct cr_state *state)
{
	return state->locked;
}
