/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * past_int.h - between the files of past.h: histories and lists, cached.
 */
#ifndef FS_PAST_INT_H
#define FS_PAST_INT_H

#include <stdatomic.h>

#include "fs/past.h"
#include "fs/spot.h"
#include "store/read/cache.h"
#include "store/read/known.h"

/* What became of a spot. */
struct cr_past_known {
	struct cr_history history;
	uint32_t *same; /* owned: see cr_history_distinct(); of versions/ */
	/* How far lists of its names begin from each other; 0: not known. */
	atomic_ullong width;
};

struct cr_past {
	struct cr_past_options options;
	struct cr_cache *histories; /* owned: struct cr_past_known */
	struct cr_cache *lists;	    /* owned: struct cr_known_names */
	size_t list_bytes;	    /* of one list at most */
};

/*
 * Pin what became of @spot, or the names in it (struct cr_known_names) whose
 * keys are
 * @from and above.  What cannot be read is told.
 */
cr_must_check int cr_past_history(struct cr_past *past, struct cr_spot *spot,
				  struct cr_cached **ret);
cr_must_check int cr_past_names(struct cr_past *past, struct cr_spot *spot,
				uint64_t from, struct cr_cached **ret);

/*
 * Where the list begins that has the key @key of a name in @spot, or one that
 * the lists after it lead to.  It is the same for all keys that are near, so
 * that a long directory is not read anew for each few names of it.
 */
cr_must_check int cr_past_list_of(struct cr_past *past, struct cr_spot *spot,
				  uint64_t key, uint64_t *ret);

/*
 * What the list of @dir knows of @name: 1, and @known is NULL where it never
 * was there; 0 when that would cost more than asking for the name alone, or is
 * not certain; or an error.  @pin keeps what @known points to.
 */
cr_must_check int cr_past_ask(struct cr_past *past, struct cr_spot *dir,
			      struct cr_piece name, struct cr_cached **pin,
			      const struct cr_known **known);

/* Who reads on behalf of @spot, which is borrowed. */
struct cr_past_by {
	struct cr_past *past;
	const struct cr_spot *spot;
};
struct cr_history_reader cr_past_reader(struct cr_past_by *by);

static inline const struct cr_history *cr_past_history_in(
	const struct cr_cached *cached)
{
	return &((struct cr_past_known *)cr_cached_value(cached))->history;
}

static inline bool cr_past_is_directory(const struct cr_version *version)
{
	return version->error == 0 && version->entry.type == CR_ENTRY_DIRECTORY;
}

static inline struct cr_piece cr_spot_name(const struct cr_spot *spot)
{
	return (struct cr_piece){ spot->name, spot->name_len };
}

/* Keys of names have this bit, so that they come after the links to versions.
 */
#define CR_PAST_KEY (1ull << 60)

#endif
