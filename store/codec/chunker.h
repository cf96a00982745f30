/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chunker.h - where to cut a run of data, from its content.  FORMAT.md section
 * 5, "Chunker 1": gear hash (Xia et al., Ddelta, 2014) as a pure window
 * function, normalised chunking (Xia et al., FastCDC, USENIX ATC 2016).
 */
#ifndef STORE_CODEC_CHUNKER_H
#define STORE_CODEC_CHUNKER_H

#include "store/codec/hash.h"

struct cr_gear {
	uint64_t table[256];
};

#define CR_GEAR_WINDOW 64

void cr_gear_init(struct cr_gear *gear, const struct cr_key *chunker_key);

/* What the content of a file looks like. */
enum cr_form {
	CR_FORM_PLAIN,
	CR_FORM_RANDOM, /* does not compress */
	CR_FORM_PAGES,	/* pages.h */
};

/* log2 of the average, and the greatest chunk, of a class. */
unsigned int cr_class_bits(enum cr_size_class size_class);
size_t cr_class_max(enum cr_size_class size_class);

/*
 * The length of the chunk that starts at @bytes, @offset in its file, given
 * that the run goes on for @len bytes from there: at least cr_class_max()
 * unless the run ends with them, and not 0.  What lies before does not count:
 * where content decides, a chunk is longer than the window, and pages are
 * pages of the file, wherever the run began.
 */
size_t cr_chunk_cut(const struct cr_gear *gear, enum cr_size_class size_class,
		    const uint8_t *bytes, size_t len, uint64_t offset);

/*
 * Whether the @len bytes, 64 KiB at most, are all about as frequent: what does
 * not compress, but for what repeats.
 */
bool cr_bytes_random(const uint8_t *bytes, size_t len);

/* From 64 samples of 1 KiB, end to end; the first is how the file begins. */
enum cr_form cr_class_form(
	const uint8_t samples[CR_CLASS_SAMPLES * CR_CLASS_SAMPLE_LEN]);

/* Where sample @k of a file of @size bytes begins. */
uint64_t cr_class_sample_offset(uint64_t size, unsigned int k);

/*
 * The class of a file of @size bytes, of which @form counts from
 * CR_CLASS_SAMPLE_MIN on; @previous is the class it had in the last backup, or
 * 0.
 */
enum cr_size_class cr_class_of(uint64_t size, enum cr_form form,
			       enum cr_size_class previous);

#endif
