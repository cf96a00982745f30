/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/loop.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/log.h"

#define TICK_MS	    250
#define END_TICK_MS 50
#define WAKE	    SIGUSR2

/* Of one thread.  Only the main thread starts and ends it. */
struct worker {
	struct cr_loop *loop; /* borrowed */
	pthread_t thread;
	bool runs; /* main's */
	pthread_mutex_t lock;
	struct fuse_req *req; /* under: lock, as all below; or NULL */
	struct cr_asked asked;
	uint64_t begun;	      /* ms: work on .req */
	uint64_t interrupted; /* ms: that was seen; 0: not yet */
	bool answered;	      /* .req was, by main */
	bool replaced;
	bool ended;
	int error;
};

struct cr_loop {
	struct cr_loop_options options;
	pthread_key_t self; /* the worker of a thread */
	sem_t changed;	    /* a worker ended, or all is to end */
	unsigned int stuck; /* main's: workers that were replaced */
	bool short_of;	    /* main's: all of those, which the log knows */
	unsigned int workers;
	struct worker worker[];
};

static uint64_t now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int cr_loop_new(const struct cr_loop_options *options, struct cr_loop **ret)
{
	unsigned int workers = options->threads + CR_LOOP_STUCK;
	struct cr_loop *loop =
		calloc(1, sizeof(*loop) + workers * sizeof(*loop->worker));
	int r;

	if (!loop)
		return -ENOMEM;
	loop->options = *options;
	loop->workers = workers;
	r = pthread_key_create(&loop->self, NULL);
	if (r != 0) {
		free(loop);
		return -r;
	}
	(void)sem_init(&loop->changed, 0, 0);
	for (unsigned int i = 0; i < workers; i++) {
		loop->worker[i].loop = loop;
		(void)pthread_mutex_init(&loop->worker[i].lock, NULL);
	}
	*ret = loop;
	return 0;
}

void cr_loop_free(struct cr_loop *loop)
{
	if (!loop)
		return;
	for (unsigned int i = 0; i < loop->workers; i++)
		(void)pthread_mutex_destroy(&loop->worker[i].lock);
	(void)sem_destroy(&loop->changed);
	(void)pthread_key_delete(loop->self);
	free(loop);
}

static void lock(struct worker *worker)
{
	(void)pthread_mutex_lock(&worker->lock);
}

static void unlock(struct worker *worker)
{
	(void)pthread_mutex_unlock(&worker->lock);
}

/* ---- Work ---- */

void cr_loop_works(struct cr_loop *loop, struct fuse_req *req,
		   struct cr_asked asked)
{
	struct worker *worker = loop ? pthread_getspecific(loop->self) : NULL;

	if (!worker)
		return;
	lock(worker);
	worker->req = req;
	worker->asked = asked;
	worker->begun = now();
	worker->interrupted = 0;
	worker->answered = false;
	unlock(worker);
}

bool cr_loop_answers(struct cr_loop *loop)
{
	struct worker *worker = loop ? pthread_getspecific(loop->self) : NULL;
	bool answered;

	if (!worker)
		return true;
	lock(worker);
	assert(worker->req || worker->answered);
	answered = worker->answered;
	worker->answered = false;
	worker->req = NULL;
	unlock(worker);
	return !answered;
}

static bool is_replaced(struct worker *worker)
{
	bool replaced;

	lock(worker);
	replaced = worker->replaced;
	unlock(worker);
	return replaced;
}

/* Until the mount is gone, or another thread has taken its place. */
static int take_requests(struct worker *worker)
{
	struct fuse_session *session = worker->loop->options.session;
	struct fuse_buf buf = { 0 };
	int r = 0;

	while (!fuse_session_exited(session) && !is_replaced(worker)) {
		r = fuse_session_receive_buf(session, &buf);
		if (r == -EINTR)
			continue;
		if (r <= 0) {
			fuse_session_exit(session);
			break;
		}
		fuse_session_process_buf(session, &buf);
	}
	free(buf.mem);
	return cr_min(r, 0);
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	int r;

	(void)pthread_setspecific(worker->loop->self, worker);
	r = take_requests(worker);
	lock(worker);
	worker->error = r == -EINTR ? 0 : r;
	worker->ended = true;
	unlock(worker);
	(void)sem_post(&worker->loop->changed);
	return NULL;
}

/* ---- Watching over it ---- */

static int start_one(struct cr_loop *loop)
{
	struct worker *worker = loop->worker;
	int r;

	while (worker->runs)
		worker++;
	assert(worker < loop->worker + loop->workers);
	worker->replaced = worker->ended = worker->answered = false;
	worker->req = NULL;
	r = pthread_create(&worker->thread, NULL, run, worker);
	if (r != 0)
		return cr_fail(r, "a thread: %s", cr_strerror(-r));
	worker->runs = true;
	return 0;
}

