/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_later.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/base/secret.h"
#include "store/disk/index_impl.h"
#include "store/disk/index_sync.h"

struct cr_index_later {
	const struct cr_state *state; /* borrowed */
	size_t cache_bytes;
	pid_t child; /* who makes it ready; 0: has ended */
	int said;    /* a byte of his, 1 or 0: whether there is an index */
	int stop;    /* eventfd */
	bool started;
	pthread_t thread;
	struct timespec until; /* monotonic; set with .started */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool settled; /* under: lock, as the next */
	bool stopped;
	struct cr_index *_Atomic index; /* owned; set once */
};

/* ---- The process that makes it ready ---- */

static int ask(void *arg, struct cr_index *index)
{
	const struct cr_repo *const *repo = arg;

	return cr_index_is_ready(*repo, index);
}

/* Whether there is an index to open. */
static bool make_ready(const struct cr_repo *repo, struct cr_state *state,
		       size_t cache_bytes)
{
	struct cr_index *index = NULL;
	int r = cr_index_ask(state, cache_bytes, ask, &repo);

	if (r == 1)
		return true;
	/* This may take a while. */
	cr_secret_lock_again();
	r = cr_index_ready(repo, state, cache_bytes, &index);
	if (r < 0)
		cr_log(CR_LOG_WARNING, "the local index: %s", cr_strerror(r));
	/* Not closed: the process ends. */
	return index;
}

static int start_child(struct cr_index_later *later, const struct cr_repo *repo,
		       struct cr_state *state)
{
	cr_cleanup(cr_closep) int in = -1;
	cr_cleanup(cr_closep) int out = -1;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return cr_fail(errno, "pipe: %s", strerrordesc_np(errno));
	in = ends[0];
	out = ends[1];
	later->child = fork();
	if (later->child < 0) {
		later->child = 0;
		return cr_fail(errno, "fork: %s", strerrordesc_np(errno));
	}
	if (later->child == 0) {
		uint8_t usable;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Others are waited for first. */
		(void)setpriority(PRIO_PROCESS, 0, 5);
		usable = make_ready(repo, state, later->cache_bytes);
		_exit(cr_io_write(out, &usable, 1) < 0 ? EXIT_FAILURE
						       : EXIT_SUCCESS);
	}
	later->said = cr_take_fd(&in);
	return 0;
}

/* ---- Waiting for it ---- */

/* Whether what was awaited, and not the end, came. */
static bool wait_for_child(const struct cr_index_later *later)
{
	struct pollfd fds[] = {
		{ .fd = later->said, .events = POLLIN },
		{ .fd = later->stop, .events = POLLIN },
	};

	while (poll(fds, CR_ARRAY_LEN(fds), -1) < 0)
		if (errno != EINTR)
			return false;
	return fds[0].revents != 0;
}

/* What the child said, which ends with that.  Whether there is an index. */
static bool hear(struct cr_index_later *later)
{
	uint8_t usable = 0;
	int status;

	if (cr_io_read(later->said, &usable, 1) == 1) {
		(void)waitpid(later->child, NULL, 0);
		later->child = 0;
		return usable;
	}
	if (waitpid(later->child, &status, 0) == later->child &&
	    WIFSIGNALED(status))
		cr_log(CR_LOG_WARNING,
		       "the local index: making it ready ended in signal %d: "
		       "going on without the index, which is slower",
		       WTERMSIG(status));
	later->child = 0;
	return false;
}

static struct cr_index *open_it(const struct cr_index_later *later)
{
	struct cr_index *index = NULL;
	int r = cr_index_reopen(later->state, later->cache_bytes, &index);

	if (r < 0 && r != -ENOENT)
		cr_log(CR_LOG_WARNING, "the local index: %s",
		       *cr_detail() ? cr_detail() : cr_strerror(r));
	return r < 0 ? NULL : index;
}

static void settle(struct cr_index_later *later)
{
	struct cr_index *index = NULL;

	if (wait_for_child(later) && hear(later))
		index = open_it(later);
	(void)pthread_mutex_lock(&later->lock);
	atomic_store(&later->index, index);
	later->settled = true;
	(void)pthread_cond_broadcast(&later->changed);
	(void)pthread_mutex_unlock(&later->lock);
}

