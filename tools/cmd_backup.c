/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "tools/backup.h"
#include "tools/commands.h"

static int run(struct cr_context *ctx, void *arg)
{
	const struct cr_backup_options *options = arg;

	if (options->stdin_name && options->command_name)
		return cr_fail(
			CR_EUSAGE,
			"--stdin and --stdin-command do not go together");
	if (options->stdin_name && ctx->operands > 0)
		return cr_fail(CR_EUSAGE, "--stdin takes no PATH");
	if (options->dry_run && (options->stdin_name || options->command_name))
		return cr_fail(CR_EUSAGE, "a stream has no --dry-run");
	return cr_backup(ctx, options);
}

#define OPTION(letter_, name_, kind_, arg_, member, text_)             \
	{                                                              \
		.name = (name_), .letter = (letter_), .kind = (kind_), \
		.arg = (arg_), .text = (text_),                        \
		.offset = offsetof(struct cr_backup_options, member),  \
	}

static const struct cr_option table[] = {
	OPTION('s', "source", CR_OPTION_TEXT, "NAME", source,
	       "what the snapshot is of (default: the host's name)"),
	OPTION('e', "exclude", CR_OPTION_LIST, "PATTERN", exclude,
	       "leave out what matches; may be repeated"),
	OPTION(0, "exclude-file", CR_OPTION_LIST, "FILE", exclude_file,
	       "read patterns from FILE, one a line"),
	OPTION(0, "exclude-caches", CR_OPTION_FLAG, NULL, exclude_caches,
	       "of directories with a CACHEDIR.TAG keep only that"),
	OPTION(0, "exclude-if-present", CR_OPTION_LIST, "NAME", if_present,
	       "of directories that hold NAME keep only that"),
	OPTION(0, "exclude-larger-than", CR_OPTION_SIZE, "SIZE", larger_than,
	       "leave out larger files"),
	OPTION(0, "files-from0", CR_OPTION_TEXT, "FILE", files_from0,
	       "read further paths, each ended by a zero byte"),
	OPTION(0, "cross-mounts", CR_OPTION_FLAG, NULL, cross_mounts,
	       "go into other file systems"),
	OPTION(0, "stdin", CR_OPTION_TEXT, "NAME", stdin_name,
	       "store standard input as the file NAME"),
	OPTION(0, "stdin-command", CR_OPTION_TEXT, "NAME", command_name,
	       "store what COMMAND prints, if it succeeds, as NAME"),
	OPTION(0, "time", CR_OPTION_TEXT, "TIME", time,
	       "date the snapshot so (2026-11-22T02:15:00Z)"),
	OPTION(0, "tag", CR_OPTION_LIST, "TAG", tag,
	       "label the snapshot; may be repeated"),
	{ .name = "jobs",
	  .letter = 'j',
	  .kind = CR_OPTION_NUMBER,
	  .arg = "N",
	  .text = "workers (default: one a core)",
	  .offset = offsetof(struct cr_backup_options, jobs),
	  .min = 1,
	  .max = 256 },
	OPTION('n', "dry-run", CR_OPTION_FLAG, NULL, dry_run,
	       "say what would be read; store nothing"),
	OPTION(0, "no-wait", CR_OPTION_FLAG, NULL, no_wait,
	       "fail when another backup runs on this machine"),
};

const struct cr_command cr_command_backup = {
	.name = "backup",
	.help = "Store a snapshot of directories",
	.more = "The content of a single PATH becomes the snapshot's root; of "
		"several, each stands under its absolute path.  Mount points "
		"below are not entered, and named in the summary.  Files that "
		"did not change since the last backup are not read.",
	.operands = "[PATH... | -- COMMAND...]",
	.example = "-r /srv/backup backup --exclude '*.tmp' /home",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct cr_backup_options),
	.least = 0,
	.most = -1,
	.run = run,
};
