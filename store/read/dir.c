/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/dir.h"

#include <inttypes.h>

#include "store/base/buf.h"
#include "store/base/error.h"

struct cr_dir {
	struct cr_reader *reader; /* borrowed */
	struct cr_view view;
	struct cr_tree_ref ref;
	uint64_t entries;
};

/* ---- Pages ----------------------------------------------------------------
 */

void cr_page_free(struct cr_page *page)
{
	if (!page)
		return;
	cr_leaf_release(&page->leaf);
	free(page->hint);
	cr_buf_release(&page->leaf_bytes);
	cr_buf_release(&page->refs_bytes);
	free(page);
}

size_t cr_page_weight(const struct cr_page *page)
{
	return sizeof(*page) + page->leaf_bytes.room + page->refs_bytes.room +
	       page->leaf.entries * sizeof(*page->leaf.entry) +
	       page->leaf.refs * sizeof(*page->hint);
}

void cr_page_tree_ref(const struct cr_page *page, uint32_t i,
		      struct cr_tree_ref *ret)
{
	const struct cr_entry *entry = &page->leaf.entry[i];

	*ret = (struct cr_tree_ref){ .content = entry->content };
	if (!cr_entry_has_ref(entry))
		return;
	ret->id = cr_refs_id(&page->refs, entry->ref);
	ret->hint = page->hint[entry->ref];
}

void cr_page_file_ref(const struct cr_page *page, uint32_t i,
		      struct cr_file_ref *ret)
{
	const struct cr_entry *entry = &page->leaf.entry[i];

	*ret = (struct cr_file_ref){
		.content = entry->content,
		.size = entry->size,
		.data_bytes = entry->data_bytes,
	};
	if (entry->content == CR_CONTENT_INLINE) {
		ret->id = page->refs.inline_id;
		ret->inline_at = entry->inline_at;
	} else if (cr_entry_has_ref(entry)) {
		ret->id = cr_refs_id(&page->refs, entry->ref);
	}
}

/* The hashed bytes of an object, copied; hints for @n references too. */
static int get_object(const struct cr_dir *dir, enum cr_chunk_type type,
		      const struct cr_id *id, const struct cr_hint *hint,
		      struct cr_buf *out, struct cr_hint *hints, size_t n)
{
	struct cr_piece tail;
	struct cr_pin pin;
	int r = cr_reader_get(dir->reader, &dir->view, type, id, hint, &pin,
			      &tail);

	if (r < 0)
		return r;
	cr_buf_put(out, pin.bytes.bytes, pin.bytes.len);
	if (n > 0)
		cr_hints_parse(tail, hints, n);
	cr_pin_release(&pin);
	return cr_buf_error(out);
}

/* Add the refs object of a leaf to its page. */
static int load_refs(const struct cr_dir *dir, struct cr_page *page,
		     const struct cr_hint *refs_hint)
{
	int r;

	page->hint = calloc(page->leaf.refs, sizeof(*page->hint));
	if (!page->hint && page->leaf.refs > 0)
		return -ENOMEM;
	r = get_object(dir, CR_CHUNK_REFS, &page->leaf.refs_id, refs_hint,
		       &page->refs_bytes, page->hint, page->leaf.refs);
	if (r < 0)
		return r;
	return cr_refs_parse((struct cr_piece){ page->refs_bytes.bytes,
						page->refs_bytes.len },
			     &page->leaf, &page->refs);
}

static int load_page(const struct cr_dir *dir, const struct cr_id *id,
		     const struct cr_hint *hint, uint64_t first,
		     struct cr_page **ret)
{
	cr_cleanup(cr_page_freep) struct cr_page *page =
		calloc(1, sizeof(*page));
	struct cr_piece hashed, tail;
	struct cr_hint refs_hint;
	struct cr_pin pin;
	int r;

	if (!page)
		return -ENOMEM;
	page->first = first;
	page->id = *id;
	r = cr_reader_get(dir->reader, &dir->view, CR_CHUNK_LEAF, id, hint,
			  &pin, &tail);
	if (r < 0)
		return r;
	cr_buf_put(&page->leaf_bytes, pin.bytes.bytes, pin.bytes.len);
	cr_hints_parse(tail, &refs_hint, 1);
	cr_pin_release(&pin);
	r = cr_buf_error(&page->leaf_bytes);
	if (r < 0)
		return r;
	hashed = (struct cr_piece){ page->leaf_bytes.bytes,
				    page->leaf_bytes.len };
	r = cr_leaf_parse(hashed, &page->leaf);
	if (r < 0)
		return r;
	if (page->leaf.has_refs) {
		r = load_refs(dir, page, &refs_hint);
		if (r < 0)
			return r;
	}
	*ret = cr_take(page);
	return 0;
}