static void *run(void *arg)
{
	(void)pthread_setname_np(pthread_self(), "index");
	settle(arg);
	return NULL;
}

/* ---- For who needs it ---- */

struct cr_index *cr_index_later_peek(struct cr_index_later *later)
{
	return later ? atomic_load(&later->index) : NULL;
}

struct cr_index *cr_index_later_get(void *arg)
{
	struct cr_index_later *later = arg;
	struct cr_index *index = cr_index_later_peek(later);
	int r = 0;

	if (index)
		return index;
	(void)pthread_mutex_lock(&later->lock);
	while (later->started && !later->settled && !later->stopped && r == 0)
		r = pthread_cond_timedwait(&later->changed, &later->lock,
					   &later->until);
	if (!later->started && !later->settled) {
		(void)pthread_mutex_unlock(&later->lock);
		settle(later);
		return cr_index_later_peek(later);
	}
	(void)pthread_mutex_unlock(&later->lock);
	return cr_index_later_peek(later);
}

/* ---- Life ---- */

static struct cr_index_later *make(const struct cr_state *state,
				   size_t cache_bytes)
{
	struct cr_index_later *later = calloc(1, sizeof(*later));
	pthread_condattr_t monotonic;

	if (!later)
		return NULL;
	later->state = state;
	later->cache_bytes = cache_bytes;
	later->said = later->stop = -1;
	(void)pthread_mutex_init(&later->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&later->changed, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	return later;
}

static void freep(struct cr_index_later **later)
{
	cr_index_later_free(*later);
}

int cr_index_later_begin(const struct cr_repo *repo, struct cr_state *state,
			 size_t cache_bytes, struct cr_index_later **ret)
{
	cr_cleanup(freep) struct cr_index_later *later =
		make(state, cache_bytes);
	int r;

	if (!later)
		return -ENOMEM;
	later->stop = eventfd(0, EFD_CLOEXEC);
	if (later->stop < 0)
		return cr_fail(errno, "eventfd: %s", strerrordesc_np(errno));
	r = start_child(later, repo, state);
	if (r < 0)
		return r;
	*ret = cr_take(later);
	return 0;
}

int cr_index_later_start(struct cr_index_later *later, unsigned int patience_ms)
{
	int r;

	if (later->settled)
		return 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &later->until);
	later->until.tv_sec += patience_ms / 1000;
	later->until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
	if (later->until.tv_nsec >= 1000000000) {
		later->until.tv_nsec -= 1000000000;
		later->until.tv_sec++;
	}
	r = pthread_create(&later->thread, NULL, run, later);
	if (r != 0)
		return cr_fail(r, "a thread: %s", cr_strerror(-r));
	(void)pthread_mutex_lock(&later->lock);
	later->started = true;
	(void)pthread_mutex_unlock(&later->lock);
	return 0;
}

void cr_index_later_stop(struct cr_index_later *later)
{
	const uint64_t one = 1;

	if (!later)
		return;
	/* A counter that is not near its end takes it. */
	(void)!write(later->stop, &one, sizeof(one));
	(void)pthread_mutex_lock(&later->lock);
	later->stopped = true;
	(void)pthread_cond_broadcast(&later->changed);
	(void)pthread_mutex_unlock(&later->lock);
}

void cr_index_later_free(struct cr_index_later *later)
{
	if (!later)
		return;
	cr_index_later_stop(later);
	if (later->started)
		(void)pthread_join(later->thread, NULL);
	/* In a sandbox it ends with this process, and not before. */
	if (later->child > 0 && kill(later->child, SIGKILL) == 0)
		(void)waitpid(later->child, NULL, 0);
	cr_index_close(later->index);
	cr_closep(&later->said);
	cr_closep(&later->stop);
	(void)pthread_cond_destroy(&later->changed);
	(void)pthread_mutex_destroy(&later->lock);
	free(later);
}
