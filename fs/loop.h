/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - the threads that take requests from the kernel and answer them, and
 * what becomes of requests whose storage hangs.
 *
 * As many threads as suit the machine: that bounds the memory for what they
 * have in their hands.  One whose request is not answered after two seconds is
 * taken to wait for the storage: another is started in its stead, and it ends
 * when it comes back.  So nobody waits for another file, until CR_LOOP_STUCK
 * more requests hang than there are threads: then all wait, and the log says
 * for what.
 *
 * A request that is interrupted is answered by who works on it or, when that
 * takes longer than a second, with EINTR, so that who was killed can go.  Not
 * at once: a signal that ends nobody would make programs fail that never expect
 * that of a file.  The work goes on, and what it reads is kept in the caches.
 */
#ifndef FS_LOOP_H
#define FS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_loop;
struct fuse_req;
struct fuse_session;

#define CR_LOOP_STUCK 32

struct cr_loop_options {
	struct fuse_session *session; /* borrowed */
	unsigned int threads;
	/* Milliseconds that a request may take until ... */
	unsigned int replace; /* another thread is started, */
	unsigned int answer;  /* or, once interrupted, it is answered. */
};
#define CR_LOOP_REPLACE 2000
#define CR_LOOP_ANSWER	1000

cr_must_check int cr_loop_new(const struct cr_loop_options *options,
			      struct cr_loop **ret);
void cr_loop_free(struct cr_loop *loop);

/*
 * Returns once the mount is gone, or cr_loop_end() was called.  Uses SIGUSR2.
 * -errno with a sentence.
 */
cr_must_check int cr_loop_run(struct cr_loop *loop);
/* Any thread may ask for the end. */
void cr_loop_end(struct cr_loop *loop);

/* To the log, from any thread: the requests that took too long, if any. */
void cr_loop_log(struct cr_loop *loop);

/* ---- For who answers ---- */

/* What a request asks for: @name, such as "read", is not copied. */
struct cr_asked {
	const char *name;
	uint64_t node;
};

/*
 * What comes now may have to wait for the storage.  @req must not be touched
 * until cr_loop_answers() tells whether it is still to be answered, which the
 * caller does then at once.  @loop may be NULL: then it always is.
 */
void cr_loop_works(struct cr_loop *loop, struct fuse_req *req,
		   struct cr_asked asked);
cr_must_check bool cr_loop_answers(struct cr_loop *loop);

static inline void cr_loop_freep(struct cr_loop **loop)
{
	cr_loop_free(*loop);
}

#endif
