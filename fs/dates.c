/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/dates_about.h"
#include "fs/dates_asof.h"
#include "fs/dates_part.h"
#include "fs/dates_view.h"
#include "store/read/snapshots.h"

#define DAY_LEN	    10		/* of a stamp */
#define COOKIE_BIAS (1ll << 40) /* times and days of all years: positive */

/* ---- Finding, locked ---- */

struct cr_date cr_dates_listing(const struct cr_dates *dates,
				const struct cr_date *dir)
{
	if (dir->kind == CR_DATE_ROOT && dates->options.only)
		return (struct cr_date){ .kind = CR_DATE_SOURCE };
	return *dir;
}

static int find_source(const struct cr_dates *dates,
		       const struct cr_dates_view *view, const char *name,
		       uint32_t *ret)
{
	for (uint32_t i = 0; i < view->sources; i++) {
		if (strcmp(dates->name[i], name) == 0 &&
		    view->span[i].count > 0) {
			*ret = i;
			return 0;
		}
	}
	return -ENOENT;
}

static int find_snapshot(const struct cr_dates *dates, uint32_t source,
			 const char *name, struct cr_date *ret)
{
	const struct cr_dates_view *view = dates->listed;
	const struct cr_dates_span *span = cr_dates_span(view, source);
	char stamp[CR_STAMP_LEN];
	int64_t time;
	size_t i;

	/* Other spellings of a time are understood elsewhere; here is one. */
	if (cr_stamp_parse(name, &time) < 0)
		return -ENOENT;
	cr_stamp(time, stamp);
	i = cr_dates_at_or_after(view, span, time);
	if (strcmp(stamp, name) != 0 || i == span->first + span->count ||
	    view->snapshot[i]->head.time != time)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_SNAPSHOT,
				 .source = source,
				 .snapshot = view->snapshot[i] };
	return 0;
}

static int find_last(const struct cr_dates *dates, int64_t day, uint32_t source,
		     struct cr_dates_ask *ask, struct cr_date *ret)
{
	const struct cr_dates_view *view = dates->linked;
	const struct cr_dates_span *span = cr_dates_span(view, source);
	int64_t begin = day * CR_DAY_SECONDS;
	const struct cr_snapshot *last = cr_dates_last_shown(
		dates, source, cr_dates_at_or_after(view, span, begin),
		cr_dates_at_or_after(view, span, begin + CR_DAY_SECONDS), ask);

	if (!last)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_LAST,
				 .source = source,
				 .day = day,
				 .snapshot = last };
	return 0;
}

/* Whether anything of @day is shown; false also when @ask was set. */
static bool has_day(const struct cr_dates *dates, int64_t day,
		    struct cr_dates_ask *ask)
{
	const struct cr_dates_view *view = dates->linked;
	struct cr_date last;

	for (size_t i = cr_dates_last_at(view, day, 0);
	     i < view->lasts && view->last[i].day == day && !ask->snapshot; i++)
		if (find_last(dates, day, view->last[i].source, ask, &last) ==
		    0)
			return true;
	return false;
}

static int find_day(const struct cr_dates *dates, const char *name,
		    struct cr_dates_ask *ask, struct cr_date *ret)
{
	char stamp[CR_STAMP_LEN];
	int64_t time, day;

	if (strlen(name) != DAY_LEN)
		return -ENOENT;
	(void)snprintf(stamp, sizeof(stamp), "%.10sT00-00-00Z", name);
	if (cr_stamp_parse(stamp, &time) < 0)
		return -ENOENT;
	day = cr_dates_day(time);
	if (!has_day(dates, day, ask))
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_DAY, .day = day };
	return 0;
}

static int find_newest(const struct cr_dates *dates, uint32_t source,
		       struct cr_dates_ask *ask, struct cr_date *ret)
{
	const struct cr_dates_span *span = cr_dates_span(dates->linked, source);
	const struct cr_snapshot *newest = cr_dates_newest_shown(
		dates, source, span->first, span->first + span->count, ask);

	if (!newest)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_NEWEST,
				 .source = source,
				 .snapshot = newest };
	return 0;
}

static int find_asof(const char *name, struct cr_date *ret)
{
	int64_t typed;

	if (strcmp(name, CR_ASOF_README) == 0) {
		*ret = (struct cr_date){ .kind = CR_DATE_ASOF_FILE };
		return 0;
	}
	if (cr_asof_parse(name, &typed) < 0)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_ASOF_AT, .day = typed };
	return 0;
}

static int find_asof_last(const struct cr_dates *dates, int64_t typed,
			  uint32_t source, struct cr_dates_ask *ask,
			  struct cr_date *ret)
{
	const struct cr_snapshot *snapshot =
		cr_asof_snapshot(dates, typed, source, ask);

	if (!snapshot)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_ASOF_LAST,
				 .source = source,
				 .day = typed,
				 .snapshot = snapshot };
	return 0;
}

