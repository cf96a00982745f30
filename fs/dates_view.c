/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_view.h"

#include <errno.h>

#include "store/read/snapshots.h"

void cr_dates_view_release(struct cr_dates_view *view)
{
	free(view->snapshot);
	free(view->has);
	free(view->span);
	free(view->last);
	*view = (struct cr_dates_view){ 0 };
}

int cr_dates_view_init(struct cr_dates_view *view, size_t snapshots,
		       size_t sources)
{
	*view = (struct cr_dates_view){ .newest = INT64_MIN };
	view->snapshot = calloc(snapshots + 1, sizeof(struct cr_snapshot *));
	view->has = calloc(snapshots + 1, sizeof(*view->has));
	view->last = calloc(snapshots + 1, sizeof(*view->last));
	view->span = calloc(sources + 1, sizeof(*view->span));
	if (view->snapshot && view->has && view->last && view->span)
		return 0;
	cr_dates_view_release(view);
	return -ENOMEM;
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

	if (cr_snapshot_is_newer(snapshot, span->newest))
		span->newest = snapshot;

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
