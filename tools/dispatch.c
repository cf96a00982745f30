/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/dispatch.h"

#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/help.h"
#include "tools/suggest.h"

/* The rest of a command line. */
struct line {
	int argc; /* with argv[0], which is the word before the rest */
	char **argv;
};

/* Take the options before the next operand; step to it. */
static int skip_globals(struct line *line, struct cr_globals *globals)
{
	struct cr_option_set set = { cr_global_options, cr_global_count,
				     globals };
	int at = cr_options_parse(line->argc, line->argv, &set, 1, true);

	if (at < 0)
		return at;
	line->argc -= at;
	line->argv += at;
	return 0;
}

static int unknown_command(const struct cr_command *const *table,
			   const char *name)
{
	struct cr_suggestion near = { .wrong = name };

	for (; *table; table++) {
		if (!(*table)->hidden)
			cr_suggest(&near, (*table)->name);
	}
	return near.best ? cr_fail(CR_EUSAGE,
				   "unknown command %s: is \"%s\" meant?", name,
				   near.best)
			 : cr_fail(CR_EUSAGE,
				   "unknown command %s: see caprock --help",
				   name);
}

static const struct cr_command *find_command(
	const struct cr_command *const *table, const char *name)
{
	for (; *table; table++) {
		if (strcmp((*table)->name, name) == 0)
			return *table;
	}
	return NULL;
}

static bool is_family(const struct cr_command *const *table, const char *word)
{
	size_t len = strlen(word);

	for (; *table; table++) {
		if (strncmp((*table)->name, word, len) == 0 &&
		    (*table)->name[len] == ' ')
			return true;
	}
	return false;
}

/*
 * The command that @line names, which then begins with it.  *@ret NULL: none
 * was named, and help was printed when it was asked for.
 */
static int choose(const struct cr_command *const *table, struct line *line,
		  struct cr_globals *globals, const struct cr_command **ret)
{
	const char *family;
	char name[64];
	int r;

	r = skip_globals(line, globals);
	if (r < 0)
		return r;
	if (line->argc == 0) {
		if (globals->help)
			cr_help_program(table);
		else if (globals->version)
			cr_help_version();
		else
			return cr_fail(CR_EUSAGE,
				       "no command: see caprock --help");
		return 0;
	}
	family = line->argv[0];
	*ret = find_command(table, family);
	if (*ret)
		return 0;
	if (!is_family(table, family))
		return unknown_command(table, family);

	r = skip_globals(line, globals);
	if (r < 0)
		return r;
	if (line->argc == 0) {
		if (!globals->help)
			return cr_fail(CR_EUSAGE,
				       "%s: which? see caprock %s --help",
				       family, family);
		cr_help_family(table, family);
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%s %s", family, line->argv[0]);
	*ret = find_command(table, name);
	return *ret ? 0 : unknown_command(table, name);
}

static int check_operands(const struct cr_command *command, int count)
{
	if (count >= command->least &&
	    (command->most < 0 || count <= command->most))
		return 0;
	return cr_fail(CR_EUSAGE, "%s: too %s arguments: caprock %s%s%s",
		       command->name, count < command->least ? "few" : "many",
		       command->name, command->operands[0] != '\0' ? " " : "",
		       command->operands);
}

static void set_log(const struct cr_globals *globals)
{
	cr_log_limit(globals->verbose > 1    ? CR_LOG_DEBUG
		     : globals->verbose == 1 ? CR_LOG_INFO
		     : globals->quiet	     ? CR_LOG_WARNING
					     : CR_LOG_NOTICE);
}

static int run_parsed(struct cr_context *ctx, const struct line *line, int at,
		      void *options)
{
	int r;

	if (ctx->globals->help) {
		cr_help_command(ctx->command);
		return 0;
	}
	if (ctx->globals->version) {
		cr_help_version();
		return 0;
	}
	ctx->operand = line->argv + at;
	ctx->operands = line->argc - at;
	r = check_operands(ctx->command, ctx->operands);
	if (r < 0)
		return r;
	if (ctx->globals->json && ctx->command->raw)
		return cr_fail(CR_EUSAGE,
			       "%s: its output is data: leave out --json",
			       ctx->command->name);
	r = cr_output_init(ctx->out);
	if (r < 0)
		return r;
	cr_json_text(ctx->out->summary, "command", ctx->command->name);
	return ctx->command->run(ctx, options);
}

/* Parse the options of the command that was chosen, and run it. */
static int run(struct cr_context *ctx, const struct line *line,
	       struct cr_globals *globals)
{
	cr_cleanup(cr_freep) void *options =
		calloc(1, cr_max(ctx->command->size, (size_t)1));
	struct cr_option_set sets[] = {
		{ cr_global_options, cr_global_count, globals },
		{ ctx->command->option, ctx->command->options, options },
	};
	int r;

	if (!options)
		return -ENOMEM;
	r = cr_options_parse(line->argc, line->argv, sets, CR_ARRAY_LEN(sets),
			     false);
	if (r >= 0) {
		set_log(globals);
		ctx->out->json = globals->json && !ctx->command->raw;
		ctx->out->quiet = globals->quiet;
		ctx->out->verbose = globals->verbose;
		r = run_parsed(ctx, line, r, options);
	}
	cr_options_release(&sets[1]);
	return r;
}

/* The status to exit with; whatever is wrong has been said. */
static int finish(struct cr_context *ctx, int error)
{
	int r;

	if (error < 0 && error != -EPIPE) {
		json_t *line = cr_json_line(ctx->out, "error");
		const char *said = cr_status_sentence(error);

		cr_json_name(line, "message",
			     (struct cr_piece){ said, strlen(said) });
		cr_say_json(ctx->out, line);
		(void)fflush(stdout);
		cr_status_report(error);
	}
	cr_context_raise(ctx, cr_exit_of(error));
	r = cr_output_finish(ctx->out, (int)ctx->status);
	if (r < 0 && error >= 0) {
		if (r != -EPIPE)
			cr_status_report(r);
		cr_context_raise(ctx, CR_EXIT_FAILED);
	}
	return (int)ctx->status;
}

int cr_dispatch(const struct cr_command *const *table, int argc, char **argv)
{
	cr_cleanup(cr_output_release) struct cr_output out = { 0 };
	struct cr_globals globals = {
		.repository = getenv("CAPROCK_REPOSITORY"),
		.key_file = getenv("CAPROCK_KEY_FILE"),
		.passphrase_fd = CR_NO_FD,
	};
	struct cr_context ctx = {
		.globals = &globals,
		.table = table,
		.out = &out,
	};
	struct line line = { argc, argv };
	int r;

	r = choose(table, &line, &globals, &ctx.command);
	if (r >= 0 && ctx.command)
		r = run(&ctx, &line, &globals);
	return finish(&ctx, r);
}
