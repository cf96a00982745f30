/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stream.h - who reads a large file from front to back, and how far ahead of
 * him it is worth to decode.
 *
 * Requests of one reader come out of order by a few, since the kernel sends
 * some at once and many threads answer.  After three that go on where others
 * ended the next mebibyte is given out, then more and more, up to eight; shared
 * among all who read at the time.  A reader who jumps begins anew.
 *
 * Any thread may call anything.  One lock, held over nothing but a short scan.
 */
#ifndef FS_STREAM_H
#define FS_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_streams;

/* A part of file @node. */
struct cr_stretch {
	uint64_t node;
	uint64_t offset;
	uint64_t len;
};

/* @ahead_bytes bounds what is given out and not yet asked for, of all files. */
cr_must_check int cr_streams_new(uint64_t ahead_bytes, struct cr_streams **ret);
void cr_streams_free(struct cr_streams *streams);

/*
 * @asked was asked for, of a file of @size bytes.  Whether @ret is to be
 * decoded: nobody else is given any of it.
 */
bool cr_streams_ask(struct cr_streams *streams, const struct cr_stretch *asked,
		    uint64_t size, struct cr_stretch *ret);

static inline void cr_streams_freep(struct cr_streams **streams)
{
	cr_streams_free(*streams);
}

#endif
