/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exit.h - from an error to what a person reads and a program's exit status.
 */
#ifndef FS_EXIT_H
#define FS_EXIT_H

#define CR_PROGRAM	  "caprockfs"
#define CR_EXIT_INTERRUPT 130

/* Say why, once, and return the status for @r, a negative code. */
int cr_exit_status(int r);

#endif
