/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/paper.h"

#include <ctype.h>
#include <stdio.h>

#include "store/base/buf.h"
#include "store/codec/paper_encode.h"
#include "tests/unit/laws.h"

enum { BAD = -CR_ECORRUPT };

/* The bundle 0, 1, .. 81, by an encoder written from the text alone. */
static const char owner[] = "01: 000G 40R4 0M30 E209 185G R38E  A8\n"
			    "02: 1W81 24GK 2GAH C5RR 34D1 P70X  JT\n"
			    "03: 3RFJ 0892 4CJ2 A9H7 50MJ MASC  7Q\n"
			    "04: 5MQ2 YC1H 68SK 8D9P 6WW3 JEHV  VV\n"
			    "05: 7GYK WFT0 8514 6H25 8S3M GJAA  MQ\n"
			    "06: 9D64 TKJF A18S T3D5 Z8  4Q\n";

/* The bundle 0, 1, .. 177. */
static const char other[] = "01: 000G 40R4 0M30 E209 185G R38E  A8\n"
			    "02: 1W81 24GK 2GAH C5RR 34D1 P70X  JT\n"
			    "03: 3RFJ 0892 4CJ2 A9H7 50MJ MASC  7Q\n"
			    "04: 5MQ2 YC1H 68SK 8D9P 6WW3 JEHV  VV\n"
			    "05: 7GYK WFT0 8514 6H25 8S3M GJAA  MQ\n"
			    "06: 9D64 TKJF A18N 4MTM ANB5 EP2S  PP\n"
			    "07: B9DN RQAY BXG6 2RK3 CHJP CSV8  H4\n"
			    "08: D5N6 PV3D DSQQ 0WBJ EDT7 AXKQ  WS\n"
			    "09: F1WQ MYVW FNZ7 Z041 GA1R 91C6  BK\n"
			    "10: GY48 K2MB HJ6R X3WG J699 754N  DJ\n"
			    "11: JTBS H6CT KEE9 V7MZ M2GT 58X4  KE\n"
			    "12: MPKA FA59 NANT SBDE NYRB 3D5M  RN\n"
			    "13: QNH0  8P\n";

static const struct {
	const char *text;
	size_t len;
} known[] = { { owner, CR_BUNDLE_OWNER_LEN }, { other, CR_BUNDLE_MAX } };

static void the_lines_are_those_of_the_specification(void **state)
{
	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(known); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		uint8_t bundle[CR_BUNDLE_MAX], back[CR_BUNDLE_MAX];

		law_fill(bundle, sizeof(bundle), 0);
		assert_int_equal(
			cr_paper_encode(
				(struct cr_piece){ bundle, known[i].len },
				&buf),
			0);
		assert_int_equal(buf.len, strlen(known[i].text));
		assert_memory_equal(buf.bytes, known[i].text, buf.len);
		assert_int_equal(cr_paper_parse(law_text(known[i].text), back),
				 known[i].len);
		assert_memory_equal(back, bundle, known[i].len);
	}
}

static void a_bundle_of_any_length_comes_back(void **state)
{
	uint8_t bundle[CR_BUNDLE_MAX], back[CR_BUNDLE_MAX];

	(void)state;
	law_fill(bundle, sizeof(bundle), 77);
	for (size_t len = 1; len <= sizeof(bundle); len++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		assert_int_equal(
			cr_paper_encode((struct cr_piece){ bundle, len }, &buf),
			0);
		assert_int_equal(
			cr_paper_parse((struct cr_piece){ buf.bytes, buf.len },
				       back),
			len);
		assert_memory_equal(back, bundle, len);
	}
}

static void typing_is_forgiven(void **state)
{
	static const struct {
		const char *what;
		const char *text; /* instead of the first line of owner[] */
	} cases[] = {
		{ "lower case", "01: 000g 40r4 0m30 e209 185g r38e  a8\n" },
		{ "letters for digits",
		  "01: OOoG 4oR4 oM3O E2O9 I85G R38E  A8\n" },
		{ "more letters for digits",
		  "01: 000G 40R4 0M30 E209 L85G R38E  A8\n" },
		{ "lower-case letters for digits",
		  "01: 000G 40R4 0M30 E209 l85G R38E  A8\n" },
		{ "no spaces", "01:000G40R40M30E209185GR38EA8\n" },
		{ "spaces anywhere",
		  " 0 1 : 0 00G\t40R40M 30E209185GR38EA 8 \n" },
		{ "other ends of lines",
		  "01: 000G 40R4 0M30 E209 185G R38E  A8\r\n" },
		{ "a heading",
		  "The paper key of alice\n\n"
		  "1: no line\n01 no line\nO1: neither\n"
		  "01: 000G 40R4 0M30 E209 185G R38E  A8\n# 02:\n" },
	};
	uint8_t bundle[CR_BUNDLE_MAX], back[CR_BUNDLE_MAX];

	(void)state;
	law_fill(bundle, sizeof(bundle), 0);
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
		const char *rest = strchr(owner, '\n') + 1;

		unit_case(cases[i].what);
		cr_buf_put(&buf, cases[i].text, strlen(cases[i].text));
		/* The last line may lack its newline. */
		cr_buf_put(&buf, rest, strlen(rest) - 1);
		assert_int_equal(
			cr_paper_parse((struct cr_piece){ buf.bytes, buf.len },
				       back),
			CR_BUNDLE_OWNER_LEN);
		assert_memory_equal(back, bundle, CR_BUNDLE_OWNER_LEN);
	}
}

/* One typed symbol is another: the text, and whether its line was named. */
static bool typo_is_named(const char *text, unsigned int line)
{
	uint8_t back[CR_BUNDLE_MAX];
	char name[16];

	snprintf(name, sizeof(name), "line %02u", line);
	assert_int_equal(cr_paper_parse(law_text(text), back), BAD);
	return strstr(cr_detail(), name) != NULL;
}

