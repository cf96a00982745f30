/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates_view.h - inside the top level (dates.h): what one update made of the
 * snapshots, sorted for every question.  Nothing here locks.
 */
#ifndef FS_DATES_VIEW_H
#define FS_DATES_VIEW_H

#include <pthread.h>

#include "fs/dates.h"

#define CR_DAY_SECONDS 86400
#define CR_DATES_TOP   7 /* directories at the root */

/* The snapshots of one source, as a part of view.snapshot. */
struct cr_dates_span {
	size_t first;
	size_t count;
};

/* The last snapshot of a source on a day. */
struct cr_dates_last {
	int64_t day;
	uint32_t source;
	const struct cr_snapshot *snapshot; /* borrowed */
};

struct cr_dates_view {
	const struct cr_snapshot **snapshot; /* owned array of borrowed */
	uint8_t *has; /* owned; of each, enum cr_dates_has */
	size_t count;
	struct cr_dates_span *span; /* owned; by the source's number */
	uint32_t sources;
	struct cr_dates_last *last; /* owned; by day, then source */
	size_t lasts;
	size_t days;
	size_t refused;
	int64_t newest; /* time of the newest of all */
};

struct cr_dates {
	struct cr_dates_options options;
	uid_t uid;
	gid_t gid;
	struct cr_about *about; /* owned */
	pthread_mutex_t lock;
	/* Sources keep their number for good.  under: lock */
	char (*name)[CR_SOURCE_MAX + 1]; /* owned */
	uint32_t names;
	/*
	 * What is listed and found as a directory, and what links name; the
	 * same one unless an update is on its way.  The kernel may still have
	 * the listings of before: so what links name is listed earlier, and
	 * stays longer.  under: lock
	 */
	struct cr_dates_view *listed; /* owned */
	struct cr_dates_view *linked; /* owned, unless it is listed */
	struct cr_dates_view *next;   /* owned: what is to be linked; or NULL */
	uint64_t serial;	      /* under: lock; of what is linked */
};

static inline void cr_dates_lock(struct cr_dates *dates)
{
	(void)pthread_mutex_lock(&dates->lock);
}

static inline void cr_dates_unlock(struct cr_dates *dates)
{
	(void)pthread_mutex_unlock(&dates->lock);
}

/* With room for @snapshots of @sources, or fewer.  -ENOMEM. */
cr_must_check int cr_dates_view_new(size_t snapshots, size_t sources,
				    struct cr_dates_view **ret);
/* Add the next one, of source @number: by source, then time. */
void cr_dates_view_add(struct cr_dates_view *view, uint32_t number,
		       const struct cr_snapshot *snapshot);
/* All were added. */
void cr_dates_view_done(struct cr_dates_view *view, uint32_t sources,
			int64_t now);
/*
 * What either shows, as another view; where both have a snapshot of the same
 * time, that of @old.  -ENOMEM.
 */
cr_must_check int cr_dates_view_merge(const struct cr_dates_view *old,
				      const struct cr_dates_view *next,
				      struct cr_dates_view **ret);
void cr_dates_view_free(struct cr_dates_view *view);

static inline void cr_dates_view_freep(struct cr_dates_view **view)
{
	cr_dates_view_free(*view);
}

int64_t cr_dates_day(int64_t time);

/* Locked: what goes for @date. */
const struct cr_dates_view *cr_dates_view_of(const struct cr_dates *dates,
					     const struct cr_date *date);

const struct cr_dates_span *cr_dates_span(const struct cr_dates_view *view,
					  uint32_t source);
/* The first snapshot of @span at or after @time, as an index in the view. */
size_t cr_dates_at_or_after(const struct cr_dates_view *view,
			    const struct cr_dates_span *span, int64_t time);
/* The first of view->last at or after (@day, @source). */
size_t cr_dates_last_at(const struct cr_dates_view *view, int64_t day,
			uint32_t source);

/* A directory at the root, by name or by number from 0. */
cr_must_check int cr_date_top_find(const char *name, struct cr_date *ret);
bool cr_date_top_at(uint64_t n, struct cr_date *ret);

/* Locked.  As cr_dates_name(). */
void cr_dates_name_locked(const struct cr_dates *dates,
			  const struct cr_date *date,
			  char out[CR_DATE_NAME_MAX]);

/* What @dir lists: with one source chosen the root lists that source. */
struct cr_date cr_dates_listing(const struct cr_dates *dates,
				const struct cr_date *dir);

#endif
