/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/credentials.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/key_file_write.h"
#include "store/base/passphrase.h"

/* Of several ways to give one secret, only one may be used. */
static int check_one(const char *what, bool file, bool fd, bool command,
		     bool key_file)
{
	if ((int)file + (int)fd + (int)command + (int)key_file <= 1)
		return 0;
	return cr_fail(CR_EUSAGE,
		       "give one of --%spassphrase-file, -fd, -command and "
		       "--%skey-file",
		       what, what);
}

/* Where a passphrase comes from. */
struct source {
	const char *file;
	const char *command;
	const char *prompt;
	int fd; /* -1: none */
	bool twice;
};

/*
 * Taken out of the environment even where another source wins: commands that
 * are run from here have no business with it.  Empty when it is not set.
 */
static int take_env(struct cr_secret *ret)
{
	int r = cr_passphrase_env("CAPROCK_PASSPHRASE", ret);

	return r == -ENOENT ? 0 : r;
}

/* @env may be NULL. */
static int read_passphrase(const struct source *source, struct cr_secret *env,
			   struct cr_secret *ret)
{
	int r;

	if (source->file)
		return cr_passphrase_file(source->file, ret);
	if (source->fd >= 0)
		return cr_passphrase_fd(source->fd, ret);
	if (source->command)
		return cr_passphrase_command(source->command, ret);
	if (env && env->bytes) {
		*ret = cr_take(*env);
		return 0;
	}
	r = cr_passphrase_ask(source->prompt, source->twice, ret);
	/* No terminal: the command line lacks something. */
	return r == -ENXIO ? cr_fail(CR_EUSAGE, "%s", cr_detail()) : r;
}

/* --passphrase-fd N, which was checked to be an int. */
static int fd_of(const struct cr_globals *globals)
{
	return globals->passphrase_fd == CR_NO_FD ? -1
						  : (int)globals->passphrase_fd;
}

static int check_globals(const struct cr_globals *globals, bool key_file)
{
	return check_one("", globals->passphrase_file,
			 globals->passphrase_fd != CR_NO_FD,
			 globals->passphrase_command, key_file);
}

static bool names_passphrase(const struct cr_globals *globals)
{
	return globals->passphrase_file || globals->passphrase_command ||
	       globals->passphrase_fd != CR_NO_FD;
}

int cr_credentials_get(const struct cr_globals *globals, const char *repository,
		       struct cr_credentials *ret)
{
	cr_cleanup(cr_secret_release) struct cr_secret env = { 0 };
	cr_cleanup(cr_freep) char *prompt = NULL;
	const char *key_file = globals->key_file;
	int r;

	/* What the command line says beats the environment. */
	if (key_file && key_file == getenv("CAPROCK_KEY_FILE") &&
	    names_passphrase(globals))
		key_file = NULL;
	r = check_globals(globals, key_file);
	if (r < 0)
		return r;
	r = take_env(&env);
	if (r < 0)
		return r;
	if (key_file)
		return cr_key_file_read(key_file, &ret->key_file_slot,
					&ret->key_file);
	if (asprintf(&prompt, "Passphrase of %s: ", repository) < 0) {
		prompt = NULL;
		return -ENOMEM;
	}
	const struct source source = {
		.file = globals->passphrase_file,
		.command = globals->passphrase_command,
		.fd = fd_of(globals),
		.prompt = prompt,
	};
	return read_passphrase(&source, &env, &ret->passphrase);
}

void cr_credentials_release(struct cr_credentials *cred)
{
	cr_secret_release(&cred->passphrase);
	cr_secret_release(&cred->key_file);
	memset(cred, 0, sizeof(*cred));
}

/*
 * That the key file can be made is tried before a slot is: one without its file
 * would be of no use.
 */
static int make_key_file(const char *path, struct cr_wrap *wrap)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return cr_fail(errno, "%s: %m", path);
	(void)close(fd);
	(void)unlink(path);
	wrap->secret.bytes = cr_secret_alloc(CR_KEY_LEN);
	if (!wrap->secret.bytes)
		return -ENOMEM;
	wrap->secret.len = CR_KEY_LEN;
	cr_random(wrap->secret.bytes, wrap->secret.len);
	wrap->key_file = path;
	wrap->slot.method = CR_SLOT_KEY_FILE;
	return 0;
}

static int get_wrap(const struct cr_wrap_options *options,
		    const struct source *source, struct cr_secret *env,
		    struct cr_wrap *wrap)
{
	int r;

	wrap->slot.secret = &wrap->secret;
	if (options->key_file)
		return make_key_file(options->key_file, wrap);
	r = read_passphrase(source, env, &wrap->secret);
	if (r < 0)
		return r;
	wrap->slot.method = CR_SLOT_PASSPHRASE;
	wrap->slot.passes = options->kdf_passes ? (uint32_t)options->kdf_passes
						: CR_ARGON_PASSES_DEFAULT;
	wrap->slot.mib = options->kdf_memory ? (uint32_t)options->kdf_memory
					     : CR_ARGON_MIB_DEFAULT;
	return 0;
}

int cr_wrap_get(const struct cr_wrap_options *options, struct cr_wrap *ret)
{
	const struct source source = {
		.file = options->passphrase_file,
		.command = options->passphrase_command,
		.fd = options->passphrase_fd ? (int)options->passphrase_fd : -1,
		.prompt = "New passphrase: ",
		.twice = true,
	};
	int r;

	r = check_one("new-", source.file, source.fd >= 0, source.command,
		      options->key_file);
	return r < 0 ? r : get_wrap(options, &source, NULL, ret);
}

int cr_wrap_get_first(const struct cr_globals *globals,
		      const struct cr_wrap_options *options,
		      struct cr_wrap *ret)
{
	const struct source source = {
		.file = globals->passphrase_file,
		.command = globals->passphrase_command,
		.fd = fd_of(globals),
		.prompt = "New passphrase: ",
		.twice = true,
	};
	cr_cleanup(cr_secret_release) struct cr_secret env = { 0 };
	int r;

	r = check_globals(globals, options->key_file);
	if (r == 0)
		r = take_env(&env);
	return r < 0 ? r : get_wrap(options, &source, &env, ret);
}

int cr_wrap_finish(const struct cr_wrap *wrap, const struct cr_uid *slot)
{
	return wrap->key_file
		       ? cr_key_file_write(wrap->key_file, slot, &wrap->secret)
		       : 0;
}

void cr_wrap_release(struct cr_wrap *wrap)
{
	cr_secret_release(&wrap->secret);
	*wrap = (struct cr_wrap){ 0 };
}
