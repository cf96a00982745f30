/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_key_paper.c - a key as lines to print and to type back in.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/io.h"
#include "store/codec/paper_encode.h"
#include "store/codec/slot_encode.h"
#include "tools/cmd_key.h"
#include "tools/commands.h"

enum { TYPED_MAX = 65536 };

struct options {
	struct cr_wrap_options wrap; /* first: credentials.h */
	bool paper;
};
static_assert(offsetof(struct options, wrap) == 0, "credentials.h");

struct bundle_bytes {
	uint8_t bytes[CR_BUNDLE_MAX];
	size_t len;
};

static void bundle_bytes_release(struct bundle_bytes *bytes)
{
	cr_wipe(bytes, sizeof(*bytes));
}

static void bundle_freep(struct cr_bundle **bundle)
{
	cr_secret_free(*bundle);
}

static int check_paper(const struct cr_context *ctx,
		       const struct options *options)
{
	return options->paper ? 0
			      : cr_fail(CR_EUSAGE, "%s: say --paper",
					ctx->command->name);
}

/* Not through stdio: its buffer is never wiped. */
static int print_paper(const struct cr_repo *repo,
		       const struct bundle_bytes *bundle)
{
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	char head[320];
	int len, r;

	len = snprintf(
		head, sizeof(head),
		"caprock paper key\n"
		"repository %s\n"
		"key %s (%s)\n"
		"Whoever holds this sheet needs no passphrase. "
		"To use it: caprock key import --paper\n\n",
		cr_uid_hex(&repo->info.id).text,
		cr_uid_hex(cr_keyring_id(repo->keys->ring)).text,
		cr_role_text((uint8_t)cr_keyring_role(repo->keys->ring)));
	cr_buf_put(&text, head, (size_t)len);
	r = cr_paper_encode((struct cr_piece){ bundle->bytes, bundle->len },
			    &text);
	if (r == 0)
		r = cr_buf_error(&text);
	if (r < 0)
		return r;
	r = cr_io_write(STDOUT_FILENO, text.bytes, text.len);
	return r < 0 ? cr_fail(-r, "standard output: %s", cr_strerror(r)) : 0;
}

static int run_export(struct cr_context *ctx, void *arg)
{
	cr_cleanup(bundle_bytes_release) struct bundle_bytes bundle;
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	int r;

	r = check_paper(ctx, arg);
	if (r < 0)
		return r;
	r = cr_session_open(ctx, &session);
	if (r < 0)
		return r;
	bundle.len = cr_bundle_encode(session.repo->bundle, bundle.bytes);
	return print_paper(session.repo, &bundle);
}

static int read_typed(const char *path, struct cr_buf *text)
{
	cr_cleanup(cr_closep) int fd = -1;
	int from = STDIN_FILENO;
	uint8_t *room;
	ssize_t len;

	if (path) {
		fd = from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return cr_fail(errno, "%s: %m", path);
	} else if (isatty(from)) {
		(void)fprintf(stderr,
			      "Type the numbered lines, each with Enter, "
			      "then Control-D:\n");
	}
	room = cr_buf_extend(text, TYPED_MAX);
	if (!room)
		return -ENOMEM;
	len = cr_io_read(from, room, TYPED_MAX);
	if (len < 0)
		return cr_fail((int)-len, "%s: %s",
			       path ? path : "standard input",
			       cr_strerror((int)len));
	text->len = (size_t)len;
	return 0;
}

static int parse_typed(const char *path, struct cr_bundle *bundle)
{
	cr_cleanup(bundle_bytes_release) struct bundle_bytes plain;
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	int r;

	r = read_typed(path, &text);
	if (r < 0)
		return r;
	r = cr_paper_parse((struct cr_piece){ text.bytes, text.len },
			   plain.bytes);
	if (r < 0)
		/* What was typed wrong is no damage of the repository. */
		return r == -CR_ECORRUPT ? cr_fail(EINVAL, "%s", cr_detail())
					 : r;
	plain.len = (size_t)r;
	r = cr_bundle_parse((struct cr_piece){ plain.bytes, plain.len },
			    bundle);
	return r == -CR_ECORRUPT ? cr_fail(EINVAL, "%s", cr_detail()) : r;
}

static int import(const struct cr_storage *storage,
		  const struct options *options, const struct cr_bundle *bundle,
		  struct cr_uid *slot)
{
	cr_cleanup(cr_storage_w_closep) struct cr_storage_w *w = NULL;
	cr_cleanup(cr_wrap_release) struct cr_wrap wrap = { 0 };
	int r;

	r = cr_storage_w_open(storage, &w);
	if (r < 0)
		return r;
	r = cr_wrap_get(&options->wrap, &wrap);
	if (r < 0)
		return r;
	r = cr_key_import(storage, w, bundle, &wrap.slot, slot);
	if (r < 0)
		return r;
	return cr_wrap_finish(&wrap, slot);
}

static int run_import(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	cr_cleanup(bundle_freep) struct cr_bundle *bundle =
		cr_secret_alloc(sizeof(*bundle));
	const char *path;
	struct cr_uid slot;
	int r;

	if (!bundle)
		return -ENOMEM;
	r = check_paper(ctx, arg);
	if (r < 0)
		return r;
	r = cr_session_path(ctx, &path);
	if (r < 0)
		return r;
	r = cr_storage_open(path, &storage);
	if (r < 0)
		return r;
	r = parse_typed(ctx->operand[0], bundle);
	if (r < 0)
		return r;
	r = import(storage, arg, bundle, &slot);
	if (r < 0)
		return r;
	cr_json_uid(ctx->out->summary, "key", &bundle->key);
	cr_json_uid(ctx->out->summary, "slot", &slot);
	cr_tell(ctx->out, "key %s (%s) opens the repository again\n",
		cr_uid_hex(&bundle->key).text, cr_role_text(bundle->role));
	return 0;
}

#define PAPER                                                          \
	{                                                              \
		"paper", 0, CR_OPTION_FLAG, NULL, "as lines on paper", \
			offsetof(struct options, paper), 0, 0          \
	}

static const struct cr_option export_table[] = {
	PAPER,
};

static const struct cr_option import_table[] = {
	PAPER,
	CR_WRAP_KEY_FILE,
	CR_WRAP_PASSPHRASE,
	CR_WRAP_KDF,
};

const struct cr_command cr_command_key_export = {
	.name = "key export",
	.help = "Print the key in use, to be kept on paper",
	.more = "Each line ends with a check of its own.  Keep the sheet where "
		"you keep contracts: it opens the repository.",
	.operands = "",
	.example = "key export --paper | lp",
	CR_COMMAND_OPTIONS(export_table),
	.size = sizeof(struct options),
	.raw = true,
	.run = run_export,
};

const struct cr_command cr_command_key_import = {
	.name = "key import",
	.help = "Type a key back in from paper",
	.more = "Reads the lines from FILE or standard input and gives the key "
		"a new passphrase, asked for twice, or a new key file.",
	.operands = "[FILE]",
	.example = "-r /srv/backup key import --paper",
	CR_COMMAND_OPTIONS(import_table),
	.size = sizeof(struct options),
	.least = 0,
	.most = 1,
	.run = run_import,
};
