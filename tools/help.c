/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/help.h"

#include <string.h>

#define GLOBAL(member) offsetof(struct cr_globals, member)

const struct cr_option cr_global_options[] = {
	{ "repository", 'r', CR_OPTION_TEXT, "REPO",
	  "the repository (CAPROCK_REPOSITORY)", GLOBAL(repository), 0, 0 },
	{ "state-dir", 0, CR_OPTION_TEXT, "DIR",
	  "where this machine keeps its index (CAPROCK_STATE_DIR)",
	  GLOBAL(state_dir), 0, 0 },
	{ "passphrase-file", 0, CR_OPTION_TEXT, "FILE",
	  "read the passphrase from FILE", GLOBAL(passphrase_file), 0, 0 },
	{ "passphrase-fd", 0, CR_OPTION_NUMBER, "N",
	  "read the passphrase from descriptor N", GLOBAL(passphrase_fd), 0,
	  INT32_MAX },
	{ "passphrase-command", 0, CR_OPTION_TEXT, "COMMAND",
	  "run COMMAND, which prints the passphrase",
	  GLOBAL(passphrase_command), 0, 0 },
	{ "key-file", 0, CR_OPTION_TEXT, "FILE",
	  "unlock with FILE instead of a passphrase (CAPROCK_KEY_FILE)",
	  GLOBAL(key_file), 0, 0 },
	{ "memory", 0, CR_OPTION_SIZE, "SIZE",
	  "bound all caches and buffers together (320M)", GLOBAL(memory),
	  32u << 20, 1ull << 44 },
	{ "json", 0, CR_OPTION_FLAG, NULL,
	  "print JSON lines, the last one a summary", GLOBAL(json), 0, 0 },
	{ "quiet", 'q', CR_OPTION_FLAG, NULL,
	  "print only what was asked for, and errors", GLOBAL(quiet), 0, 0 },
	{ "verbose", 'v', CR_OPTION_COUNT, NULL, "print more; twice: much more",
	  GLOBAL(verbose), 0, 0 },
	{ "help", 'h', CR_OPTION_FLAG, NULL, "print this help", GLOBAL(help), 0,
	  0 },
	{ "version", 'V', CR_OPTION_FLAG, NULL, "print the version",
	  GLOBAL(version), 0, 0 },
};
const size_t cr_global_count = CR_ARRAY_LEN(cr_global_options);

static const struct cr_option help_option[] = {
	{ "help", 'h', CR_OPTION_FLAG, NULL, "print this help", 0, 0, 0 },
};

/* "  name          text" */
static void help_line(const char *name, const char *text)
{
	(void)printf("  %-15s ", name);
	cr_help_wrap(text, 18, 18, stdout);
}

void cr_help_version(void)
{
	(void)puts("caprock " CAPROCK_VERSION);
}

void cr_help_program(const struct cr_command *const *table)
{
	(void)puts("usage: caprock [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\n"
		   "Encrypted, deduplicated backups that can be mounted.\n\n"
		   "Commands; caprock COMMAND --help says more:\n");
	for (; *table; table++) {
		if (!(*table)->hidden)
			help_line((*table)->name, (*table)->help);
	}
	(void)puts("\nOptions of every command, before or after its name:\n");
	cr_options_help(cr_global_options, cr_global_count, stdout);
	(void)puts(
		"\nSNAPSHOT is the beginning of an id, latest, SOURCE@latest, SOURCE@DATE or\n"
		"SOURCE@TIME.  Without an option for it, the passphrase is that in\n"
		"CAPROCK_PASSPHRASE, or is asked for.  Exit status: see caprock(1).\n\n"
		"Example: caprock -r /srv/backup backup /etc /home");
}

void cr_help_family(const struct cr_command *const *table, const char *family)
{
	size_t len = strlen(family);

	(void)printf("usage: caprock [OPTIONS] %s COMMAND [OPTIONS] "
		     "[ARGUMENTS]\n\n",
		     family);
	for (; *table; table++) {
		const char *name = (*table)->name;

		if (strncmp(name, family, len) == 0 && name[len] == ' ' &&
		    !(*table)->hidden)
			help_line(name, (*table)->help);
	}
	(void)putchar('\n');
	cr_options_help(help_option, 1, stdout);
	(void)puts("\nOptions of every command: caprock --help");
}

void cr_help_command(const struct cr_command *command)
{
	(void)printf("usage: ");
	(void)printf("caprock [OPTIONS] %s%s%s%s\n\n", command->name,
		     command->options > 0 ? " [OPTIONS]" : "",
		     command->operands[0] != '\0' ? " " : "",
		     command->operands);
	cr_help_wrap(command->help, 0, 0, stdout);
	if (command->more) {
		(void)putchar('\n');
		cr_help_wrap(command->more, 0, 0, stdout);
	}
	(void)putchar('\n');
	cr_options_help(command->option, command->options, stdout);
	cr_options_help(help_option, 1, stdout);
	(void)printf("\nExample: caprock %s\n", command->example);
	(void)puts("Options of every command: caprock --help");
}
