/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/key_file.h"

#include <errno.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/passphrase.h"

#define WORD	 "caprock-key-1 "
#define SLOT_AT	 (sizeof(WORD) - 1)
#define SPACE_AT (SLOT_AT + 2 * sizeof(struct cr_uid))
#define HEX_AT	 (SPACE_AT + 1)
#define LINE_LEN (HEX_AT + 2 * (size_t)CR_KEY_FILE_SECRET)

static int parse(const struct cr_secret *line, struct cr_uid *slot,
		 uint8_t out[CR_KEY_FILE_SECRET])
{
	char slot_text[2 * CR_UID_LEN + 1] = "";

	if (line->len != LINE_LEN || memcmp(line->bytes, WORD, SLOT_AT) != 0 ||
	    line->bytes[SPACE_AT] != ' ')
		return -EINVAL;
	memcpy(slot_text, line->bytes + SLOT_AT, SPACE_AT - SLOT_AT);
	if (cr_unhex(slot_text, slot->bytes, sizeof(slot->bytes)) < 0)
		return -EINVAL;
	/* cr_passphrase_file() leaves room, and zeroes, after the line. */
	return cr_unhex((const char *)line->bytes + HEX_AT, out,
			CR_KEY_FILE_SECRET);
}

int cr_key_file_read(const char *path, struct cr_uid *slot,
		     struct cr_secret *secret)
{
	cr_cleanup(cr_secret_release) struct cr_secret line = { 0 };
	cr_cleanup(cr_secret_release) struct cr_secret made = { 0 };
	struct cr_uid id;
	int r = cr_passphrase_file(path, &line);

	if (r < 0)
		return r;
	made.bytes = cr_secret_alloc(CR_KEY_FILE_SECRET);
	if (!made.bytes)
		return -ENOMEM;
	made.len = CR_KEY_FILE_SECRET;
	if (parse(&line, &id, made.bytes) < 0)
		return cr_fail(CR_EUSAGE, "%s: is not a key file of caprock",
			       path);
	*slot = id;
	*secret = cr_take(made);
	return 0;
}
