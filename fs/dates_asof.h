/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dates_asof.h - inside the top level (dates.h): asof/, where one types when.
 *
 *	asof/2026-03-01/		the end of that day
 *	asof/2026-03-01T14-00-00Z/	that second
 *	asof/today/, asof/yesterday/	the end of that day, by now
 *
 * Nothing of it is listed but a README.  What was typed is kept as one number,
 * and each has one spelling, so that no directory has two names.
 */
#ifndef FS_DATES_ASOF_H
#define FS_DATES_ASOF_H

#include "fs/dates.h"

struct cr_dates_ask;

#define CR_ASOF_README "README"

extern const char cr_asof_readme[];

/* The number of what was typed.  -ENOENT without a sentence. */
cr_must_check int cr_asof_parse(const char *name, int64_t *ret);
/* What was typed. */
void cr_asof_name(int64_t typed, char out[CR_DATE_NAME_MAX]);
/* The last second that it means, when it is @now. */
int64_t cr_asof_end(int64_t typed, int64_t now);

/* What happens to be now. */
int64_t cr_dates_now(const struct cr_dates *dates);

/*
 * Locked.  The newest snapshot of a source at or before @typed, or NULL; also
 * when @ask was set (dates_part.h).  One dated ahead of its receipt is taken
 * only where there is no other.
 */
const struct cr_snapshot *cr_asof_snapshot(const struct cr_dates *dates,
					   int64_t typed, uint32_t source,
					   struct cr_dates_ask *ask);
/* Locked.  The time of the newest of all sources. */
int64_t cr_asof_newest(const struct cr_dates *dates, int64_t typed);

#endif
