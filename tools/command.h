/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * command.h - what a command of caprock is, and what it gets to work with.
 *
 * To add a command: write cmd_NAME.c that exports one of these, name it in
 * commands.h and in the table of caprock.c, describe it in caprock.1.scd.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"

/* What stands before or after every command. */
struct cr_globals {
	const char *repository;
	const char *state_dir; /* NULL: cr_state_open() decides */
	const char *passphrase_file;
	uint64_t passphrase_fd; /* CR_NO_FD: not given */
	const char *passphrase_command;
	const char *key_file;
	uint64_t memory; /* 0: not given, CR_MEMORY_DEFAULT */
	unsigned int verbose;
	bool json;
	bool quiet;
	bool help;
	bool version;
};

#define CR_NO_FD	  UINT64_MAX
#define CR_MEMORY_DEFAULT (320u << 20)

/* One run of one command. */
struct cr_context {
	const struct cr_globals *globals;      /* borrowed */
	const struct cr_command *command;      /* borrowed */
	const struct cr_command *const *table; /* borrowed */
	struct cr_output *out;		       /* borrowed */
	enum cr_exit status; /* what a run without an error will exit with */
	char **operand;	     /* borrowed; NULL-terminated */
	int operands;
};

/* Remember that the run ends with @status, unless it is worse already. */
static inline void cr_context_raise(struct cr_context *ctx, enum cr_exit status)
{
	ctx->status = cr_exit_worse(ctx->status, status);
}

struct cr_command {
	const char *name;     /* "ls", or of a family: "key add" */
	const char *help;     /* one line, no full stop */
	const char *more;     /* or NULL: a paragraph for --help */
	const char *operands; /* "SNAPSHOT[:PATH]"; "" for none */
	const char *example;  /* what follows "caprock " */
	const struct cr_option *option;
	size_t options;
	size_t size; /* of the struct that the options fill; zeroed first */
	int least;   /* how many operands it takes; most -1: any number */
	int most;
	bool raw;    /* standard output carries data: no --json */
	bool hidden; /* from --help */
	/*
	 * @options points to @size bytes.  0, or an error with its sentence;
	 * both beside what was raised.
	 */
	int (*run)(struct cr_context *ctx, void *options);
};

/* Both for the table of a command's options. */
#define CR_COMMAND_OPTIONS(table) \
	.option = (table), .options = CR_ARRAY_LEN(table)

#endif
