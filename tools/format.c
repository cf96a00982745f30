/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/hex.h"

/* By enum cr_entry_type. */
static const struct {
	char letter;
	const char *name;
} types[] = {
	{ '?', "unknown" },
	[CR_ENTRY_FILE] = { '-', "file" },
	[CR_ENTRY_DIRECTORY] = { 'd', "directory" },
	[CR_ENTRY_SYMLINK] = { 'l', "symlink" },
	[CR_ENTRY_CHAR] = { 'c', "char" },
	[CR_ENTRY_BLOCK] = { 'b', "block" },
	[CR_ENTRY_FIFO] = { 'p', "fifo" },
	[CR_ENTRY_SOCKET] = { 's', "socket" },
};

const char *cr_type_text(uint8_t type)
{
	return types[type < CR_ARRAY_LEN(types) ? type : 0].name;
}

struct cr_mode_text cr_mode_text(const struct cr_entry *entry)
{
	/* Set-user-id, set-group-id and sticky: with and without execute. */
	static const char special[3][2] = { { 's', 'S' },
					    { 's', 'S' },
					    { 't', 'T' } };
	struct cr_mode_text mode = { "?rwxrwxrwx" };
	size_t type = entry->type < CR_ARRAY_LEN(types) ? entry->type : 0;

	mode.text[0] = types[type].letter;
	for (unsigned int bit = 0; bit < 9; bit++) {
		if (!(entry->mode & (0400u >> bit)))
			mode.text[1 + bit] = '-';
	}
	for (unsigned int who = 0; who < 3; who++) {
		char *x = &mode.text[3 + 3 * who];

		if (entry->mode & (04000u >> who))
			*x = special[who][*x == '-'];
	}
	return mode;
}

struct cr_time_text cr_time_text(int64_t when)
{
	struct cr_time_text text;
	time_t t = when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || tm.tm_year < -1900 || tm.tm_year > 8099)
		(void)snprintf(text.text, sizeof(text.text), "@%" PRId64, when);
	else
		(void)snprintf(text.text, sizeof(text.text),
			       "%04d-%02d-%02d %02d:%02d:%02d",
			       tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
			       tm.tm_hour, tm.tm_min, tm.tm_sec);
	return text;
}

struct cr_short_id cr_short_id(const struct cr_id *id)
{
	struct cr_short_id text;

	cr_hex(id->bytes, sizeof(text.text) / 2, text.text);
	return text;
}

struct cr_short_id cr_short_uid(const struct cr_uid *id)
{
	struct cr_short_id text;

	cr_hex(id->bytes, sizeof(text.text) / 2, text.text);
	return text;
}

static void json_marks(json_t *object, const struct cr_entry *entry)
{
	json_t *marks = json_array();

	if (entry->marks & CR_MARK_CHANGED)
		(void)json_array_append_new(marks, json_string("changed"));
	if (entry->marks & CR_MARK_INCOMPLETE)
		(void)json_array_append_new(marks, json_string("incomplete"));
	if (entry->marks & CR_MARK_MOUNT)
		(void)json_array_append_new(marks, json_string("mount"));
	(void)json_object_set_new(object, "marks", marks);
}

static void json_precise(json_t *object, const char *key,
			 const struct cr_time *time)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s_nsec", key);
	cr_json_time(object, key, time->sec);
	cr_json_u64(object, text, time->nsec);
}

void cr_json_entry(json_t *object, const struct cr_entry *entry)
{
	char mode[8];

	if (!object)
		return;
	(void)snprintf(mode, sizeof(mode), "%04o", entry->mode);
	cr_json_text(object, "kind", cr_type_text(entry->type));
	cr_json_text(object, "mode", mode);
	cr_json_u64(object, "uid", entry->uid);
	cr_json_u64(object, "gid", entry->gid);
	cr_json_u64(object, "size", entry->size);
	json_precise(object, "mtime", &entry->mtime);
	json_precise(object, "ctime", &entry->ctime);
	cr_json_u64(object, "nlink", entry->nlink);
	if (entry->has & CR_HAS_HOLES)
		cr_json_u64(object, "data_bytes", entry->data_bytes);
	if (entry->has & CR_HAS_LINK)
		cr_json_uid(object, "link_group", &entry->link);
	if (entry->has & CR_HAS_FLAGS)
		cr_json_u64(object, "flags", entry->flags);
	if (entry->type == CR_ENTRY_CHAR || entry->type == CR_ENTRY_BLOCK) {
		cr_json_u64(object, "major", entry->dev_major);
		cr_json_u64(object, "minor", entry->dev_minor);
	}
	if (entry->marks)
		json_marks(object, entry);
}

int cr_owner_names_load(struct cr_reader *reader, const struct cr_view *view,
			const struct cr_snapshot *snapshot,
			struct cr_owner_names *ret)
{
	int r;

	r = cr_reader_text(reader, view, &snapshot->manifest.users_text,
			   &ret->users);
	if (r < 0)
		return r;
	return cr_reader_text(reader, view, &snapshot->manifest.groups_text,
			      &ret->groups);
}

void cr_owner_names_release(struct cr_owner_names *names)
{
	cr_buf_release(&names->users);
	cr_buf_release(&names->groups);
}

struct cr_piece cr_owner_name(const struct cr_buf *lines, uint32_t number)
{
	const char *at = (const char *)lines->bytes;
	size_t left = lines->len;
	char want[16];
	size_t len =
		(size_t)snprintf(want, sizeof(want), "%" PRIu32 " ", number);

	while (left > 0) {
		const char *end = memchr(at, '\n', left);
		size_t line = end ? (size_t)(end - at) : left;

		if (line > len && memcmp(at, want, len) == 0)
			return (struct cr_piece){ at + len, line - len };
		line += end != NULL;
		at += line;
		left -= line;
	}
	return (struct cr_piece){ "", 0 };
}
