/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/link_groups.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct cr_links *links;

static int setup(void **state)
{
	(void)state;
	return cr_links_new(&links);
}

static int teardown(void **state)
{
	(void)state;
	cr_links_free(links);
	return 0;
}

static struct cr_entry entry(uint32_t group, uint32_t nlink)
{
	struct cr_entry e = { .has = CR_HAS_LINK, .nlink = nlink };

	memcpy(e.link.bytes, &group, sizeof(group));
	return e;
}

static void done(const struct cr_entry *e, const char *path, ino_t inode)
{
	struct cr_link_at at = { .inode = inode };

	cr_buf_put(&at.path, path, strlen(path) + 1);
	cr_links_done(links, e, &at, false);
	assert_null(at.path.bytes); /* taken */
}

static void assert_turn(const struct cr_entry *e, int want, const char *path)
{
	cr_cleanup(cr_link_at_release) struct cr_link_at at = { 0 };

	assert_int_equal(cr_links_claim(links, e, false, &at), want);
	if (path)
		assert_string_equal((char *)at.path.bytes, path);
}

static void the_first_is_put_the_others_are_linked(void **state)
{
	const struct cr_entry a = entry(1, 3), b = entry(2, 2);

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	done(&a, "x/a", 1);
	assert_turn(&b, CR_LINK_FIRST, NULL);
	done(&b, "b", 2);
	assert_turn(&a, CR_LINK_READY, "x/a");
	assert_turn(&b, CR_LINK_READY, "b");
	assert_turn(&a, CR_LINK_READY, "x/a");
}

static void a_group_is_forgotten_with_its_last_name(void **state)
{
	const struct cr_entry a = entry(1, 2);

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	done(&a, "a", 1);
	assert_turn(&a, CR_LINK_READY, "a");
	assert_turn(&a, CR_LINK_FIRST, NULL);
	done(&a, "another", 2);
	assert_turn(&a, CR_LINK_READY, "another");
}

static void one_that_failed_leaves_its_turn(void **state)
{
	const struct cr_entry a = entry(1, 4);

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	cr_links_done(links, &a, NULL, false);
	assert_turn(&a, CR_LINK_FIRST, NULL);
	done(&a, "second", 2);
	assert_turn(&a, CR_LINK_READY, "second");
}

static void one_that_is_damaged_is_lost_for_all(void **state)
{
	const struct cr_entry a = entry(1, 3);

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	cr_links_done(links, &a, NULL, true);
	assert_turn(&a, CR_LINK_LOST, NULL);
	assert_turn(&a, CR_LINK_LOST, NULL);
}

static void what_takes_no_more_links_is_replaced_once(void **state)
{
	cr_cleanup(cr_link_at_release) struct cr_link_at one = { 0 };
	cr_cleanup(cr_link_at_release) struct cr_link_at two = { 0 };
	const struct cr_entry a = entry(1, 100);

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	done(&a, "full", 7);
	/* Both find it full; the one makes a copy, the other links to that. */
	assert_int_equal(cr_links_claim(links, &a, false, &one), CR_LINK_READY);
	assert_int_equal(cr_links_claim(links, &a, false, &two), CR_LINK_READY);
	assert_int_equal(cr_links_claim(links, &a, true, &one), CR_LINK_FIRST);
	done(&a, "copy", 8);
	assert_int_equal(cr_links_claim(links, &a, true, &two), CR_LINK_READY);
	assert_string_equal((char *)two.path.bytes, "copy");
	assert_int_equal(two.inode, 8);
}

static void many_groups_are_told_apart(void **state)
{
	enum { MANY = 5000 };
	char path[16];

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		const struct cr_entry e = entry(i, 3);

		assert_turn(&e, CR_LINK_FIRST, NULL);
		(void)snprintf(path, sizeof(path), "%u", i);
		done(&e, path, i);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		const struct cr_entry e = entry(i, 3);

		(void)snprintf(path, sizeof(path), "%u", i);
		assert_turn(&e, CR_LINK_READY, path);
	}
}

static void *claim_second(void *arg)
{
	const struct cr_entry *e = arg;
	static char found[16];
	struct cr_link_at at = { 0 };

	if (cr_links_claim(links, e, false, &at) == CR_LINK_READY)
		(void)snprintf(found, sizeof(found), "%s",
			       (char *)at.path.bytes);
	cr_link_at_release(&at);
	return found;
}

static void the_second_waits_for_the_first(void **state)
{
	struct cr_entry a = entry(1, 2);
	pthread_t thread;
	void *found;

	(void)state;
	assert_turn(&a, CR_LINK_FIRST, NULL);
	assert_int_equal(pthread_create(&thread, NULL, claim_second, &a), 0);
	done(&a, "a", 1);
	assert_int_equal(pthread_join(thread, &found), 0);
	assert_string_equal((char *)found, "a");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_first_is_put_the_others_are_linked, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_group_is_forgotten_with_its_last_name, setup,
			teardown),
		cmocka_unit_test_setup_teardown(one_that_failed_leaves_its_turn,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			one_that_is_damaged_is_lost_for_all, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_takes_no_more_links_is_replaced_once, setup,
			teardown),
		cmocka_unit_test_setup_teardown(many_groups_are_told_apart,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_second_waits_for_the_first,
						setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
