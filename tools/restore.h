/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore.h - a snapshot, or a part of it, back into a directory.
 */
#ifndef TOOLS_RESTORE_H
#define TOOLS_RESTORE_H

#include "tools/command.h"

/* Words of --overwrite, as cr_option counts them; not given is NEVER. */
enum cr_overwrite {
	CR_OVERWRITE_NEVER = 1,
	CR_OVERWRITE_OLDER = 2,
	CR_OVERWRITE_ALWAYS = 3,
};

struct cr_restore_options {
	const char *target;
	struct cr_words include;
	struct cr_words exclude;
	unsigned int overwrite;
	bool into_existing;
	bool verify;
	bool dry_run;
	bool no_owner;
};

/*
 * Restore ctx->operand[0].  What cannot be restored is left out, named, and
 * raises exit status 1; what is damaged likewise, exit status 4.
 */
cr_must_check int cr_restore(struct cr_context *ctx,
			     const struct cr_restore_options *options);

#endif
