/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names with a stamp before them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/past.h"
#include "store/base/hex.h"
#include "store/read/snapshots.h"

#define STAMP	   20	       /* bytes of a stamp */
#define BEFORE	   (STAMP + 2) /* "<stamp>__" */
#define MARK	   9	       /* "~" and 8 digits */
#define ROOM	   (CR_NAME_MAX - BEFORE)
#define ENDING_MAX 16 /* of an extension, with its dot */

/* The extension of @name, "" without one. */
static struct cr_piece ending_of(struct cr_piece name)
{
	const char *bytes = name.bytes;
	const char *dot = memrchr(bytes, '.', name.len);
	size_t len = dot ? (size_t)(bytes + name.len - dot) : 0;

	if (len < 2 || len > ENDING_MAX || len == name.len)
		return (struct cr_piece){ bytes + name.len, 0 };
	return (struct cr_piece){ dot, len };
}

/* How many bytes of @name to keep: at most @len, no part of a character. */
static size_t cut(struct cr_piece name, size_t len)
{
	const uint8_t *bytes = name.bytes;
	size_t at = len;

	while (at > 0 && len - at < 4 && (bytes[at] & 0xc0) == 0x80)
		at--;
	return len - at < 4 ? at : len;
}

void cr_past_name(int64_t time, struct cr_piece name, char out[CR_NAME_MAX + 1])
{
	struct cr_piece ending = { "", 0 };
	char stamp[CR_STAMP_LEN], mark[MARK + 1] = "";
	size_t len = name.len;

	cr_stamp(time, stamp);
	if (name.len > ROOM) {
		struct cr_id id = cr_hash("past-name", &name, 1);

		ending = ending_of(name);
		len = cut(name, ROOM - MARK - ending.len);
		(void)snprintf(mark, sizeof(mark), "~%.8s",
			       cr_id_hex(&id).text);
	}
	(void)snprintf(out, CR_NAME_MAX + 1, "%.*s__%.*s%s%.*s", STAMP, stamp,
		       (int)len, (const char *)name.bytes, mark,
		       (int)ending.len, (const char *)ending.bytes);
}

int cr_past_parse(const char *text, int64_t *time, const char **name)
{
	char stamp[STAMP + 1], same[CR_STAMP_LEN];

	if (strlen(text) <= BEFORE || text[STAMP] != '_' ||
	    text[STAMP + 1] != '_')
		return -ENOENT;
	memcpy(stamp, text, STAMP);
	stamp[STAMP] = '\0';
	if (cr_stamp_parse(stamp, time) < 0)
		return -ENOENT;
	cr_stamp(*time, same); /* no other spelling */
	if (strcmp(stamp, same) != 0)
		return -ENOENT;
	*name = text + BEFORE;
	return 0;
}
