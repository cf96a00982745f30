/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/damage.h"

#include <stdbool.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "tests/unit/folder.h"

#define LINES_MAX 20000

/* stderr goes to a file meanwhile. */
struct said {
	int stderr_was;
	FILE *file;
	char line[1200]; /* the last one */
};

static void listen_begin(struct said *said)
{
	said->stderr_was = dup(STDERR_FILENO);
	said->file = tmpfile();
	assert_non_null(said->file);
	assert_true(dup2(fileno(said->file), STDERR_FILENO) >= 0);
	cr_log_init("test", false);
}

/* How many lines were said. */
static unsigned int listen_end(struct said *said)
{
	unsigned int lines = 0;

	(void)dup2(said->stderr_was, STDERR_FILENO);
	(void)close(said->stderr_was);
	rewind(said->file);
	said->line[0] = '\0';
	while (fgets(said->line, sizeof(said->line), said->file))
		lines++;
	(void)fclose(said->file);
	return lines;
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_place_is_told_once),
		cmocka_unit_test(a_line_names_snapshot_path_and_cause),
		cmocka_unit_test(without_a_sentence_the_code_speaks),
		cmocka_unit_test(the_end_of_a_long_path_is_shown),
		cmocka_unit_test(what_is_remembered_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
