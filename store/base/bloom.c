/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/bloom.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/heap.h"

#define LINE_LEN 64u
#define WORDS	 (LINE_LEN / sizeof(uint64_t))
/* Bits an id, each at one of 2^9 places in its line. */
#define BITS	 6u
#define BIT_LOG2 9u

struct cr_bloom {
	atomic_uint_least64_t (*line)[WORDS]; /* owned */
	size_t mask;			      /* of the number of a line */
};

int cr_bloom_new(size_t bytes, struct cr_bloom **ret)
{
	struct cr_bloom *bloom = malloc(sizeof(*bloom));

	assert(bytes >= LINE_LEN && (bytes & (bytes - 1)) == 0);
	if (!bloom)
		return -ENOMEM;
	bloom->line = cr_heap_huge(bytes);
	if (!bloom->line) {
		free(bloom);
		return -ENOMEM;
	}
	memset(bloom->line, 0, bytes);
	bloom->mask = bytes / LINE_LEN - 1;
	*ret = bloom;
	return 0;
}

void cr_bloom_free(struct cr_bloom *bloom)
{
	if (!bloom)
		return;
	free(bloom->line);
	free(bloom);
}

/* The number of the line of @id, and what chooses the bits in it. */
static size_t line_of(const struct cr_bloom *bloom, const struct cr_id *id,
		      uint64_t *bits)
{
	uint64_t half[2];

	memcpy(half, id->bytes, sizeof(half));
	*bits = half[1];
	return (size_t)half[0] & bloom->mask;
}

static uint64_t next_bit(uint64_t *bits, size_t *word)
{
	uint64_t bit = *bits % 64;

	*word = *bits / 64 % WORDS;
	*bits >>= BIT_LOG2;
	return (uint64_t)1 << bit;
}

void cr_bloom_add(struct cr_bloom *bloom, const struct cr_id *id)
{
	uint64_t bits;
	size_t line = line_of(bloom, id, &bits), word;

	for (unsigned int i = 0; i < BITS; i++) {
		uint64_t bit = next_bit(&bits, &word);

		atomic_fetch_or_explicit(&bloom->line[line][word], bit,
					 memory_order_relaxed);
	}
}

static uint64_t word_of(const struct cr_bloom *bloom, size_t line, size_t word)
{
	return atomic_load_explicit(&bloom->line[line][word],
				    memory_order_relaxed);
}

bool cr_bloom_may_have(const struct cr_bloom *bloom, const struct cr_id *id)
{
	uint64_t bits;
	size_t line = line_of(bloom, id, &bits), word;

	for (unsigned int i = 0; i < BITS; i++) {
		uint64_t bit = next_bit(&bits, &word);

		if ((word_of(bloom, line, word) & bit) == 0)
			return false;
	}
	return true;
}

void *cr_bloom_memory(struct cr_bloom *bloom, size_t *bytes)
{
	*bytes = (bloom->mask + 1) * LINE_LEN;
	return bloom->line;
}

void cr_bloom_fold(struct cr_bloom *bloom)
{
	size_t half = (bloom->mask + 1) / 2;

	assert(half > 0);
	for (size_t line = 0; line < half; line++)
		for (size_t word = 0; word < WORDS; word++)
			atomic_store_explicit(
				&bloom->line[line][word],
				word_of(bloom, line, word) |
					word_of(bloom, line + half, word),
				memory_order_relaxed);
	bloom->mask = half - 1;
}