/*
 * The ten bits of a line's check miss one typo in a thousand: those are left to
 * the check of the whole, which cannot say where.
 */
static void every_typo_is_noticed_and_its_line_named(void **state)
{
	unsigned int tried = 0, named = 0;

	(void)state;
	for (size_t k = 0; k < CR_ARRAY_LEN(known); k++) {
		unsigned int line = 1;
		char text[1024];

		strcpy(text, known[k].text);
		for (char *at = text; *at; at++) {
			const char good = *at;

			line += good == '\n';
			if (!strchr(CR_PAPER_ALPHABET, good) || at[1] == ':' ||
			    at[2] == ':')
				continue;
			for (const char *s = CR_PAPER_ALPHABET; *s; s++) {
				if (*s == good)
					continue;
				*at = *s;
				named += typo_is_named(text, line);
				tried++;
			}
			*at = good;
		}
	}
	print_message("  %u of %u typos named\n", named, tried);
	assert_true(tried > 13000);
	assert_true(named >= tried - tried / 300);
}

static void lines_are_whole_and_in_order(void **state)
{
	static const struct {
		const char *what;
		const char *text;
		const char *said;
	} cases[] = {
		{ "nothing", "", "0 lines" },
		{ "no line", "hello\n", "0 lines" },
		{ "one line of six", "01: 000G 40R4 0M30 E209 185G R38E  A8\n",
		  "the 1 lines" },
		{ "the first is missing",
		  "02: 1W81 24GK 2GAH C5RR 34D1 P70X  JT\n",
		  "line 02 where line 01 belongs" },
		{ "a line twice",
		  "01: 000G 40R4 0M30 E209 185G R38E  A8\n"
		  "01: 000G 40R4 0M30 E209 185G R38E  A8\n",
		  "line 01 where line 02 belongs" },
		{ "a line with another number",
		  "01: 1W81 24GK 2GAH C5RR 34D1 P70X  JT\n",
		  "line 01 is mistyped" },
		{ "a symbol that is none",
		  "01: 000G 40R4 0U30 E209 185G R38E  A8\n",
		  "line 01: symbol 10 " },
		{ "punctuation", "01: 000G-40R4 0M30 E209 185G R38E A8\n",
		  "line 01: symbol 5 " },
		{ "a symbol too many",
		  "01: 000G 40R4 0M30 E209 185G R38E 0 A8\n",
		  "line 01: too many symbols" },
		{ "many symbols too many",
		  "01: 000G 40R4 0M30 E209 185G R38E 000G 40R4 0M30 E209\n",
		  "line 01: too many symbols" },
		{ "a symbol left out", "01: 000G 40R4 0M30 E209 185G R38  A8\n",
		  "line 01 is mistyped" },
		{ "no symbol", "01:\n", "line 01: too few symbols" },
		{ "a check alone", "01: A8\n", "line 01: too few symbols" },
	};
	uint8_t back[CR_BUNDLE_MAX];

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		unit_case(cases[i].what);
		law_verdict(cr_paper_parse(law_text(cases[i].text), back), BAD,
			    cases[i].said);
	}
}

/* Lines whose own checks are good, of @symbols. */
static void put_lines(const char *symbols, size_t per_line, struct cr_buf *out)
{
	size_t len = strlen(symbols);
	unsigned int number = 0;

	for (size_t i = 0; i < len; i += per_line) {
		size_t n = cr_min(len - i, per_line);
		char check[CR_PAPER_CHECK], head[8];

		cr_paper_line_check(++number, symbols + i, n, check);
		snprintf(head, sizeof(head), "%02u: ", number);
		cr_buf_put(out, head, 4);
		cr_buf_put(out, symbols + i, n);
		cr_buf_put(out, check, sizeof(check));
		cr_buf_u8(out, '\n');
	}
}

static void the_whole_is_checked_too(void **state)
{
	/* One byte 0 and its hash's 4 bytes; five bytes are eight symbols. */
	static const struct {
		const char *what;
		const char *symbols;
		size_t per_line;
		const char *said;
	} cases[] = {
		{ "good lines of a bad whole", "00000000", 24, "do not agree" },
		{ "too few for a hash", "000000", 24, "not a whole key" },
		{ "a hash of nothing", "0000000", 24, "not a whole key" },
		{ "a symbol more than bytes need", "000000000", 24,
		  "not a whole key" },
		{ "bits left over", "0000000001", 24, "not a whole key" },
		{ "a short line before the last", "00000000", 4,
		  "line 02 comes after the end" },
	};
	uint8_t back[CR_BUNDLE_MAX];
	char longest[24 * 13 + 1];
	cr_cleanup(cr_buf_release) struct cr_buf most = { 0 };

	(void)state;
	for (size_t i = 0; i < CR_ARRAY_LEN(cases); i++) {
		cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };

		unit_case(cases[i].what);
		put_lines(cases[i].symbols, cases[i].per_line, &buf);
		law_verdict(
			cr_paper_parse((struct cr_piece){ buf.bytes, buf.len },
				       back),
			BAD, cases[i].said);
	}
	memset(longest, '0', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	put_lines(longest, 24, &most);
	law_verdict(
		cr_paper_parse((struct cr_piece){ most.bytes, most.len }, back),
		BAD, "line 13 comes after the end");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lines_are_those_of_the_specification),
		cmocka_unit_test(a_bundle_of_any_length_comes_back),
		cmocka_unit_test(typing_is_forgiven),
		cmocka_unit_test(every_typo_is_noticed_and_its_line_named),
		cmocka_unit_test(lines_are_whole_and_in_order),
		cmocka_unit_test(the_whole_is_checked_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
