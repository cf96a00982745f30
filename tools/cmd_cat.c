/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "store/read/file.h"
#include "tools/commands.h"
#include "tools/target.h"

enum { PIECE = 1 << 20 };

static int copy(struct cr_context *ctx, const struct cr_file *file)
{
	cr_cleanup(cr_freep) uint8_t *bytes = malloc(PIECE);
	uint64_t at = 0;
	ssize_t n;
	int r;

	if (!bytes)
		return -ENOMEM;
	while ((n = cr_file_read(file, at, bytes, PIECE)) > 0) {
		r = cr_say_bytes(ctx->out, bytes, (size_t)n);
		if (r < 0)
			return r;
		at += (size_t)n;
	}
	return (int)n;
}

static int run(struct cr_context *ctx, void *options)
{
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	int r;

	(void)options;
	r = cr_session_open_reading(ctx, &session);
	for (int i = 0; r == 0 && i < ctx->operands; i++) {
		cr_cleanup(cr_target_release) struct cr_target target = { 0 };
		cr_cleanup(cr_file_closep) struct cr_file *file = NULL;

		r = cr_target_open(&session, ctx->operand[i], &target, &file);
		if (r == 0)
			r = copy(ctx, file);
	}
	return r;
}

const struct cr_command cr_command_cat = {
	.name = "cat",
	.help = "Print files of a snapshot",
	.operands = "SNAPSHOT:PATH...",
	.example = "cat latest:/etc/fstab",
	.least = 1,
	.most = -1,
	.raw = true,
	.run = run,
};
