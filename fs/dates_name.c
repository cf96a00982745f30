/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of the top level, and which directory each is in. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/dates_about.h"
#include "fs/dates_asof.h"
#include "fs/dates_view.h"
#include "fs/spot.h"
#include "store/read/snapshots.h"

/* The directories at the root, and what they are. */
static const struct {
	const char *name;
	enum cr_date_kind kind;
} top[CR_DATES_TOP] = {
	{ "snapshots", CR_DATE_SNAPSHOTS }, { "latest", CR_DATE_LATEST },
	{ "by-date", CR_DATE_DAYS },	    { "asof", CR_DATE_ASOF },
	{ "versions", CR_DATE_VERSIONS },   { "deleted", CR_DATE_DELETED },
	{ ".caprock", CR_DATE_ABOUT },
};

int cr_date_top_find(const char *name, struct cr_date *ret)
{
	for (size_t i = 0; i < CR_DATES_TOP; i++) {
		if (strcmp(top[i].name, name) == 0) {
			*ret = (struct cr_date){ .kind = top[i].kind };
			return 0;
		}
	}
	return -ENOENT;
}

bool cr_date_top_at(uint64_t n, struct cr_date *ret)
{
	if (n >= CR_DATES_TOP)
		return false;
	*ret = (struct cr_date){ .kind = top[n].kind };
	return true;
}

bool cr_date_is_past(const struct cr_date *date)
{
	return date->kind == CR_DATE_PAST || date->kind == CR_DATE_PAST_LINK;
}

bool cr_date_in_past(const struct cr_date *dir)
{
	return dir->kind == CR_DATE_VERSIONS || dir->kind == CR_DATE_DELETED ||
	       dir->kind == CR_DATE_PAST;
}

bool cr_date_is_link(const struct cr_date *date)
{
	return date->kind == CR_DATE_NEWEST || date->kind == CR_DATE_LAST ||
	       date->kind == CR_DATE_ASOF_LAST ||
	       date->kind == CR_DATE_PAST_LINK;
}

bool cr_date_is_file(const struct cr_date *date)
{
	return date->kind == CR_DATE_FILE || date->kind == CR_DATE_ASOF_FILE;
}

bool cr_date_is_folder(const struct cr_date *date)
{
	return !cr_date_is_link(date) && !cr_date_is_file(date);
}

bool cr_date_is_dated(const struct cr_date *date)
{
	return date->kind == CR_DATE_SNAPSHOTS ||
	       date->kind == CR_DATE_SOURCE || date->kind == CR_DATE_SNAPSHOT;
}

/* A link to a version is in the place of its file, one to what is gone in that
 * of the directory it was in. */
static struct cr_date past_parent(const struct cr_date *date)
{
	struct cr_spot *spot = date->spot;

	if (date->kind != CR_DATE_PAST_LINK || spot->view != CR_DATE_VERSIONS)
		spot = spot->parent;
	if (!spot)
		return (struct cr_date){ .kind = date->spot->view };
	return (struct cr_date){ .kind = CR_DATE_PAST, .spot = spot };
}

struct cr_date cr_dates_parent(const struct cr_dates *dates,
			       const struct cr_date *date)
{
	struct cr_date parent = { .kind = CR_DATE_ROOT };

	switch (date->kind) {
	case CR_DATE_SOURCE:
		parent.kind = CR_DATE_SNAPSHOTS;
		break;
	case CR_DATE_SNAPSHOT:
		if (dates->options.only)
			break;
		parent.kind = CR_DATE_SOURCE;
		parent.source = date->source;
		break;
	case CR_DATE_NEWEST:
		parent.kind = CR_DATE_LATEST;
		break;
	case CR_DATE_DAY:
		parent.kind = CR_DATE_DAYS;
		break;
	case CR_DATE_LAST:
		parent.kind = CR_DATE_DAY;
		parent.day = date->day;
		break;
	case CR_DATE_ASOF_FILE:
	case CR_DATE_ASOF_AT:
		parent.kind = CR_DATE_ASOF;
		break;
	case CR_DATE_ASOF_LAST:
		parent.kind = CR_DATE_ASOF_AT;
		parent.day = date->day;
		break;
	case CR_DATE_FILE:
		parent.kind = CR_DATE_ABOUT;
		break;
	case CR_DATE_PAST:
	case CR_DATE_PAST_LINK:
		return past_parent(date);
	case CR_DATE_VERSIONS:
	case CR_DATE_DELETED:
	case CR_DATE_ROOT:
	case CR_DATE_SNAPSHOTS:
	case CR_DATE_LATEST:
	case CR_DATE_DAYS:
	case CR_DATE_ASOF:
	case CR_DATE_ABOUT:
		break;
	}
	return parent;
}

void cr_dates_name_locked(const struct cr_dates *dates,
			  const struct cr_date *date,
			  char out[CR_DATE_NAME_MAX])
{
	char stamp[CR_STAMP_LEN];

	out[0] = '\0';
	switch (date->kind) {
	case CR_DATE_ROOT:
		return;
	case CR_DATE_SOURCE:
	case CR_DATE_NEWEST:
	case CR_DATE_LAST:
	case CR_DATE_ASOF_LAST:
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s",
			       dates->name[date->source]);
		return;
	case CR_DATE_ASOF_FILE:
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s", CR_ASOF_README);
		return;
	case CR_DATE_ASOF_AT:
		cr_asof_name(date->day, out);
		return;
	case CR_DATE_SNAPSHOT:
		assert(date->snapshot);
		cr_stamp(date->snapshot->head.time, stamp);
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s", stamp);
		return;
	case CR_DATE_DAY:
		cr_stamp(date->day * CR_DAY_SECONDS, stamp);
		(void)snprintf(out, CR_DATE_NAME_MAX, "%.10s", stamp);
		return;
	case CR_DATE_FILE:
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s",
			       cr_about_name(date));
		return;
	case CR_DATE_SNAPSHOTS:
	case CR_DATE_LATEST:
	case CR_DATE_DAYS:
	case CR_DATE_ASOF:
	case CR_DATE_VERSIONS:
	case CR_DATE_DELETED:
	case CR_DATE_ABOUT:
		break;
	case CR_DATE_PAST:
	case CR_DATE_PAST_LINK:
		assert(!"the past has names of any length");
		return;
	}
	for (size_t i = 0; i < CR_DATES_TOP; i++)
		if (top[i].kind == date->kind)
			(void)snprintf(out, CR_DATE_NAME_MAX, "%s",
				       top[i].name);
}

void cr_dates_name(struct cr_dates *dates, const struct cr_date *date,
		   char out[CR_DATE_NAME_MAX])
{
	cr_dates_lock(dates);
	cr_dates_name_locked(dates, date, out);
	cr_dates_unlock(dates);
}

void cr_dates_path(struct cr_dates *dates, const struct cr_date *date,
		   char out[CR_DATE_PATH_MAX])
{
	char below[CR_DATE_PATH_MAX] = "", name[CR_DATE_NAME_MAX];

	out[0] = '\0';
	for (struct cr_date at = *date; at.kind != CR_DATE_ROOT;
	     at = cr_dates_parent(dates, &at)) {
		cr_dates_name(dates, &at, name);
		/* Three names at most; "%.*s" tells the compiler so. */
		(void)snprintf(out, CR_DATE_PATH_MAX, "%s%s%.*s", name,
			       *below ? "/" : "",
			       CR_DATE_PATH_MAX - CR_DATE_NAME_MAX - 2, below);
		memcpy(below, out, sizeof(below));
	}
}
