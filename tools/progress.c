/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "tools/output.h"

#define REDRAW_MS 250

struct cr_progress {
	cr_progress_fn look;
	void *arg;
	struct timespec began;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;  /* under: lock */
	bool drawn; /* under: lock */
};

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) +
	       (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return 80;
	return size.ws_col;
}

/* "1:02:03 left", from the share of the bytes that is done. */
static void put_left(const struct cr_progress_state *s, double spent, char *out,
		     size_t room)
{
	uint64_t left;

	*out = '\0';
	if (s->bytes_total <= s->bytes || s->bytes == 0 || spent < 2)
		return;
	left = (uint64_t)(spent * (double)(s->bytes_total - s->bytes) /
			  (double)s->bytes);
	(void)snprintf(out, room, ", %" PRIu64 ":%02u:%02u left", left / 3600,
		       (unsigned int)(left / 60 % 60),
		       (unsigned int)(left % 60));
}

/* Cut to @room columns, at the front: the end of a path says more. */
static const char *fit(const char *text, size_t room)
{
	size_t len = strlen(text);

	if (len <= room)
		return text;
	text += len - room;
	while ((*text & 0xc0) == 0x80)
		text++;
	return text;
}

/* Under: lock. */
static void draw(struct cr_progress *p)
{
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_progress_state s = { 0 };
	double spent = seconds_since(&p->began);
	char line[160], left[48];
	size_t width = columns() - 1;
	int n;

	p->look(p->arg, &s);
	put_left(&s, spent, left, sizeof(left));
	n = snprintf(line, sizeof(line), "%" PRIu64 " files, %s, %s/s%s  ",
		     s.files, cr_human_bytes(s.bytes).text,
		     cr_human_bytes((uint64_t)((double)s.bytes /
					       (spent > 0.1 ? spent : 0.1)))
			     .text,
		     left);
	cr_escape(s.path, strlen(s.path), &path);
	cr_buf_u8(&path, 0);
	if (n < 0 || cr_buf_error(&path) < 0)
		return;
	(void)fprintf(stderr, "\r\033[K%s%s", fit(line, width),
		      (size_t)n < width
			      ? fit((const char *)path.bytes, width - (size_t)n)
			      : "");
	(void)fflush(stderr);
	p->drawn = true;
}

static void wipe(struct cr_progress *p)
{
	if (p->drawn)
		(void)fprintf(stderr, "\r\033[K");
	(void)fflush(stderr);
	p->drawn = false;
}

static void *redraw(void *arg)
{
	struct cr_progress *p = arg;

	(void)pthread_mutex_lock(&p->lock);
	while (!p->stop) {
		struct timespec until;

		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += REDRAW_MS * 1000000L;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		(void)pthread_cond_timedwait(&p->wake, &p->lock, &until);
		if (!p->stop)
			draw(p);
	}
	wipe(p);
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

int cr_progress_start(bool quiet, cr_progress_fn look, void *arg,
		      struct cr_progress **ret)
{
	struct cr_progress *p;
	int r;

	*ret = NULL;
	if (quiet || !isatty(STDERR_FILENO))
		return 0;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->look = look;
	p->arg = arg;
	(void)clock_gettime(CLOCK_MONOTONIC, &p->began);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->wake, NULL);
	r = pthread_create(&p->thread, NULL, redraw, p);
	if (r != 0) {
		free(p);
		return cr_fail(r, "no thread: %s", strerrordesc_np(r));
	}
	*ret = p;
	return 0;
}

void cr_progress_stop(struct cr_progress *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	p->stop = true;
	(void)pthread_cond_signal(&p->wake);
	(void)pthread_mutex_unlock(&p->lock);
	(void)pthread_join(p->thread, NULL);
	(void)pthread_mutex_destroy(&p->lock);
	(void)pthread_cond_destroy(&p->wake);
	free(p);
}

void cr_progress_clear(struct cr_progress *p)
{
	if (!p)
		return;
	(void)pthread_mutex_lock(&p->lock);
	wipe(p);
	(void)pthread_mutex_unlock(&p->lock);
}