/* Take away those that have ended: the error of one, if any. */
static int reap(struct cr_loop *loop, unsigned int *left)
{
	int error = 0;

	*left = 0;
	for (unsigned int i = 0; i < loop->workers; i++) {
		struct worker *worker = &loop->worker[i];
		bool ended;

		if (!worker->runs)
			continue;
		lock(worker);
		ended = worker->ended;
		unlock(worker);
		if (!ended) {
			++*left;
			continue;
		}
		(void)pthread_join(worker->thread, NULL);
		worker->runs = false;
		loop->stuck -= worker->replaced;
		error = worker->error < 0 ? worker->error : error;
	}
	return error;
}

/* Whether its request is to be answered now, by the caller: then @req is. */
static bool is_left(struct worker *worker, uint64_t at, struct fuse_req **req)
{
	if (!worker->req || !fuse_req_interrupted(worker->req))
		return false;
	if (worker->interrupted == 0)
		worker->interrupted = at;
	if (at - worker->interrupted < worker->loop->options.answer)
		return false;
	*req = worker->req;
	worker->req = NULL;
	worker->answered = true;
	return true;
}

static bool is_late(const struct worker *worker, uint64_t at)
{
	return (worker->req || worker->answered) &&
	       at >= worker->begun + worker->loop->options.replace;
}

/* Another thread is no matter of life and death: there are some. */
static void look_at(struct worker *worker, uint64_t at)
{
	struct cr_loop *loop = worker->loop;
	struct fuse_req *req = NULL;
	bool stuck, left;

	lock(worker);
	stuck = loop->stuck < CR_LOOP_STUCK && !worker->replaced &&
		is_late(worker, at);
	left = is_left(worker, at, &req);
	unlock(worker);
	if (left)
		fuse_reply_err(req, EINTR);
	if (!stuck || start_one(loop) < 0)
		return;
	lock(worker);
	worker->replaced = true;
	unlock(worker);
	loop->stuck++;
}

/* Count it, and tell what it waits for. */
static void tell(struct worker *worker, uint64_t at, unsigned int *late)
{
	struct cr_asked asked;
	uint64_t begun;
	bool is;

	lock(worker);
	is = is_late(worker, at);
	asked = worker->asked;
	begun = worker->begun;
	unlock(worker);
	if (!is)
		return;
	++*late;
	cr_log(CR_LOG_NOTICE, "storage: %s of node %" PRIu64 ": %.1f s",
	       asked.name, asked.node, (double)(at - begun) / 1000);
}

void cr_loop_log(struct cr_loop *loop)
{
	unsigned int late = 0;
	uint64_t at = now();

	for (unsigned int i = 0; i < loop->workers; i++)
		tell(&loop->worker[i], at, &late);
	if (late > 0)
		cr_log(CR_LOG_WARNING, "storage: %u requests wait for it",
		       late);
}

/* Once each time that it comes to that. */
static void tell_shortage(struct cr_loop *loop)
{
	bool is = loop->stuck == CR_LOOP_STUCK;

	if (is && !loop->short_of) {
		cr_log(CR_LOG_WARNING, "storage: it does not answer; "
				       "now all who ask for more wait");
		cr_loop_log(loop);
	}
	loop->short_of = is;
}

static void look_at_all(struct cr_loop *loop)
{
	uint64_t at = now();

	for (unsigned int i = 0; i < loop->workers; i++)
		if (loop->worker[i].runs)
			look_at(&loop->worker[i], at);
	tell_shortage(loop);
}

/* ---- Beginning and end ---- */

static void pause_for(struct cr_loop *loop, uint64_t ms)
{
	uint64_t end = now() + ms;
	const struct timespec ts = {
		.tv_sec = (time_t)(end / 1000),
		.tv_nsec = (long)(end % 1000) * 1000000,
	};

	(void)sem_clockwait(&loop->changed, CLOCK_MONOTONIC, &ts);
}

/* What a thread waits in ends with EINTR: it may begin to wait just then. */
static void wake_all(struct cr_loop *loop)
{
	for (unsigned int i = 0; i < loop->workers; i++)
		if (loop->worker[i].runs)
			(void)pthread_kill(loop->worker[i].thread, WAKE);
}

static void wake(int signal)
{
	(void)signal;
}

void cr_loop_end(struct cr_loop *loop)
{
	fuse_session_exit(loop->options.session);
	(void)sem_post(&loop->changed);
}

int cr_loop_run(struct cr_loop *loop)
{
	const struct sigaction action = { .sa_handler = wake };
	unsigned int left = 0;
	int r = 0, error = 0;

	if (sigaction(WAKE, &action, NULL) < 0)
		return cr_fail(errno, "signals: %m");
	for (unsigned int i = 0; i < loop->options.threads && r == 0; i++)
		r = start_one(loop);
	if (r < 0)
		fuse_session_exit(loop->options.session);
	do {
		bool over = fuse_session_exited(loop->options.session) != 0;
		int why;

		if (over)
			wake_all(loop);
		else
			look_at_all(loop);
		pause_for(loop, over ? END_TICK_MS : TICK_MS);
		why = reap(loop, &left);
		error = why < 0 ? why : error;
	} while (left > 0);
	if (r == 0 && error < 0)
		r = cr_fail(-error, "%s", cr_strerror(error));
	return r;
}
