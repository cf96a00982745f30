/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_asof.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/dates_part.h"
#include "store/read/snapshots.h"

#define DAY_LEN 10 /* of a stamp */

const char cr_asof_readme[] =
	"Everything as it stood at a time of your choice (UTC).  Type when, as\n"
	"the name of a directory in here; it is not listed, and yet is there:\n"
	"\n"
	"asof/2026-03-01/            at the end of that day\n"
	"asof/2026-03-01T14-00-00Z/  at that second\n"
	"asof/yesterday/             at the end of yesterday\n"
	"asof/today/                 now\n"
	"\n"
	"Each holds, for every backup NAME, a link to the newest snapshot that\n"
	"was there by then: ls asof/2026-03-01/NAME/\n";

/* What a number says: its value, and what that counts. */
enum form {
	FORM_DAY,  /* days since 1970 */
	FORM_TIME, /* seconds since 1970 */
	FORM_WORD, /* days before today */
};
#define FORMS 4

static const char *const word[] = { "today", "yesterday" };

static int64_t typed_of(enum form form, int64_t value)
{
	return value * FORMS + (int64_t)form;
}

static enum form form_of(int64_t typed)
{
	return (enum form)(typed & (FORMS - 1));
}

static int64_t value_of(int64_t typed)
{
	return (typed - (int64_t)form_of(typed)) / FORMS;
}

int cr_asof_parse(const char *name, int64_t *ret)
{
	char text[CR_STAMP_LEN], same[CR_STAMP_LEN];
	bool day = strlen(name) == DAY_LEN;
	int64_t time;

	for (size_t i = 0; i < CR_ARRAY_LEN(word); i++) {
		if (strcmp(word[i], name) == 0) {
			*ret = typed_of(FORM_WORD, (int64_t)i);
			return 0;
		}
	}
	if (strlen(name) >= sizeof(text))
		return -ENOENT;
	(void)snprintf(text, sizeof(text), "%.*s%s",
		       day ? DAY_LEN : CR_STAMP_LEN - 1, name,
		       day ? "T00-00-00Z" : "");
	if (cr_stamp_parse(text, &time) < 0)
		return -ENOENT;
	/* With colons it would be another name of the same directory. */
	cr_stamp(time, same);
	if (strcmp(same, text) != 0)
		return -ENOENT;
	*ret = day ? typed_of(FORM_DAY, cr_dates_day(time))
		   : typed_of(FORM_TIME, time);
	return 0;
}

void cr_asof_name(int64_t typed, char out[CR_DATE_NAME_MAX])
{
	int64_t value = value_of(typed);
	char stamp[CR_STAMP_LEN];

	switch (form_of(typed)) {
	case FORM_DAY:
		cr_stamp(value * CR_DAY_SECONDS, stamp);
		(void)snprintf(out, CR_DATE_NAME_MAX, "%.*s", DAY_LEN, stamp);
		return;
	case FORM_TIME:
		cr_stamp(value, stamp);
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s", stamp);
		return;
	case FORM_WORD:
		(void)snprintf(out, CR_DATE_NAME_MAX, "%s", word[value]);
		return;
	}
}

int64_t cr_asof_end(int64_t typed, int64_t now)
{
	int64_t value = value_of(typed);

	switch (form_of(typed)) {
	case FORM_TIME:
		return value;
	case FORM_WORD:
		value = cr_dates_day(now) - value;
		break;
	case FORM_DAY:
		break;
	}
	return (value + 1) * CR_DAY_SECONDS - 1;
}

int64_t cr_dates_now(const struct cr_dates *dates)
{
	return dates->options.now ? dates->options.now() : (int64_t)time(NULL);
}

/* The end of those of a source that there are at @typed. */
static size_t end_of(const struct cr_dates *dates, int64_t typed,
		     uint32_t source)
{
	const struct cr_dates_view *view = dates->linked;

	return cr_dates_at_or_after(view, cr_dates_span(view, source),
				    cr_asof_end(typed, cr_dates_now(dates)) +
					    1);
}

const struct cr_snapshot *cr_asof_snapshot(const struct cr_dates *dates,
					   int64_t typed, uint32_t source,
					   struct cr_dates_ask *ask)
{
	const struct cr_dates_span *span = cr_dates_span(dates->linked, source);

	return cr_dates_newest_shown(dates, source, span->first,
				     end_of(dates, typed, source), ask);
}

int64_t cr_asof_newest(const struct cr_dates *dates, int64_t typed)
{
	int64_t newest = INT64_MIN;

	for (uint32_t i = 0; i < dates->linked->sources; i++) {
		struct cr_dates_ask ask = { 0 }; /* what is not known waits */
		const struct cr_snapshot *snapshot =
			cr_asof_snapshot(dates, typed, i, &ask);

		if (snapshot)
			newest = cr_max(newest, snapshot->head.time);
	}
	return newest > INT64_MIN ? newest : dates->linked->newest;
}
