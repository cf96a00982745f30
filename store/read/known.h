/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * known.h - all the names that a directory ever had, as its history (history.h)
 * tells: however many there are, as many at once as there is memory for.
 *
 * Each version of the directory is read once, a page at a time.
 */
#ifndef STORE_READ_KNOWN_H
#define STORE_READ_KNOWN_H

#include "store/read/history.h"

/* A name, and what it ever was. */
struct cr_known {
	uint64_t key;
	uint32_t first, last;		 /* snapshots it was in, by number */
	const struct cr_snapshot *until; /* the last; borrowed */
	bool present;			 /* in the newest */
	uint8_t type;			 /* what it was last: cr_entry_type */
	uint16_t types;		   /* and ever: a bit 1 << type for each */
	struct cr_history history; /* owned; if wanted */
	uint8_t name_len;
	uint8_t name[];
};

static inline struct cr_piece cr_known_name(const struct cr_known *known)
{
	return (struct cr_piece){ known->name, known->name_len };
}

struct cr_known_want {
	/*
	 * Names come in the order of their keys, those with the same in their
	 * own; NULL: all keys are 0.
	 */
	uint64_t (*key)(void *arg, struct cr_piece name);
	/* Whether entry @i of @page, in @dir, is wanted; NULL: all are. */
	bool (*wanted)(void *arg, const struct cr_version *dir,
		       const struct cr_page *page, uint32_t i);
	void *arg;
	bool histories;
	/* Those after this name and key only; without a name: from the key on.
	 */
	uint64_t after_key;
	struct cr_piece after;
	/* Not more than these at once (about twice while it works). */
	size_t max;
	size_t bytes;
};

struct cr_known_names {
	struct cr_known **known; /* owned */
	size_t count;
	bool more;	  /* there are, after the last of these */
	int error;	  /* the first reason why some are missing, or 0 */
	int newest_error; /* why it cannot be told which are present, or 0 */
};

/* -ENOMEM, -errno from storage.  Damage is told in @ret and to @by. */
cr_must_check int cr_known_read(const struct cr_history_reader *by,
				const struct cr_history *dir,
				const struct cr_known_want *want,
				struct cr_known_names *ret);
void cr_known_release(struct cr_known_names *names);
size_t cr_known_weight(const struct cr_known_names *names); /* heap bytes */

#endif
