/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How the top level changes: fs/dates_update.c. */
#include "fs/dates.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/made_dates.h"
#include "tests/unit/random.h"

static struct cr_dates *dates_of(struct made *made)
{
	const struct cr_dates_options options = { 0 };
	struct cr_dates *dates;

	assert_int_equal(cr_dates_new(&options, &dates), 0);
	assert_int_equal(cr_dates_update(dates, &made->set, START), 0);
	return dates;
}

/* All steps of an update. */
static void show(struct cr_dates *dates, const struct cr_snapshots *set)
{
	assert_int_equal(cr_dates_update(dates, set, START), 0);
	cr_dates_relink(dates);
	cr_dates_settle(dates);
	assert_true(cr_dates_is_settled(dates));
}

static void a_name_keeps_its_cookie(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 }, later = { 0 };
	struct cr_date_item item[COUNT];
	struct cr_date dir;
	uint64_t cookie;

	(void)state;
	made_add(&made, "b", START);
	made_add(&made, "c", START);
	dates = dates_of(&made);
	assert_int_equal(made_walk(dates, "snapshots", &dir), 0);
	assert_int_equal(cr_dates_list(dates, &dir, 0, item, 1), 1);
	assert_string_equal(item[0].name, "b");
	cookie = item[0].cookie;

	/* "a" comes before and "b" goes: "c" is neither lost nor seen twice. */
	made_add(&later, "a", START);
	made_add(&later, "c", START);
	show(dates, &later.set);
	assert_int_equal(cr_dates_list(dates, &dir, cookie, item, COUNT), 2);
	assert_string_equal(item[0].name, "c");
	assert_string_equal(item[1].name, "a");
	assert_int_equal(made_walk(dates, "snapshots/b", &dir), -ENOENT);
}

static void what_a_link_says_never_changes(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	struct cr_date before, after;

	(void)state;
	made_add(&made, "a", START);
	dates = dates_of(&made);
	assert_int_equal(made_walk(dates, "latest/a", &before), 0);
	made_add(&made, "a", START + 1);
	show(dates, &made.set);
	assert_int_equal(made_walk(dates, "latest/a", &after), 0);
	assert_false(cr_date_equal(&before, &after));
	assert_false(cr_dates_valid(dates, &before));
	assert_true(cr_dates_valid(dates, &after));
	assert_true(cr_dates_ino(dates, &before) !=
		    cr_dates_ino(dates, &after));
}

/* What @path leads to, of the links; "-" when it is not there. */
static const char *target_of(struct cr_dates *dates, const char *path)
{
	static char target[CR_DATE_PATH_MAX];
	struct cr_date date;

	(void)snprintf(target, sizeof(target), "-");
	if (made_walk(dates, path, &date) == 0)
		cr_dates_target(dates, &date, target);
	return target;
}

/* How many snapshots the histories of the only source are of. */
static uint32_t in_history(struct cr_dates *dates)
{
	cr_cleanup(cr_freep) const struct cr_snapshot **all = NULL;
	uint32_t count, newest;

	assert_int_equal(cr_dates_source(dates, 0, &all, &count, &newest), 0);
	return count;
}

#define FIRST  "2026-11-22T00-00-00Z"
#define SECOND "2026-11-23T00-00-00Z"

/* What is seen of two days, of which a snapshot each may be there. */
struct seen {
	const char *listed;
	unsigned int links; /* of the source's directory */
	const char *latest, *days, *asof;
	uint32_t in_history;
	int64_t time; /* of the source's directory */
};

static void assert_seen(struct cr_dates *dates, const struct seen *want)
{
	struct cr_date dir;
	struct stat st;

	assert_string_equal(made_names(dates, "snapshots/a", 4), want->listed);
	assert_int_equal(made_walk(dates, "snapshots/a", &dir), 0);
	cr_dates_stat(dates, &dir, &st);
	assert_int_equal(st.st_nlink, want->links);
	assert_int_equal(st.st_mtim.tv_sec, want->time);
	assert_string_equal(target_of(dates, "latest/a"), want->latest);
	assert_string_equal(made_names(dates, "by-date", 4), want->days);
	assert_string_equal(target_of(dates, "asof/2999-01-01/a"), want->asof);
	assert_int_equal(in_history(dates), want->in_history);
}

