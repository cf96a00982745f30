/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/tree_encode.h"

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"

#define OWNER_LEN 8 /* in the encoder: uid and gid as u32 */

static void put_owner(struct cr_buf *owners, uint32_t uid, uint32_t gid)
{
	cr_buf_u32(owners, uid);
	cr_buf_u32(owners, gid);
}

static void put_stat(struct cr_buf *out, const struct cr_entry *e)
{
	cr_buf_varint(out, e->size);
	cr_buf_svarint(out, e->mtime.sec);
	cr_buf_varint(out, e->mtime.nsec);
	cr_buf_svarint(out, e->ctime.sec);
	cr_buf_varint(out, e->ctime.nsec);
	cr_buf_varint(out, e->nlink);
	if (e->has & CR_HAS_LINK)
		cr_buf_uid(out, &e->link);
	if (e->has & CR_HAS_FLAGS)
		cr_buf_varint(out, e->flags);
	if (e->has & CR_HAS_HOLES)
		cr_buf_varint(out, e->data_bytes);
	if (e->has & CR_HAS_XATTR_HERE)
		cr_buf_string(out, e->xattrs.bytes, e->xattrs.len);
	if (e->has & CR_HAS_XATTR_OBJECT)
		cr_buf_id(out, &e->xattr_id);
}

static void put_content(struct cr_buf *out, const struct cr_entry *e)
{
	switch ((enum cr_entry_type)e->type) {
	case CR_ENTRY_FILE:
		cr_buf_u8(out, e->content);
		if (e->content >= CR_CONTENT_CHUNK)
			cr_buf_u8(out, e->size_class);
		break;
	case CR_ENTRY_DIRECTORY:
		cr_buf_u8(out, e->content);
		break;
	case CR_ENTRY_SYMLINK:
		cr_buf_u8(out, e->content);
		if (e->content == 0)
			cr_buf_string(out, e->target.bytes, e->target.len);
		else
			cr_buf_id(out, &e->target_id);
		break;
	case CR_ENTRY_CHAR:
	case CR_ENTRY_BLOCK:
		cr_buf_varint(out, e->dev_major);
		cr_buf_varint(out, e->dev_minor);
		break;
	case CR_ENTRY_FIFO:
	case CR_ENTRY_SOCKET:
		break;
	}
}

static void put_entry(struct cr_buf *out, const struct cr_entry *e,
		      struct cr_piece name, uint64_t owner)
{
	cr_buf_string(out, name.bytes, name.len);
	cr_buf_u8(out, e->type);
	cr_buf_varint(out, e->marks);
	cr_buf_varint(out, e->has);
	cr_buf_varint(out, e->mode);
	cr_buf_varint(out, owner);
	put_stat(out, e);
	put_content(out, e);
}

static void encoder_clear(struct cr_leaf_encoder *enc)
{
	cr_buf_clear(enc->entries);
	cr_buf_clear(enc->owners);
	enc->count = 0;
	enc->owner_count = 0;
}

int cr_leaf_encoder_init(struct cr_leaf_encoder *enc)
{
	*enc = (struct cr_leaf_encoder){
		.entries = calloc(1, sizeof(*enc->entries)),
		.owners = calloc(1, sizeof(*enc->owners)),
	};
	if (!enc->entries || !enc->owners) {
		cr_leaf_encoder_release(enc);
		return -ENOMEM;
	}
	return 0;
}

void cr_leaf_encoder_release(struct cr_leaf_encoder *enc)
{
	if (enc->entries)
		cr_buf_release(enc->entries);
	if (enc->owners)
		cr_buf_release(enc->owners);
	free(enc->entries);
	free(enc->owners);
	*enc = (struct cr_leaf_encoder){ 0 };
}

/* The ordinal of (@uid, @gid), which is noted when it is new.  -ENOMEM. */
static int owner_ordinal(struct cr_leaf_encoder *enc, uint32_t uid,
			 uint32_t gid)
{
	struct cr_buf *owners = enc->owners;
	size_t before = owners->len, i = 0;
	const uint8_t *wanted;

	put_owner(owners, uid, gid);
	if (owners->failed)
		return -ENOMEM;
	wanted = owners->bytes + before;
	while (memcmp(owners->bytes + i, wanted, OWNER_LEN) != 0)
		i += OWNER_LEN;
	if (i < before)
		owners->len = before;
	else
		enc->owner_count++;
	return (int)(i / OWNER_LEN);
}

int cr_leaf_encoder_add(struct cr_leaf_encoder *enc,
			const struct cr_entry *entry)
{
	int owner = owner_ordinal(enc, entry->uid, entry->gid);

	assert(enc->count < CR_LEAF_ENTRIES_MAX);
	if (owner < 0)
		return owner;
	put_entry(enc->entries, entry, entry->name, (uint64_t)owner);
	enc->count++;
	return cr_buf_error(enc->entries);
}

