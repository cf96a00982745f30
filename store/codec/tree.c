/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/tree.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

/* The least that an owner, an entry, a child and an xattr take. */
#define OWNER_MIN 2
#define ENTRY_MIN 13
#define CHILD_MIN (2 + 1 + CR_ID_LEN)
#define XATTR_MIN 3

#define SIZE_MAX_63 ((uint64_t)INT64_MAX)
#define NSEC_MAX    999999999u
#define MODE_MAX    07777u
#define MARKS	    (CR_MARK_CHANGED | CR_MARK_INCOMPLETE | CR_MARK_MOUNT)
#define HAS_XATTRS  (CR_HAS_XATTR_HERE | CR_HAS_XATTR_OBJECT)
#define HAS	    (HAS_XATTRS | CR_HAS_LINK | CR_HAS_FLAGS | CR_HAS_HOLES)

static const char cut_short[] = "cut short or malformed";

struct owner {
	uint32_t uid;
	uint32_t gid;
};

struct owners {
	struct owner *owner; /* owned, but for a root's */
	uint32_t count;
	uint32_t used; /* by the entries so far */
};

static void owners_release(struct owners *owners)
{
	free(owners->owner);
	*owners = (struct owners){ 0 };
}

bool cr_name_valid(struct cr_piece name)
{
	const char *b = name.bytes;

	if (name.len == 0 || name.len > CR_NAME_MAX)
		return false;
	if (b[0] == '.' && (name.len == 1 || (name.len == 2 && b[1] == '.')))
		return false;
	return !memchr(b, '/', name.len) && !memchr(b, 0, name.len);
}

int cr_name_compare(struct cr_piece a, struct cr_piece b)
{
	size_t len = cr_min(a.len, b.len);
	int r = len > 0 ? memcmp(a.bytes, b.bytes, len) : 0;

	if (r == 0)
		return (a.len > b.len) - (a.len < b.len);
	return r < 0 ? -1 : 1;
}

/* A string of @min to @max bytes. */
static struct cr_piece string_read(struct cr_cursor *cur, size_t min,
				   size_t max)
{
	size_t len = (size_t)cr_cursor_max(cur, max);
	const uint8_t *bytes;

	if (len < min)
		cr_cursor_fail(cur);
	bytes = cr_cursor_view(cur, len);
	return (struct cr_piece){ bytes, bytes ? len : 0 };
}

static uint32_t u32_read(struct cr_cursor *cur)
{
	return (uint32_t)cr_cursor_max(cur, UINT32_MAX);
}

/*
 * The readers below return what is wrong with the bytes, or NULL: the one
 * that knows the number of the entry makes a sentence of it.
 */

static const char *xattrs_read(struct cr_piece set, struct cr_xattrs *ret)
{
	struct cr_cursor cur = cr_cursor(set.bytes, set.len);
	uint64_t n = cr_cursor_varint(&cur);
	struct cr_piece before = { "", 0 };

	if (n == 0 || n > CR_XATTRS_MAX || n > cur.left / XATTR_MIN)
		return "count of xattrs out of range";
	*ret = (struct cr_xattrs){ { cur.next, cur.left }, (uint32_t)n };
	for (uint64_t i = 0; i < n; i++) {
		struct cr_piece name = string_read(&cur, 1, CR_NAME_MAX);

		(void)string_read(&cur, 0, cur.left);
		if (cur.overrun)
			return "xattrs cut short or malformed";
		if (memchr(name.bytes, 0, name.len))
			return "zero byte in the name of an xattr";
		if (cr_name_compare(before, name) >= 0)
			return "xattr out of order";
		before = name;
	}
	return cr_cursor_done(&cur) ? NULL : "bytes after the xattrs";
}

static const char *stat_read(struct cr_cursor *cur, struct owners *owners,
			     struct cr_entry *e)
{
	uint64_t mode = cr_cursor_varint(cur);
	uint64_t owner = cr_cursor_varint(cur);
	uint64_t mnsec, cnsec;

