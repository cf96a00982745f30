/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/dates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/damage.h"
#include "store/base/buf.h"
#include "store/read/snapshots.h"
#include "tests/unit/made_dates.h"

/* What the words of asof/ go by. */
static int64_t the_time = START + DAY;

static int64_t made_now(void)
{
	return the_time;
}

static struct cr_dates *dates_of(struct made *made, const char *only,
				 int64_t now)
{
	const struct cr_dates_options options = { .only = only,
						  .now = made_now };
	struct cr_dates *dates;

	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(cr_dates_update(dates, &made->set, now), 0);
	return dates;
}

static void made_two_sources(struct made *made)
{
	*made = (struct made){ 0 };
	made_add(made, "db", START - DAY);
	made_add(made, "db", START + 60);
	made_add(made, "web", START);
	made_add(made, "web", START + 3600);
	made_add(made, "web", START + DAY + 1);
}

static void every_snapshot_has_one_place(void **state)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "", "snapshots latest by-date asof versions "
		      "deleted .caprock " },
		{ "snapshots", "db web " },
		{ "snapshots/web", "2026-11-22T00-00-00Z 2026-11-22T01-00-00Z "
				   "2026-11-23T00-00-01Z " },
		{ "snapshots/db",
		  "2026-11-21T00-00-00Z 2026-11-22T00-01-00Z " },
		{ "latest", "db web " },
		{ "by-date", "2026-11-21 2026-11-22 2026-11-23 " },
		{ "by-date/2026-11-21", "db " },
		{ "by-date/2026-11-22", "db web " },
		{ "by-date/2026-11-23", "web " },
		{ ".caprock", "README status.json damaged.txt version " },
		{ "asof", "README " },
		{ "asof/2026-11-20", "" },
		{ "asof/2026-11-21", "db " },
		{ "asof/2026-11-22", "db web " },
		{ "asof/2026-11-21T23-59-59Z", "db " },
		{ "asof/2026-11-22T00-00-00Z", "db web " },
		{ "asof/2999-01-01", "db web " },
		{ "asof/today", "db web " },
		{ "asof/yesterday", "db web " },
	};
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, NULL, START + 2 * DAY);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].path);
		for (size_t batch = 1; batch <= COUNT; batch += 5)
			assert_string_equal(
				made_names(dates, cases[i].path, batch),
				cases[i].want);
	}
}

static void links_lead_to_that_place(void **state)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "latest/web", "../snapshots/web/2026-11-23T00-00-01Z" },
		{ "latest/db", "../snapshots/db/2026-11-22T00-01-00Z" },
		{ "by-date/2026-11-22/web",
		  "../../snapshots/web/2026-11-22T01-00-00Z" },
		{ "by-date/2026-11-21/db",
		  "../../snapshots/db/2026-11-21T00-00-00Z" },
		{ "asof/2026-11-21/db",
		  "../../snapshots/db/2026-11-21T00-00-00Z" },
		{ "asof/2026-11-22/db",
		  "../../snapshots/db/2026-11-22T00-01-00Z" },
		{ "asof/2026-11-22T00-00-59Z/db",
		  "../../snapshots/db/2026-11-21T00-00-00Z" },
		{ "asof/2026-11-22T00-01-00Z/db",
		  "../../snapshots/db/2026-11-22T00-01-00Z" },
		{ "asof/2026-11-22T00-01-00Z/web",
		  "../../snapshots/web/2026-11-22T00-00-00Z" },
	};
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, NULL, START + 2 * DAY);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char target[CR_DATE_PATH_MAX];
		struct cr_date date;
		struct stat st;

		unit_case(cases[i].path);
		assert_int_equal(made_walk(dates, cases[i].path, &date), 0);
		cr_dates_target(dates, &date, target);
		assert_string_equal(target, cases[i].want);
		cr_dates_stat(dates, &date, &st);
		assert_int_equal(st.st_mode, S_IFLNK | 0777);
		assert_int_equal(st.st_size, strlen(cases[i].want));
	}
}

