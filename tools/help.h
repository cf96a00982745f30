/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * help.h - what --help prints, all of it from the tables.
 */
#ifndef TOOLS_HELP_H
#define TOOLS_HELP_H

#include "tools/command.h"

/* The options before or after every command. */
extern const struct cr_option cr_global_options[];
extern const size_t cr_global_count;

void cr_help_version(void);
void cr_help_program(const struct cr_command *const *table);
/* Of "key": "key add", "key list", ... */
void cr_help_family(const struct cr_command *const *table, const char *family);
void cr_help_command(const struct cr_command *command);

#endif
