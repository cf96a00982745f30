/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/options.h"

#include <string.h>

#include "store/base/error.h"
#include "tests/unit/unit.h"
#include "tools/suggest.h"

enum { BAD = -CR_EUSAGE, ARGS = 8 };

struct values {
	bool flag;
	unsigned int count;
	const char *text;
	struct cr_words list;
	uint64_t number;
	uint64_t size;
	unsigned int choice;
};

static const struct cr_option global[] = {
	{ "quiet", 'q', CR_OPTION_FLAG, NULL, "say less",
	  offsetof(struct values, flag), 0, 0 },
	{ "verbose", 'v', CR_OPTION_COUNT, NULL, "say more",
	  offsetof(struct values, count), 0, 0 },
	{ "repository", 'r', CR_OPTION_TEXT, "REPO", "where it is",
	  offsetof(struct values, text), 0, 0 },
};

static const struct cr_option own[] = {
	{ "source", 0, CR_OPTION_LIST, "NAME", "of what",
	  offsetof(struct values, list), 0, 0 },
	{ "passes", 'p', CR_OPTION_NUMBER, "N", "how often",
	  offsetof(struct values, number), 2, 20 },
	{ "memory", 0, CR_OPTION_SIZE, "SIZE", "how much",
	  offsetof(struct values, size), 1024, 0 },
	{ "role", 0, CR_OPTION_CHOICE, "read|put", "of whom",
	  offsetof(struct values, choice), 0, 0 },
};

/* Parse the words up to the first NULL; argv is kept for the operands. */
static int parse(const char *const word[ARGS], bool first, char *argv[ARGS + 2],
		 struct values *values)
{
	const struct cr_option_set sets[] = {
		{ global, CR_ARRAY_LEN(global), values },
		{ own, CR_ARRAY_LEN(own), values },
	};
	static char program[] = "program";
	static char copy[ARGS][32];
	int argc = 0;

	argv[argc++] = program;
	for (int i = 0; i < ARGS && word[i]; i++) {
		(void)snprintf(copy[i], sizeof(copy[i]), "%s", word[i]);
		argv[argc++] = copy[i];
	}
	argv[argc] = NULL;
	*values = (struct values){ 0 };
	return cr_options_parse(argc, argv, sets, CR_ARRAY_LEN(sets), first);
}

static void values_release(struct values *values)
{
	const struct cr_option_set set = { own, CR_ARRAY_LEN(own), values };

	cr_options_release(&set);
}

static void what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *what, *word[ARGS];
		const char *says;
	} cases[] = {
		{ "unknown", { "--frob" }, "unknown option --frob" },
		{ "unknown letter", { "-x" }, "unknown option -x" },
		{ "unknown letter in a group", { "-qx" }, "unknown option -x" },
		{ "unknown letter after a long one",
		  { "--quiet", "-x" },
		  "unknown option -x" },
		{ "mistyped", { "--qiuet" }, "is --quiet meant?" },
		{ "abbreviated", { "--repo", "x" }, "in full, --repository" },
		{ "abbreviated, joined",
		  { "--repo=x" },
		  "--repo: write it in full" },
		{ "abbreviated flag", { "--qui" }, "in full, --quiet" },
		{ "abbreviated, its argument like an option",
		  { "--repo", "--quiet" },
		  "in full, --repository" },
		{ "ambiguous", { "--r" }, "unknown option --r" },
		{ "argument missing", { "--repository" }, "needs REPO" },
		{ "letter's argument missing",
		  { "-r" },
		  "--repository needs REPO" },
		{ "flag with an argument",
		  { "--quiet=yes" },
		  "takes no argument" },
		{ "no number", { "--passes", "two" }, "is not a number" },
		{ "empty number", { "--passes=" }, "is not a number" },
		{ "a size for a number",
		  { "--passes", "2K" },
		  "is not a number" },
		{ "negative", { "--passes", "-2" }, "is not a number" },
		{ "too small", { "-p1" }, "not between 2 and 20" },
		{ "too great", { "-p", "21" }, "not between 2 and 20" },
		{ "wraps",
		  { "-p", "18446744073709551618" },
		  "is not a number" },
		{ "no size", { "--memory", "M" }, "is not a size" },
		{ "small size", { "--memory", "1023" }, "less than 1024" },
		{ "no choice", { "--role", "rea" }, "none of read|put" },
		{ "two choices", { "--role", "read|put" }, "none of read|put" },
		{ "empty choice", { "--role=" }, "none of read|put" },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(values_release) struct values values;
		char *argv[ARGS + 2];

		unit_case(cases[i].what);
		assert_int_equal(parse(cases[i].word, false, argv, &values),
				 BAD);
		assert_non_null(strstr(cr_detail(), cases[i].says));
	}
}

static void options_reach_their_members(void **state)
{
	static const char *const word[ARGS] = { "-qvv",	  "-r", "here",
						"-p2",	  "a",	"--memory=1K",
						"--role", "put" };
	cr_cleanup(values_release) struct values values;
	char *argv[ARGS + 2];
	int at = parse(word, false, argv, &values);

	(void)state;
	assert_int_equal(at, 8);
	assert_string_equal(argv[at], "a");
	assert_true(values.flag);
	assert_int_equal(values.count, 2);
	assert_string_equal(values.text, "here");
	assert_int_equal(values.number, 2);
	assert_int_equal(values.size, 1024);
	assert_int_equal(values.choice, 2);
}