static void names_are_found_only_as_they_are_written(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "snapshots/web/2026-11-22T01-00-00Z", 0 },
		{ "snapshots/web/2026-11-22T01:00:00Z", -ENOENT },
		{ "snapshots/web/2026-11-22T01-00-00", -ENOENT },
		{ "snapshots/web/2026-11-22T01-00-01Z", -ENOENT },
		{ "snapshots/web/2026-11-22", -ENOENT },
		{ "snapshots/web/2025-01-01T00-00-00Z", -ENOENT },
		{ "snapshots/web/2027-01-01T00-00-00Z", -ENOENT },
		{ "snapshots/we", -ENOENT },
		{ "snapshots/webb", -ENOENT },
		{ "snapshots/..", -ENOENT },
		{ "latest/web/x", -ENOTDIR },
		{ "latest/mail", -ENOENT },
		{ "by-date/2026-11-22", 0 },
		{ "by-date/2026-11-24", -ENOENT },
		{ "by-date/2026-11-2", -ENOENT },
		{ "by-date/2026-02-30", -ENOENT },
		{ "by-date/2026-11-22x", -ENOENT },
		{ "by-date/2026-11-23/db", -ENOENT },
		{ "asof/2026-11-22", 0 },
		{ "asof/2026-11-22T01-00-00Z", 0 },
		{ "asof/1969-12-31", 0 },
		{ "asof/1969-12-31T23-59-58Z", 0 },
		{ "asof/0000-01-01", 0 },
		{ "asof/9999-12-31T23-59-59Z", 0 },
		{ "asof/2026-11-22T01:00:00Z", -ENOENT },
		{ "asof/2026-11-22T01-00-00", -ENOENT },
		{ "asof/2026-02-30", -ENOENT },
		{ "asof/2026-11-2", -ENOENT },
		{ "asof/2026-11-22/none", -ENOENT },
		{ "asof/2026-11-20/db", -ENOENT },
		{ "asof/2026-11-22/db/x", -ENOTDIR },
		{ "asof/today", 0 },
		{ "asof/yesterday/db", 0 },
		{ "asof/tomorrow", -ENOENT },
		{ "asof/README", 0 },
		{ "asof/README/x", -ENOTDIR },
		{ ".caprock/version", 0 },
		{ ".caprock/none", -ENOENT },
		{ "none", -ENOENT },
	};
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, NULL, START + 2 * DAY);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char path[CR_DATE_PATH_MAX];
		struct cr_date date;

		unit_case(cases[i].path);
		assert_int_equal(made_walk(dates, cases[i].path, &date),
				 cases[i].want);
		if (cases[i].want < 0)
			continue;
		cr_dates_path(dates, &date, path);
		assert_string_equal(path, cases[i].path);
		assert_true(cr_dates_valid(dates, &date));
	}
}

static void one_source_stands_at_the_root(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct cr_date date, parent;
	char path[CR_DATE_PATH_MAX];
	struct made made;
	struct stat st;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, "db", START + 2 * DAY);
	assert_string_equal(made_names(dates, "", 3),
			    "2026-11-21T00-00-00Z 2026-11-22T00-01-00Z ");
	assert_int_equal(made_walk(dates, "snapshots", &date), -ENOENT);
	assert_int_equal(made_walk(dates, ".caprock", &date), -ENOENT);
	assert_int_equal(made_walk(dates, "asof", &date), -ENOENT);
	assert_int_equal(made_walk(dates, "versions", &date), -ENOENT);
	assert_int_equal(made_walk(dates, "deleted", &date), -ENOENT);
	assert_int_equal(made_walk(dates, "2026-11-21T00-00-00Z", &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[0]);
	parent = cr_dates_parent(dates, &date);
	assert_int_equal(parent.kind, CR_DATE_ROOT);
	cr_dates_path(dates, &date, path);
	assert_string_equal(path, "2026-11-21T00-00-00Z");
	cr_dates_stat(dates, &made_root, &st);
	assert_int_equal(st.st_nlink, 4);
	assert_int_equal(st.st_mtim.tv_sec, START + 60);
}

