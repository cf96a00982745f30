/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.h - directories: leaves of entries, what they refer to, and the nodes
 * above them.  FORMAT.md section 8.
 *
 * Parsers take the hashed bytes of an object (object.h) and return structs
 * that point into them: the bytes must outlive what was parsed.
 */
#ifndef STORE_CODEC_TREE_H
#define STORE_CODEC_TREE_H

#include "store/codec/object.h"

struct cr_cursor;

enum cr_entry_type {
	CR_ENTRY_FILE = 1,
	CR_ENTRY_DIRECTORY = 2,
	CR_ENTRY_SYMLINK = 3,
	CR_ENTRY_CHAR = 4,
	CR_ENTRY_BLOCK = 5,
	CR_ENTRY_FIFO = 6,
	CR_ENTRY_SOCKET = 7,
};

enum cr_entry_marks {
	CR_MARK_CHANGED = 1,
	CR_MARK_INCOMPLETE = 2,
	CR_MARK_MOUNT = 4,
};

enum cr_entry_has {
	CR_HAS_XATTR_HERE = 1,
	CR_HAS_XATTR_OBJECT = 2,
	CR_HAS_LINK = 4,
	CR_HAS_FLAGS = 8,
	CR_HAS_HOLES = 16,
};

/* For files NONE to LNODE; for directories NONE, LEAF, DNODE. */
enum cr_content {
	CR_CONTENT_NONE = 0,
	CR_CONTENT_INLINE = 1,
	CR_CONTENT_CHUNK = 2,
	CR_CONTENT_LLIST = 3,
	CR_CONTENT_LNODE = 4,

	CR_CONTENT_LEAF = 1,
	CR_CONTENT_DNODE = 2,
};

struct cr_time {
	int64_t sec;
	uint32_t nsec;
};

struct cr_entry {
	struct cr_piece name; /* borrowed */
	uint8_t type;	      /* enum cr_entry_type */
	uint8_t marks;
	uint8_t has;
	uint8_t content;    /* enum cr_content; symlink: 1 = object */
	uint8_t size_class; /* enum cr_size_class; content CHUNK or LIST */
	uint16_t mode;	    /* low 12 bits */
	uint32_t uid;
	uint32_t gid;
	uint64_t size;
	struct cr_time mtime;
	struct cr_time ctime;
	uint32_t nlink;
	uint32_t flags;	     /* FS_IOC_GETFLAGS, with CR_HAS_FLAGS */
	uint64_t data_bytes; /* with CR_HAS_HOLES; else equal to size */
	struct cr_uid link;  /* with CR_HAS_LINK */
	uint32_t dev_major;
	uint32_t dev_minor;
	struct cr_piece xattrs; /* borrowed; with CR_HAS_XATTR_HERE */
	struct cr_id xattr_id;	/* with CR_HAS_XATTR_OBJECT */
	struct cr_piece target; /* borrowed; symlink, content 0 */
	struct cr_id target_id; /* symlink, content 1 */

	/* Not of the entry itself; filled by cr_leaf_parse(): */
	uint32_t ref;	    /* ordinal in refs, when it needs one */
	uint32_t inline_at; /* offset in the inline chunk */
};

/* Whether @entry has one of the ids in its leaf's refs object. */
static inline bool cr_entry_has_ref(const struct cr_entry *entry)
{
	if (entry->type == CR_ENTRY_FILE)
		return entry->content >= CR_CONTENT_CHUNK;
	return entry->type == CR_ENTRY_DIRECTORY &&
	       entry->content != CR_CONTENT_NONE;
}

static inline bool cr_entry_is_inline(const struct cr_entry *entry)
{
	return entry->type == CR_ENTRY_FILE &&
	       entry->content == CR_CONTENT_INLINE;
}

struct cr_leaf {
	struct cr_entry *entry; /* owned; the bytes they point to are not */
	uint32_t entries;
	uint32_t refs;	     /* how many ids the refs object must hold */
	uint32_t inline_len; /* bytes the inline chunk must hold */
	bool has_refs;
	struct cr_id refs_id;
};

struct cr_refs {
	bool has_inline;
	struct cr_id inline_id;
	const uint8_t *ids; /* borrowed; @count ids end to end */
	uint32_t count;
};

struct cr_dnode_child {
	struct cr_piece first; /* borrowed; name of the first entry below */
	uint64_t entries;
	struct cr_id id;
};

struct cr_dnode {
	struct cr_dnode_child *child; /* owned */
	uint32_t children;
	uint8_t height;
};

/* -CR_ECORRUPT or -ENOMEM with *@ret untouched. */
cr_must_check int cr_leaf_parse(struct cr_piece hashed, struct cr_leaf *ret);
void cr_leaf_release(struct cr_leaf *leaf);

/*
 * @leaf is the leaf that the refs belong to: counts must agree.  Pass NULL to
 * check only what the object says by itself.
 */
cr_must_check int cr_refs_parse(struct cr_piece hashed,
				const struct cr_leaf *leaf,
				struct cr_refs *ret);
struct cr_id cr_refs_id(const struct cr_refs *refs, uint32_t i);

cr_must_check int cr_dnode_parse(struct cr_piece hashed, struct cr_dnode *ret);
void cr_dnode_release(struct cr_dnode *dnode);

/*
 * The root of a snapshot: an entry without a name, its owner before it.  Reads
 * from @cur; on bad bytes the cursor fails and so does this, -CR_ECORRUPT.
 */
cr_must_check int cr_root_parse(struct cr_cursor *cur, struct cr_entry *ret);

/* A set of xattrs: iterate with cr_xattr_next() after cr_xattrs_parse(). */
struct cr_xattr {
	struct cr_piece name; /* borrowed, not terminated */
	struct cr_piece value;
};

struct cr_xattrs {
	struct cr_piece rest;
	uint32_t left;
};

/* Check the whole set at once; then iterating it cannot fail. */
cr_must_check int cr_xattrs_parse(struct cr_piece set, struct cr_xattrs *ret);
bool cr_xattr_next(struct cr_xattrs *xattrs, struct cr_xattr *ret);

/* -1, 0, 1: names are ordered as unsigned bytes, shorter first. */
int cr_name_compare(struct cr_piece a, struct cr_piece b);

/* 1 to 255 bytes, not "." or "..", without "/" and zero bytes. */
bool cr_name_valid(struct cr_piece name);

#endif
