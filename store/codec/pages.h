/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.h - files that are made of pages, and change by pages where they are:
 * databases.  FORMAT.md section 5, class 5.
 */
#ifndef STORE_CODEC_PAGES_H
#define STORE_CODEC_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of how much of a file's beginning the question is asked, at least. */
#define CR_PAGES_HEAD_LEN 24

/*
 * Whether a file that begins with these bytes is a database of SQLite: its
 * header as https://sqlite.org/fileformat2.html has it, section 1.3.
 */
bool cr_pages_head(const uint8_t head[CR_PAGES_HEAD_LEN]);

#endif
