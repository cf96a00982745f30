/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * suggest.h - which known word a person meant.
 */
#ifndef TOOLS_SUGGEST_H
#define TOOLS_SUGGEST_H

#include <stddef.h>

/*
 * How many letters to add, drop, change or swap with their neighbour to get
 * from one word to the other.  Words over 63 bytes are 64 apart.
 */
size_t cr_word_distance(const char *a, const char *b);

/* The best of the words shown so far. */
struct cr_suggestion {
	const char *wrong; /* borrowed */
	const char *best;  /* borrowed; NULL when none is near */
	size_t distance;
};

void cr_suggest(struct cr_suggestion *suggestion, const char *word);

#endif