static const struct seen one = {
	FIRST " ",
	3,
	"../snapshots/a/" FIRST,
	"2026-11-22 ",
	"../../snapshots/a/" FIRST,
	1,
	START,
};
static const struct seen one_of_two = {
	FIRST " " SECOND " ",
	4,
	"../snapshots/a/" FIRST,
	"2026-11-22 ",
	"../../snapshots/a/" FIRST,
	1,
	START + DAY,
};
static const struct seen two = {
	FIRST " " SECOND " ",
	4,
	"../snapshots/a/" SECOND,
	"2026-11-22 2026-11-23 ",
	"../../snapshots/a/" SECOND,
	2,
	START + DAY,
};

static void what_came_is_listed_before_links_name_it(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	uint64_t serial;

	(void)state;
	made_add(&made, "a", START);
	dates = dates_of(&made);
	assert_seen(dates, &one);
	assert_true(cr_dates_is_settled(dates));
	serial = cr_dates_serial(dates);
	made_add(&made, "a", START + DAY);
	assert_int_equal(cr_dates_update(dates, &made.set, START), 0);
	assert_seen(dates, &one_of_two);
	assert_int_equal(cr_dates_serial(dates), serial);
	assert_false(cr_dates_is_settled(dates));
	cr_dates_settle(dates); /* not its turn */
	assert_seen(dates, &one_of_two);
	cr_dates_relink(dates);
	assert_seen(dates, &two);
	assert_int_not_equal(cr_dates_serial(dates), serial);
	assert_false(cr_dates_is_settled(dates));
	cr_dates_settle(dates);
	assert_seen(dates, &two);
	assert_true(cr_dates_is_settled(dates));
}

static void what_goes_is_listed_until_no_link_names_it(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 };
	struct cr_date gone;

	(void)state;
	made_add(&made, "a", START);
	made_add(&made, "a", START + DAY);
	dates = dates_of(&made);
	assert_int_equal(made_walk(dates, "snapshots/a/" SECOND, &gone), 0);
	made.set.count = 1;
	assert_int_equal(cr_dates_update(dates, &made.set, START), 0);
	assert_seen(dates, &two);
	cr_dates_relink(dates);
	assert_seen(dates, &one_of_two);
	assert_true(cr_dates_valid(dates, &gone));
	cr_dates_settle(dates);
	assert_seen(dates, &one);
	assert_false(cr_dates_valid(dates, &gone));
}

/* Forgotten, and another one made of the same second. */
static void what_has_the_place_of_another_comes_last(void **state)
{
	cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
	struct made made = { 0 }, later = { 0 };
	struct cr_date date;

	(void)state;
	made_add(&made, "a", START);
	made_add(&later, "a", START);
	dates = dates_of(&made);
	assert_int_equal(cr_dates_update(dates, &later.set, START), 0);
	cr_dates_relink(dates);
	assert_int_equal(made_walk(dates, "latest/a", &date), 0);
	assert_ptr_equal(date.snapshot, &later.snapshot[0]);
	assert_int_equal(made_walk(dates, "snapshots/a/" FIRST, &date), 0);
	assert_ptr_equal(date.snapshot, &made.snapshot[0]);
	cr_dates_settle(dates);
	assert_false(cr_dates_valid(dates, &date));
	assert_int_equal(made_walk(dates, "snapshots/a/" FIRST, &date), 0);
	assert_ptr_equal(date.snapshot, &later.snapshot[0]);
}

/* ---- In any order ---- */

#define HOURS 8 /* of each source, from START on; four make a "day" */
#define EVERY (DAY / 4)

/* One bit for each place in snapshots/ that there may be. */
struct places {
	uint32_t directories, links;
};

static void place(unsigned int i, char out[CR_DATE_PATH_MAX])
{
	char stamp[CR_STAMP_LEN];

	cr_stamp(START + (int64_t)(i % HOURS) * EVERY, stamp);
	(void)snprintf(out, CR_DATE_PATH_MAX, "snapshots/%c/%s",
		       i < HOURS ? 'a' : 'b', stamp);
}

