/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * options.h - command lines from tables: a table says what an option is called,
 * what it takes and where its value goes, and also makes the help.
 *
 * Underneath is getopt_long(); unlike it, long options must be written in full.
 * Main thread only.
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "store/base/util.h"

/* What stands at the offset of an option. */
enum cr_option_kind {
	CR_OPTION_FLAG,	  /* bool */
	CR_OPTION_COUNT,  /* unsigned int: how often it was given */
	CR_OPTION_TEXT,	  /* const char *, borrowed from argv */
	CR_OPTION_LIST,	  /* struct cr_words: every one that was given */
	CR_OPTION_NUMBER, /* uint64_t within the bounds */
	CR_OPTION_SIZE,	  /* uint64_t bytes: "320M"; K, M, G, T by 1024 */
	CR_OPTION_CHOICE, /* unsigned int: from 1, which of the words of @arg */
};

struct cr_words {
	const char **word; /* owned array of borrowed words */
	uint32_t count;
};

struct cr_option {
	const char *name;
	char letter; /* or 0 */
	enum cr_option_kind kind;
	const char *arg; /* "FILE"; of a choice "read|put"; NULL: takes none */
	const char *text;
	size_t offset;
	uint64_t min, max; /* of numbers and sizes; max 0: no bound */
};

/* A table, and the struct whose members its offsets are. */
struct cr_option_set {
	const struct cr_option *option;
	size_t count;
	void *into;
};

/*
 * Parse argv[1] to argv[argc - 1] by @sets, of which none repeats a name or a
 * letter of another.  Operands come to stand last; the index of the first is
 * returned.  With @first it stops at the first operand.
 *
 * Errors: -CR_EUSAGE, -ENOMEM.
 */
cr_must_check int cr_options_parse(int argc, char **argv,
				   const struct cr_option_set *sets, size_t n,
				   bool first);

/* Free what the lists of @set hold. */
void cr_options_release(const struct cr_option_set *set);

/* "320M" to bytes.  -CR_EUSAGE without a sentence. */
cr_must_check int cr_size_parse(const char *text, uint64_t *ret);

/* Print one line (or more) for each option, at most 80 columns wide. */
void cr_options_help(const struct cr_option *option, size_t count, FILE *to);

/*
 * Print @text wrapped to 80 columns; every line but the first begins with
 * @indent blanks, and the first stands at column @at already.
 */
void cr_help_wrap(const char *text, size_t at, size_t indent, FILE *to);

#endif
