/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commands.h - every command, one to a file cmd_NAME.c.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

struct cr_command;

extern const struct cr_command cr_command_backup;
extern const struct cr_command cr_command_cat;
extern const struct cr_command cr_command_completion;
extern const struct cr_command cr_command_diff;
extern const struct cr_command cr_command_export;
extern const struct cr_command cr_command_find;
extern const struct cr_command cr_command_history;
extern const struct cr_command cr_command_index_rebuild;
extern const struct cr_command cr_command_init;
extern const struct cr_command cr_command_key_add;
extern const struct cr_command cr_command_key_export;
extern const struct cr_command cr_command_key_import;
extern const struct cr_command cr_command_key_list;
extern const struct cr_command cr_command_key_passwd;
extern const struct cr_command cr_command_key_revoke;
extern const struct cr_command cr_command_ls;
extern const struct cr_command cr_command_mount;
extern const struct cr_command cr_command_restore;
extern const struct cr_command cr_command_snapshots;
extern const struct cr_command cr_command_stats;
extern const struct cr_command cr_command_verify;
extern const struct cr_command cr_command_version;

#endif
