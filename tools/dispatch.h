/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dispatch.h - from a command line to a command, its options and its exit
 * status.
 */
#ifndef TOOLS_DISPATCH_H
#define TOOLS_DISPATCH_H

#include "tools/command.h"

/* All commands, in the order in which help lists them; NULL-terminated. */
typedef const struct cr_command *const cr_command_table[];

/* Run what @argv asks for, and say what went wrong.  The exit status. */
int cr_dispatch(const struct cr_command *const *table, int argc, char **argv);

#endif
