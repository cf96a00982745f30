/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_file.c - the content of files: data is written, holes are left.
 *
 * A long run of data is written in pieces, which any worker takes that has
 * nothing else to do: so one large file keeps all of them busy.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "store/base/error.h"
#include "tools/restore_int.h"

#define SPAN  (2u << 20) /* bytes that are pinned at once */
#define PIECE (8u << 20) /* bytes that a worker takes */
#define LARGE (4 * PIECE)

/* A run of data that is being shared; on the stack of whom it belongs to. */
struct cr_big {
	struct cr_big *next; /* borrowed; under: lock, as all below */
	struct cr_copy *copy;
	uint64_t at, end;  /* what nobody took yet */
	unsigned int busy; /* workers with a piece */
	int error;
	bool target;
	char why[512];
};

/* Step over what was written. */
static void advance(struct iovec **iov, size_t *count, size_t done)
{
	while (*count > 0 && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (uint8_t *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

/* The span's vectors are used up. */
static int write_span(int fd, struct cr_span *span, uint64_t at)
{
	struct iovec *iov = span->iov;
	size_t count = span->count;

	advance(&iov, &count, 0);
	while (count > 0) {
		ssize_t n =
			pwritev(fd, iov, (int)cr_min(count, (size_t)IOV_MAX),
				(off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (uint64_t)n;
		advance(&iov, &count, (size_t)n);
	}
	return 0;
}

/* Write [from, to), which holds no hole. */
static int copy_range(const struct cr_copy *copy, uint64_t from, uint64_t to,
		      bool *target)
{
	while (from < to) {
		cr_cleanup(cr_span_release) struct cr_span span = { 0 };
		size_t len = (size_t)cr_min(to - from, (uint64_t)SPAN);
		int r;

		if (cr_restore_stopped(copy->run))
			return -EINTR;
		r = cr_file_span(copy->file, from, len, &span);
		if (r < 0)
			return r;
		assert(span.len == len);
		r = write_span(copy->fd, &span, from);
		if (r < 0) {
			*target = true;
			return r;
		}
		(void)atomic_fetch_add(&copy->run->count.bytes, len);
		from += len;
	}
	return 0;
}

/* Take and write one piece.  Under: lock, given up meanwhile. */
static void take_piece(struct cr_restore *run, struct cr_big *big)
{
	uint64_t from = big->at;
	uint64_t to = cr_min(big->end, from + PIECE);
	bool target = false;
	int r;

	big->at = to;
	big->busy++;
	(void)pthread_mutex_unlock(&run->lock);
	r = copy_range(big->copy, from, to, &target);
	(void)pthread_mutex_lock(&run->lock);
	if (r < 0 && big->error == 0) {
		big->error = r;
		big->target = target;
		(void)snprintf(big->why, sizeof(big->why), "%s", cr_detail());
	}
	if (r < 0)
		big->at = big->end;
	if (--big->busy == 0)
		(void)pthread_cond_broadcast(&run->work.emptied);
}

bool cr_restore_help(struct cr_restore *run)
{
	struct cr_big *big = run->work.big;

	while (big && big->at == big->end)
		big = big->next;
	if (!big)
		return false;
	take_piece(run, big);
	return true;
}

static void unlink_big(struct cr_restore *run, const struct cr_big *big)
{
	struct cr_big **at = &run->work.big;

	while (*at != big)
		at = &(*at)->next;
	*at = big->next;
}

/* Write [from, to) together with whoever has time. */
static int share_range(struct cr_copy *copy, uint64_t from, uint64_t to)
{
	struct cr_restore *run = copy->run;
	struct cr_big big = { .copy = copy, .at = from, .end = to };

	(void)pthread_mutex_lock(&run->lock);
	big.next = run->work.big;
	run->work.big = &big;
	(void)pthread_cond_broadcast(&run->work.filled);
	while (big.at < big.end)
		take_piece(run, &big);
	while (big.busy > 0)
		(void)pthread_cond_wait(&run->work.emptied, &run->lock);
	unlink_big(run, &big);
	(void)pthread_mutex_unlock(&run->lock);
	if (big.error == 0)
		return 0;
	copy->target = big.target;
	/* The sentence was another thread's. */
	return cr_is_damage(big.error) ? cr_fail(-big.error, "%s", big.why)
				       : big.error;
}

/* The next run of data at or after *@from: 1, else 0. */
static int next_data(const struct cr_copy *copy, uint64_t *from, uint64_t *to)
{
	int r = cr_file_seek(copy->file, *from, SEEK_DATA, from);

	if (r == -ENXIO)
		return 0;
	if (r == 0)
		r = cr_file_seek(copy->file, *from, SEEK_HOLE, to);
	return r < 0 ? r : 1;
}

int cr_restore_content(struct cr_copy *copy)
{
	uint64_t size = cr_file_size(copy->file), from = 0, to = 0;
	int r;

	while ((r = next_data(copy, &from, &to)) > 0) {
		if (to - from >= LARGE)
			r = share_range(copy, from, to);
		else
			r = copy_range(copy, from, to, &copy->target);
		if (r < 0)
			return r;
		from = to;
	}
	if (r < 0 || to == size)
		return r;
	/* It ends in a hole. */
	if (ftruncate(copy->fd, (off_t)size) < 0) {
		copy->target = true;
		return -errno;
	}
	return 0;
}
