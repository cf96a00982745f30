/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/manifest.h"

#include <errno.h>
#include <inttypes.h>

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/field.h"

#define FLAGS_KNOWN                                                         \
	(CR_MANIFEST_XATTRS | CR_MANIFEST_ACLS | CR_MANIFEST_HOLES |        \
	 CR_MANIFEST_LINKS | CR_MANIFEST_INCOMPLETE | CR_MANIFEST_CHANGED | \
	 CR_MANIFEST_SPECIAL)

static int parse_head_fields(struct cr_cursor *cur,
			     struct cr_manifest_head *head)
{
	uint16_t suite = cr_cursor_u16(cur), reserved = cr_cursor_u16(cur);

	head->repository = cr_cursor_uid(cur);
	head->writer = cr_cursor_uid(cur);
	head->incarnation = cr_cursor_uid(cur);
	head->seq = cr_cursor_u64(cur);
	head->prev = cr_cursor_id(cur);
	head->time = (int64_t)cr_cursor_u64(cur);
	head->epoch = cr_cursor_u32(cur);
	cr_cursor_bytes(cur, head->sealed_key, sizeof(head->sealed_key));
	head->body_len = cr_cursor_u32(cur);

	if (cur->overrun)
		return cr_fail(CR_ECORRUPT, "manifest: the head is cut short");
	if (suite != CR_SUITE_CHACHA20)
		return cr_fail(CR_EVERSION, "manifest: unknown suite %u",
			       suite);
	if (reserved != 0)
		return cr_fail(CR_ECORRUPT, "manifest: reserved field is %u",
			       reserved);
	if (head->epoch < 1 || head->epoch > CR_ROSTER_EPOCHS)
		return cr_fail(CR_ECORRUPT, "manifest: epoch %" PRIu32,
			       head->epoch);
	if (head->seq < 1 || (head->seq > 1 && cr_id_zero(&head->prev)))
		return cr_fail(CR_ECORRUPT,
			       "manifest: number %" PRIu64 " follows nothing",
			       head->seq);
	return 0;
}

int cr_manifest_head_parse(struct cr_piece bytes, struct cr_manifest_head *ret)
{
	return cr_manifest_head_peek(bytes, bytes.len, ret);
}

int cr_manifest_head_peek(struct cr_piece bytes, uint64_t len,
			  struct cr_manifest_head *ret)
{
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	struct cr_manifest_head head = { 0 };
	int r = cr_field_magic(&cur, "manifest", CR_MAGIC_MANIFEST);

	if (r < 0)
		return r;
	r = parse_head_fields(&cur, &head);
	if (r < 0)
		return r;
	if (len > CR_MANIFEST_MAX ||
	    len != bytes.len - cur.left + (uint64_t)head.body_len +
			    CR_SEAL_OVERHEAD + CR_SIGN_LEN)
		return cr_fail(CR_ECORRUPT,
			       "manifest: body of %" PRIu32
			       " bytes in %" PRIu64,
			       head.body_len, len);
	*ret = head;
	return 0;
}

bool cr_source_valid(struct cr_piece name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz0123456789._-";
	const char *at = name.bytes;

	if (name.len < 1 || name.len > CR_SOURCE_MAX || at[0] == '.')
		return false;
	for (size_t i = 0; i < name.len; i++)
		if (at[i] == '\0' || !strchr(allowed, at[i]))
			return false;
	return true;
}

static int parse_origin(struct cr_cursor *cur, struct cr_manifest *m)
{
	m->repository_hash = cr_cursor_id(cur);
	m->source = cr_field_string(cur, 1, CR_SOURCE_MAX);
	m->host = cr_field_string(cur, 0, 255);
	m->user = cr_field_string(cur, 0, 255);
	m->began.sec = (int64_t)cr_cursor_u64(cur);
	m->began.nsec = cr_cursor_u32(cur);
	m->ended = (int64_t)cr_cursor_u64(cur);
	m->domain = cr_cursor_uid(cur);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT,
			       "manifest: cut short before the domain");
	if (!cr_source_valid(m->source))
		return cr_fail(CR_ECORRUPT,
			       "manifest: the name of the source is not valid");
	if (m->began.nsec >= 1000000000)
		return cr_fail(CR_ECORRUPT, "manifest: %" PRIu32 " nanoseconds",
			       m->began.nsec);
	return 0;
}

