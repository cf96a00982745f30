/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the top level shows, and how that changes. */
#include "fs/dates.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/dates_about.h"
#include "fs/dates_part.h"
#include "fs/dates_view.h"
#include "store/read/snapshots.h"

int cr_dates_new(const struct cr_dates_options *options, struct cr_dates **ret)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates =
		calloc(1, sizeof(*dates));
	int r;

	if (!dates)
		return -ENOMEM;
	dates->options = *options;
	dates->uid = geteuid();
	dates->gid = getegid();
	(void)pthread_mutex_init(&dates->lock, NULL);
	r = cr_about_new(options, &dates->about);
	if (r == 0)
		r = cr_dates_view_new(0, 0, &dates->listed);
	dates->linked = dates->listed;
	if (r < 0)
		return r;
	*ret = cr_take(dates);
	return 0;
}

void cr_dates_free(struct cr_dates *dates)
{
	if (!dates)
		return;
	cr_about_free(dates->about);
	if (dates->linked != dates->listed)
		cr_dates_view_free(dates->linked);
	cr_dates_view_free(dates->listed);
	cr_dates_view_free(dates->next);
	free(dates->name);
	(void)pthread_mutex_destroy(&dates->lock);
	free(dates);
}

/* The number of source @name, given out if need be.  Only the updater asks. */
static int number_of(struct cr_dates *dates, const char *name, uint32_t *ret)
{
	char(*names)[CR_SOURCE_MAX + 1];

	for (uint32_t i = 0; i < dates->names; i++) {
		if (strcmp(dates->name[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	cr_dates_lock(dates);
	names = reallocarray(dates->name, dates->names + 1, sizeof(*names));
	if (names) {
		(void)snprintf(names[dates->names], sizeof(*names), "%s", name);
		dates->name = names;
		*ret = dates->names++;
	}
	cr_dates_unlock(dates);
	return names ? 0 : -ENOMEM;
}

/* Whether @snapshot can be named by its time, and may be shown. */
static bool is_shown(const struct cr_dates *dates,
		     const struct cr_snapshot *snapshot, size_t *refused)
{
	const char *only = dates->options.only;
	char stamp[CR_STAMP_LEN];
	int64_t back;

	if (only && strcmp(only, snapshot->source) != 0)
		return false;
	if (dates->options.refuse_xattrs &&
	    snapshot->manifest.flags &
		    (CR_MANIFEST_XATTRS | CR_MANIFEST_ACLS)) {
		++*refused;
		return false;
	}
	cr_stamp(snapshot->head.time, stamp);
	return cr_stamp_parse(stamp, &back) == 0 && back == snapshot->head.time;
}

/* What @set lists, as a view. */
static int view_of(struct cr_dates *dates, const struct cr_snapshots *set,
		   int64_t now, struct cr_dates_view **ret)
{
	cr_cleanup(cr_dates_view_freep) struct cr_dates_view *view = NULL;
	uint32_t number = 0;
	int r = 0;

	/* The only source has its number before it has a snapshot. */
	if (dates->options.only)
		r = number_of(dates, dates->options.only, &number);
	/* At most as many new sources as there are snapshots. */
	if (r == 0)
		r = cr_dates_view_new(set->count, dates->names + set->count,
				      &view);
	for (size_t i = 0; i < set->count && r == 0; i++) {
		if (!is_shown(dates, set->snapshot[i], &view->refused))
			continue;
		r = number_of(dates, set->snapshot[i]->source, &number);
		if (r == 0)
			cr_dates_view_add(view, number, set->snapshot[i]);
	}
	if (r < 0)
		return r;
	cr_dates_view_done(view, dates->names, now);
	*ret = cr_take(view);
	return 0;
}

/* List @listed from now on, and keep @next to be linked. */
static void list(struct cr_dates *dates, struct cr_dates_view *listed,
		 struct cr_dates_view *next)
{
	struct cr_dates_view *old = dates->listed, *waited = dates->next;

	cr_dates_lock(dates);
	dates->listed = listed;
	dates->next = next;
	cr_dates_unlock(dates);
	if (old != dates->linked)
		cr_dates_view_free(old);
	cr_dates_view_free(waited);
}

int cr_dates_update(struct cr_dates *dates, const struct cr_snapshots *set,
		    int64_t now)
{
	cr_cleanup(cr_dates_view_freep) struct cr_dates_view *next = NULL;
	struct cr_dates_view *listed;
	bool is_first = dates->serial == 0;
	int r = view_of(dates, set, now, &next);

	if (r == 0)
		r = cr_dates_view_merge(dates->listed, next, &listed);
	if (r < 0)
		return r;
	list(dates, listed, cr_take(next));
	if (is_first) { /* nobody was told of anything else */
		cr_dates_relink(dates);
		cr_dates_settle(dates);
	}
	return 0;
}

bool cr_dates_is_settled(const struct cr_dates *dates)
{
	return dates->listed == dates->linked;
}

void cr_dates_relink(struct cr_dates *dates)
{
	struct cr_dates_view *old = dates->linked;

	if (!dates->next)
		return;
	cr_dates_lock(dates);
	dates->linked = cr_take(dates->next);
	dates->serial++;
	cr_dates_unlock(dates);
	if (old != dates->listed)
		cr_dates_view_free(old);
}

void cr_dates_settle(struct cr_dates *dates)
{
	if (!dates->next && !cr_dates_is_settled(dates))
		list(dates, dates->linked, NULL);
}

void cr_dates_count(struct cr_dates *dates, size_t *shown, size_t *refused)
{
	cr_dates_lock(dates);
	*shown = dates->listed->count;
	*refused = dates->listed->refused;
	cr_dates_unlock(dates);
}

uint64_t cr_dates_serial(struct cr_dates *dates)
{
	uint64_t serial;

	cr_dates_lock(dates);
	serial = dates->serial;
	cr_dates_unlock(dates);
	return serial;
}

int cr_dates_source(struct cr_dates *dates, uint32_t source,
		    const struct cr_snapshot ***ret, uint32_t *count,
		    uint32_t *newest)
{
	cr_cleanup(cr_freep) const struct cr_snapshot **copy = NULL;
	const struct cr_dates_span *span;
	uint32_t n;
	int r;

	cr_dates_lock(dates);
	span = cr_dates_span(dates->linked, source);
	if (span->count < UINT32_MAX)
		copy = calloc(span->count + 1, sizeof(struct cr_snapshot *));
	if (copy && span->count > 0)
		memcpy(copy, dates->linked->snapshot + span->first,
		       span->count * sizeof(struct cr_snapshot *));
	n = copy ? (uint32_t)span->count : 0;
	cr_dates_unlock(dates);
	if (!copy)
		return -ENOMEM;
	r = cr_dates_parts(dates, copy, &n);
	if (r < 0)
		return r;
	*newest = 0;
	for (uint32_t i = 1; i < n; i++)
		if (cr_snapshot_is_newer(copy[i], copy[*newest]))
			*newest = i;
	*count = n;
	*ret = cr_take(copy);
	return 0;
}
