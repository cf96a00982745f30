/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backup.h - one backup, from a locked state to a published snapshot.
 */
#ifndef TOOLS_BACKUP_H
#define TOOLS_BACKUP_H

#include "store/base/pattern.h"
#include "tools/command.h"

struct cr_backup_options {
	const char *source;
	struct cr_words exclude;
	struct cr_words exclude_file;
	struct cr_words if_present;
	struct cr_words tag;
	const char *files_from0;
	const char *time;
	const char *stdin_name;
	const char *command_name;
	uint64_t larger_than;
	uint64_t jobs;
	bool exclude_caches;
	bool cross_mounts;
	bool dry_run;
	bool no_wait;
};

/*
 * Run it with ctx->operand as paths (or, after --stdin-command, the command).
 * Warnings of the source raise exit status 3.
 */
cr_must_check int cr_backup(struct cr_context *ctx,
			    const struct cr_backup_options *options);

#endif
