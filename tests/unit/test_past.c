/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names with a date fit, can be told apart and read back; places below
 * versions/ and deleted/ are one each, and go when nobody needs them.
 */
#include "fs/past.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/spot.h"
#include "store/base/buf.h"
#include "store/base/escape.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define NOON   1795348800 /* 2026-11-22T12:00:00Z */
#define PREFIX "2026-11-22T12-00-00Z__"

static struct cr_piece piece(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

/* @n times @unit, then @end. */
static const char *many(const char *unit, size_t n, const char *end)
{
	static char text[512];
	size_t len = 0;

	while (n-- > 0)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
					unit);
	(void)snprintf(text + len, sizeof(text) - len, "%s", end);
	return text;
}

static void short_names_stay_whole(void **state)
{
	static const char *const names[] = {
		"a",	    ".",  "report.odt", "new\nline",
		"\xff\xfe", "__", "~",		PREFIX "twice",
	};
	char out[CR_NAME_MAX + 1], want[CR_NAME_MAX + 1];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++) {
		const char *rest = NULL;
		int64_t time = 0;

		cr_past_name(NOON, piece(names[i]), out);
		(void)snprintf(want, sizeof(want), "%s%s", PREFIX, names[i]);
		assert_string_equal(out, want);
		assert_int_equal(cr_past_parse(out, &time, &rest), 0);
		assert_int_equal(time, NOON);
		assert_string_equal(rest, names[i]);
	}
	cr_past_name(NOON, piece(many("x", 233, "")), out);
	assert_int_equal(strlen(out), 255);
	assert_null(strchr(out, '~'));
}

static void long_names_are_cut_before_their_end(void **state)
{
	static const struct {
		const char *unit;
		size_t n;
		const char *end, *want; /* how it ends */
	} cases[] = {
		{ "x", 234, "", "" },
		{ "x", 255, "", "" },
		{ "x", 251, ".txt", ".txt" },
		{ "x", 240, ".123456789012345", ".123456789012345" },
		{ "x", 238, ".1234567890123456", "" }, /* no extension */
		{ "x", 254, ".", "" },
		{ "\xc3\xbc", 125, ".tiff", ".tiff" },
		{ "\xf0\x9f\x92\xbe", 62, ".iso", ".iso" },
		{ "\xe2\x82\xac", 84, "", "" },
		{ "\x80", 255, "", "" }, /* not UTF-8 */
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		const char *name =
			many(cases[i].unit, cases[i].n, cases[i].end);
		bool utf8 = cr_utf8_valid(name, strlen(name));
		char out[CR_NAME_MAX + 1], other[CR_NAME_MAX + 1];
		size_t end = strlen(cases[i].want), len;
		char *changed;

		print_message("  case: %zu\n", i);
		cr_past_name(NOON, piece(name), out);
		len = strlen(out);
		assert_in_range(len, 252, 255);
		assert_memory_equal(out, PREFIX, strlen(PREFIX));
		assert_string_equal(out + len - end, cases[i].want);
		assert_int_equal(out[len - end - 9], '~');
		assert_int_equal(cr_utf8_valid(out, len), utf8);
		/* Another name that differs where it is cut only. */
		changed = strdup(name);
		assert_non_null(changed);
		changed[strlen(name) - end - 1] ^= 1;
		cr_past_name(NOON, piece(changed), other);
		assert_string_not_equal(out, other);
		free(changed);
	}
}

static void only_stamps_are_read_back(void **state)
{
	static const char *const names[] = {
		"",
		"name",
		"2026-11-22T12-00-00Z",
		"2026-11-22T12-00-00Z__",
		"2026-11-22T12-00-00Z_name",
		"2026-11-22T12:00:00Z__name",
		"2026-02-30T12-00-00Z__name",
		"2026-11-22T12-00-00X__name",
		"2026-11-22__name............",
		" 2026-11-22T12-00-00Z__name",
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(names); i++) {
		const char *rest;
		int64_t time;

		unit_case(names[i]);
		assert_int_equal(cr_past_parse(names[i], &time, &rest),
				 -ENOENT);
	}
}

/* ---- Places ---- */

static int no_page(void *arg, const struct cr_page_want *want,
		   struct cr_page **page, uint64_t *entries)
{
	(void)arg;
	(void)want;
	(void)page;
	(void)entries;
	return -ENOENT;
}

