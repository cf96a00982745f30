/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stat, readlink and read show of the top level. */
#include "fs/dates.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fs/dates_about.h"
#include "fs/dates_asof.h"
#include "fs/dates_view.h"
#include "fs/ino.h"
#include "fs/spot.h"
#include "store/base/hex.h"
#include "store/read/snapshots.h"

static int64_t newest_of_day(const struct cr_dates_view *view, int64_t day)
{
	int64_t newest = day * CR_DAY_SECONDS;

	for (size_t i = cr_dates_last_at(view, day, 0);
	     i < view->lasts && view->last[i].day == day; i++)
		newest = cr_max(newest, view->last[i].snapshot->head.time);
	return newest;
}

static int64_t newest_of_source(const struct cr_dates_view *view,
				uint32_t source)
{
	const struct cr_dates_span *span = cr_dates_span(view, source);

	return span->count > 0 ? view->snapshot[span->first + span->count - 1]
					 ->head.time
			       : view->newest;
}

static size_t folders_locked(const struct cr_dates *dates,
			     const struct cr_date *dir)
{
	const struct cr_dates_view *view = cr_dates_view_of(dates, dir);
	size_t n = 0;

	switch (dir->kind) {
	case CR_DATE_ROOT:
		return CR_DATES_TOP;
	case CR_DATE_SOURCE:
		return cr_dates_span(view, dir->source)->count;
	case CR_DATE_DAYS:
		return view->days;
	case CR_DATE_SNAPSHOTS:
	case CR_DATE_VERSIONS:
	case CR_DATE_DELETED:
		for (uint32_t i = 0; i < view->sources; i++)
			n += view->span[i].count > 0;
		return n;
	case CR_DATE_SNAPSHOT:
	case CR_DATE_LATEST:
	case CR_DATE_NEWEST:
	case CR_DATE_DAY:
	case CR_DATE_LAST:
	case CR_DATE_ASOF:
	case CR_DATE_ASOF_FILE:
	case CR_DATE_ASOF_AT:
	case CR_DATE_ASOF_LAST:
	case CR_DATE_ABOUT:
	case CR_DATE_FILE:
	case CR_DATE_PAST:
	case CR_DATE_PAST_LINK:
		break;
	}
	return 0;
}

void cr_dates_stat(struct cr_dates *dates, const struct cr_date *date,
		   struct stat *ret)
{
	struct cr_date listing = cr_dates_listing(dates, date);
	char target[CR_DATE_PATH_MAX];
	struct stat st = { .st_mode = S_IFDIR | 0555, .st_blksize = 4096 };
	const struct cr_dates_view *view;
	int64_t time;

	cr_dates_lock(dates);
	view = cr_dates_view_of(dates, &listing);
	time = view->newest;
	if (date->snapshot)
		time = date->snapshot->head.time;
	else if (listing.kind == CR_DATE_SOURCE)
		time = newest_of_source(view, listing.source);
	else if (listing.kind == CR_DATE_DAY)
		time = newest_of_day(view, listing.day);
	else if (listing.kind == CR_DATE_ASOF_AT)
		time = cr_asof_newest(dates, listing.day);
	st.st_nlink = 2 + folders_locked(dates, &listing);
	cr_dates_unlock(dates);

	/* How many of them are shown may not be known yet. */
	if (!cr_date_is_folder(date) || dates->options.part)
		st.st_nlink = 1;
	if (cr_date_is_link(date)) {
		cr_dates_target(dates, date, target);
		st.st_mode = S_IFLNK | 0777;
		st.st_size = (off_t)strlen(target);
	} else if (cr_date_is_file(date)) {
		st.st_mode = S_IFREG | 0444;
		st.st_size = (off_t)cr_about_len(date);
		st.st_blocks = (st.st_size + 511) / 512;
		time = cr_about_time(dates->about, date, time);
	}
	st.st_ino = cr_dates_ino(dates, date);
	st.st_uid = dates->uid;
	st.st_gid = dates->gid;
	st.st_atim.tv_sec = st.st_mtim.tv_sec = st.st_ctim.tv_sec = time;
	*ret = st;
}

uint64_t cr_dates_ino(struct cr_dates *dates, const struct cr_date *date)
{
	char path[CR_DATE_PATH_MAX + 2 * CR_ID_LEN + 2];

	if (date->spot)
		return cr_spot_ino(date->spot, (struct cr_piece){ 0 },
				   date->snapshot ? &date->snapshot->id : NULL);
	cr_dates_path(dates, date, path);
	/* A link that leads elsewhere is another link. */
	if (cr_date_is_link(date))
		(void)sprintf(path + strlen(path), "//%s",
			      cr_id_hex(&date->snapshot->id).text);
	if (date->kind == CR_DATE_FILE) /* likewise */
		(void)sprintf(path + strlen(path), "//%" PRId64, date->day);
	return cr_ino_date(&dates->options.repository_hash, path);
}

size_t cr_dates_text_len(const struct cr_date *date)
{
	return cr_about_len(date);
}

int cr_dates_text(struct cr_dates *dates, const struct cr_date *date,
		  uint64_t at, size_t len, struct cr_buf *out)
{
	return cr_about_read(dates->about, date, at, len, out);
}

void cr_dates_target(struct cr_dates *dates, const struct cr_date *date,
		     char out[CR_DATE_PATH_MAX])
{
	char path[CR_DATE_PATH_MAX];
	struct cr_date snapshot = *date;

	snapshot.kind = CR_DATE_SNAPSHOT;
	snapshot.day = 0;
	cr_dates_path(dates, &snapshot, path);
	(void)snprintf(out, CR_DATE_PATH_MAX, "%s%.*s",
		       date->kind == CR_DATE_NEWEST ? "../" : "../../",
		       CR_DATE_PATH_MAX - 8, path);
}