static void what_is_dated_ahead_is_never_the_newest(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	char target[CR_DATE_PATH_MAX];
	struct cr_date date;

	(void)state;
	made_add(&made, "a", START);
	made_add(&made, "a", START + 3600);
	made_add(&made, "a", START + 3601);
	made_add(&made, "b", START + 10 * DAY);
	made_add(&made, "b", START + 11 * DAY);
	for (size_t i = 0; i < made.set.count; i++)
		made.snapshot[i].received = START;
	dates = dates_of(&made, NULL, START);
	assert_int_equal(made_walk(dates, "latest/a", &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[1]);
	cr_dates_target(dates, &date, target);
	assert_string_equal(target, "../snapshots/a/2026-11-22T01-00-00Z");
	/* Better than nothing. */
	assert_int_equal(made_walk(dates, "latest/b", &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[4]);
	/* Neither is it what there was by then, where there is another. */
	assert_int_equal(made_walk(dates, "asof/2026-11-22/a", &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[1]);
	assert_int_equal(made_walk(dates, "asof/2999-01-01/b", &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[4]);
	assert_string_equal(made_names(dates, "latest", 4), "a b ");
	assert_string_equal(made_names(dates, "snapshots", 4), "a b ");
}

static void words_go_with_the_day(void **state)
{
	static const struct {
		int64_t now;
		const char *path;
		const char *want; /* a stamp, or NULL: not there */
	} cases[] = {
		{ START - 1, "asof/today/db", "2026-11-21T00-00-00Z" },
		{ START - 1, "asof/yesterday/db", NULL },
		{ START, "asof/today/db", "2026-11-22T00-01-00Z" },
		{ START, "asof/yesterday/db", "2026-11-21T00-00-00Z" },
		{ START + DAY - 1, "asof/yesterday/web", NULL },
		{ START + DAY, "asof/yesterday/web", "2026-11-22T01-00-00Z" },
		{ START + DAY, "asof/today/web", "2026-11-23T00-00-01Z" },
	};
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, NULL, START + 2 * DAY);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		char target[CR_DATE_PATH_MAX];
		struct cr_date date;

		unit_case(cases[i].path);
		the_time = cases[i].now;
		if (!cases[i].want) {
			assert_int_equal(made_walk(dates, cases[i].path, &date),
					 -ENOENT);
			continue;
		}
		assert_int_equal(made_walk(dates, cases[i].path, &date), 0);
		assert_true(cr_dates_valid(dates, &date));
		cr_dates_target(dates, &date, target);
		assert_string_equal(strrchr(target, '/') + 1, cases[i].want);
	}
	the_time = START + DAY;
}

static void two_spellings_are_two_directories(void **state)
{
	static const char *const paths[] = {
		"asof/2026-11-22",
		"asof/2026-11-22T23-59-59Z",
		"asof/yesterday",
	};
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct cr_date date[CR_ARRAY_LEN(paths)];
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of(&made, NULL, START + 2 * DAY);
	for (size_t i = 0; i < CR_ARRAY_LEN(paths); i++) {
		assert_int_equal(made_walk(dates, paths[i], &date[i]), 0);
		for (size_t j = 0; j < i; j++) {
			assert_false(cr_date_equal(&date[i], &date[j]));
			assert_int_not_equal(cr_dates_ino(dates, &date[i]),
					     cr_dates_ino(dates, &date[j]));
		}
	}
}

static void what_has_no_name_is_left_out(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	size_t shown, refused;

	(void)state;
	made_add(&made, "a", INT64_MIN);
	made_add(&made, "a", -62167219200); /* the first second of year 0 */
	made_add(&made, "a", -1);
	made_add(&made, "a", START);
	made_add(&made, "a", START);
	made_add(&made, "a", 253402300799); /* the last of 9999 */
	made_add(&made, "a", INT64_MAX);
	dates = dates_of(&made, NULL, START);
	assert_string_equal(made_names(dates, "snapshots/a", 2),
			    "0000-01-01T00-00-00Z 1969-12-31T23-59-59Z "
			    "2026-11-22T00-00-00Z 9999-12-31T23-59-59Z ");
	assert_string_equal(made_names(dates, "by-date", 2),
			    "0000-01-01 1969-12-31 2026-11-22 9999-12-31 ");
	cr_dates_count(dates, &shown, &refused);
	assert_int_equal(shown, 4);
}

static void xattrs_can_be_refused(void **state)
{
	const struct cr_dates_options options = { .refuse_xattrs = true };
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	size_t shown, refused;

	(void)state;
	made_add(&made, "a", START);
	made_add(&made, "a", START + 1);
	made_add(&made, "a", START + 2);
	made.snapshot[1].manifest.flags = CR_MANIFEST_ACLS;
	made.snapshot[2].manifest.flags = CR_MANIFEST_XATTRS;
	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(cr_dates_update(dates, &made.set, START + DAY), 0);
	cr_dates_count(dates, &shown, &refused);
	assert_int_equal(shown, 1);
	assert_int_equal(refused, 2);
}

static void an_empty_repository_is_no_error(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	struct cr_date date;
	struct stat st;

	(void)state;
	dates = dates_of(&made, NULL, START);
	assert_string_equal(made_names(dates, "snapshots", 4), "");
	assert_string_equal(made_names(dates, "by-date", 4), "");
	cr_dates_stat(dates, &made_root, &st);
	assert_int_equal(st.st_mode, S_IFDIR | 0555);
	assert_int_equal(st.st_nlink, 9);
	assert_int_equal(st.st_mtim.tv_sec, START);
	assert_int_equal(made_walk(dates, ".caprock/README", &date), 0);
	cr_dates_stat(dates, &date, &st);
	assert_int_equal(st.st_size, cr_dates_text_len(&date));
	assert_true(st.st_size > 0);
}

/* ---- Files that are made ---- */

static unsigned int made_status; /* how often */

static int make_status(void *arg, struct cr_buf *out)
{
	const unsigned int *lines = arg;

	made_status++;
	for (unsigned int i = 0; i < *lines; i++)
		cr_buf_put(out, "line\n", 5);
	return cr_buf_error(out);
}

static size_t read_text(struct cr_dates *dates, const struct cr_date *date,
			uint64_t at, size_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };

	assert_int_equal(cr_dates_text(dates, date, at, len, &out), 0);
	for (size_t i = 0; i < out.len; i++)
		assert_int_equal(out.bytes[i], "line\n"[(at + i) % 5]);
	return out.len;
}

/* A longer one is another node: the kernel keeps what it knows of this one. */
static void what_a_file_says_never_changes(void **state)
{
	unsigned int lines = 1;
	const struct cr_dates_options options = { .status = make_status,
						  .arg = &lines };
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf out = { 0 };
	struct cr_date first, again, next;
	struct stat st, other;

	(void)state;
	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(made_walk(dates, ".caprock/status.json", &first), 0);
	assert_int_equal(made_walk(dates, ".caprock/status.json", &again), 0);
	assert_true(cr_date_equal(&first, &again));
	assert_true(cr_dates_valid(dates, &first));
	lines = 3;
	assert_int_equal(made_walk(dates, ".caprock/status.json", &next), 0);
	assert_false(cr_date_equal(&first, &next));
	assert_false(cr_dates_valid(dates, &first));
	cr_dates_stat(dates, &first, &st);
	cr_dates_stat(dates, &next, &other);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(other.st_size, 15);
	assert_true(st.st_ino != other.st_ino);
	for (uint64_t at = 0; at < 17; at++) {
		assert_int_equal(read_text(dates, &first, at, 100),
				 at < 5 ? 5 - at : 0);
		assert_int_equal(read_text(dates, &next, at, 2),
				 at < 14 ? 2 : at < 15);
	}
	/* Many later it is refused: it is not shown as another, or shorter. */
	for (lines = 4; lines < 40; lines++)
		assert_int_equal(
			made_walk(dates, ".caprock/status.json", &next), 0);
	assert_int_equal(cr_dates_text(dates, &first, 0, 5, &out), -ESTALE);
	assert_int_equal(out.len, 0);
	assert_int_equal(read_text(dates, &next, 0, 1000), 195);
}

static void a_status_is_not_made_for_each_look(void **state)
{
	unsigned int lines = 1;
	const struct cr_dates_options options = { .status = make_status,
						  .arg = &lines,
						  .status_ms = INT64_MAX };
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct cr_date date;

	(void)state;
	made_status = 0;
	assert_int_equal(cr_dates_new(&options, &dates), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			made_walk(dates, ".caprock/status.json", &date), 0);
	assert_int_equal(made_status, 1);
}

static void damage_makes_the_list_another_file(void **state)
{
	cr_cleanup(cr_damage_freep) struct cr_damage *damage = NULL;
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct cr_dates_options options = { 0 };
	struct cr_date before, after;
	struct stat st;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	options.damage = damage;
	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(made_walk(dates, ".caprock/damaged.txt", &before), 0);
	cr_damage_object(damage, "snapshots/x", "why");
	assert_int_equal(made_walk(dates, ".caprock/damaged.txt", &after), 0);
	assert_false(cr_date_equal(&before, &after));
	cr_dates_stat(dates, &before, &st);
	assert_int_equal(st.st_size, 0);
	cr_dates_stat(dates, &after, &st);
	assert_int_equal(st.st_size, cr_dates_text_len(&after));
	assert_true(st.st_size > 20);
}

/* ---- Parts ---- */

/* Snapshots have it unless they are here; some are looked into in vain. */
struct parts {
	struct made *made;
	unsigned int absent, fails; /* by number, a bit for each */
	unsigned int asked;
	struct cr_snapshot shown[COUNT];
};

static int part_of(void *arg, const struct cr_snapshot *whole,
		   const struct cr_snapshot **ret)
{
	struct parts *parts = arg;
	size_t i = (size_t)(whole - parts->made->snapshot);

	assert_true(i < COUNT);
	parts->asked++;
	if (parts->fails & 1u << i)
		return -EINTR;
	if (parts->absent & 1u << i)
		return -ENOENT;
	parts->shown[i] = *whole;
	*ret = &parts->shown[i];
	return 0;
}

static struct cr_dates *dates_of_parts(struct parts *parts, struct made *made)
{
	const struct cr_dates_options options = { .now = made_now,
						  .part = part_of,
						  .part_arg = parts };
	struct cr_dates *dates;

	parts->made = made;
	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(cr_dates_update(dates, &made->set, START), 0);
	return dates;
}

static const char *target_of(struct cr_dates *dates, const char *path)
{
	static char target[CR_DATE_PATH_MAX];
	struct cr_date date;
	int r = made_walk(dates, path, &date);

	assert_true(r == 0 || r == -ENOENT);
	(void)snprintf(target, sizeof(target), "-");
	if (r == 0)
		cr_dates_target(dates, &date, target);
	return target;
}

static void what_has_no_such_part_is_not_there(void **state)
{
	static const struct {
		unsigned int absent;
		const char *snapshots, *latest, *days, *day, *asof;
	} cases[] = {
		{ 0,
		  "2026-11-22T00-00-00Z 2026-11-22T01-00-00Z "
		  "2026-11-23T00-00-01Z ",
		  "../snapshots/web/2026-11-23T00-00-01Z",
		  "2026-11-21 2026-11-22 2026-11-23 ",
		  "../../snapshots/web/2026-11-22T01-00-00Z",
		  "../../snapshots/web/2026-11-23T00-00-01Z" },
		{ 1u << 4, "2026-11-22T00-00-00Z 2026-11-22T01-00-00Z ",
		  "../snapshots/web/2026-11-22T01-00-00Z",
		  "2026-11-21 2026-11-22 ",
		  "../../snapshots/web/2026-11-22T01-00-00Z",
		  "../../snapshots/web/2026-11-22T01-00-00Z" },
		{ 1u << 3 | 1u << 0,
		  "2026-11-22T00-00-00Z 2026-11-23T00-00-01Z ",
		  "../snapshots/web/2026-11-23T00-00-01Z",
		  "2026-11-22 2026-11-23 ",
		  "../../snapshots/web/2026-11-22T00-00-00Z",
		  "../../snapshots/web/2026-11-23T00-00-01Z" },
		{ 1u << 2 | 1u << 3 | 1u << 4, "", "-",
		  "2026-11-21 2026-11-22 ", "-", "-" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
		struct parts parts = { .absent = cases[i].absent };
		struct made made;

		made_two_sources(&made);
		dates = dates_of_parts(&parts, &made);
		assert_string_equal(target_of(dates, "latest/web"),
				    cases[i].latest);
		assert_string_equal(target_of(dates, "by-date/2026-11-22/web"),
				    cases[i].day);
		assert_string_equal(target_of(dates, "asof/2026-11-23/web"),
				    cases[i].asof);
		assert_string_equal(made_names(dates, "snapshots/web", COUNT),
				    cases[i].snapshots);
		assert_string_equal(made_names(dates, "by-date", COUNT),
				    cases[i].days);
		assert_string_equal(made_names(dates, "latest", COUNT),
				    cases[i].latest[0] == '-' ? "db "
							      : "db web ");
		/* Sources stay: who looks into them may have to wait. */
		assert_string_equal(made_names(dates, "snapshots", COUNT),
				    "db web ");
	}
}

static void a_snapshot_is_shown_as_its_part(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	cr_cleanup(cr_freep) const struct cr_snapshot **all = NULL;
	struct parts parts = { .absent = 1u << 4 };
	struct made made;
	struct cr_date date;
	uint32_t count, newest;

	(void)state;
	made_two_sources(&made);
	dates = dates_of_parts(&parts, &made);
	assert_int_equal(
		made_walk(dates, "snapshots/web/2026-11-22T01-00-00Z", &date),
		0);
	assert_ptr_equal(date.snapshot, &parts.shown[3]);
	assert_true(cr_dates_valid(dates, &date));
	assert_int_equal(
		made_walk(dates, "snapshots/web/2026-11-23T00-00-01Z", &date),
		-ENOENT);
	assert_int_equal(made_walk(dates, "snapshots/web", &date), 0);
	assert_int_equal(
		cr_dates_source(dates, date.source, &all, &count, &newest), 0);
	assert_int_equal(count, 2);
	assert_ptr_equal(all[0], &parts.shown[2]);
	assert_ptr_equal(all[1], &parts.shown[3]);
	assert_int_equal(newest, 1);
}

static void no_more_are_asked_than_it_takes(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct parts parts = { 0 };
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of_parts(&parts, &made);
	assert_string_equal(made_names(dates, "", COUNT),
			    "snapshots latest by-date asof versions deleted "
			    ".caprock ");
	assert_string_equal(made_names(dates, "snapshots", COUNT), "db web ");
	assert_int_equal(parts.asked, 0);
	(void)target_of(dates, "latest/web");
	assert_int_equal(parts.asked, 1);
	(void)target_of(dates, "latest/web");
	assert_int_equal(parts.asked, 1);
	/* That there is such a day another source tells. */
	(void)target_of(dates, "by-date/2026-11-22/web");
	assert_int_equal(parts.asked, 3);
}

/* It is never taken for one that does not have it. */
static void what_cannot_be_asked_is_an_error(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct parts parts = { .fails = 1u << 3 };
	struct cr_date_item item[COUNT];
	struct cr_date dir, date;
	struct made made;

	(void)state;
	made_two_sources(&made);
	dates = dates_of_parts(&parts, &made);
	assert_int_equal(made_walk(dates, "by-date/2026-11-22/web", &date),
			 -EINTR);
	assert_int_equal(
		made_walk(dates, "snapshots/web/2026-11-22T01-00-00Z", &date),
		-EINTR);
	assert_int_equal(made_walk(dates, "snapshots/web", &dir), 0);
	assert_int_equal(cr_dates_list(dates, &dir, 0, item, COUNT), 1);
	assert_int_equal(
		cr_dates_list(dates, &dir, item[0].cookie, item, COUNT),
		-EINTR);
	parts.fails = 0;
	assert_int_equal(cr_dates_list(dates, &dir, 0, item, COUNT), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_snapshot_has_one_place),
		cmocka_unit_test(links_lead_to_that_place),
		cmocka_unit_test(names_are_found_only_as_they_are_written),
		cmocka_unit_test(one_source_stands_at_the_root),
		cmocka_unit_test(what_is_dated_ahead_is_never_the_newest),
		cmocka_unit_test(words_go_with_the_day),
		cmocka_unit_test(two_spellings_are_two_directories),
		cmocka_unit_test(what_has_no_name_is_left_out),
		cmocka_unit_test(xattrs_can_be_refused),
		cmocka_unit_test(an_empty_repository_is_no_error),
		cmocka_unit_test(what_a_file_says_never_changes),
		cmocka_unit_test(a_status_is_not_made_for_each_look),
		cmocka_unit_test(damage_makes_the_list_another_file),
		cmocka_unit_test(what_has_no_such_part_is_not_there),
		cmocka_unit_test(a_snapshot_is_shown_as_its_part),
		cmocka_unit_test(no_more_are_asked_than_it_takes),
		cmocka_unit_test(what_cannot_be_asked_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