/* ---- Directories -----------------------------------------------------------
 */

int cr_dir_open(struct cr_reader *reader, const struct cr_view *view,
		const struct cr_tree_ref *ref, struct cr_dir **ret)
{
	cr_cleanup(cr_dir_closep) struct cr_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->reader = reader;
	dir->view = *view;
	dir->ref = *ref;
	if (ref->content == CR_CONTENT_DNODE) {
		cr_cleanup(cr_dnode_release) struct cr_dnode node = { 0 };
		cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
		int r = get_object(dir, CR_CHUNK_DNODE, &ref->id, &ref->hint,
				   &bytes, NULL, 0);

		if (r == 0)
			r = cr_dnode_parse(
				(struct cr_piece){ bytes.bytes, bytes.len },
				&node);
		if (r < 0)
			return r;
		for (uint32_t i = 0; i < node.children; i++)
			dir->entries += node.child[i].entries;
	} else if (ref->content == CR_CONTENT_LEAF) {
		cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
		int r = load_page(dir, &ref->id, &ref->hint, 0, &page);

		if (r < 0)
			return r;
		dir->entries = page->leaf.entries;
	}
	*ret = cr_take(dir);
	return 0;
}

void cr_dir_close(struct cr_dir *dir)
{
	free(dir);
}

uint64_t cr_dir_entries(const struct cr_dir *dir)
{
	return dir->entries;
}

/* What a descent is for: an ordinal, or (when set) a name. */
struct target {
	uint64_t ordinal;
	const struct cr_piece *name;
};

/* The child of @node to descend into; what lies before it goes to @before. */
static uint32_t choose(const struct cr_dnode *node, const struct target *target,
		       uint64_t *before)
{
	uint64_t at = *before;
	uint32_t i = 0;

	for (; i + 1 < node->children; i++) {
		if (target->name
			    ? cr_name_compare(*target->name,
					      node->child[i + 1].first) < 0
			    : target->ordinal < at + node->child[i].entries)
			break;
		at += node->child[i].entries;
	}
	*before = at;
	return i;
}

/* Where a descent is: what @ref refers to holds entries [before, after). */
struct place {
	struct cr_tree_ref ref;
	uint8_t height; /* of the dnode above; 0 at the top */
	uint64_t before, after;
};

/* One step down, from the dnode at @place to its child. */
static int descend(const struct cr_dir *dir, const struct target *target,
		   struct place *place)
{
	struct cr_tree_ref *ref = &place->ref;
	cr_cleanup(cr_dnode_release) struct cr_dnode node = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	cr_cleanup(cr_freep) struct cr_hint *hint = NULL;
	uint32_t i;
	int r;

	hint = calloc(CR_DNODE_MAX, sizeof(*hint));
	if (!hint)
		return -ENOMEM;
	r = get_object(dir, CR_CHUNK_DNODE, &ref->id, &ref->hint, &bytes, hint,
		       CR_DNODE_MAX);
	if (r == 0)
		r = cr_dnode_parse((struct cr_piece){ bytes.bytes, bytes.len },
				   &node);
	if (r < 0)
		return r;
	/* Heights fall by one a step: so a hostile tree ends too. */
	if (place->height != 0 && node.height != place->height - 1)
		return cr_fail(CR_ECORRUPT,
			       "directory node at height %u, not %u",
			       node.height, place->height - 1);
	place->height = node.height;
	i = choose(&node, target, &place->before);
	place->after = place->before + node.child[i].entries;
	*ref = (struct cr_tree_ref){
		.content = node.height > 1 ? CR_CONTENT_DNODE : CR_CONTENT_LEAF,
		.id = node.child[i].id,
		.hint = hint[i],
	};
	return 0;
}

/* The leaf to load. */
static int find_leaf(const struct cr_dir *dir, const struct target *target,
		     struct place *place)
{
	*place = (struct place){ .ref = dir->ref, .after = dir->entries };
	while (place->ref.content == CR_CONTENT_DNODE) {
		int r = descend(dir, target, place);

		if (r < 0)
			return r;
	}
	return 0;
}

static int find_page(const struct cr_dir *dir, const struct target *target,
		     struct cr_page **ret)
{
	struct place place;
	int r = find_leaf(dir, target, &place);

	return r < 0 ? r
		     : load_page(dir, &place.ref.id, &place.ref.hint,
				 place.before, ret);
}

uint64_t cr_dir_after_page(const struct cr_dir *dir, uint64_t ordinal)
{
	struct target target = { .ordinal = ordinal };
	struct place place;

	/* A hostile count must not lead back, nor a lost node to no end. */
	if (ordinal >= dir->entries || find_leaf(dir, &target, &place) < 0 ||
	    place.after <= ordinal || place.after > dir->entries)
		return dir->entries;
	return place.after;
}

