/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/damage.h"

#include <errno.h>
#include <stdbool.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "tests/unit/folder.h"
#include "tests/unit/said.h"

#define LINES_MAX 20000

static void tell(struct cr_damage *damage, const char *snapshot,
		 const char *path)
{
	cr_damage_tell(damage, &(struct cr_damaged){
				       .snapshot = snapshot,
				       .path = path,
				       .path_len = strlen(path),
				       .error = cr_fail(CR_EAUTH, "why"),
			       });
}

static void each_place_is_told_once(void **state)
{
	struct cr_damage *damage;
	struct said said;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	for (unsigned int i = 0; i < 3; i++) {
		tell(damage, "a@1", "/x");
		tell(damage, "a@2", "/x");
		tell(damage, "a@1", "/y");
		cr_damage_note(damage, "a note");
	}
	assert_int_equal(listen_end(&said), 4);
	cr_damage_free(damage);
}

static void a_line_names_snapshot_path_and_cause(void **state)
{
	struct cr_damage *damage;
	struct said said;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	tell(damage, "web@2026-11-22T02-15-00Z", "/a\n\x1b[31mb\xff");
	assert_int_equal(listen_end(&said), 1);
	assert_string_equal(said.line,
			    "test: snapshot web@2026-11-22T02-15-00Z: "
			    "/a\\x0a\\x1b[31mb\\xff: why\n");
	cr_damage_free(damage);
}

static void without_a_sentence_the_code_speaks(void **state)
{
	struct cr_damage *damage;
	struct said said;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	cr_detail_clear();
	cr_damage_tell(damage, &(struct cr_damaged){ "s", "/", 1, -EIO });
	assert_int_equal(listen_end(&said), 1);
	assert_string_equal(said.line,
			    "test: snapshot s: /: Input/output error\n");
	cr_damage_free(damage);
}

static void the_end_of_a_long_path_is_shown(void **state)
{
	struct cr_damage *damage;
	struct said said;
	char path[5000];

	(void)state;
	memset(path, 'p', sizeof(path));
	memcpy(path + sizeof(path) - 5, "/end", 5);
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	tell(damage, "s", path);
	assert_int_equal(listen_end(&said), 1);
	assert_non_null(strstr(said.line, "pp/end: why\n"));
	cr_damage_free(damage);
}

static void what_is_remembered_is_bounded(void **state)
{
	struct cr_damage *damage;
	struct said said;
	char path[16];

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	for (unsigned int i = 0; i < LINES_MAX; i++) {
		(void)snprintf(path, sizeof(path), "/%u", i);
		tell(damage, "s", path);
	}
	assert_in_range(listen_end(&said), 1000, LINES_MAX - 1);
	assert_non_null(strstr(said.line, "caprock verify"));
	cr_damage_free(damage);
}

/* ---- The list ---- */

static const char *text_of(struct cr_damage *damage, size_t at)
{
	static struct cr_buf out;
	struct cr_damage_list list;

	cr_buf_clear(&out);
	cr_damage_list(damage, &list);
	cr_damage_text(damage, at, list.len - at, &out);
	cr_buf_u8(&out, 0);
	return (const char *)out.bytes;
}

static void a_line_of_the_list_has_four_fields(void **state)
{
	struct cr_damage *damage;
	struct cr_damage_list list;
	struct said said;
	const char *text;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	assert_string_equal(text_of(damage, 0), "");
	listen_begin(&said);
	tell(damage, "a@1", "/x\ty\n");
	cr_damage_note(damage, "a note is not listed");
	cr_damage_tell(damage, &(struct cr_damaged){ "a@1", "/z", 2, -ENOMEM });
	(void)listen_end(&said);
	text = text_of(damage, 0);
	assert_int_equal(strlen(text), 20 + strlen("\ta@1\t/x\\x09y\\x0a\t"
						   "why\n"));
	assert_string_equal(text + 20, "\ta@1\t/x\\x09y\\x0a\twhy\n");
	assert_int_equal(text[19], 'Z');

	cr_damage_list(damage, &list);
	assert_int_equal(list.lines, 1);
	assert_true(list.time > 0);
	listen_begin(&said);
	cr_damage_object(damage, "snapshots/x", "it is bad");
	cr_damage_object(damage, "snapshots/x", "it is bad");
	assert_int_equal(listen_end(&said), 1);
	assert_string_equal(text_of(damage, list.len) + 20,
			    "\tsnapshots/x\t\tit is bad\n");
	cr_damage_free(damage);
}

