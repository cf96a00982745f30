/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/manifest_encode.h"

#include "store/base/buf.h"
#include "store/codec/tree_encode.h"

void cr_manifest_head_encode(const struct cr_manifest_head *head,
			     struct cr_buf *out)
{
	cr_buf_put(out, CR_MAGIC_MANIFEST, CR_MAGIC_LEN);
	cr_buf_u32(out, CR_FORMAT_VERSION);
	cr_buf_u16(out, CR_SUITE_CHACHA20);
	cr_buf_u16(out, 0);
	cr_buf_uid(out, &head->repository);
	cr_buf_uid(out, &head->writer);
	cr_buf_uid(out, &head->incarnation);
	cr_buf_u64(out, head->seq);
	cr_buf_id(out, &head->prev);
	cr_buf_u64(out, (uint64_t)head->time);
	cr_buf_u32(out, head->epoch);
	cr_buf_put(out, head->sealed_key, sizeof(head->sealed_key));
	cr_buf_u32(out, head->body_len);
}

static void put_piece(const struct cr_piece *piece, struct cr_buf *out)
{
	cr_buf_string(out, piece->bytes, piece->len);
}

static void put_strings(const struct cr_strings *strings, struct cr_buf *out)
{
	cr_buf_varint(out, strings->count);
	for (uint32_t i = 0; i < strings->count; i++)
		put_piece(&strings->string[i], out);
}

static void put_text(const struct cr_text *text, struct cr_buf *out)
{
	if (text->pieces == 0) {
		cr_buf_u8(out, 0);
		put_piece(&text->here, out);
		return;
	}
	cr_buf_u8(out, 1);
	cr_buf_varint(out, text->pieces);
	for (uint32_t i = 0; i < text->pieces; i++)
		cr_buf_id(out, &text->piece[i]);
}

static void put_counts(const struct cr_manifest *m, struct cr_buf *out)
{
	cr_buf_varint(out, m->flags);
	cr_buf_varint(out, m->entries);
	cr_buf_varint(out, m->files);
	cr_buf_varint(out, m->directories);
	cr_buf_varint(out, m->bytes);
	cr_buf_varint(out, m->files_new);
	cr_buf_varint(out, m->files_changed);
	cr_buf_varint(out, m->files_unchanged);
	cr_buf_varint(out, m->bytes_read);
	cr_buf_varint(out, m->bytes_added);
	cr_buf_varint(out, m->warnings);
}

static void put_hint(const struct cr_hint *hint, struct cr_buf *out)
{
	bool here = !cr_uid_zero(&hint->pack);

	cr_buf_u8(out, here);
	if (!here)
		return;
	cr_buf_uid(out, &hint->pack);
	cr_buf_varint(out, hint->block);
	cr_buf_varint(out, hint->slot);
}

int cr_manifest_encode(const struct cr_manifest *manifest, struct cr_buf *out)
{
	const struct cr_manifest *m = manifest;
	int r;

	cr_buf_id(out, &m->repository_hash);
	put_piece(&m->source, out);
	put_piece(&m->host, out);
	put_piece(&m->user, out);
	cr_buf_u64(out, (uint64_t)m->began.sec);
	cr_buf_u32(out, m->began.nsec);
	cr_buf_u64(out, (uint64_t)m->ended);
	cr_buf_uid(out, &m->domain);
	put_strings(&m->paths, out);
	put_strings(&m->tags, out);
	put_strings(&m->options, out);
	put_counts(m, out);
	put_text(&m->warning_text, out);
	put_text(&m->mounts_text, out);
	put_text(&m->users_text, out);
	put_text(&m->groups_text, out);
	r = cr_root_encode(&m->root, out);
	if (r < 0)
		return r;
	if (m->root.content != CR_CONTENT_NONE)
		cr_buf_id(out, &m->root_id);
	put_hint(&m->root_hint, out);
	cr_buf_varint(out, m->segments);
	for (uint32_t i = 0; i < m->segments; i++)
		cr_buf_id(out, &m->segment[i]);
	return cr_buf_error(out);
}