/* The bit of the place that the link at @path leads to; 0: there is none. */
static uint32_t linked_by(struct cr_dates *dates, const char *path)
{
	const char *target = target_of(dates, path);
	char at[CR_DATE_PATH_MAX];

	while (strncmp(target, "../", 3) == 0)
		target += 3;
	for (unsigned int i = 0; i < 2 * HOURS; i++) {
		place(i, at);
		if (strcmp(at, target) == 0)
			return 1u << i;
	}
	assert_string_equal(target, "-");
	return 0;
}

static struct places look(struct cr_dates *dates)
{
	static const char *const days[] = {
		"latest",
		"by-date/2026-11-22",
		"by-date/2026-11-23",
		"asof/2026-11-22T13-00-00Z",
		"asof/2026-11-23T01-00-00Z",
	};
	struct places seen = { 0 };
	char path[CR_DATE_PATH_MAX];
	struct cr_date date;

	for (size_t d = 0; d < CR_ARRAY_LEN(days); d++) {
		for (char source = 'a'; source <= 'b'; source++) {
			(void)snprintf(path, sizeof(path), "%s/%c", days[d],
				       source);
			seen.links |= linked_by(dates, path);
		}
	}
	for (unsigned int i = 0; i < 2 * HOURS; i++) {
		bool found, listed = false;

		place(i, path);
		found = made_walk(dates, path, &date) == 0;
		path[strlen("snapshots/a")] = '\0';
		if (made_walk(dates, path, &date) == 0)
			listed = strstr(made_names(dates, path, COUNT),
					path + strlen("snapshots/a/"));
		assert_int_equal(found, listed);
		seen.directories |= (uint32_t)found << i;
	}
	return seen;
}

/* Some of what could be there. */
static void some(struct unit_random *rnd, struct made *ret)
{
	*ret = (struct made){ 0 };
	for (unsigned int i = 0; i < 2 * HOURS; i++)
		if (unit_below(rnd, 3) > 0)
			made_add(ret, i < HOURS ? "a" : "b",
				 START + (int64_t)(i % HOURS) * EVERY);
}

/*
 * The law that the steps are for.  Of two that follow each other the kernel may
 * have the listings of one and ask for links in the other.
 */
static void links_lead_to_what_is_and_was_listed(void **state)
{
	struct unit_random rnd = { 4 };

	(void)state;
	for (unsigned int round = 0; round < 200; round++) {
		cr_cleanup(cr_dates_freep) struct cr_dates *dates = NULL;
		cr_cleanup(cr_dates_freep) struct cr_dates *fresh = NULL;
		struct made made[8];
		struct places before, after, want;
		unsigned int last = 0;

		some(&rnd, &made[0]);
		dates = dates_of(&made[0]);
		before = look(dates);
		for (unsigned int step = 0; step < 20; step++) {
			uint32_t what = unit_below(&rnd, 5);

			if (what == 0 && last + 1 < CR_ARRAY_LEN(made)) {
				some(&rnd, &made[++last]);
				assert_int_equal(
					cr_dates_update(dates, &made[last].set,
							START),
					0);
			} else if (what < 3) {
				cr_dates_relink(dates);
			} else {
				cr_dates_settle(dates);
			}
			after = look(dates);
			assert_int_equal((before.links | after.links) &
						 ~(before.directories &
						   after.directories),
					 0);
			before = after;
		}
		cr_dates_relink(dates);
		cr_dates_settle(dates);
		fresh = dates_of(&made[last]);
		after = look(dates);
		want = look(fresh);
		assert_memory_equal(&after, &want, sizeof(want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_keeps_its_cookie),
		cmocka_unit_test(what_a_link_says_never_changes),
		cmocka_unit_test(what_came_is_listed_before_links_name_it),
		cmocka_unit_test(what_goes_is_listed_until_no_link_names_it),
		cmocka_unit_test(what_has_the_place_of_another_comes_last),
		cmocka_unit_test(links_lead_to_what_is_and_was_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
