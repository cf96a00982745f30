/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cmd_key.h - what the commands about keys share.
 */
#ifndef TOOLS_CMD_KEY_H
#define TOOLS_CMD_KEY_H

#include "tools/credentials.h"
#include "tools/session.h"

/* A repository, unlocked, and a writing handle on its storage. */
struct cr_key_session {
	struct cr_session session;
	struct cr_storage_w *storage; /* owned */
};

/* Open it, and the state as for writing: no roster older than one seen. */
cr_must_check int cr_key_session_open(struct cr_context *ctx,
				      struct cr_key_session *ret);
void cr_key_session_close(struct cr_key_session *session);

/*
 * The key that @text names: its label, or the beginning of its id, at least 4
 * digits.  -ENOENT, -CR_EUSAGE (more than one), each with a sentence.
 */
cr_must_check int cr_key_find(const struct cr_roster *roster, const char *text,
			      const struct cr_roster_key **ret);

/* "owner", "read", "put" */
const char *cr_role_text(uint8_t role);

#endif
