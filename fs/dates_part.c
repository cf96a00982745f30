/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_part.h"

#include <errno.h>

#include "store/read/snapshots.h"

/* ---- Locked ---- */

bool cr_dates_shown(const struct cr_dates *dates,
		    const struct cr_dates_view *view, uint32_t source, size_t i,
		    struct cr_dates_ask *ask)
{
	if (!dates->options.part)
		return true;
	if (view->has[i] == CR_DATES_UNKNOWN)
		*ask = (struct cr_dates_ask){ view->snapshot[i], source };
	return view->has[i] == CR_DATES_SHOWN;
}

const struct cr_snapshot *cr_dates_last_shown(const struct cr_dates *dates,
					      uint32_t source, size_t first,
					      size_t end,
					      struct cr_dates_ask *ask)
{
	for (size_t i = end; i-- > first && !ask->snapshot;)
		if (cr_dates_shown(dates, dates->linked, source, i, ask))
			return dates->linked->snapshot[i];
	return NULL;
}

const struct cr_snapshot *cr_dates_newest_shown(const struct cr_dates *dates,
						uint32_t source, size_t first,
						size_t end,
						struct cr_dates_ask *ask)
{
	const struct cr_dates_view *view = dates->linked;

	for (size_t i = end; i-- > first && !ask->snapshot;)
		if (!cr_snapshot_is_ahead(view->snapshot[i]) &&
		    cr_dates_shown(dates, view, source, i, ask))
			return view->snapshot[i];
	return ask->snapshot
		       ? NULL
		       : cr_dates_last_shown(dates, source, first, end, ask);
}

/* ---- Not locked ---- */

static int part_of(const struct cr_dates *dates,
		   const struct cr_snapshot **snapshot)
{
	const struct cr_dates_options *options = &dates->options;

	return options->part
		       ? options->part(options->part_arg, *snapshot, snapshot)
		       : 0;
}

/* What was found out about what was asked; it may have gone meanwhile. */
static void note_locked(struct cr_dates_view *view,
			const struct cr_dates_ask *ask, enum cr_dates_has has)
{
	size_t i = cr_dates_at_or_after(view, cr_dates_span(view, ask->source),
					ask->snapshot->head.time);

	if (i < view->count && view->snapshot[i] == ask->snapshot)
		view->has[i] = has;
}

int cr_dates_answer(struct cr_dates *dates, const struct cr_dates_ask *ask)
{
	const struct cr_snapshot *snapshot = ask->snapshot;
	int r = part_of(dates, &snapshot);
	enum cr_dates_has has = r == 0 ? CR_DATES_SHOWN : CR_DATES_ABSENT;

	if (r < 0 && r != -ENOENT)
		return r;
	cr_dates_lock(dates);
	note_locked(dates->listed, ask, has);
	note_locked(dates->linked, ask, has);
	cr_dates_unlock(dates);
	return 0;
}

int cr_dates_part(const struct cr_dates *dates, struct cr_date *date)
{
	return date->kind == CR_DATE_SNAPSHOT ? part_of(dates, &date->snapshot)
					      : 0;
}

int cr_dates_parts(const struct cr_dates *dates,
		   const struct cr_snapshot **snapshot, uint32_t *count)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < *count; i++) {
		int r = part_of(dates, &snapshot[i]);

		if (r == 0)
			snapshot[left++] = snapshot[i];
		else if (r != -ENOENT)
			return r;
	}
	*count = left;
	return 0;
}
