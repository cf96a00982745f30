/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ino.h"

#include <string.h>

#include "store/base/cursor.h"
#include "store/base/put.h"
#include "store/disk/keyring.h"
#include "store/read/dir.h"

/* All that cr_ino() hashes of an entry but its name and short xattrs. */
#define RECORD_MAX 192

static uint64_t number(const struct cr_key *key)
{
	struct cr_cursor cur = cr_cursor(key->bytes, sizeof(key->bytes));
	uint64_t ino = cr_cursor_u64(&cur);

	/* 0 means none, and 1 is the root of every FUSE mount. */
	return ino > 1 ? ino : ino + 2;
}

void cr_ino_root_key(const struct cr_domain_keys *domain, const char *source,
		     struct cr_key *ret)
{
	cr_kdf_bytes(&domain->name_key, "inode-source", source, strlen(source),
		     ret);
}

void cr_ino_folder_key(const struct cr_key *parent, struct cr_piece name,
		       struct cr_key *ret)
{
	cr_kdf(parent, "inode-folder", &name, 1, ret);
}

static uint8_t *put_time(uint8_t *at, const struct cr_time *time)
{
	at = cr_put_u64(at, (uint64_t)time->sec);
	return cr_put_u32(at, time->nsec);
}

/* What stat(2) shows of @entry, and whatever tells its content from another. */
static size_t put_record(const struct cr_ino_of *of, uint8_t *record)
{
	const struct cr_entry *entry = of->entry;
	uint8_t *at = record;

	at = cr_put_u8(at, entry->type);
	at = cr_put_u16(at, entry->mode);
	at = cr_put_u32(at, entry->uid);
	at = cr_put_u32(at, entry->gid);
	at = cr_put_u32(at, entry->nlink);
	at = cr_put_u64(at, entry->size);
	at = cr_put_u64(at, entry->data_bytes);
	at = put_time(at, &entry->mtime);
	at = put_time(at, &entry->ctime);
	at = cr_put_u32(at, entry->flags);
	at = cr_put_u32(at, entry->dev_major);
	at = cr_put_u32(at, entry->dev_minor);
	at = cr_put_u8(at, entry->content);
	/*
	 * The bytes of small files lie together, by directory: the links of
	 * one may find them in different places.  They have no id of their own,
	 * so a small file gets another number when one of its neighbours
	 * changed.  Size and times alone would not do: what was changed without
	 * changing them is what one compares for.
	 */
	if (of->file && (entry->content > CR_CONTENT_INLINE ||
			 !(entry->has & CR_HAS_LINK))) {
		at = cr_put_id(at, &of->file->id);
		at = cr_put_u32(at, of->file->inline_at);
	}
	return (size_t)(at - record);
}

/* An id is that of all names, attributes and content below. */
static size_t put_tree(const struct cr_tree_ref *tree, uint8_t *at)
{
	if (tree->content == CR_CONTENT_NONE)
		return 0;
	(void)cr_put_id(at, &tree->id);
	return CR_ID_LEN;
}

static uint64_t shared(const struct cr_ino_of *of)
{
	uint8_t record[RECORD_MAX], tree[CR_ID_LEN];
	struct cr_piece piece[] = {
		{ record, put_record(of, record) },
		{ tree, of->tree ? put_tree(of->tree, tree) : 0 },
		{ of->entry->xattr_id.bytes,
		  of->entry->has & CR_HAS_XATTR_OBJECT ? CR_ID_LEN : 0 },
		{ of->entry->xattrs.bytes, of->entry->has & CR_HAS_XATTR_HERE
						   ? of->entry->xattrs.len
						   : 0 },
		{ "", 1 },
		of->entry->name,
	};
	struct cr_key out;

	cr_kdf(of->folder, "inode", piece, CR_ARRAY_LEN(piece), &out);
	return number(&out);
}

/*
 * Links that do not agree, because the file changed while the snapshot was
 * made, are two files: each keeps its content.
 */
static uint64_t linked(const struct cr_ino_of *of)
{
	uint8_t record[RECORD_MAX];
	struct cr_piece piece[] = {
		{ of->snapshot->bytes, CR_ID_LEN },
		{ of->entry->link.bytes, CR_UID_LEN },
		{ record, put_record(of, record) },
	};
	struct cr_key out;

	cr_kdf(&of->domain->name_key, "inode-link", piece, CR_ARRAY_LEN(piece),
	       &out);
	return number(&out);
}

static uint64_t own(const struct cr_ino_of *of)
{
	struct cr_piece piece[] = {
		{ of->snapshot->bytes, CR_ID_LEN },
		of->entry->name,
	};
	struct cr_key out;

	cr_kdf(of->folder, "inode-own", piece, CR_ARRAY_LEN(piece), &out);
	return number(&out);
}

uint64_t cr_ino(const struct cr_ino_of *of)
{
	if (of->entry->has & CR_HAS_LINK &&
	    of->entry->type != CR_ENTRY_DIRECTORY)
		return linked(of);
	if (of->entry->type == CR_ENTRY_FILE && of->entry->nlink == 1)
		return shared(of);
	if (of->entry->type == CR_ENTRY_DIRECTORY && of->tree)
		return shared(of);
	return own(of);
}

uint64_t cr_ino_date(const struct cr_id *repository_hash, const char *path)
{
	struct cr_key key;

	memcpy(key.bytes, repository_hash->bytes, sizeof(key.bytes));
	cr_kdf_bytes(&key, "inode-date", path, strlen(path), &key);
	return number(&key);
}