	if (mode > MODE_MAX)
		return "mode above 07777";
	if (owner >= owners->count)
		return cur->overrun ? cut_short : "owner out of range";
	if (owner > owners->used)
		return "owners not in order of first use";
	owners->used += owner == owners->used;
	e->mode = (uint16_t)mode;
	e->uid = owners->owner[owner].uid;
	e->gid = owners->owner[owner].gid;
	e->size = cr_cursor_varint(cur);
	e->mtime.sec = cr_cursor_svarint(cur);
	mnsec = cr_cursor_varint(cur);
	e->ctime.sec = cr_cursor_svarint(cur);
	cnsec = cr_cursor_varint(cur);
	if (e->size > SIZE_MAX_63)
		return "size of 2^63 or more";
	if (mnsec > NSEC_MAX || cnsec > NSEC_MAX)
		return "a second of nanoseconds or more";
	e->mtime.nsec = (uint32_t)mnsec;
	e->ctime.nsec = (uint32_t)cnsec;
	e->nlink = u32_read(cur);
	if (cur->overrun)
		return cut_short;
	return e->nlink == 0 ? "link count 0" : NULL;
}

static const char *kind_read(struct cr_cursor *cur, struct cr_entry *e)
{
	uint64_t marks, has;

	e->type = cr_cursor_u8(cur);
	marks = cr_cursor_varint(cur);
	has = cr_cursor_varint(cur);
	if (cur->overrun)
		return cut_short;
	if (e->type < CR_ENTRY_FILE || e->type > CR_ENTRY_SOCKET)
		return "unknown type";
	if (marks & ~(uint64_t)MARKS)
		return "unknown marks";
	if (has & ~(uint64_t)HAS)
		return "unknown parts";
	if ((has & HAS_XATTRS) == HAS_XATTRS)
		return "xattrs both here and in an object";
	if ((has & CR_HAS_HOLES) && e->type != CR_ENTRY_FILE)
		return "holes in what is no file";
	if ((marks & CR_MARK_MOUNT) && e->type != CR_ENTRY_DIRECTORY)
		return "a mount point that is no directory";
	e->marks = (uint8_t)marks;
	e->has = (uint8_t)has;
	return NULL;
}

static const char *parts_read(struct cr_cursor *cur, struct cr_entry *e)
{
	bool grouped = e->nlink > 1 && e->type != CR_ENTRY_DIRECTORY;
	struct cr_xattrs set;

	if (grouped != !!(e->has & CR_HAS_LINK))
		return "link group and link count disagree";
	if (e->has & CR_HAS_LINK)
		e->link = cr_cursor_uid(cur);
	if (e->has & CR_HAS_FLAGS)
		e->flags = u32_read(cur);
	e->data_bytes = e->size;
	if (e->has & CR_HAS_HOLES)
		e->data_bytes = cr_cursor_varint(cur);
	if (e->has & CR_HAS_XATTR_HERE)
		e->xattrs = string_read(cur, 1, CR_INLINE_MAX);
	if (e->has & CR_HAS_XATTR_OBJECT)
		e->xattr_id = cr_cursor_id(cur);
	if (cur->overrun)
		return cut_short;
	if ((e->has & CR_HAS_HOLES) && e->data_bytes >= e->size)
		return "holes, but as many bytes of data as its size";
	if (e->has & CR_HAS_XATTR_HERE)
		return xattrs_read(e->xattrs, &set);
	return NULL;
}

static const char *file_read(struct cr_cursor *cur, struct cr_entry *e)
{
	uint64_t max = SIZE_MAX_63;

	e->content = cr_cursor_u8(cur);
	if (e->content > CR_CONTENT_LNODE)
		return "unknown content";
	if ((e->has & CR_HAS_HOLES) && e->content < CR_CONTENT_LLIST)
		return "holes without a list";
	if (e->content == CR_CONTENT_NONE)
		return e->size == 0 ? NULL : "a size without content";
	if (e->content == CR_CONTENT_INLINE)
		max = CR_INLINE_MAX;
	if (e->content == CR_CONTENT_CHUNK)
		max = CR_CHUNK_MAX;
	if (e->size == 0 || e->size > max)
		return "size and content disagree";
	if (e->content == CR_CONTENT_INLINE)
		return NULL;
	e->size_class = cr_cursor_u8(cur);
	if (e->size_class == 0 || e->size_class > CR_CLASS_PAGES)
		return cur->overrun ? cut_short : "unknown class";
	return NULL;
}