static int parse_strings(struct cr_cursor *cur, const char *what,
			 struct cr_strings *ret)
{
	uint64_t count = cr_cursor_varint(cur);

	/* Before anything is allocated: each takes a byte at least. */
	if (cur->overrun || count > cur->left)
		return cr_fail(CR_ECORRUPT,
			       "manifest: %" PRIu64 " %s in %zu bytes", count,
			       what, cur->left);
	if (count == 0)
		return 0;
	ret->string = calloc(count, sizeof(*ret->string));
	if (!ret->string)
		return -ENOMEM;
	for (; ret->count < count; ret->count++)
		ret->string[ret->count] =
			cr_field_string(cur, 0, CR_MANIFEST_MAX);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT, "manifest: %s are cut short", what);
	return 0;
}

/* Absolute, and a path to every function that takes one. */
static bool path_valid(struct cr_piece path)
{
	return path.len > 0 && *(const char *)path.bytes == '/' &&
	       !memchr(path.bytes, '\0', path.len);
}

static int parse_lists(struct cr_cursor *cur, struct cr_manifest *m)
{
	int r = parse_strings(cur, "paths", &m->paths);

	if (r < 0)
		return r;
	if (m->paths.count == 0)
		return cr_fail(CR_ECORRUPT, "manifest: no path");
	for (uint32_t i = 0; i < m->paths.count; i++)
		if (!path_valid(m->paths.string[i]))
			return cr_fail(CR_ECORRUPT,
				       "manifest: path %" PRIu32
				       " is not absolute",
				       i);
	r = parse_strings(cur, "tags", &m->tags);
	if (r < 0)
		return r;
	return parse_strings(cur, "options", &m->options);
}

static int parse_counts(struct cr_cursor *cur, struct cr_manifest *m)
{
	uint64_t *const count[] = {
		&m->flags,	   &m->entries,		&m->files,
		&m->directories,   &m->bytes,		&m->files_new,
		&m->files_changed, &m->files_unchanged, &m->bytes_read,
		&m->bytes_added,   &m->warnings,
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(count); i++)
		*count[i] = cr_cursor_varint(cur);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT, "manifest: counts are cut short");
	if (m->flags & ~(uint64_t)FLAGS_KNOWN)
		return cr_fail(CR_ECORRUPT, "manifest: unknown flags %" PRIx64,
			       m->flags);
	return 0;
}

static int parse_pieces(struct cr_cursor *cur, const char *what,
			struct cr_text *ret)
{
	uint64_t count = cr_cursor_varint(cur);

	if (cur->overrun || count < 1 || count > CR_TEXT_PIECES ||
	    cur->left < count * CR_ID_LEN)
		return cr_fail(CR_ECORRUPT,
			       "manifest: %s: %" PRIu64 " pieces in %zu bytes",
			       what, count, cur->left);
	ret->piece = calloc(count, sizeof(*ret->piece));
	if (!ret->piece)
		return -ENOMEM;
	for (; ret->pieces < count; ret->pieces++)
		ret->piece[ret->pieces] = cr_cursor_id(cur);
	return 0;
}

/* A text each line of which ends with @end. */
static int parse_text(struct cr_cursor *cur, const char *what, char end,
		      struct cr_text *ret)
{
	uint8_t form = cr_cursor_u8(cur);

	if (cur->overrun || form > 1)
		return cr_fail(CR_ECORRUPT, "manifest: %s: form %u", what,
			       form);
	if (form == 1)
		return parse_pieces(cur, what, ret);
	ret->here = cr_field_string(cur, 0, CR_MANIFEST_MAX);
	if (cur->overrun)
		return cr_fail(CR_ECORRUPT, "manifest: %s: cut short", what);
	if (ret->here.len > 0 &&
	    ((const char *)ret->here.bytes)[ret->here.len - 1] != end)
		return cr_fail(CR_ECORRUPT,
			       "manifest: %s: the last line does not end",
			       what);
	return 0;
}

