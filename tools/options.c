/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "tools/suggest.h"

enum { LONG_BASE = 256, COLUMNS = 80, TEXT_COLUMN = 30 };

/* What getopt_long() wants, made from the tables. */
struct parser {
	const struct cr_option_set *set; /* borrowed */
	size_t sets;
	struct option *longs; /* owned; val: LONG_BASE + ordinal */
	char *letters;	      /* owned */
	size_t count;
};

static void parser_release(struct parser *parser)
{
	free(parser->longs);
	free(parser->letters);
	memset(parser, 0, sizeof(*parser));
}

/* The option with this ordinal over all tables; its table. */
static const struct cr_option *nth_option(const struct parser *parser,
					  size_t ordinal,
					  const struct cr_option_set **set)
{
	for (size_t s = 0; s < parser->sets; s++) {
		*set = &parser->set[s];
		if (ordinal < (*set)->count)
			return &(*set)->option[ordinal];
		ordinal -= (*set)->count;
	}
	return NULL;
}

static const struct cr_option *find_value(const struct parser *parser, int val,
					  const struct cr_option_set **set)
{
	if (val >= LONG_BASE)
		return nth_option(parser, (size_t)(val - LONG_BASE), set);
	for (size_t i = 0; i < parser->count; i++) {
		const struct cr_option *o = nth_option(parser, i, set);

		if (o->letter != '\0' && o->letter == val)
			return o;
	}
	return NULL;
}

static int parser_init(struct parser *parser, const struct cr_option_set *sets,
		       size_t n, bool first)
{
	const struct cr_option_set *set;
	char *letter;

	parser->set = sets;
	parser->sets = n;
	for (size_t s = 0; s < n; s++)
		parser->count += sets[s].count;
	parser->longs = calloc(parser->count + 1, sizeof(*parser->longs));
	parser->letters = calloc(2 * parser->count + 3, 1);
	if (!parser->longs || !parser->letters)
		return -ENOMEM;
	letter = parser->letters;
	if (first)
		*letter++ = '+';
	*letter++ = ':'; /* tells a missing argument from an unknown option */
	for (size_t i = 0; i < parser->count; i++) {
		const struct cr_option *o = nth_option(parser, i, &set);

		parser->longs[i] = (struct option){
			.name = o->name,
			.has_arg = o->arg ? required_argument : no_argument,
			.val = LONG_BASE + (int)i,
		};
		if (o->letter == '\0')
			continue;
		*letter++ = o->letter;
		if (o->arg)
			*letter++ = ':';
	}
	return 0;
}

int cr_size_parse(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t value = 0;
	const char *at = text;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return -CR_EUSAGE;
	}
	if (at == text)
		return -CR_EUSAGE;
	if (*at != '\0') {
		const char *unit = strchr(units, *at);

		if (!unit || (at[1] != '\0' && strcmp(at + 1, "iB") != 0))
			return -CR_EUSAGE;
		for (const char *u = units; u <= unit; u++) {
			if (__builtin_mul_overflow(value, 1024, &value))
				return -CR_EUSAGE;
		}
	}
	*ret = value;
	return 0;
}

static int set_number(const struct cr_option *o, const char *arg, uint64_t *to)
{
	uint64_t value;
	bool size = o->kind == CR_OPTION_SIZE;

	if (cr_size_parse(arg, &value) < 0 ||
	    (!size && strspn(arg, "0123456789") != strlen(arg)))
		return cr_fail(CR_EUSAGE, "--%s: \"%s\" is not a %s", o->name,
			       arg, size ? "size such as 320M" : "number");
	if (value < o->min || (o->max > 0 && value > o->max))
		return o->max > 0 ? cr_fail(CR_EUSAGE,
					    "--%s: %s is not between %" PRIu64
					    " and %" PRIu64,
					    o->name, arg, o->min, o->max)
				  : cr_fail(CR_EUSAGE,
					    "--%s: %s is less than %" PRIu64,
					    o->name, arg, o->min);
	*to = value;
	return 0;
}

/* Which of the words of "read|put" is @arg? */
static int set_choice(const struct cr_option *o, const char *arg,
		      unsigned int *to)
{
	const char *word = o->arg;
	size_t len = strlen(arg);

	for (unsigned int i = 1; *word != '\0'; i++) {
		size_t n = strcspn(word, "|");

		if (n == len && memcmp(word, arg, n) == 0) {
			*to = i;
			return 0;
		}
		word += n + (word[n] == '|');
	}
	return cr_fail(CR_EUSAGE, "--%s: \"%s\" is none of %s", o->name, arg,
		       o->arg);
}