static void the_list_is_bounded_and_says_so(void **state)
{
	struct cr_damage_list list, later;
	struct cr_damage *damage;
	struct said said;
	char path[500];
	const char *text;

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	assert_int_equal(cr_damage_new(&damage), 0);
	listen_begin(&said);
	for (unsigned int i = 0; i < 4000; i++) {
		(void)snprintf(path + sizeof(path) - 8, 8, "%u", i);
		tell(damage, "s", path);
		if (i == 3000)
			cr_damage_list(damage, &list);
	}
	(void)listen_end(&said);
	cr_damage_list(damage, &later);
	assert_int_equal(later.lines, 4000);
	assert_int_equal(later.len, list.len);
	assert_in_range(list.len, CR_DAMAGE_TEXT_MAX - 1000,
			CR_DAMAGE_TEXT_MAX);
	text = text_of(damage, 0);
	assert_non_null(strstr(text, "names them all\n"));
	assert_string_equal(strstr(text, "names them all\n"),
			    "names them all\n");
	cr_damage_free(damage);
}

/* ---- Files ---- */

static struct cr_id id_of(unsigned int n)
{
	struct cr_id id = { { 0 } };

	memcpy(id.bytes, &n, sizeof(n));
	return id;
}

static enum cr_damage_known ask(struct cr_damage *damage, unsigned int n)
{
	struct cr_id id = id_of(n);
	struct cr_range range;
	int error = 0;
	enum cr_damage_known known = cr_damage_ask(damage, &id, &range, &error);

	if (known == CR_DAMAGE_KNOWN)
		assert_int_equal(error, -CR_EAUTH);
	return known;
}

static void mark(struct cr_damage *damage, unsigned int n, int error)
{
	const struct cr_range range = { 1000, 4096 };
	struct cr_id id = id_of(n);

	cr_damage_mark(damage, &id, &range, error);
}

static void a_damaged_file_is_known_until_it_heals(void **state)
{
	struct cr_damage *damage;
	struct cr_id id = id_of(1);

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	assert_int_equal(ask(damage, 1), CR_DAMAGE_NONE);
	mark(damage, 1, cr_fail(CR_EAUTH, "block 7"));
	cr_detail_clear();
	assert_int_equal(ask(damage, 1), CR_DAMAGE_KNOWN);
	assert_string_equal(cr_detail(), "block 7");
	/* The same set, another file. */
	assert_int_equal(ask(damage, 1 + 512), CR_DAMAGE_NONE);
	assert_int_equal(ask(damage, 2), CR_DAMAGE_NONE);
	cr_damage_heal(damage, &id);
	assert_int_equal(ask(damage, 1), CR_DAMAGE_NONE);
	/* That there was no memory says nothing of the file. */
	mark(damage, 1, -ENOMEM);
	assert_int_equal(ask(damage, 1), CR_DAMAGE_NONE);
	cr_damage_free(damage);
}

static void known_files_are_bounded(void **state)
{
	enum { FILES = 20000 };
	struct cr_damage *damage;
	unsigned int known = 0;

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	for (unsigned int i = 0; i < FILES; i++)
		mark(damage, i, cr_fail(CR_EAUTH, "why"));
	for (unsigned int i = 0; i < FILES; i++)
		known += ask(damage, i) == CR_DAMAGE_KNOWN;
	assert_in_range(known, 1000, FILES / 2);
	/* Who heals makes room. */
	for (unsigned int i = 0; i < FILES; i++) {
		struct cr_id id = id_of(i);

		cr_damage_heal(damage, &id);
	}
	mark(damage, FILES - 1, cr_fail(CR_EAUTH, "why"));
	assert_int_equal(ask(damage, FILES - 1), CR_DAMAGE_KNOWN);
	cr_damage_free(damage);
}

static void nodes_are_dropped_once(void **state)
{
	struct cr_damage *damage;
	uint64_t node[300];

	(void)state;
	assert_int_equal(cr_damage_new(&damage), 0);
	assert_int_equal(cr_damage_nodes(damage, node, 300), 0);
	for (uint64_t i = 0; i < 2000; i++)
		cr_damage_drop(damage, i / 4);
	assert_int_equal(cr_damage_nodes(damage, node, 100), 100);
	assert_int_equal(cr_damage_nodes(damage, node, 300), 156);
	for (uint64_t i = 0; i < 156; i++)
		assert_int_equal(node[i], i);
	assert_int_equal(cr_damage_nodes(damage, node, 300), 0);
	cr_damage_free(damage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_is_told_once),
		cmocka_unit_test(a_line_names_snapshot_path_and_cause),
		cmocka_unit_test(without_a_sentence_the_code_speaks),
		cmocka_unit_test(the_end_of_a_long_path_is_shown),
		cmocka_unit_test(what_is_remembered_is_bounded),
		cmocka_unit_test(a_line_of_the_list_has_four_fields),
		cmocka_unit_test(the_list_is_bounded_and_says_so),
		cmocka_unit_test(a_damaged_file_is_known_until_it_heals),
		cmocka_unit_test(known_files_are_bounded),
		cmocka_unit_test(nodes_are_dropped_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
