/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot_find.c - what people type, as snapshots; times as names and back.
 */
#include <stdio.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/read/snapshots.h"

#define ID_PREFIX_MIN 4
#define DAY	      86400

void cr_stamp(int64_t time, char out[CR_STAMP_LEN])
{
	time_t when = (time_t)time;
	unsigned int year;
	struct tm tm;

	/* 9999-12-31T23:59:59Z and 0000-01-01T00:00:00Z: four digits of year.
	 */
	if (when > 253402300799)
		when = 253402300799;
	if (when < -62167219200)
		when = -62167219200;
	(void)gmtime_r(&when, &tm);
	/* By hand: strftime() does not pad the year. */
	year = (unsigned int)(tm.tm_year + 1900);
	for (size_t i = 4; i-- > 0; year /= 10)
		out[i] = (char)('0' + year % 10);
	(void)strftime(out + 4, CR_STAMP_LEN - 4, "-%m-%dT%H-%M-%SZ", &tm);
}

/* Digits and separators as @pattern has them: 'd' a digit, ':' ':' or '-'. */
static bool matches(const char *text, const char *pattern)
{
	for (; *pattern; pattern++, text++) {
		bool ok = *pattern == 'd'   ? *text >= '0' && *text <= '9'
			  : *pattern == ':' ? *text == ':' || *text == '-'
					    : *text == *pattern;

		if (!ok)
			return false;
	}
	return *text == '\0';
}

static int number(const char *text, int digits)
{
	int n = 0;

	while (digits-- > 0)
		n = n * 10 + (*text++ - '0');
	return n;
}

/* Midnight of the date @text begins with, if there is such a day. */
static int date_parse(const char *text, int64_t *ret)
{
	struct tm tm = {
		.tm_year = number(text, 4) - 1900,
		.tm_mon = number(text + 5, 2) - 1,
		.tm_mday = number(text + 8, 2),
	};
	struct tm same = tm;

	*ret = timegm(&tm);
	return tm.tm_year == same.tm_year && tm.tm_mon == same.tm_mon &&
			       tm.tm_mday == same.tm_mday
		       ? 0
		       : -EINVAL;
}

int cr_stamp_parse(const char *text, int64_t *ret)
{
	int h, m, s;
	int64_t day;

	if (!matches(text, "dddd-dd-ddTdd:dd:ddZ") ||
	    date_parse(text, &day) < 0)
		return -EINVAL;
	h = number(text + 11, 2);
	m = number(text + 14, 2);
	s = number(text + 17, 2);
	if (h > 23 || m > 59 || s > 59)
		return -EINVAL;
	*ret = day + h * 3600 + m * 60 + s;
	return 0;
}

static const struct cr_snapshot *newest(const struct cr_snapshots *set,
					const char *source)
{
	const struct cr_snapshot *found = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct cr_snapshot *s = set->snapshot[i];

		if ((!source || strcmp(s->source, source) == 0) &&
		    cr_snapshot_is_newer(s, found))
			found = s;
	}
	return found;
}

/* The last snapshot (of @source, unless NULL) in [from, to]. */
static const struct cr_snapshot *last_in(const struct cr_snapshots *set,
					 const char *source, int64_t from,
					 int64_t to)
{
	const struct cr_snapshot *found = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct cr_snapshot *s = set->snapshot[i];

		if (source && strcmp(s->source, source) != 0)
			continue;
		if (s->head.time < from || s->head.time > to)
			continue;
		if (!found || s->head.time >= found->head.time)
			found = s;
	}
	return found;
}

static bool one_source(const struct cr_snapshots *set)
{
	return set->count == 0 ||
	       strcmp(set->snapshot[0]->source,
		      set->snapshot[set->count - 1]->source) == 0;
}

static int find_time(const struct cr_snapshots *set, const char *source,
		     const char *when, const struct cr_snapshot **ret)
{
	int64_t from = INT64_MIN, to = INT64_MAX;

	if (strcmp(when, "latest") == 0) {
		*ret = newest(set, source);
	} else {
		if (cr_stamp_parse(when, &from) == 0)
			to = from;
		else if (matches(when, "dddd-dd-dd") &&
			 date_parse(when, &from) == 0)
			to = from + DAY - 1;
		else
			return -EINVAL;
		if (!source && !one_source(set))
			return cr_fail(
				CR_EUSAGE,
				"%s: there are several sources: say SOURCE@%s",
				when, when);
		*ret = last_in(set, source, from, to);
	}
	if (*ret)
		return 0;
	if (source)
		return cr_fail(ENOENT, "no snapshot %s@%s", source, when);
	return cr_fail(ENOENT, "no snapshot %s", when);
}

static int find_id(const struct cr_snapshots *set, const char *text,
		   const struct cr_snapshot **ret)
{
	size_t len = strlen(text), found = 0;

	for (size_t i = 0; i < set->count; i++) {
		struct cr_id_hex hex = cr_id_hex(&set->snapshot[i]->id);

		if (len <= 2 * CR_ID_LEN && memcmp(hex.text, text, len) == 0) {
			*ret = set->snapshot[i];
			found++;
		}
	}
	if (found > 1)
		return cr_fail(CR_EUSAGE, "%s: %zu snapshots begin so", text,
			       found);
	if (found == 0)
		return cr_fail(ENOENT, "no snapshot %s", text);
	return 0;
}

int cr_snapshots_find(const struct cr_snapshots *set, const char *text,
		      const struct cr_snapshot **ret)
{
	const char *at = strchr(text, '@');
	const struct cr_snapshot *found = NULL;
	char source[CR_SOURCE_MAX + 1] = { 0 };
	int r;

	if (at) {
		if ((size_t)(at - text) > CR_SOURCE_MAX)
			return cr_fail(ENOENT, "no snapshot %s", text);
		memcpy(source, text, (size_t)(at - text));
		r = find_time(set, source, at + 1, &found);
		if (r == -EINVAL)
			return cr_fail(CR_EUSAGE,
				       "%s: neither latest, a date nor a time",
				       at + 1);
	} else {
		r = find_time(set, NULL, text, &found);
		if (r == -EINVAL && strlen(text) >= ID_PREFIX_MIN &&
		    strspn(text, "0123456789abcdef") == strlen(text))
			r = find_id(set, text, &found);
		if (r == -EINVAL)
			return cr_fail(
				CR_EUSAGE,
				"%s: not a snapshot (an id, latest, SOURCE@latest, SOURCE@DATE)",
				text);
	}
	if (r == 0)
		*ret = found;
	return r;
}