static struct cr_inodes *table(void)
{
	const struct cr_inodes_options options = { .cache_bytes = 1 << 16,
						   .page = no_page };
	struct cr_inodes *inodes;

	assert_int_equal(cr_inodes_new(&options, &inodes), 0);
	return inodes;
}

static const struct cr_key key = { { 1, 2, 3 } };

static struct cr_spot *top(struct cr_inodes *inodes, enum cr_date_kind kind,
			   uint32_t source)
{
	const struct cr_date view = { .kind = kind };

	return cr_spot_top(inodes, &view, source, &key);
}

static void what_is_the_same_is_one_place(void **state)
{
	cr_cleanup(cr_inodes_freep) struct cr_inodes *inodes = table();
	struct cr_spot *a = top(inodes, CR_DATE_VERSIONS, 0);
	struct cr_spot *b = top(inodes, CR_DATE_VERSIONS, 0);
	struct cr_spot *other[] = {
		top(inodes, CR_DATE_DELETED, 0),
		top(inodes, CR_DATE_VERSIONS, 1),
		cr_spot_below(inodes, a, piece("x")),
		cr_spot_below(inodes, a, piece("y")),
		cr_spot_below(inodes, a, piece("xy")),
	};
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_spot *below, *same;

	(void)state;
	assert_ptr_equal(a, b);
	for (size_t i = 0; i < CR_ARRAY_LEN(other); i++) {
		assert_ptr_not_equal(other[i], a);
		assert_int_not_equal(other[i]->ino, a->ino);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(other[i]->ino, other[j]->ino);
	}
	below = cr_spot_below(inodes, other[2], piece("deep"));
	same = cr_spot_below(inodes, other[2], piece("deep"));
	assert_ptr_equal(below, same);
	assert_int_equal(below->depth, 2);
	assert_int_equal(below->ino,
			 cr_spot_ino(other[2], piece("deep"), NULL));
	cr_spot_path(below, &path);
	assert_int_equal(path.len, 6);
	assert_memory_equal(path.bytes, "x/deep", 6);
	cr_buf_clear(&path);
	cr_spot_path(a, &path);
	assert_int_equal(path.len, 0);
	/* The rest goes with the table. */
	cr_spot_put(inodes, same);
	cr_spot_put(inodes, b);
}

static void places_go_when_nobody_needs_them(void **state)
{
	enum { DEPTH = 2000 };
	cr_cleanup(cr_inodes_freep) struct cr_inodes *inodes = table();
	const struct cr_view none = { 0 };
	struct cr_spot *at = top(inodes, CR_DATE_DELETED, 0);
	uint64_t serial = at->serial, deepest;
	struct cr_inodes_stats stats;
	struct cr_node_name name;
	struct cr_node node;
	struct cr_date date;

	(void)state;
	for (int i = 0; i < DEPTH; i++) {
		struct cr_spot *below =
			cr_spot_below(inodes, at, piece("name"));

		cr_spot_put(inodes, at); /* held by what is below it */
		at = below;
	}
	deepest = at->serial;
	date = (struct cr_date){ .kind = CR_DATE_PAST, .spot = at };
	assert_int_equal(cr_node_date(inodes, &none, &date, &node), 0);
	cr_node_count(&node, &name);
	cr_node_release(&node);
	cr_spot_put(inodes, at); /* now the kernel alone knows it */

	assert_int_equal(cr_node_open(inodes, name.id, &node), 0);
	assert_int_equal(node.date.spot->serial, deepest);
	assert_int_equal(node.date.spot->depth, DEPTH);
	cr_node_release(&node);
	cr_node_forget(inodes, name.id, 1);
	cr_inodes_get_stats(inodes, &stats);
	assert_int_equal(stats.shelves, 0);
	/* It is another one that is made now. */
	at = top(inodes, CR_DATE_DELETED, 0);
	assert_true(at->serial > deepest);
	assert_true(deepest > serial);
	cr_spot_put(inodes, at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_names_stay_whole),
		cmocka_unit_test(long_names_are_cut_before_their_end),
		cmocka_unit_test(only_stamps_are_read_back),
		cmocka_unit_test(what_is_the_same_is_one_place),
		cmocka_unit_test(places_go_when_nobody_needs_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