static const char *directory_read(struct cr_cursor *cur, struct cr_entry *e)
{
	e->content = cr_cursor_u8(cur);
	if (e->content > CR_CONTENT_DNODE)
		return "unknown content";
	if ((e->marks & CR_MARK_MOUNT) && e->content != CR_CONTENT_NONE)
		return "content where nothing was entered";
	return NULL;
}

static const char *symlink_read(struct cr_cursor *cur, struct cr_entry *e)
{
	e->content = cr_cursor_u8(cur);
	if (e->content > 1)
		return "unknown content";
	if (e->content == 1) {
		e->target_id = cr_cursor_id(cur);
		return e->size > CR_INLINE_MAX && e->size <= CR_TARGET_MAX
			       ? NULL
			       : "size and target disagree";
	}
	e->target = string_read(cur, 1, CR_INLINE_MAX);
	if (cur->overrun)
		return cut_short;
	if (e->target.len != e->size)
		return "size and target disagree";
	if (memchr(e->target.bytes, 0, e->target.len))
		return "zero byte in the target";
	return NULL;
}

static const char *content_read(struct cr_cursor *cur, struct cr_entry *e)
{
	switch ((enum cr_entry_type)e->type) {
	case CR_ENTRY_FILE:
		return file_read(cur, e);
	case CR_ENTRY_DIRECTORY:
		return directory_read(cur, e);
	case CR_ENTRY_SYMLINK:
		return symlink_read(cur, e);
	case CR_ENTRY_CHAR:
	case CR_ENTRY_BLOCK:
		e->dev_major = u32_read(cur);
		e->dev_minor = u32_read(cur);
		break;
	case CR_ENTRY_FIFO:
	case CR_ENTRY_SOCKET:
		break;
	}
	return e->size == 0 ? NULL : "a size, but no content";
}

/* The name is only taken: whether it may be empty depends on the caller. */
static const char *entry_read(struct cr_cursor *cur, struct owners *owners,
			      struct cr_entry *e)
{
	const char *bad;

	e->name = string_read(cur, 0, CR_NAME_MAX);
	bad = kind_read(cur, e);
	if (!bad)
		bad = stat_read(cur, owners, e);
	if (!bad)
		bad = parts_read(cur, e);
	if (!bad)
		bad = content_read(cur, e);
	if (!bad && cur->overrun)
		bad = cut_short;
	return bad;
}

static int owners_read(struct cr_cursor *cur, struct owners *ret)
{
	uint64_t n = cr_cursor_varint(cur);
	struct owner *owner;

	if (cur->overrun || n > CR_LEAF_ENTRIES_MAX ||
	    n > cur->left / OWNER_MIN)
		return cr_fail(CR_ECORRUPT,
			       "leaf: %" PRIu64 " owners in %zu bytes", n,
			       cur->left);
	/* One more than needed, so that none is not taken for no memory. */
	owner = calloc(n + 1, sizeof(*owner));
	if (!owner)
		return -ENOMEM;
	ret->owner = owner;
	for (; ret->count < n; ret->count++) {
		struct owner *o = &owner[ret->count];

		o->uid = u32_read(cur);
		o->gid = u32_read(cur);
		for (uint32_t i = 0; i < ret->count; i++) {
			if (owner[i].uid == o->uid && owner[i].gid == o->gid)
				return cr_fail(CR_ECORRUPT,
					       "leaf: owner %" PRIu32
					       " repeated or malformed",
					       ret->count);
		}
	}
	return 0;
}

static int entries_read(struct cr_cursor *cur, struct owners *owners,
			struct cr_leaf *leaf, uint32_t n)
{
	struct cr_piece before = { "", 0 };

