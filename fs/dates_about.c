/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates_about.h"

#include <errno.h>
#include <string.h>

#include "fs/dates_asof.h"
#include "fs/dates_view.h"

static const char readme[] =
	"This is a mount of caprock, the backup program.  It is read-only.\n"
	"\n"
	"snapshots/NAME/2026-11-22T02-15-00Z/  every backup of NAME (UTC)\n"
	"latest/NAME                           the newest backup of NAME\n"
	"by-date/2026-11-22/NAME               the last backup of that day\n"
	"\n"
	"To get something back, copy it out.\n";

/* A text of NULL is that of the mount's version. */
static const struct {
	const char *name;
	const char *text;
} about[] = {
	{ "README", readme },
	{ "version", NULL },
};

int cr_date_file_find(const char *name, struct cr_date *ret)
{
	struct cr_date file;

	for (uint64_t i = 0; cr_date_file_at(i, &file); i++) {
		if (strcmp(about[i].name, name) == 0) {
			*ret = file;
			return 0;
		}
	}
	return -ENOENT;
}

bool cr_date_file_at(uint64_t n, struct cr_date *ret)
{
	if (n >= CR_ARRAY_LEN(about))
		return false;
	*ret = (struct cr_date){ .kind = CR_DATE_FILE, .day = (int64_t)n };
	return true;
}

const char *cr_date_file_name(const struct cr_date *file)
{
	return about[file->day].name;
}

const char *cr_dates_text(const struct cr_dates *dates,
			  const struct cr_date *date)
{
	const char *text;

	if (date->kind == CR_DATE_ASOF_FILE)
		return cr_asof_readme;
	text = about[date->day].text;
	return text ? text : dates->version;
}
