/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "store/base/hex.h"
#include "tools/commands.h"
#include "tools/credentials.h"
#include "tools/session.h"

struct options {
	struct cr_wrap_options wrap; /* first: credentials.h */
};
static_assert(offsetof(struct options, wrap) == 0, "credentials.h");

/* The new repository's id. */
static int read_id(const char *path, struct cr_uid *ret)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	struct cr_repository info;
	struct cr_id hash;
	int r;

	r = cr_storage_open(path, &storage);
	if (r < 0)
		return r;
	r = cr_repo_read_info(storage, &info, &hash);
	if (r == 0)
		*ret = info.id;
	return r;
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_wrap_release) struct cr_wrap wrap = { 0 };
	struct options *options = arg;
	struct cr_uid slot, id;
	const char *path;
	int r;

	r = cr_session_path(ctx, &path);
	if (r < 0)
		return r;
	r = cr_wrap_get_first(ctx->globals, &options->wrap, &wrap);
	if (r < 0)
		return r;
	r = cr_repo_create(path, &wrap.slot, &slot);
	if (r < 0)
		return r;
	r = cr_wrap_finish(&wrap, &slot);
	if (r < 0)
		return r;
	r = read_id(path, &id);
	if (r < 0)
		return r;
	cr_json_uid(ctx->out->summary, "repository", &id);
	cr_tell(ctx->out, "repository %s made in ", cr_uid_hex(&id).text);
	if (!ctx->out->quiet)
		cr_say_path(ctx->out, path);
	cr_tell(ctx->out,
		"\nWithout its %s nothing in it can ever be read again.\n"
		"Print a spare key now: caprock key export --paper\n",
		options->wrap.key_file ? "key file" : "passphrase");
	return 0;
}

static const struct cr_option table[] = {
	CR_WRAP_KEY_FILE,
	CR_WRAP_KDF,
};

const struct cr_command cr_command_init = {
	.name = "init",
	.help = "Make a repository",
	.more = "Makes the owner's key, under a passphrase that is asked for "
		"twice (or taken from --passphrase-file and the like), or "
		"under a key file.  The directory must be missing or empty.",
	.operands = "",
	.example = "-r /srv/backup init",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.run = run,
};