	for (; leaf->entries < n; leaf->entries++) {
		struct cr_entry *e = &leaf->entry[leaf->entries];
		const char *bad = entry_read(cur, owners, e);

		if (!bad && !cr_name_valid(e->name))
			bad = "bad name";
		if (!bad && cr_name_compare(before, e->name) >= 0)
			bad = "name out of order";
		if (bad)
			return cr_fail(CR_ECORRUPT,
				       "leaf: entry %" PRIu32 ": %s",
				       leaf->entries, bad);
		before = e->name;
		if (cr_entry_has_ref(e))
			e->ref = leaf->refs++;
		if (cr_entry_is_inline(e)) {
			/* At most 1,024 times 256. */
			e->inline_at = leaf->inline_len;
			leaf->inline_len += (uint32_t)e->size;
		}
	}
	return 0;
}

int cr_leaf_parse(struct cr_piece hashed, struct cr_leaf *ret)
{
	cr_cleanup(cr_leaf_release) struct cr_leaf leaf = { 0 };
	struct cr_cursor cur = cr_cursor(hashed.bytes, hashed.len);
	cr_cleanup(owners_release) struct owners owners = { 0 };
	uint8_t has_refs;
	uint64_t n;
	int r;

	if (cr_cursor_u8(&cur) != 1)
		return cr_fail(CR_ECORRUPT, "leaf: unknown version");
	r = owners_read(&cur, &owners);
	if (r < 0)
		return r;
	n = cr_cursor_varint(&cur);
	if (cur.overrun || n > CR_LEAF_ENTRIES_MAX || n > cur.left / ENTRY_MIN)
		return cr_fail(CR_ECORRUPT,
			       "leaf: %" PRIu64 " entries in %zu bytes", n,
			       hashed.len);
	leaf.entry = calloc(n + 1, sizeof(*leaf.entry));
	if (!leaf.entry)
		return -ENOMEM;
	r = entries_read(&cur, &owners, &leaf, (uint32_t)n);
	if (r < 0)
		return r;
	has_refs = cr_cursor_u8(&cur);
	leaf.has_refs = leaf.refs > 0 || leaf.inline_len > 0;
	if (leaf.has_refs)
		leaf.refs_id = cr_cursor_id(&cur);
	if (!cr_cursor_done(&cur) || has_refs != leaf.has_refs)
		return cr_fail(CR_ECORRUPT, "leaf: bad end");
	*ret = cr_take(leaf);
	return 0;
}

void cr_leaf_release(struct cr_leaf *leaf)
{
	free(leaf->entry);
	*leaf = (struct cr_leaf){ 0 };
}

int cr_refs_parse(struct cr_piece hashed, const struct cr_leaf *leaf,
		  struct cr_refs *ret)
{
	struct cr_cursor cur = cr_cursor(hashed.bytes, hashed.len);
	struct cr_refs refs = { 0 };
	uint8_t version = cr_cursor_u8(&cur);
	uint8_t has_inline = cr_cursor_u8(&cur);
	uint64_t n;

	if (cur.overrun || version != 1 || has_inline > 1)
		return cr_fail(CR_ECORRUPT, "refs: bad head");
	refs.has_inline = has_inline;
	if (refs.has_inline)
		refs.inline_id = cr_cursor_id(&cur);
	n = cr_cursor_varint(&cur);
	if (cur.overrun || n > CR_LEAF_ENTRIES_MAX || cur.left != n * CR_ID_LEN)
		return cr_fail(CR_ECORRUPT,
			       "refs: %" PRIu64 " ids in %zu bytes", n,
			       hashed.len);
	if (n == 0 && !refs.has_inline)
		return cr_fail(CR_ECORRUPT, "refs: nothing in it");
	refs.count = (uint32_t)n;
	refs.ids = cur.next;
	if (leaf && (refs.count != leaf->refs ||
		     refs.has_inline != (leaf->inline_len > 0)))
		return cr_fail(CR_ECORRUPT,
			       "refs: %" PRIu32 " ids for a leaf with %" PRIu32,
			       refs.count, leaf->refs);
	*ret = refs;
	return 0;
}

struct cr_id cr_refs_id(const struct cr_refs *refs, uint32_t i)
{
	struct cr_id id;

	assert(i < refs->count);
	memcpy(id.bytes, refs->ids + (size_t)i * CR_ID_LEN, CR_ID_LEN);
	return id;
}

