/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/command.h"
#include "tools/commands.h"
#include "tools/help.h"

/* "command,--long,-x,ARG": what contrib/completion/caprock reads. */
static void say_options(struct cr_output *out, const char *name,
			const struct cr_option *option, size_t count)
{
	cr_say(out, "%s,,,\n", name);
	for (size_t i = 0; i < count; i++) {
		char letter[] = "-x";

		letter[1] = option[i].letter;
		cr_say(out, "%s,--%s,%s,%s\n", name, option[i].name,
		       option[i].letter ? letter : "",
		       option[i].arg ? option[i].arg : "");
	}
}

static int run(struct cr_context *ctx, void *options)
{
	(void)options;
	say_options(ctx->out, "", cr_global_options, cr_global_count);
	for (const struct cr_command *const *c = ctx->table; *c; c++) {
		if (!(*c)->hidden)
			say_options(ctx->out, (*c)->name, (*c)->option,
				    (*c)->options);
	}
	return 0;
}

const struct cr_command cr_command_completion = {
	.name = "completion",
	.help = "List all commands and options for a shell",
	.operands = "",
	.example = "completion",
	.raw = true,
	.hidden = true,
	.run = run,
};
