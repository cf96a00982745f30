/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.h - the one place where an error becomes an exit status and a sentence
 * for a person.
 */
#ifndef TOOLS_STATUS_H
#define TOOLS_STATUS_H

enum cr_exit {
	CR_EXIT_OK = 0,
	CR_EXIT_FAILED = 1,
	CR_EXIT_USAGE = 2,
	CR_EXIT_WARNINGS = 3, /* done, with warnings about the source */
	CR_EXIT_DAMAGE = 4,
	CR_EXIT_POLICY = 5,
	CR_EXIT_TAMPERED = 6,
	CR_EXIT_ANOMALY = 7,
	CR_EXIT_NO_REPOSITORY = 10,
	CR_EXIT_LOCKED = 11,
	CR_EXIT_WRONG_KEY = 12,
	CR_EXIT_CAPABILITY = 13,
	CR_EXIT_INTERRUPTED = 130,
};

/* The status for an error; 0 for 0. */
enum cr_exit cr_exit_of(int error);

/* Of two reasons to exit, the one to tell: 6, 4, 130, 1, ... 5, 7, 3, 0. */
enum cr_exit cr_exit_worse(enum cr_exit a, enum cr_exit b);

/* What is wrong: the last sentence of this thread, or the text of the code. */
const char *cr_status_sentence(int error);

/*
 * Say on stderr what went wrong and what to do next: the sentence, escaped,
 * then the advice that goes with the code.
 */
void cr_status_report(int error);

#endif