static int children_read(struct cr_cursor *cur, struct cr_dnode *dnode,
			 uint32_t n)
{
	struct cr_piece before = { "", 0 };
	uint64_t sum = 0;

	for (; dnode->children < n; dnode->children++) {
		struct cr_dnode_child *child = &dnode->child[dnode->children];
		const char *bad = NULL;

		child->first = string_read(cur, 1, CR_NAME_MAX);
		child->entries = cr_cursor_varint(cur);
		child->id = cr_cursor_id(cur);
		if (cur->overrun)
			bad = cut_short;
		else if (!cr_name_valid(child->first))
			bad = "bad name";
		else if (cr_name_compare(before, child->first) >= 0)
			bad = "name out of order";
		else if (child->entries == 0)
			bad = "no entries below";
		else if (child->entries > SIZE_MAX_63 - sum)
			bad = "2^63 entries or more";
		if (bad)
			return cr_fail(CR_ECORRUPT,
				       "dnode: child %" PRIu32 ": %s",
				       dnode->children, bad);
		before = child->first;
		sum += child->entries;
	}
	return 0;
}

int cr_dnode_parse(struct cr_piece hashed, struct cr_dnode *ret)
{
	cr_cleanup(cr_dnode_release) struct cr_dnode dnode = { 0 };
	struct cr_cursor cur = cr_cursor(hashed.bytes, hashed.len);
	uint8_t version = cr_cursor_u8(&cur);
	uint64_t n;
	int r;

	dnode.height = cr_cursor_u8(&cur);
	if (version != 1 || dnode.height == 0 || dnode.height > CR_HEIGHT_MAX)
		return cr_fail(CR_ECORRUPT, "dnode: version %d, height %d",
			       version, dnode.height);
	n = cr_cursor_varint(&cur);
	if (n == 0 || n > CR_DNODE_MAX || n > cur.left / CHILD_MIN)
		return cr_fail(CR_ECORRUPT,
			       "dnode: %" PRIu64 " children in %zu bytes", n,
			       hashed.len);
	dnode.child = calloc(n, sizeof(*dnode.child));
	if (!dnode.child)
		return -ENOMEM;
	r = children_read(&cur, &dnode, (uint32_t)n);
	if (r < 0)
		return r;
	if (cur.left > 0)
		return cr_fail(CR_ECORRUPT, "dnode: %zu bytes after its end",
			       cur.left);
	*ret = cr_take(dnode);
	return 0;
}

void cr_dnode_release(struct cr_dnode *dnode)
{
	free(dnode->child);
	*dnode = (struct cr_dnode){ 0 };
}

int cr_root_parse(struct cr_cursor *cur, struct cr_entry *ret)
{
	struct owner owner = { .uid = u32_read(cur), .gid = 0 };
	struct owners owners = { .owner = &owner, .count = 1 };
	struct cr_entry root = { 0 };
	const char *bad;

	owner.gid = u32_read(cur);
	bad = entry_read(cur, &owners, &root);
	if (!bad && root.name.len > 0)
		bad = "it has a name";
	if (!bad && root.type != CR_ENTRY_DIRECTORY)
		bad = "no directory";
	if (bad) {
		cr_cursor_fail(cur);
		return cr_fail(CR_ECORRUPT, "root: %s", bad);
	}
	*ret = root;
	return 0;
}

int cr_xattrs_parse(struct cr_piece set, struct cr_xattrs *ret)
{
	struct cr_xattrs xattrs;
	const char *bad = xattrs_read(set, &xattrs);

	if (bad)
		return cr_fail(CR_ECORRUPT, "xattrs: %s", bad);
	*ret = xattrs;
	return 0;
}

bool cr_xattr_next(struct cr_xattrs *xattrs, struct cr_xattr *ret)
{
	struct cr_cursor cur = cr_cursor(xattrs->rest.bytes, xattrs->rest.len);

	if (xattrs->left == 0)
		return false;
	ret->name = string_read(&cur, 1, CR_NAME_MAX);
	ret->value = string_read(&cur, 0, cur.left);
	assert(!cur.overrun);
	xattrs->rest = (struct cr_piece){ cur.next, cur.left };
	xattrs->left--;
	return true;
}
