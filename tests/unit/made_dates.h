/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * made_dates.h - for tests: snapshots that are nothing but a source and a time,
 * and how to look at what a top level (fs/dates.h) makes of them.
 */
#ifndef TESTS_UNIT_MADE_DATES_H
#define TESTS_UNIT_MADE_DATES_H

#include <stdio.h>
#include <string.h>

#include "fs/dates.h"
#include "store/read/snapshots.h"
#include "tests/unit/unit.h"

#define DAY   86400
#define START 1795305600 /* 2026-11-22T00:00:00Z */
#define COUNT 16

static const struct cr_date made_root = { .kind = CR_DATE_ROOT };

struct made {
	struct cr_snapshot snapshot[COUNT];
	struct cr_snapshot *list[COUNT];
	struct cr_snapshots set;
};

static inline void made_add(struct made *made, const char *source, int64_t time)
{
	size_t i = made->set.count++;

	assert_true(i < COUNT);
	memset(&made->snapshot[i], 0, sizeof(made->snapshot[i]));
	(void)snprintf(made->snapshot[i].source, CR_SOURCE_MAX + 1, "%s",
		       source);
	made->snapshot[i].head.time = time;
	made->snapshot[i].received = time;
	made->snapshot[i].id.bytes[0] = (uint8_t)(i + 1);
	made->list[i] = &made->snapshot[i];
	made->set.snapshot = made->list;
}

/* Walk down @path, names separated by "/". */
static inline int made_walk(struct cr_dates *dates, const char *path,
			    struct cr_date *ret)
{
	char copy[CR_DATE_PATH_MAX], *save = NULL;
	int r = 0;

	*ret = made_root;
	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *name = strtok_r(copy, "/", &save); name && r == 0;
	     name = strtok_r(NULL, "/", &save))
		r = cr_dates_find(dates, ret, name, ret);
	return r;
}

/* All names of @path, each followed by a blank, asked for @batch at a time. */
static inline const char *made_names(struct cr_dates *dates, const char *path,
				     size_t batch)
{
	static char text[1024];
	size_t len = 0;
	struct cr_date_item item[COUNT];
	struct cr_date dir;
	uint64_t cookie = 0;
	int n;

	text[0] = '\0';
	assert_int_equal(made_walk(dates, path, &dir), 0);
	do {
		n = cr_dates_list(dates, &dir, cookie, item, batch);
		for (int i = 0; i < n; i++) {
			assert_true(item[i].cookie > cookie);
			cookie = item[i].cookie;
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s ", item[i].name);
			assert_true(len < sizeof(text));
		}
	} while (n > 0);
	return text;
}

#endif
