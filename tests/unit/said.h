/* SPDX-License-Identifier: GPL-2.0-or-later */
/* said.h - what is logged meanwhile. */
#ifndef TESTS_UNIT_SAID_H
#define TESTS_UNIT_SAID_H

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/log.h"
#include "tests/unit/unit.h"

/* stderr goes to a file meanwhile. */
struct said {
	int stderr_was;
	FILE *file;
	char line[1200]; /* the last one */
};

static inline void listen_begin(struct said *said)
{
	said->stderr_was = dup(STDERR_FILENO);
	said->file = tmpfile();
	assert_non_null(said->file);
	assert_true(dup2(fileno(said->file), STDERR_FILENO) >= 0);
	cr_log_init("test", false);
}

/* How often @text was said so far. */
static inline unsigned int listen_count(const struct said *said,
					const char *text)
{
	static char all[1 << 20];
	ssize_t len = pread(fileno(said->file), all, sizeof(all) - 1, 0);
	unsigned int count = 0;

	assert_true(len >= 0);
	all[len] = '\0';
	for (const char *at = all; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* How many lines were said. */
static inline unsigned int listen_end(struct said *said)
{
	unsigned int lines = 0;

	(void)dup2(said->stderr_was, STDERR_FILENO);
	(void)close(said->stderr_was);
	rewind(said->file);
	said->line[0] = '\0';
	while (fgets(said->line, sizeof(said->line), said->file))
		lines++;
	(void)fclose(said->file);
	return lines;
}

#endif