static int set_list(struct cr_words *words, const char *arg)
{
	const char **more =
		reallocarray(words->word, words->count + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	words->word = more;
	words->word[words->count++] = arg;
	return 0;
}

static int set_value(const struct cr_option *o, const char *arg, void *into)
{
	void *to = (char *)into + o->offset;

	switch (o->kind) {
	case CR_OPTION_FLAG:
		*(bool *)to = true;
		return 0;
	case CR_OPTION_COUNT:
		++*(unsigned int *)to;
		return 0;
	case CR_OPTION_TEXT:
		*(const char **)to = arg;
		return 0;
	case CR_OPTION_LIST:
		return set_list(to, arg);
	case CR_OPTION_NUMBER:
	case CR_OPTION_SIZE:
		return set_number(o, arg, to);
	case CR_OPTION_CHOICE:
		return set_choice(o, arg, to);
	}
	return cr_fail(CR_EUSAGE, "--%s: of no kind", o->name);
}

/* The word "--long" of an element "--long" or "--long=value". */
static size_t long_length(const char *element)
{
	return strcspn(element, "=");
}

static int unknown_option(const struct parser *parser, const char *element)
{
	struct cr_suggestion near = { 0 };
	char word[64];
	size_t len = long_length(element);

	if (optopt != 0)
		return cr_fail(CR_EUSAGE, "unknown option -%c", optopt);
	(void)snprintf(word, sizeof(word), "%.*s", (int)cr_min(len, 60ul),
		       element);
	near.wrong = word + 2;
	for (size_t i = 0; i < parser->count; i++)
		cr_suggest(&near, parser->longs[i].name);
	return near.best
		       ? cr_fail(CR_EUSAGE, "unknown option %s: is --%s meant?",
				 word, near.best)
		       : cr_fail(CR_EUSAGE, "unknown option %s", word);
}

/* getopt_long() takes "--repo" for "--repository"; a script must not. */
static int check_in_full(const struct cr_option *o, char **argv)
{
	const char *element = argv[optind - 1];

	if (o->arg && optarg == element)
		element = argv[optind - 2];
	if (long_length(element) - 2 != strlen(o->name))
		return cr_fail(CR_EUSAGE, "option %.*s: write it in full, --%s",
			       (int)long_length(element), element, o->name);
	return 0;
}

static int parse_one(const struct parser *parser, int value, char **argv)
{
	const struct cr_option_set *set = NULL;
	bool missing = value == ':', wrong = value == '?';
	const struct cr_option *o =
		find_value(parser, missing || wrong ? optopt : value, &set);
	int r;

	if (!o || (wrong && optopt < LONG_BASE))
		return unknown_option(parser, argv[optind - 1]);
	if (missing)
		return cr_fail(CR_EUSAGE, "option --%s needs %s", o->name,
			       o->arg);
	if (wrong)
		return cr_fail(CR_EUSAGE, "option --%s takes no argument",
			       o->name);
	if (value >= LONG_BASE) {
		r = check_in_full(o, argv);
		if (r < 0)
			return r;
	}
	return set_value(o, optarg, set->into);
}

int cr_options_parse(int argc, char **argv, const struct cr_option_set *sets,
		     size_t n, bool first)
{
	cr_cleanup(parser_release) struct parser parser = { 0 };
	int value, r;

	r = parser_init(&parser, sets, n, first);
	if (r < 0)
		return r;
	opterr = 0;
	optind = 0; /* glibc: start anew, permutation included */
	while ((value = getopt_long(argc, argv, parser.letters, parser.longs,
				    NULL)) != -1) {
		r = parse_one(&parser, value, argv);
		if (r < 0)
			return r;
	}
	return optind;
}

void cr_options_release(const struct cr_option_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		struct cr_words *words =
			(void *)((char *)set->into + set->option[i].offset);

		if (set->option[i].kind != CR_OPTION_LIST)
			continue;
		free(words->word);
		*words = (struct cr_words){ 0 };
	}
}

void cr_help_wrap(const char *text, size_t at, size_t indent, FILE *to)
{
	bool fresh = true;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		if (!fresh && at + 1 + len >= COLUMNS) {
			(void)fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
			fresh = true;
		}
		at += len + (fresh ? 0 : 1);
		(void)fprintf(to, "%s%.*s", fresh ? "" : " ", (int)len, text);
		fresh = false;
		text += len;
		if (*text == '\n') {
			(void)fprintf(to, "\n%*s", (int)indent, "");
			at = indent;
			fresh = true;
		}
		text += *text != '\0';
	}
	(void)fputc('\n', to);
}

void cr_options_help(const struct cr_option *option, size_t count, FILE *to)
{
	for (size_t i = 0; i < count; i++) {
		const struct cr_option *o = &option[i];
		char letter[] = "-x, ";
		int said;

		letter[1] = o->letter;
		said = fprintf(to, "  %4s--%s%s%s", o->letter ? letter : "",
			       o->name, o->arg ? " " : "",
			       o->arg ? o->arg : "");
		if (said < 0)
			return;
		if (said + 2 > TEXT_COLUMN) {
			(void)fputc('\n', to);
			said = 0;
		}
		(void)fprintf(to, "%*s", TEXT_COLUMN - said, "");
		cr_help_wrap(o->text, TEXT_COLUMN, TEXT_COLUMN, to);
	}
}
