/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content_cut.c - read a file and cut its runs.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "store/write/content_int.h"
#include "store/write/holes.h"

/* How long a stream that is silent keeps us from seeing that we are to stop. */
#define STOP_MS 100

/* ---- Reading ---- */

/*
 * Wait until there is something to read.  A signal may come before a read()
 * that then blocks, or to another thread: hence the time limit.
 */
static int wait_for_input(const struct cr_cut *cut)
{
	struct pollfd input = { .fd = cut->fd, .events = POLLIN };
	int ready;

	do {
		if (cut->ing->stop && atomic_load(cut->ing->stop))
			return EINTR;
		ready = cut->seekable ? 1 : poll(&input, 1, STOP_MS);
	} while (ready == 0 || (ready < 0 && errno == EINTR));
	return ready < 0 ? errno : 0;
}

static size_t read_held(const struct cr_cut *cut, uint8_t *out, size_t len,
			uint64_t offset)
{
	size_t n;

	if (offset >= cut->held_len)
		return 0;
	n = cr_min(len, cut->held_len - (size_t)offset);
	if (out != cut->held + offset)
		memmove(out, cut->held + offset, n);
	return n;
}

static size_t read_source(struct cr_cut *cut, uint8_t *out, size_t len,
			  uint64_t offset)
{
	int error = wait_for_input(cut);
	ssize_t n;

	if (error) {
		cut->source_error = error;
		return 0;
	}
	do
		n = cut->seekable ? pread(cut->fd, out, len, (off_t)offset)
				  : read(cut->fd, out, len);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		cut->source_error = errno;
		return 0;
	}
	if (cut->ing->read_bytes)
		(void)atomic_fetch_add(cut->ing->read_bytes,
				       (unsigned long long)n);
	return (size_t)n;
}

size_t cr_cut_read(struct cr_cut *cut, uint8_t *out, size_t len,
		   uint64_t offset)
{
	return cut->held ? read_held(cut, out, len, offset)
			 : read_source(cut, out, len, offset);
}

void cr_cut_hold(struct cr_cut *cut, uint8_t *out)
{
	size_t got = 0;

	while (got < cut->size) {
		size_t n = read_source(cut, out + got, (size_t)cut->size - got,
				       got);

		if (n == 0)
			break;
		got += n;
	}
	cut->held = out;
	cut->held_len = got;
}

int cr_cut_turn(struct cr_cut *cut)
{
	size_t rest = cut->end - cut->start;
	int r = cut->to->turn(cut, rest);

	if (r < 0)
		return r;
	cut->start = 0;
	cut->end = rest;
	return 0;
}

/* Have a longest chunk's worth in the buffer, or all that is left of the run.
 */
static int fill(struct cr_cut *cut)
{
	uint64_t left = cut->run_end - cut->read_at;
	int r;

	if (cut->run_over || cut->end - cut->start >= cut->longest)
		return 0;
	left += cut->end - cut->start;
	if (cut->room - cut->start < cr_min(left, (uint64_t)cut->longest)) {
		r = cr_cut_turn(cut);
		if (r < 0)
			return r;
	}
	while (!cut->run_over && cut->end - cut->start < cut->longest) {
		size_t room = cut->room - cut->end;
		size_t want, got;

		left = cut->run_end - cut->read_at;
		want = (size_t)cr_min(left, (uint64_t)room);
		got = want > 0 ? cr_cut_read(cut, cut->buffer + cut->end, want,
					     cut->read_at)
			       : 0;
		/* Shorter than it was said to be: what is there is what counts.
		 */
		cut->run_over = got == 0;
		cut->end += got;
		cut->read_at += got;
	}
	return 0;
}

/* ---- Cutting ---- */

static int add_chunk(struct cr_cut *cut, size_t len)
{
	int r = cut->to->chunk(cut, len);

	if (r < 0)
		return r;
	cut->ret->size += len;
	cut->ret->data_bytes += len;
	cut->start += len;
	return 0;
}

static int add_hole(struct cr_cut *cut, uint64_t len)
{
	if (len == 0)
		return 0;
	cut->ret->size += len;
	return cut->to->hole(cut, len);
}

/* Cut the data run [offset, end). */
static int cut_run(struct cr_cut *cut, uint64_t offset, uint64_t end)
{
	cut->read_at = offset;
	cut->run_end = end;
	cut->run_over = false;
	cut->to->begin(cut);
	for (;;) {
		size_t len;
		int r = fill(cut);

		if (r < 0)
			return r;
		if (cut->source_error || cut->start == cut->end)
			return 0;
		len = cr_chunk_cut(&cut->ing->gear, cut->size_class,
				   cut->buffer + cut->start,
				   cut->end - cut->start,
				   cut->read_at - (cut->end - cut->start));
		r = add_chunk(cut, len);
		if (r < 0)
			return r;
	}
}

static int cut_sparse(struct cr_cut *cut)
{
	uint64_t at = 0;

	while (at < cut->size && !cut->source_error) {
		uint64_t from, to;
		int r;

		cr_next_run(cut->fd, cut->size, at, &from, &to);
		r = add_hole(cut, from - at);
		if (r == 0 && from < to)
			r = cut_run(cut, from, to);
		if (r < 0)
			return r;
		/* Cut short under the reader: the rest is not there. */
		if (from < to && cut->read_at < to)
			return 0;
		at = to;
	}
	return 0;
}

int cr_cut_file(struct cr_cut *cut, bool sparse)
{
	return sparse ? cut_sparse(cut) : cut_run(cut, 0, cut->size);
}
