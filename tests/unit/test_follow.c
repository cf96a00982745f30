/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/follow.h"

#include "tests/unit/random.h"
#include "tests/unit/unit.h"

/*
 * Use @blocks, of which by chance @of each 8 follow the one before, as the next
 * that is brought would be; how many were brought.
 */
static unsigned int use(unsigned int blocks, unsigned int of)
{
	struct unit_random rnd = { 1 };
	struct cr_follow follow;
	unsigned int brought = 0;
	bool next = false;

	cr_follow_init(&follow);
	for (unsigned int i = 0; i < blocks; i++) {
		cr_follow_used(&follow, next && unit_below(&rnd, 8) < of);
		next = cr_follow_pay(&follow);
		brought += next;
	}
	return brought;
}

static void who_goes_through_packs_is_followed_all_the_way(void **state)
{
	(void)state;
	assert_int_equal(use(1000, 8), 1000);
	assert_in_range(use(1000, 7), 995, 1000);
}

static void who_jumps_costs_little(void **state)
{
	unsigned int brought = use(8000, 0);

	(void)state;
	/* What there was at first, and one try for eight. */
	assert_in_range(brought, 1000, 1010);
}

static void what_is_brought_goes_by_what_is_used(void **state)
{
	(void)state;
	assert_in_range(use(8000, 4), 5000, 8000);
	assert_in_range(use(8000, 2), 1300, 2600);
}

static void what_is_there_already_costs_nothing(void **state)
{
	struct cr_follow follow;

	(void)state;
	cr_follow_init(&follow);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_true(cr_follow_pay(&follow));
		cr_follow_refund(&follow);
	}
}

static void credit_has_a_bound(void **state)
{
	struct cr_follow follow;
	unsigned int wasted = 0;

	(void)state;
	cr_follow_init(&follow);
	for (unsigned int i = 0; i < 1000; i++)
		cr_follow_used(&follow, true);
	while (cr_follow_pay(&follow))
		wasted++;
	assert_in_range(wasted, 1, 16);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			who_goes_through_packs_is_followed_all_the_way),
		cmocka_unit_test(who_jumps_costs_little),
		cmocka_unit_test(what_is_brought_goes_by_what_is_used),
		cmocka_unit_test(what_is_there_already_costs_nothing),
		cmocka_unit_test(credit_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
