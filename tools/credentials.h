/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * credentials.h - where keys come from and go to: the options that name a
 * passphrase or a key file, to unlock with or to wrap a new slot with.
 */
#ifndef TOOLS_CREDENTIALS_H
#define TOOLS_CREDENTIALS_H

#include "store/disk/repo_create.h"
#include "tools/command.h"

/*
 * What unlocks @repository (for the prompt): --key-file, else --passphrase-*,
 * else CAPROCK_KEY_FILE, else CAPROCK_PASSPHRASE, else the terminal.
 * -CR_EUSAGE when two are given, or one is not what it should be; -errno.
 */
cr_must_check int cr_credentials_get(const struct cr_globals *globals,
				     const char *repository,
				     struct cr_credentials *ret);
void cr_credentials_release(struct cr_credentials *cred);

/* The options of a command that makes a slot. */
struct cr_wrap_options {
	const char *passphrase_file;
	uint64_t passphrase_fd; /* 0: not given; standard input is --...-file -
				 */
	const char *passphrase_command;
	const char *key_file;
	uint64_t kdf_passes; /* 0: the default */
	uint64_t kdf_memory; /* MiB */
};

/* Their table, for the member @member of struct @type. */
#define CR_WRAP_KEY_FILE(type, member)                                        \
	{                                                                     \
		"new-key-file", 0, CR_OPTION_TEXT, "FILE",                    \
			"make a key file instead of asking for a passphrase", \
			offsetof(type, member.key_file), 0, 0                 \
	}

#define CR_WRAP_KDF(type, member)                                            \
	{ "kdf-passes",                                                      \
	  0,                                                                 \
	  CR_OPTION_NUMBER,                                                  \
	  "N",                                                               \
	  "Argon2id passes, 1 to 20 (3)",                                    \
	  offsetof(type, member.kdf_passes),                                 \
	  CR_ARGON_PASSES_MIN,                                               \
	  CR_ARGON_PASSES_MAX },                                             \
	{                                                                    \
		"kdf-memory", 0, CR_OPTION_NUMBER, "MIB",                    \
			"Argon2id memory in MiB, 64 to 4096 (256)",          \
			offsetof(type, member.kdf_memory), CR_ARGON_MIB_MIN, \
			CR_ARGON_MIB_MAX                                     \
	}

#define CR_WRAP_PASSPHRASE(type, member)                                  \
	{ "new-passphrase-file",                                          \
	  0,                                                              \
	  CR_OPTION_TEXT,                                                 \
	  "FILE",                                                         \
	  "read the new passphrase from FILE",                            \
	  offsetof(type, member.passphrase_file),                         \
	  0,                                                              \
	  0 },                                                            \
		{ "new-passphrase-fd",                                    \
		  0,                                                      \
		  CR_OPTION_NUMBER,                                       \
		  "N",                                                    \
		  "read the new passphrase from descriptor N, 3 or more", \
		  offsetof(type, member.passphrase_fd),                   \
		  3,                                                      \
		  INT32_MAX },                                            \
	{                                                                 \
		"new-passphrase-command", 0, CR_OPTION_TEXT, "COMMAND",   \
			"run COMMAND, which prints the new passphrase",   \
			offsetof(type, member.passphrase_command), 0, 0   \
	}

/* What a new slot will be wrapped with. */
struct cr_wrap {
	struct cr_slot_secret slot; /* points to the secret below */
	struct cr_secret secret;    /* owned */
	const char *key_file;	    /* borrowed; NULL for a passphrase */
};

/*
 * The options of @options, and if they name no source the terminal, twice.  A
 * new key file is only tried here: its slot must be known before it is written.
 */
cr_must_check int cr_wrap_get(const struct cr_wrap_options *options,
			      struct cr_wrap *ret);
/* For init: the passphrase is that of the options before the command. */
cr_must_check int cr_wrap_get_first(const struct cr_globals *globals,
				    const struct cr_wrap_options *options,
				    struct cr_wrap *ret);
/* The slot was made: write the key file, if there is one, durably. */
cr_must_check int cr_wrap_finish(const struct cr_wrap *wrap,
				 const struct cr_uid *slot);
void cr_wrap_release(struct cr_wrap *wrap);

#endif