int cr_dir_page(const struct cr_dir *dir, uint64_t ordinal,
		struct cr_page **ret)
{
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	struct target target = { .ordinal = ordinal };
	int r;

	if (ordinal >= dir->entries)
		return -ENOENT;
	r = find_page(dir, &target, &page);
	if (r < 0)
		return r;
	/* The nodes promised so many entries: fewer would end a listing early.
	 */
	if (ordinal - page->first >= page->leaf.entries)
		return cr_fail(CR_ECORRUPT,
			       "directory: %" PRIu64
			       " entries, no number %" PRIu64,
			       dir->entries, ordinal);
	*ret = cr_take(page);
	return 0;
}

int cr_dir_find(const struct cr_dir *dir, struct cr_piece name,
		struct cr_page **ret, uint32_t *index)
{
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	struct target target = { .name = &name };
	uint32_t low = 0, high;
	int r;

	if (dir->ref.content == CR_CONTENT_NONE)
		return -ENOENT;
	r = find_page(dir, &target, &page);
	if (r < 0)
		return r;
	high = page->leaf.entries;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = cr_name_compare(name, page->leaf.entry[mid].name);

		if (order == 0) {
			*ret = cr_take(page);
			*index = mid;
			return 0;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -ENOENT;
}

/* ---- Without opening ---- */

int cr_tree_find(struct cr_reader *reader, const struct cr_view *view,
		 const struct cr_tree_ref *ref, struct cr_piece name,
		 struct cr_page **page, uint32_t *index)
{
	const struct cr_dir dir = {
		.reader = reader,
		.view = *view,
		.ref = *ref,
	};

	return cr_dir_find(&dir, name, page, index);
}

static int each_page(const struct cr_dir *dir, cr_page_each_fn fn, void *arg)
{
	for (uint64_t at = 0; at < dir->entries;) {
		cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
		int r = cr_dir_page(dir, at, &page);

		at = r < 0 ? cr_dir_after_page(dir, at)
			   : page->first + page->leaf.entries;
		r = fn(arg, page, r);
		if (r != 0)
			return r;
	}
	return 0;
}

int cr_tree_each_page(struct cr_reader *reader, const struct cr_view *view,
		      const struct cr_tree_ref *ref, cr_page_each_fn fn,
		      void *arg)
{
	cr_cleanup(cr_dir_closep) struct cr_dir *dir = NULL;
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	const struct cr_dir one = {
		.reader = reader,
		.view = *view,
		.ref = *ref,
	};
	int r;

	if (ref->content == CR_CONTENT_NONE)
		return 0;
	/* Opening it would read that leaf twice. */
	if (ref->content == CR_CONTENT_LEAF) {
		r = load_page(&one, &ref->id, &ref->hint, 0, &page);
		return fn(arg, page, r);
	}
	r = cr_dir_open(reader, view, ref, &dir);
	return r < 0 ? fn(arg, NULL, r) : each_page(dir, fn, arg);
}

/* ---- What lies in objects of its own ---- */

static int append_object(struct cr_reader *reader, const struct cr_view *view,
			 enum cr_chunk_type type, const struct cr_id *id,
			 struct cr_buf *out)
{
	struct cr_pin pin;
	int r = cr_reader_get(reader, view, type, id, NULL, &pin, NULL);

	if (r < 0)
		return r;
	cr_buf_put(out, pin.bytes.bytes, pin.bytes.len);
	cr_pin_release(&pin);
	return cr_buf_error(out);
}

int cr_entry_xattrs(struct cr_reader *reader, const struct cr_view *view,
		    const struct cr_entry *entry, struct cr_buf *out)
{
	if (entry->has & CR_HAS_XATTR_OBJECT)
		return append_object(reader, view, CR_CHUNK_XATTR,
				     &entry->xattr_id, out);
	if (entry->has & CR_HAS_XATTR_HERE)
		cr_buf_put(out, entry->xattrs.bytes, entry->xattrs.len);
	return cr_buf_error(out);
}

int cr_entry_target(struct cr_reader *reader, const struct cr_view *view,
		    const struct cr_entry *entry, struct cr_buf *out)
{
	size_t before = out->len;
	int r;

	if (entry->content == 0) {
		cr_buf_put(out, entry->target.bytes, entry->target.len);
		return cr_buf_error(out);
	}
	r = append_object(reader, view, CR_CHUNK_LINK, &entry->target_id, out);
	if (r < 0)
		return r;
	if (out->len - before != entry->size ||
	    memchr(out->bytes + before, 0, out->len - before))
		return cr_fail(CR_ECORRUPT, "symlink target does not fit");
	return 0;
}
