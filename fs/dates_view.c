/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_view.h"

#include <errno.h>

#include "store/read/snapshots.h"

void cr_dates_view_free(struct cr_dates_view *view)
{
	if (!view)
		return;
	free(view->snapshot);
	free(view->has);
	free(view->span);
	free(view->last);
	free(view);
}

int cr_dates_view_new(size_t snapshots, size_t sources,
		      struct cr_dates_view **ret)
{
	cr_cleanup(cr_dates_view_freep) struct cr_dates_view *view =
		calloc(1, sizeof(*view));

	if (!view)
		return -ENOMEM;
	view->newest = INT64_MIN;
	view->snapshot = calloc(snapshots + 1, sizeof(struct cr_snapshot *));
	view->has = calloc(snapshots + 1, sizeof(*view->has));
	view->last = calloc(snapshots + 1, sizeof(*view->last));
	view->span = calloc(sources + 1, sizeof(*view->span));
	if (!view->snapshot || !view->has || !view->last || !view->span)
		return -ENOMEM;
	*ret = cr_take(view);
	return 0;
}

int64_t cr_dates_day(int64_t time)
{
	int64_t day = time / CR_DAY_SECONDS;

	return time % CR_DAY_SECONDS < 0 ? day - 1 : day;
}

void cr_dates_view_add(struct cr_dates_view *view, uint32_t number,
		       const struct cr_snapshot *snapshot)
{
	struct cr_dates_span *span = &view->span[number];
	int64_t time = snapshot->head.time, day = cr_dates_day(time);
	struct cr_dates_last *last;

	if (span->count == 0)
		span->first = view->count;
	else if (view->snapshot[view->count - 1]->head.time == time)
		return; /* a contradiction that the set told of */
	view->snapshot[view->count++] = snapshot;
	span->count++;
	view->newest = cr_max(view->newest, time);

	last = &view->last[view->lasts];
	if (span->count > 1 && last[-1].day == day)
		last--;
	else
		view->lasts++;
	*last = (struct cr_dates_last){ day, number, snapshot };
}

static int by_day(const void *a, const void *b)
{
	const struct cr_dates_last *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->source < y->source ? -1 : x->source > y->source;
}

void cr_dates_view_done(struct cr_dates_view *view, uint32_t sources,
			int64_t now)
{
	view->sources = sources;
	if (view->count == 0)
		view->newest = now;
	qsort(view->last, view->lasts, sizeof(*view->last), by_day);
	for (size_t i = 0; i < view->lasts; i++)
		if (i == 0 || view->last[i].day != view->last[i - 1].day)
			view->days++;
}

/* Those of source @number that either has, by time. */
static void merge_source(struct cr_dates_view *view, uint32_t number,
			 const struct cr_dates_view *old,
			 const struct cr_dates_view *next)
{
	const struct cr_dates_span *a = cr_dates_span(old, number);
	const struct cr_dates_span *b = cr_dates_span(next, number);
	size_t i = a->first, j = b->first;

	while (i < a->first + a->count || j < b->first + b->count) {
		bool from_old = j == b->first + b->count ||
				(i < a->first + a->count &&
				 old->snapshot[i]->head.time <=
					 next->snapshot[j]->head.time);

		/* Of two at one time the second is not taken. */
		cr_dates_view_add(view, number,
				  from_old ? old->snapshot[i++]
					   : next->snapshot[j++]);
	}
}

int cr_dates_view_merge(const struct cr_dates_view *old,
			const struct cr_dates_view *next,
			struct cr_dates_view **ret)
{
	uint32_t sources = cr_max(old->sources, next->sources);
	struct cr_dates_view *view;
	int r = cr_dates_view_new(old->count + next->count, sources, &view);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < sources; i++)
		merge_source(view, i, old, next);
	cr_dates_view_done(view, sources, next->newest);
	view->refused = next->refused;
	*ret = view;
	return 0;
}

const struct cr_dates_view *cr_dates_view_of(const struct cr_dates *dates,
					     const struct cr_date *date)
{
	return cr_date_is_dated(date) ? dates->listed : dates->linked;
}

const struct cr_dates_span *cr_dates_span(const struct cr_dates_view *view,
					  uint32_t source)
{
	static const struct cr_dates_span none;

	return source < view->sources ? &view->span[source] : &none;
}

size_t cr_dates_at_or_after(const struct cr_dates_view *view,
			    const struct cr_dates_span *span, int64_t time)
{
	size_t low = span->first, high = span->first + span->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (view->snapshot[mid]->head.time < time)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

size_t cr_dates_last_at(const struct cr_dates_view *view, int64_t day,
			uint32_t source)
{
	struct cr_dates_last key = { .day = day, .source = source };
	size_t low = 0, high = view->lasts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (by_day(&view->last[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
