/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_mount.c - run caprockfs, a program of its own, which contains nothing
 * that can write to a repository.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "tools/commands.h"
#include "tools/session.h"

#define PROGRAM "caprockfs"

struct options {
	struct cr_words option;
	const char *source;
	uint64_t cache; /* 0: not given */
	bool foreground;
	bool allow_other;
};

/* What is handed to execv(). */
struct arguments {
	char *word[64]; /* owned; NULL-terminated */
	size_t count;
};

static void arguments_release(struct arguments *args)
{
	for (size_t i = 0; i < args->count; i++)
		free(args->word[i]);
	args->count = 0;
}

cr_printf(2, 3) static int add(struct arguments *args, const char *fmt, ...)
{
	va_list ap;
	int len;

	/* One is left for the NULL at the end. */
	if (args->count + 1 >= CR_ARRAY_LEN(args->word))
		return cr_fail(CR_EUSAGE, "mount: too many options");
	va_start(ap, fmt);
	len = vasprintf(&args->word[args->count], fmt, ap);
	va_end(ap);
	if (len < 0) {
		args->word[args->count] = NULL;
		return -ENOMEM;
	}
	args->count++;
	return 0;
}

static int add_globals(struct arguments *args, const struct cr_globals *globals)
{
	const struct {
		const char *name, *value;
	} text[] = {
		{ "state-dir", globals->state_dir },
		{ "passphrase-file", globals->passphrase_file },
		{ "passphrase-command", globals->passphrase_command },
		{ "key-file", globals->key_file },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < CR_ARRAY_LEN(text); i++)
		r = text[i].value
			    ? add(args, "--%s=%s", text[i].name, text[i].value)
			    : 0;
	if (r == 0 && globals->passphrase_fd != CR_NO_FD)
		r = add(args, "--passphrase-fd=%" PRIu64,
			globals->passphrase_fd);
	return r;
}

static int add_own(struct arguments *args, const struct cr_globals *globals,
		   const struct options *options)
{
	uint64_t cache = options->cache > 0 ? options->cache : globals->memory;
	int r = 0;

	if (options->foreground)
		r = add(args, "-f");
	if (r == 0 && options->allow_other)
		r = add(args, "-oallow_other");
	if (r == 0 && options->source)
		r = add(args, "--source=%s", options->source);
	if (r == 0 && cache > 0)
		r = add(args, "--cache=%" PRIu64, cache);
	for (uint32_t i = 0; r == 0 && i < options->option.count; i++)
		r = add(args, "-o%s", options->option.word[i]);
	return r;
}

/* Beside this program, as installed, or where a build puts it; else by PATH. */
static int run_program(const struct arguments *args)
{
	static const char *const places[] = { PROGRAM, "../fs/" PROGRAM };
	char path[PATH_MAX + 32];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *name;

	path[cr_max(len, (ssize_t)0)] = '\0';
	name = strrchr(path, '/');
	for (size_t i = 0; name && i < CR_ARRAY_LEN(places); i++) {
		(void)snprintf(name + 1,
			       sizeof(path) - (size_t)(name + 1 - path), "%s",
			       places[i]);
		(void)execv(path, args->word);
	}
	(void)execvp(PROGRAM, args->word);
	return cr_fail(errno, "%s: %m: is it installed?", PROGRAM);
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(arguments_release) struct arguments args = { 0 };
	const char *path;
	int r;

	r = cr_session_path(ctx, &path);
	if (r == 0)
		r = add(&args, PROGRAM);
	if (r == 0)
		r = add_globals(&args, ctx->globals);
	if (r == 0)
		r = add_own(&args, ctx->globals, arg);
	/* No name that begins with "-" is to be taken for an option. */
	if (r == 0)
		r = add(&args, "--");
	if (r == 0)
		r = add(&args, "%s", path);
	if (r == 0)
		r = add(&args, "%s", ctx->operand[0]);
	return r < 0 ? r : run_program(&args);
}

static const struct cr_option table[] = {
	{ "option", 'o', CR_OPTION_LIST, "NAME[=VALUE]",
	  "an option of caprockfs(8); may be repeated",
	  offsetof(struct options, option), 0, 0 },
	{ "source", 0, CR_OPTION_TEXT, "NAME",
	  "only the snapshots of this source, at the top",
	  offsetof(struct options, source), 0, 0 },
	{ "cache", 0, CR_OPTION_SIZE, "SIZE", "memory for caches (256M)",
	  offsetof(struct options, cache), 16u << 20, 1ull << 44 },
	{ "allow-other", 0, CR_OPTION_FLAG, NULL,
	  "let other users in, as far as modes and ACLs do",
	  offsetof(struct options, allow_other), 0, 0 },
	{ "foreground", 'f', CR_OPTION_FLAG, NULL, "do not detach",
	  offsetof(struct options, foreground), 0, 0 },
};

const struct cr_command cr_command_mount = {
	.name = "mount",
	.help = "Show all snapshots as directories",
	.more = "Runs caprockfs(8).  Unmount with umount, or fusermount3 -u.",
	.operands = "DIRECTORY",
	.example = "mount /mnt/backup",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.raw = true,
	.run = run,
};
