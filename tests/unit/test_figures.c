/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/figures.h"

#include <fuse_lowlevel.h>
#include <pthread.h>

#include "fs/ops.h"
#include "tests/unit/unit.h"

#define MS	 UINT64_C(1000000)
#define THREADS	 8
#define REQUESTS 10000

static void what_was_not_asked_for_has_no_text(void **state)
{
	cr_cleanup(cr_figures_freep) struct cr_figures *figures = NULL;
	char text[CR_FIGURES_TEXT_MAX];

	(void)state;
	assert_int_equal(cr_figures_new(&figures), 0);
	cr_figures_add(figures, CR_REQUEST_LOOKUP, MS);
	for (unsigned int i = 0; i < CR_REQUESTS; i++)
		assert_int_equal(
			cr_figures_text(figures, (enum cr_request)i, text),
			i == CR_REQUEST_LOOKUP);
}

static void the_slow_ones_stand_out(void **state)
{
	cr_cleanup(cr_figures_freep) struct cr_figures *figures = NULL;
	char text[CR_FIGURES_TEXT_MAX];

	(void)state;
	assert_int_equal(cr_figures_new(&figures), 0);
	for (int i = 0; i < 199; i++)
		cr_figures_add(figures, CR_REQUEST_READ, MS / 2);
	cr_figures_add(figures, CR_REQUEST_READ, 100 * MS);
	assert_int_equal(cr_figures_text(figures, CR_REQUEST_READ, text), 200);
	assert_string_equal(text, "read: 200 requests, 0.998 ms on average, "
				  "99 % within 0.512 ms, slowest 100.000 ms");
	/* None took longer than the slowest. */
	cr_figures_add(figures, CR_REQUEST_OPEN, 700);
	cr_figures_add(figures, CR_REQUEST_OPEN, UINT64_MAX / 4);
	assert_int_equal(cr_figures_text(figures, CR_REQUEST_OPEN, text), 2);
}

static void *count(void *arg)
{
	for (uint64_t i = 0; i < REQUESTS; i++)
		cr_figures_add(arg, CR_REQUEST_GETATTR, i);
	return NULL;
}

static void every_thread_counts(void **state)
{
	cr_cleanup(cr_figures_freep) struct cr_figures *figures = NULL;
	char text[CR_FIGURES_TEXT_MAX];
	pthread_t thread[THREADS];

	(void)state;
	assert_int_equal(cr_figures_new(&figures), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, count, figures), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(cr_figures_text(figures, CR_REQUEST_GETATTR, text),
			 THREADS * REQUESTS);
	assert_int_equal(cr_figures_idle(figures), 0);
}

/* A new operation must be thought of here, too. */
static void all_that_asks_is_counted(void **state)
{
	struct fuse_lowlevel_ops ops;
	size_t counted = 0;

	(void)state;
	cr_figures_count(&ops);
	for (size_t i = 0; i < sizeof(ops) / sizeof(void *); i++)
		counted +=
			((void *const *)&ops)[i] != ((void *const *)&cr_ops)[i];
	/* readdir and readdirplus are one kind. */
	assert_int_equal(counted, CR_REQUESTS + 1);
	assert_ptr_equal(ops.forget, cr_ops.forget);
	assert_ptr_equal(ops.init, cr_ops.init);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_asked_for_has_no_text),
		cmocka_unit_test(the_slow_ones_stand_out),
		cmocka_unit_test(every_thread_counts),
		cmocka_unit_test(all_that_asks_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
