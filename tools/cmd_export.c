/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/commands.h"
#include "tools/export.h"

static int run(struct cr_context *ctx, void *options)
{
	(void)options;
	return cr_export(ctx);
}

const struct cr_command cr_command_export = {
	.name = "export",
	.help = "Write a snapshot, or a part of it, as a tar archive",
	.more = "The archive goes to standard output.  To unpack it whole, as "
		"root: tar -xp --numeric-owner --acls --xattrs "
		"--xattrs-include='*' -f -, or bsdtar -xp --numeric-owner.  "
		"Owners are numbers; sockets and inode flags are left out.",
	.operands = "SNAPSHOT[:PATH]",
	.example = "export latest:/srv | ssh root@new tar -C /srv -xp",
	.least = 1,
	.most = 1,
	.raw = true,
	.run = run,
};
