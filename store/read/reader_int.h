/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader_int.h - what the parts of the reader share: how a chunk is found and
 * checked (reader.c), and how the next ones of a file are (reader_after.c).
 */
#ifndef STORE_READ_READER_INT_H
#define STORE_READ_READER_INT_H

#include "store/read/reader.h"

/* What is wanted, and where the result goes. */
struct cr_wanted {
	struct cr_reader *reader;
	const struct cr_view *view;
	enum cr_chunk_type type;
	const struct cr_id *id;
	struct cr_pin *pin;		/* NULL: only locate */
	struct cr_piece *tail;		/* may be NULL */
	struct cr_hint *found;		/* may be NULL */
	const struct cr_copies *copies; /* may be NULL */
	struct cr_index *index;		/* the last that was asked, or NULL */
	bool fetch;  /* @pin may remain empty: nobody waits for the bytes */
	bool cached; /* take no copy whose block is yet to be decoded */
	bool misled; /* the index has rows, and none was right */
	int error;   /* of the best copy so far */
	char why[384];
};

/*
 * Take the chunk, which in a file comes after the one at @before (zero:
 * unknown).  Errors as cr_reader_get().
 */
cr_must_check int cr_wanted_find_after(struct cr_wanted *w,
				       const struct cr_hint *before);

/*
 * Split the chunk at @place of the pinned block into what is hashed and its
 * tail, and see that it is the one that is wanted.
 */
cr_must_check int cr_wanted_check(struct cr_wanted *w,
				  const struct cr_pack *pack,
				  const struct cr_place *place,
				  struct cr_cached *block,
				  struct cr_piece *hashed,
				  struct cr_piece *tail);

/* The tables of its packs. */
struct cr_packs *cr_reader_packs(struct cr_reader *reader);

#endif
