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

/*
 * The options of a command that makes a slot: the first member of the struct
 * that its options fill.
 */
struct cr_wrap_options {
	const char *passphrase_file;
	uint64_t passphrase_fd; /* 0: not given */
	const char *passphrase_command;
	const char *key_file;
	uint64_t kdf_passes; /* 0: the default */
	uint64_t kdf_memory; /* MiB */
};

/* Rows for the tables of such commands. */
#define CR_WRAP_ROW(name_, arg_, member_, text_)                        \
	{                                                               \
		.name = (name_), .kind = CR_OPTION_TEXT, .arg = (arg_), \
		.text = (text_),                                        \
		.offset = offsetof(struct cr_wrap_options, member_),    \
	}

#define CR_WRAP_NUMBER(name_, arg_, member_, min_, max_, text_)           \
	{                                                                 \
		.name = (name_), .kind = CR_OPTION_NUMBER, .arg = (arg_), \
		.text = (text_),                                          \
		.offset = offsetof(struct cr_wrap_options, member_),      \
		.min = (min_), .max = (max_),                             \
	}

#define CR_WRAP_KEY_FILE                              \
	CR_WRAP_ROW("new-key-file", "FILE", key_file, \
		    "make a key file instead of asking for a passphrase")

#define CR_WRAP_PASSPHRASE                                                     \
	CR_WRAP_ROW("new-passphrase-file", "FILE", passphrase_file,            \
		    "read the new passphrase from FILE"),                      \
		CR_WRAP_NUMBER(                                                \
			"new-passphrase-fd", "N", passphrase_fd, 3, INT32_MAX, \
			"read the new passphrase from descriptor N, from 3"),  \
		CR_WRAP_ROW("new-passphrase-command", "COMMAND",               \
			    passphrase_command,                                \
			    "run COMMAND, which prints the new passphrase")

#define CR_WRAP_KDF                                                          \
	CR_WRAP_NUMBER("kdf-passes", "N", kdf_passes, CR_ARGON_PASSES_MIN,   \
		       CR_ARGON_PASSES_MAX, "Argon2id passes, 1 to 20 (3)"), \
		CR_WRAP_NUMBER("kdf-memory", "MIB", kdf_memory,              \
			       CR_ARGON_MIB_MIN, CR_ARGON_MIB_MAX,           \
			       "Argon2id memory in MiB, 64 to 4096 (256)")

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
