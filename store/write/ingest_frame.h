/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_frame.h - where the walker of an ingest is: one frame for each
 * directory on the way down.
 */
#ifndef STORE_WRITE_INGEST_FRAME_H
#define STORE_WRITE_INGEST_FRAME_H

#include "store/write/ingest_int.h"
#include "store/write/wanted.h"

struct cr_frame {
	struct cr_dirwork *dir;	      /* a user of it */
	struct cr_known_dir *known;   /* owned; may be NULL */
	const struct cr_wanted *only; /* borrowed; NULL: everything */
	struct cr_buf names, offsets;
	size_t next;		/* of the offsets */
	struct cr_slice *slice; /* owned; being filled or descended */
	size_t next_item;	/* of the slice, to look for directories */
};

struct cr_walker {
	struct cr_ingest *ingest;
	const char *top; /* for patterns: the absolute path of the root */
	struct cr_frame *frame; /* owned */
	size_t depth, room;
};

/* The names of a frame's directory, sorted. */
static inline const char *cr_frame_name(const struct cr_frame *frame, size_t i)
{
	const size_t *offset = (const void *)frame->offsets.bytes;

	return (const char *)frame->names.bytes + offset[i];
}

static inline size_t cr_frame_names(const struct cr_frame *frame)
{
	return frame->offsets.len / sizeof(size_t);
}

/*
 * ingest_slice.c: stat the next names of @frame into frame->slice, and hand the
 * files that are to be read to the workers.
 */
cr_must_check int cr_ingest_slice(struct cr_walker *w, struct cr_frame *frame);

#endif
