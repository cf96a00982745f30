/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/hex.h"
#include "tools/cmd_key.h"
#include "tools/commands.h"

struct options {
	struct cr_wrap_options wrap; /* first: credentials.h */
};
static_assert(offsetof(struct options, wrap) == 0, "credentials.h");

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_key_session_close) struct cr_key_session keys = { 0 };
	cr_cleanup(cr_wrap_release) struct cr_wrap wrap = { 0 };
	const struct options *options = arg;
	struct cr_uid slot;
	int r;

	r = cr_key_session_open(ctx, &keys);
	if (r < 0)
		return r;
	r = cr_wrap_get(&options->wrap, &wrap);
	if (r < 0)
		return r;
	r = cr_key_passwd(keys.session.repo, keys.storage, &wrap.slot, &slot);
	if (r < 0)
		return r;
	r = cr_wrap_finish(&wrap, &slot);
	if (r < 0)
		return r;
	cr_json_uid(ctx->out->summary, "slot", &slot);
	cr_tell(ctx->out,
		"the old passphrase opens nothing any more; key files and "
		"paper keys do\n");
	return 0;
}

static const struct cr_option table[] = {
	CR_WRAP_KEY_FILE,
	CR_WRAP_PASSPHRASE,
	CR_WRAP_KDF,
};

const struct cr_command cr_command_key_passwd = {
	.name = "key passwd",
	.help = "Change the passphrase of the key in use",
	.more = "Whoever copied the repository before can still open that copy "
		"with the old passphrase.",
	.operands = "",
	.example = "key passwd",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.run = run,
};