/* Byte @i of Kdf(name key, "cut", @name) is zero: one name in 256. */
static bool name_cuts(const struct cr_key *name_key, struct cr_piece name,
		      size_t i)
{
	struct cr_key cut;

	cr_kdf(name_key, "cut", &name, 1, &cut);
	return cut.bytes[i] == 0;
}

bool cr_leaf_encoder_full(const struct cr_leaf_encoder *enc,
			  const struct cr_key *name_key, struct cr_piece name)
{
	return enc->count >= CR_LEAF_ENTRIES_MAX ||
	       enc->entries->len >= CR_LEAF_BYTES ||
	       (enc->count >= CR_LEAF_ENTRIES_MIN &&
		name_cuts(name_key, name, 0));
}

int cr_leaf_encoder_finish(struct cr_leaf_encoder *enc,
			   const struct cr_id *refs_id, struct cr_buf *out)
{
	struct cr_cursor cur = cr_cursor(enc->owners->bytes, enc->owners->len);

	cr_buf_u8(out, 1);
	cr_buf_varint(out, enc->owner_count);
	while (cur.left > 0)
		cr_buf_varint(out, cr_cursor_u32(&cur));
	cr_buf_varint(out, enc->count);
	cr_buf_put(out, enc->entries->bytes, enc->entries->len);
	cr_buf_u8(out, refs_id ? 1 : 0);
	if (refs_id)
		cr_buf_id(out, refs_id);
	encoder_clear(enc);
	return cr_buf_error(out);
}

int cr_refs_encode(const struct cr_id *inline_id, const struct cr_id *id,
		   uint32_t count, struct cr_buf *out)
{
	assert(count <= CR_LEAF_ENTRIES_MAX && (count > 0 || inline_id));
	cr_buf_u8(out, 1);
	cr_buf_u8(out, inline_id ? 1 : 0);
	if (inline_id)
		cr_buf_id(out, inline_id);
	cr_buf_varint(out, count);
	for (uint32_t i = 0; i < count; i++)
		cr_buf_id(out, &id[i]);
	return cr_buf_error(out);
}

int cr_dnode_encode(const struct cr_dnode *dnode, struct cr_buf *out)
{
	assert(dnode->children > 0 && dnode->children <= CR_DNODE_MAX);
	cr_buf_u8(out, 1);
	cr_buf_u8(out, dnode->height);
	cr_buf_varint(out, dnode->children);
	for (uint32_t i = 0; i < dnode->children; i++) {
		const struct cr_dnode_child *child = &dnode->child[i];

		cr_buf_string(out, child->first.bytes, child->first.len);
		cr_buf_varint(out, child->entries);
		cr_buf_id(out, &child->id);
	}
	return cr_buf_error(out);
}

bool cr_dnode_full(uint32_t children, size_t names,
		   const struct cr_key *name_key, struct cr_piece first)
{
	return children >= CR_DNODE_MAX || names >= CR_DNODE_NAMES ||
	       (children >= CR_DNODE_MIN && name_cuts(name_key, first, 1));
}

int cr_root_encode(const struct cr_entry *entry, struct cr_buf *out)
{
	const struct cr_piece no_name = { NULL, 0 };

	cr_buf_varint(out, entry->uid);
	cr_buf_varint(out, entry->gid);
	put_entry(out, entry, no_name, 0);
	return cr_buf_error(out);
}

int cr_xattrs_encode(const struct cr_xattr *xattr, uint32_t n,
		     struct cr_buf *out)
{
	assert(n > 0 && n <= CR_XATTRS_MAX);
	cr_buf_varint(out, n);
	for (uint32_t i = 0; i < n; i++) {
		cr_buf_string(out, xattr[i].name.bytes, xattr[i].name.len);
		cr_buf_string(out, xattr[i].value.bytes, xattr[i].value.len);
	}
	return cr_buf_error(out);
}

struct cr_uid cr_link_group(const struct cr_key *link_key, struct cr_piece top,
			    uint64_t ino)
{
	uint8_t end[1 + 8] = { 0 };
	const struct cr_piece piece[] = { top, { end, sizeof(end) } };
	struct cr_uid group;
	struct cr_key out;

	for (size_t i = 0; i < 8; i++)
		end[1 + i] = (uint8_t)(ino >> (8 * i));
	cr_kdf(link_key, "link", piece, CR_ARRAY_LEN(piece), &out);
	memcpy(group.bytes, out.bytes, sizeof(group.bytes));
	return group;
}
