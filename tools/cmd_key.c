/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cmd_key.h"

#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"

int cr_key_session_open(struct cr_context *ctx, struct cr_key_session *ret)
{
	int r;

	r = cr_session_open(ctx, &ret->session);
	if (r < 0)
		return r;
	r = cr_session_state(&ret->session, true);
	if (r < 0)
		return r;
	return cr_storage_w_open(ret->session.repo->storage, &ret->storage);
}

void cr_key_session_close(struct cr_key_session *session)
{
	cr_storage_w_close(session->storage);
	session->storage = NULL;
	cr_session_close(&session->session);
}

static bool names(const struct cr_roster_key *key, const char *text)
{
	struct cr_uid_hex hex = cr_uid_hex(&key->id);
	size_t len = strlen(text);

	return strcmp(key->label, text) == 0 ||
	       (len >= 4 && strncmp(hex.text, text, len) == 0);
}

int cr_key_find(const struct cr_roster *roster, const char *text,
		const struct cr_roster_key **ret)
{
	const struct cr_roster_key *found = NULL;

	for (uint32_t i = 0; i < roster->keys; i++) {
		if (text[0] == '\0' || !names(&roster->key[i], text))
			continue;
		if (found)
			return cr_fail(CR_EUSAGE,
				       "key %s: several are called so: name it "
				       "by its id",
				       text);
		found = &roster->key[i];
	}
	if (!found)
		return cr_fail(ENOENT,
			       "key %s: there is none: "
			       "caprock key list names them",
			       text);
	*ret = found;
	return 0;
}

const char *cr_role_text(uint8_t role)
{
	switch (role) {
	case CR_ROLE_OWNER:
		return "owner";
	case CR_ROLE_READ:
		return "read";
	case CR_ROLE_PUT:
		return "put";
	default:
		return "unknown";
	}
}