/* What stands in @dir, where names are those of sources. */
static int find_in(const struct cr_dates *dates, const struct cr_date *dir,
		   uint32_t source, struct cr_dates_ask *ask,
		   struct cr_date *ret)
{
	if (dir->kind == CR_DATE_LATEST)
		return find_newest(dates, source, ask, ret);
	if (dir->kind == CR_DATE_DAY)
		return find_last(dates, dir->day, source, ask, ret);
	if (dir->kind == CR_DATE_ASOF_AT)
		return find_asof_last(dates, dir->day, source, ask, ret);
	if (cr_dates_span(dates->listed, source)->count == 0)
		return -ENOENT;
	*ret = (struct cr_date){ .kind = CR_DATE_SOURCE, .source = source };
	return 0;
}

static int find_locked(const struct cr_dates *dates, const struct cr_date *dir,
		       const char *name, struct cr_dates_ask *ask,
		       struct cr_date *ret)
{
	uint32_t source = 0;

	switch (dir->kind) {
	case CR_DATE_ROOT:
		return cr_date_top_find(name, ret);
	case CR_DATE_SOURCE:
		return find_snapshot(dates, dir->source, name, ret);
	case CR_DATE_DAYS:
		return find_day(dates, name, ask, ret);
	case CR_DATE_ASOF:
		return find_asof(name, ret);
	case CR_DATE_SNAPSHOTS:
	case CR_DATE_LATEST:
	case CR_DATE_DAY:
	case CR_DATE_ASOF_AT:
		break;
	case CR_DATE_ABOUT: /* not locked */
	case CR_DATE_SNAPSHOT:
	case CR_DATE_NEWEST:
	case CR_DATE_LAST:
	case CR_DATE_ASOF_FILE:
	case CR_DATE_ASOF_LAST:
	case CR_DATE_FILE:
	case CR_DATE_PAST_LINK:
		return -ENOTDIR;
	case CR_DATE_VERSIONS:
	case CR_DATE_DELETED:
	case CR_DATE_PAST:
		return -ENOENT;
	}
	if (find_source(dates, cr_dates_view_of(dates, dir), name, &source) < 0)
		return -ENOENT;
	return find_in(dates, dir, source, ask, ret);
}