static int parse_texts(struct cr_cursor *cur, struct cr_manifest *m)
{
	const struct {
		const char *what;
		char end;
		struct cr_text *text;
	} texts[] = {
		{ "warnings", '\0', &m->warning_text },
		{ "mount points", '\0', &m->mounts_text },
		{ "users", '\n', &m->users_text },
		{ "groups", '\n', &m->groups_text },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(texts); i++) {
		int r = parse_text(cur, texts[i].what, texts[i].end,
				   texts[i].text);

		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_hint(struct cr_cursor *cur, struct cr_manifest *m)
{
	uint8_t form = cr_cursor_u8(cur);

	if (cur->overrun || form > 1)
		return cr_fail(CR_ECORRUPT, "manifest: hint of form %u", form);
	if (form == 0)
		return 0;
	m->root_hint.pack = cr_cursor_uid(cur);
	m->root_hint.block =
		(uint32_t)cr_cursor_max(cur, CR_PACK_BLOCKS_MAX - 1);
	m->root_hint.slot =
		(uint32_t)cr_cursor_max(cur, CR_BLOCK_CHUNKS_MAX - 1);
	/* In memory a zero pack means that there is no hint. */
	if (cur->overrun || cr_uid_zero(&m->root_hint.pack) ||
	    m->root.content == CR_CONTENT_NONE)
		return cr_fail(CR_ECORRUPT,
			       "manifest: the hint to the root is not valid");
	return 0;
}

static int parse_root(struct cr_cursor *cur, struct cr_manifest *m)
{
	int r = cr_root_parse(cur, &m->root);

	if (r < 0)
		return r;
	if (m->root.content != CR_CONTENT_NONE)
		m->root_id = cr_cursor_id(cur);
	return parse_hint(cur, m);
}

static int parse_segments(struct cr_cursor *cur, struct cr_manifest *m)
{
	uint64_t count = cr_cursor_varint(cur);

	/* The last field: its ids fill the rest. */
	if (cur->overrun || count > cur->left || cur->left != count * CR_ID_LEN)
		return cr_fail(CR_ECORRUPT,
			       "manifest: %" PRIu64 " segments in %zu bytes",
			       count, cur->left);
	if (count == 0)
		return 0;
	m->segment = calloc(count, sizeof(*m->segment));
	if (!m->segment)
		return -ENOMEM;
	for (; m->segments < count; m->segments++)
		m->segment[m->segments] = cr_cursor_id(cur);
	return 0;
}

int cr_manifest_parse(struct cr_piece body, struct cr_manifest *ret)
{
	static int (*const part[])(struct cr_cursor *, struct cr_manifest *) = {
		parse_origin, parse_lists, parse_counts,
		parse_texts,  parse_root,  parse_segments,
	};
	cr_cleanup(cr_manifest_release) struct cr_manifest manifest = { 0 };
	struct cr_cursor cur = cr_cursor(body.bytes, body.len);

	if (body.len > CR_MANIFEST_MAX)
		return cr_fail(CR_ECORRUPT, "manifest: body of %zu bytes",
			       body.len);
	for (size_t i = 0; i < CR_ARRAY_LEN(part); i++) {
		int r = part[i](&cur, &manifest);

		if (r < 0)
			return r;
	}
	assert(cr_cursor_done(&cur));
	*ret = cr_take(manifest);
	return 0;
}

void cr_manifest_release(struct cr_manifest *manifest)
{
	free(manifest->paths.string);
	free(manifest->tags.string);
	free(manifest->options.string);
	free(manifest->warning_text.piece);
	free(manifest->mounts_text.piece);
	free(manifest->users_text.piece);
	free(manifest->groups_text.piece);
	free(manifest->segment);
	if (manifest->body)
		cr_buf_release(manifest->body);
	free(manifest->body);
	*manifest = (struct cr_manifest){ 0 };
}