static void lists_keep_every_word_in_order(void **state)
{
	static const char *const word[ARGS] = { "--source", "b",
						"x",	    "--source=a",
						"--source", "--quiet" };
	cr_cleanup(values_release) struct values values;
	char *argv[ARGS + 2];
	int at = parse(word, false, argv, &values);

	(void)state;
	assert_string_equal(argv[at], "x");
	assert_int_equal(values.list.count, 3);
	assert_string_equal(values.list.word[0], "b");
	assert_string_equal(values.list.word[1], "a");
	assert_string_equal(values.list.word[2], "--quiet");
	assert_false(values.flag);
}

static void two_dashes_end_the_options(void **state)
{
	static const char *const word[ARGS] = { "a", "-q", "--", "-v",
						"--frob" };
	cr_cleanup(values_release) struct values values;
	char *argv[ARGS + 2];
	int at = parse(word, false, argv, &values);

	(void)state;
	assert_int_equal(at, 3);
	assert_string_equal(argv[at], "a");
	assert_string_equal(argv[at + 1], "-v");
	assert_string_equal(argv[at + 2], "--frob");
	assert_true(values.flag);
	assert_int_equal(values.count, 0);
}

static void the_first_operand_can_end_them_too(void **state)
{
	static const char *const word[ARGS] = { "-q", "a", "-v", "--frob" };
	cr_cleanup(values_release) struct values values;
	char *argv[ARGS + 2];
	int at = parse(word, true, argv, &values);

	(void)state;
	assert_int_equal(at, 2);
	assert_string_equal(argv[at], "a");
	assert_true(values.flag);
	assert_int_equal(values.count, 0);
}

static void sizes_count_by_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t want; /* 0: refused */
	} cases[] = {
		{ "1", 1 },
		{ "320M", 320ull << 20 },
		{ "1KiB", 1024 },
		{ "1K", 1024 },
		{ "2G", 2ull << 30 },
		{ "3T", 3ull << 40 },
		{ "18446744073709551615", UINT64_MAX },
		{ "18446744073709551616", 0 },
		{ "16777216T", 0 },
		{ "16777215T", 16777215ull << 40 },
		{ "", 0 },
		{ "K", 0 },
		{ "1k", 0 },
		{ "1P", 0 },
		{ "1KB", 0 },
		{ "1KiBs", 0 },
		{ " 1", 0 },
		{ "1 ", 0 },
		{ "+1", 0 },
		{ "0x10", 0 },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		uint64_t value = 7;

		unit_case(cases[i].text);
		assert_int_equal(cr_size_parse(cases[i].text, &value),
				 cases[i].want ? 0 : BAD);
		assert_int_equal(value, cases[i].want ? cases[i].want : 7);
	}
}

static void words_are_as_far_apart_as_typing_them(void **state)
{
	static const struct {
		const char *a, *b;
		size_t want;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "ls", "ls", 0 },
		{ "snapshot", "snapshots", 1 },
		{ "bakcup", "backup", 1 },
		{ "mnt", "mount", 2 },
		{ "ab", "ba", 1 },
		{ "ca", "abc", 3 },
		{ "kitten", "sitting", 3 },
	};
	char word[80];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].b);
		assert_int_equal(cr_word_distance(cases[i].a, cases[i].b),
				 cases[i].want);
		assert_int_equal(cr_word_distance(cases[i].b, cases[i].a),
				 cases[i].want);
	}
	memset(word, 'x', sizeof(word));
	word[64] = '\0';
	assert_int_equal(cr_word_distance(word, "x"), 64);
	word[63] = '\0';
	assert_int_equal(cr_word_distance(word, "x"), 62);
}

static void only_near_words_are_suggested(void **state)
{
	static const struct {
		const char *wrong, *want;
	} cases[] = {
		{ "snap", "snapshots" },
		{ "bakcup", "backup" },
		{ "l", "ls" },
		{ "frobnicate", NULL },
		{ "x", NULL },
		{ "xy", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		struct cr_suggestion near = { .wrong = cases[i].wrong };

		unit_case(cases[i].wrong);
		cr_suggest(&near, "ls");
		cr_suggest(&near, "backup");
		cr_suggest(&near, "snapshots");
		if (cases[i].want)
			assert_string_equal(near.best, cases[i].want);
		else
			assert_null(near.best);
	}
}

/* Of what @write prints to a stream, the longest line. */
static size_t widest(const char *text)
{
	size_t most = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		most = cr_max(most, len);
		text += len + (text[len] == '\n');
	}
	return most;
}

static void help_fits_80_columns(void **state)
{
	static const struct cr_option wordy[] = {
		{ "a-very-long-name-of-an-option", 'x', CR_OPTION_TEXT,
		  "ARGUMENT",
		  "a text that goes on and on, so that it must be broken more "
		  "than once, at blanks, and never in the middle of a word",
		  0, 0, 0 },
		{ "short", 0, CR_OPTION_FLAG, NULL, "text", 0, 0, 0 },
	};
	char text[1024] = "";
	FILE *to = fmemopen(text, sizeof(text), "w");

	(void)state;
	assert_non_null(to);
	cr_options_help(wordy, CR_ARRAY_LEN(wordy), to);
	assert_int_equal(fclose(to), 0);
	assert_true(widest(text) < 80);
	assert_non_null(strstr(
		text, "  -x, --a-very-long-name-of-an-option ARGUMENT\n"));
	assert_non_null(strstr(text, "\n      --short                 text\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(options_reach_their_members),
		cmocka_unit_test(lists_keep_every_word_in_order),
		cmocka_unit_test(two_dashes_end_the_options),
		cmocka_unit_test(the_first_operand_can_end_them_too),
		cmocka_unit_test(sizes_count_by_1024),
		cmocka_unit_test(words_are_as_far_apart_as_typing_them),
		cmocka_unit_test(only_near_words_are_suggested),
		cmocka_unit_test(help_fits_80_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
