/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "tools/commands.h"
#include "tools/restore.h"

static int run(struct cr_context *ctx, void *arg)
{
	const struct cr_restore_options *options = arg;

	if (!options->target || options->target[0] == '\0')
		return cr_fail(CR_EUSAGE, "restore: where to? name a directory "
					  "with --target");
	return cr_restore(ctx, options);
}

#define OPTION(letter_, name_, kind_, arg_, member, text_)             \
	{                                                              \
		.name = (name_), .letter = (letter_), .kind = (kind_), \
		.arg = (arg_), .text = (text_),                        \
		.offset = offsetof(struct cr_restore_options, member), \
	}

static const struct cr_option table[] = {
	OPTION('t', "target", CR_OPTION_TEXT, "DIR", target,
	       "where to: a directory that is empty or does not exist"),
	OPTION('i', "include", CR_OPTION_LIST, "PATTERN", include,
	       "restore only what matches; may be repeated"),
	OPTION('e', "exclude", CR_OPTION_LIST, "PATTERN", exclude,
	       "leave out what matches; may be repeated"),
	OPTION(0, "into-existing", CR_OPTION_FLAG, NULL, into_existing,
	       "the directory need not be empty"),
	OPTION(0, "overwrite", CR_OPTION_CHOICE, "never|older|always",
	       overwrite,
	       "replace what exists: never (default), when it is older than "
	       "in the snapshot, or always"),
	OPTION(0, "verify", CR_OPTION_FLAG, NULL, verify,
	       "read every restored file back and compare it"),
	OPTION('n', "dry-run", CR_OPTION_FLAG, NULL, dry_run,
	       "say what would be restored; write nothing"),
	OPTION(0, "no-owner", CR_OPTION_FLAG, NULL, no_owner,
	       "let everything belong to who restores it"),
};

const struct cr_command cr_command_restore = {
	.name = "restore",
	.help = "Write a snapshot, or a part of it, back to disk",
	.more = "The content of a directory goes into DIR, a file as DIR/NAME.  "
		"What is damaged is named and left out, all else restored.  "
		"An interrupted restore is completed by the same command with "
		"--into-existing --overwrite always.",
	.operands = "SNAPSHOT[:PATH]",
	.example = "restore latest:/home/alice --target /tmp/alice",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct cr_restore_options),
	.least = 1,
	.most = 1,
	.run = run,
};
