/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/format.h"
#include "tools/command.h"
#include "tools/commands.h"

static int run(struct cr_context *ctx, void *options)
{
	(void)options;
	cr_json_text(ctx->out->summary, "version", CAPROCK_VERSION);
	cr_json_u64(ctx->out->summary, "format", CR_FORMAT_VERSION);
	cr_say(ctx->out, "caprock %s, repository format %d\n", CAPROCK_VERSION,
	       CR_FORMAT_VERSION);
	return 0;
}

const struct cr_command cr_command_version = {
	.name = "version",
	.help = "Say which version this is",
	.operands = "",
	.example = "version",
	.run = run,
};
