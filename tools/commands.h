/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands.h - every command, one to a file cmd_NAME.c.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

struct cr_command;

extern const struct cr_command cr_command_init;
extern const struct cr_command cr_command_version;

#endif
