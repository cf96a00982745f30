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
	const struct cr_snapshot *newest; /* or NULL */
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
	struct cr_dates_view view; /* under: lock */
	uint64_t serial;	   /* likewise: of the view */
};

static inline void cr_dates_lock(struct cr_dates *dates)
{
	(void)pthread_mutex_lock(&dates->lock);
}

static inline void cr_dates_unlock(struct cr_dates *dates)
{
	(void)pthread_mutex_unlock(&dates->lock);
}

/* Make room for @snapshots of @sources, or fewer.  -ENOMEM. */
cr_must_check int cr_dates_view_init(struct cr_dates_view *view,
				     size_t snapshots, size_t sources);
/* Add the next one, of source @number: by source, then time. */
void cr_dates_view_add(struct cr_dates_view *view, uint32_t number,
		       const struct cr_snapshot *snapshot);
/* All were added. */
void cr_dates_view_done(struct cr_dates_view *view, uint32_t sources,
			int64_t now);
void cr_dates_view_release(struct cr_dates_view *view);

int64_t cr_dates_day(int64_t time);

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
