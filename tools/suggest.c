/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/suggest.h"

#include <string.h>

#include "store/base/util.h"

enum { WORD_MAX = 63 };

/* The distances of @a's letters up to @i from all beginnings of @b. */
static void fill_row(const char *a, size_t i, const char *b, size_t *row[3])
{
	const size_t *before = row[0], *last = row[1];
	size_t *now = row[2];

	now[0] = i;
	for (size_t j = 1; b[j - 1] != '\0'; j++) {
		size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

		best = cr_min(best, last[j] + 1);
		best = cr_min(best, now[j - 1] + 1);
		if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
		    a[i - 2] == b[j - 1])
			best = cr_min(best, before[j - 2] + 1);
		now[j] = best;
	}
}

/* Damerau and Levenshtein, "optimal string alignment": three rows. */
size_t cr_word_distance(const char *a, const char *b)
{
	size_t room[3][WORD_MAX + 1] = { 0 };
	size_t *row[] = { room[0], room[1], room[2] };
	size_t m = strlen(a), n = strlen(b);

	if (m > WORD_MAX || n > WORD_MAX)
		return WORD_MAX + 1;
	for (size_t j = 0; j <= n; j++)
		row[1][j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t *spare = row[0];

		fill_row(a, i, b, row);
		row[0] = row[1];
		row[1] = row[2];
		row[2] = spare;
	}
	return row[1][n];
}

void cr_suggest(struct cr_suggestion *suggestion, const char *word)
{
	size_t len = strlen(suggestion->wrong);
	size_t far = cr_word_distance(suggestion->wrong, word);

	/* What was begun right and not finished is near as well. */
	if (len >= 2 && strncmp(suggestion->wrong, word, len) == 0)
		far = 1;
	if (far > len / 3 + 1 || far >= strlen(word))
		return;
	if (!suggestion->best || far < suggestion->distance) {
		suggestion->best = word;
		suggestion->distance = far;
	}
}