int cr_dates_find(struct cr_dates *dates, const struct cr_date *dir,
		  const char *name, struct cr_date *ret)
{
	struct cr_date listing = cr_dates_listing(dates, dir), found;
	struct cr_dates_ask ask;
	int r;

	if (listing.kind == CR_DATE_ABOUT)
		return cr_about_find(dates->about, name, ret);
	for (;;) {
		ask = (struct cr_dates_ask){ 0 };
		cr_dates_lock(dates);
		r = find_locked(dates, &listing, name, &ask, &found);
		cr_dates_unlock(dates);
		if (!ask.snapshot)
			break;
		r = cr_dates_answer(dates, &ask);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = cr_dates_part(dates, &found);
	if (r == 0)
		*ret = found;
	return r;
}

/* ---- Whether it is still there ---- */

bool cr_dates_valid(struct cr_dates *dates, const struct cr_date *date)
{
	struct cr_date parent = cr_dates_parent(dates, date), found;
	char name[CR_DATE_NAME_MAX];

	if (date->kind == CR_DATE_ROOT)
		return true;
	cr_dates_name(dates, date, name);
	return cr_dates_find(dates, &parent, name, &found) == 0 &&
	       cr_date_equal(&found, date);
}

/* ---- Listing ---- */

/* Locked: the first snapshot of @source that is shown, at @from or later. */
static bool next_snapshot(const struct cr_dates *dates, uint32_t source,
			  int64_t from, struct cr_dates_ask *ask,
			  struct cr_date_item *ret)
{
	const struct cr_dates_view *view = dates->listed;
	const struct cr_dates_span *span = cr_dates_span(view, source);
	size_t i = cr_dates_at_or_after(view, span, from);

	while (i < span->first + span->count && !ask->snapshot &&
	       !cr_dates_shown(dates, view, source, i, ask))
		i++;
	if (i == span->first + span->count || ask->snapshot)
		return false;
	ret->date = (struct cr_date){ .kind = CR_DATE_SNAPSHOT,
				      .source = source,
				      .snapshot = view->snapshot[i] };
	ret->cookie = (uint64_t)(view->snapshot[i]->head.time + COOKIE_BIAS);
	return true;
}

/* Locked: the first day at @from or later of which anything is shown. */
static bool next_day(const struct cr_dates *dates, int64_t from,
		     struct cr_dates_ask *ask, struct cr_date_item *ret)
{
	const struct cr_dates_view *view = dates->linked;
	size_t i = cr_dates_last_at(view, from, 0);

	while (i < view->lasts && !ask->snapshot &&
	       !has_day(dates, view->last[i].day, ask))
		i++;
	if (i == view->lasts || ask->snapshot)
		return false;
	ret->date = (struct cr_date){ .kind = CR_DATE_DAY,
				      .day = view->last[i].day };
	ret->cookie = (uint64_t)(view->last[i].day + COOKIE_BIAS);
	return true;
}

/*
 * One name of @dir, the first whose cookie is above @after: sources by their
 * number, snapshots by time, days by day, the fixed ones by their place.
 */
static bool next_locked(const struct cr_dates *dates, const struct cr_date *dir,
			uint64_t after, struct cr_dates_ask *ask,
			struct cr_date_item *ret)
{
	int64_t from = (int64_t)after - COOKIE_BIAS + 1;

	if (after == 0)
		from = INT64_MIN;
	switch (dir->kind) {
	case CR_DATE_ROOT:
		ret->cookie = after + 1;
		return cr_date_top_at(after, &ret->date);
	case CR_DATE_SOURCE:
		return next_snapshot(dates, dir->source, from, ask, ret);
	case CR_DATE_DAYS:
		return next_day(dates, from, ask, ret);
	case CR_DATE_ASOF:
		ret->date = (struct cr_date){ .kind = CR_DATE_ASOF_FILE };
		ret->cookie = 1;
		return after == 0;
	case CR_DATE_ABOUT: /* not locked */
	case CR_DATE_SNAPSHOTS:
	case CR_DATE_LATEST:
	case CR_DATE_DAY:
	case CR_DATE_SNAPSHOT:
	case CR_DATE_NEWEST:
	case CR_DATE_LAST:
	case CR_DATE_ASOF_FILE:
	case CR_DATE_ASOF_AT:
	case CR_DATE_ASOF_LAST:
	case CR_DATE_FILE:
	case CR_DATE_VERSIONS:
	case CR_DATE_DELETED:
	case CR_DATE_PAST:
	case CR_DATE_PAST_LINK:
		break;
	}
	return false;
}

/* The same where names are those of sources; the cookie is number + 1. */
static bool next_source_locked(const struct cr_dates *dates,
			       const struct cr_date *dir, uint64_t after,
			       struct cr_dates_ask *ask,
			       struct cr_date_item *ret)
{
	const struct cr_dates_view *view = cr_dates_view_of(dates, dir);

	for (uint64_t n = after; n < view->sources && !ask->snapshot; n++) {
		if (find_in(dates, dir, (uint32_t)n, ask, &ret->date) < 0)
			continue;
		ret->cookie = n + 1;
		return true;
	}
	return false;
}

static size_t list_about(struct cr_dates *dates, uint64_t cookie,
			 struct cr_date_item *out, size_t max)
{
	size_t n = 0;

	for (; n < max && cr_about_at(dates->about, cookie, &out[n].date);
	     n++) {
		(void)snprintf(out[n].name, CR_DATE_NAME_MAX, "%s",
			       cr_about_name(&out[n].date));
		out[n].cookie = ++cookie;
	}
	return n;
}

/* The next name after @cookie: 1 and @ret, 0 at the end, or an error. */
static int next(struct cr_dates *dates, const struct cr_date *dir,
		uint64_t cookie, struct cr_date_item *ret)
{
	bool sources = dir->kind == CR_DATE_SNAPSHOTS ||
		       dir->kind == CR_DATE_LATEST ||
		       dir->kind == CR_DATE_DAY || dir->kind == CR_DATE_ASOF_AT;
	for (;;) {
		struct cr_dates_ask ask = { 0 };
		bool found;
		int r;

		cr_dates_lock(dates);
		found = sources ? next_source_locked(dates, dir, cookie, &ask,
						     ret)
				: next_locked(dates, dir, cookie, &ask, ret);
		if (found)
			cr_dates_name_locked(dates, &ret->date, ret->name);
		cr_dates_unlock(dates);
		if (ask.snapshot) {
			r = cr_dates_answer(dates, &ask);
			if (r < 0)
				return r;
			continue;
		}
		if (!found)
			return 0;
		r = cr_dates_part(dates, &ret->date);
		if (r != -ENOENT)
			return r < 0 ? r : 1;
		cookie = ret->cookie; /* it could not be told before */
	}
}

int cr_dates_list(struct cr_dates *dates, const struct cr_date *dir,
		  uint64_t cookie, struct cr_date_item *out, size_t max)
{
	struct cr_date listing = cr_dates_listing(dates, dir);
	size_t n = 0;

	if (listing.kind == CR_DATE_ABOUT)
		return (int)list_about(dates, cookie, out, max);
	while (n < max) {
		int r = next(dates, &listing, cookie, &out[n]);

		if (r < 0 && n == 0)
			return r;
		if (r <= 0)
			break;
		cookie = out[n++].cookie;
	}
	return (int)n;
}
