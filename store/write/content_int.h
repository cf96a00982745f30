/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * content_int.h - content.c cut in two: where the chunks of a file go
 * (content.c), and reading and cutting it (content_cut.c).
 */
#ifndef STORE_WRITE_CONTENT_INT_H
#define STORE_WRITE_CONTENT_INT_H

#include "store/codec/chunker.h"
#include "store/write/content.h"

struct cr_large;
struct cr_pending;

struct cr_ingester {
	struct cr_writer *writer;   /* borrowed */
	struct cr_stream *stream;   /* owned */
	struct cr_pending *pending; /* owned; what it holds lies in @buffer */
	struct cr_batches *batches; /* borrowed, unless @alone */
	struct cr_batches *alone;   /* owned; may be NULL */
	struct cr_large *large;	    /* owned; made for the first large file */
	atomic_ullong *read_bytes;  /* borrowed; may be NULL */
	const atomic_bool *stop;    /* borrowed; may be NULL */
	struct cr_gear gear;
	uint8_t *buffer;  /* owned */
	size_t window;	  /* its length; most is used for longer files only */
	size_t used;	  /* of it, by what is pending */
	size_t touched;	  /* of it, ever */
	uint8_t *samples; /* owned */
};

struct cr_cut;

/* Where the parts of a file go, and the buffer it is read to.  0 or the
 * writer's error. */
struct cr_cut_to {
	/* Go on where the buffer has room: buffer, room, start and end. */
	void (*begin)(struct cr_cut *cut);
	/* Have the buffer begin with the @rest bytes from cut->start on. */
	int (*turn)(struct cr_cut *cut, size_t rest);
	/* The @len bytes at cut->start are a chunk; it does not move that. */
	int (*chunk)(struct cr_cut *cut, size_t len);
	int (*hole)(struct cr_cut *cut, uint64_t len);
};

/* One file on its way. */
struct cr_cut {
	struct cr_ingester *ing;
	const struct cr_cut_to *to;
	int fd;
	bool seekable;
	enum cr_size_class size_class;
	size_t longest;	  /* chunk of the class */
	uint64_t size;	  /* where reading ends, if it does not before */
	int source_error; /* positive errno */
	struct cr_stored_content *ret;
	const uint8_t *held; /* in the buffer: the file, read; or NULL */
	size_t held_len;

	/* The run being read: buffer[start..end) is not cut yet. */
	uint64_t read_at; /* file offset of buffer[end] */
	uint64_t run_end;
	uint8_t *buffer; /* of @room bytes */
	size_t room;
	size_t start, end;
	bool run_over;
};

/*
 * Up to @len bytes at @offset, or of a stream; 0 is the end or, with
 * cut->source_error, a failure.  Of a file that is held, @out may be where they
 * are, or before.
 */
size_t cr_cut_read(struct cr_cut *cut, uint8_t *out, size_t len,
		   uint64_t offset);
/* Read all of the file to @out, which has room for it, and hold it there. */
void cr_cut_hold(struct cr_cut *cut, uint8_t *out);
/* Have the buffer begin with what is not cut yet. */
cr_must_check int cr_cut_turn(struct cr_cut *cut);
/* Read the file and tell cut->to its parts; with @sparse its holes, too. */
cr_must_check int cr_cut_file(struct cr_cut *cut, bool sparse);

#endif
