/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * paper.h - a bundle as lines that survive being printed and typed.
 * FORMAT.md section 4.2.
 */
#ifndef STORE_CODEC_PAPER_H
#define STORE_CODEC_PAPER_H

#include "store/codec/slot.h"

/* Crockford's base 32. */
#define CR_PAPER_ALPHABET "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#define CR_PAPER_LINE	  24 /* symbols; the last line may have fewer */
#define CR_PAPER_CHECK	  2  /* symbols at the end of each line */
#define CR_PAPER_SUM	  4  /* bytes of the whole's hash after the bundle */

/*
 * Read typed lines.  -CR_ECORRUPT with a sentence that names the line that is
 * wrong; otherwise the bundle's length is returned.
 */
cr_must_check int cr_paper_parse(struct cr_piece text,
				 uint8_t out[CR_BUNDLE_MAX]);

/* The check symbols of line @number, from 1, whose @len symbols are @line. */
void cr_paper_line_check(unsigned int number, const char *line, size_t len,
			 char out[CR_PAPER_CHECK]);

#endif
