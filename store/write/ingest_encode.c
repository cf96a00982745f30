/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_encode.c - take what was found in the order of the tree, and build the
 * tree.
 */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/codec/tree_encode.h"
#include "store/write/acl_ids.h"
#include "store/write/ingest_int.h"

/* ---- Who owns things ---- */

static int note_id(struct cr_buf *ids, uint32_t id)
{
	uint32_t *at = (void *)ids->bytes;
	size_t n = ids->len / sizeof(*at), low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (at[mid] == id)
			return 0;
		if (at[mid] < id)
			low = mid + 1;
		else
			high = mid;
	}
	cr_buf_put(ids, &id, sizeof(id));
	if (cr_buf_error(ids) < 0)
		return -ENOMEM;
	at = (void *)ids->bytes;
	memmove(at + low + 1, at + low, (n - low) * sizeof(*at));
	at[low] = id;
	return 0;
}

static void put_name(struct cr_buf *text, uint32_t id, const char *name)
{
	char number[16];
	int n = snprintf(number, sizeof(number), "%u ", id);

	cr_buf_put(text, number, (size_t)n);
	cr_buf_put(text, name, strlen(name));
	cr_buf_u8(text, '\n');
}

static int note_acl_id(void *arg, bool is_group, uint32_t id)
{
	struct cr_ingest *ingest = arg;

	return note_id(is_group ? &ingest->gids : &ingest->uids, id);
}

/*
 * Who owns @item, and whom its ACLs name.  Of a file that did not change, whose
 * xattrs are an object, only the id is known: those it names are left out.
 */
static int note_ids(struct cr_ingest *ingest, const struct cr_item *item)
{
	struct cr_piece set = { item->xattrs.bytes, item->xattrs.len };
	int r = note_id(&ingest->uids, item->st.entry.uid);

	if (r == 0)
		r = note_id(&ingest->gids, item->st.entry.gid);
	if (r == 0 && item->known.has_acl && set.len > 0)
		r = cr_acl_ids(set, note_acl_id, ingest);
	return r;
}

int cr_ingest_name_tables(struct cr_ingest *ingest)
{
	const uint32_t *id = (const void *)ingest->uids.bytes;

	for (size_t i = 0; i < ingest->uids.len / sizeof(*id); i++) {
		const struct passwd *pw = getpwuid(id[i]);

		if (pw)
			put_name(&ingest->users, id[i], pw->pw_name);
	}
	id = (const void *)ingest->gids.bytes;
	for (size_t i = 0; i < ingest->gids.len / sizeof(*id); i++) {
		const struct group *gr = getgrgid(id[i]);

		if (gr)
			put_name(&ingest->groups, id[i], gr->gr_name);
	}
	if (cr_buf_error(&ingest->users) < 0)
		return -ENOMEM;
	return cr_buf_error(&ingest->groups);
}

/* ---- Entries ---- */

/* What lstat does not tell of @item: content, xattrs, flags, link group. */
static void complete_entry(struct cr_ingest *ingest,
			   const struct cr_dirwork *dir,
			   const struct cr_item *item, struct cr_entry *e)
{
	*e = item->st.entry;
	e->name = (struct cr_piece){ item->name, strlen(item->name) };
	e->marks = item->marks;
	e->has = item->known.has;
	e->flags = item->known.flags;
	e->xattrs = item->known.xattrs;
	e->xattr_id = item->known.xattr_id;
	if (e->type == CR_ENTRY_FILE) {
		const struct cr_stored_content *c = &item->known.content;

		e->content = c->content;
		e->size_class = c->size_class;
		e->size = c->size;
		e->data_bytes = c->data_bytes;
	} else if (e->type == CR_ENTRY_DIRECTORY) {
		e->content = item->dir_content;
	}
	if (e->nlink > 1 && e->type != CR_ENTRY_DIRECTORY) {
		e->has |= CR_HAS_LINK;
		e->link = cr_link_group(
			&cr_writer_domain(ingest->opt.writer)->link_key,
			(struct cr_piece){ dir->fs_top, strlen(dir->fs_top) },
			item->st.inode);
	}
}

static int take_target(struct cr_ingest *ingest, const struct cr_item *item,
		       struct cr_entry *e)
{
	struct cr_piece target = { item->target.bytes, item->target.len };

	e->size = target.len;
	if (target.len <= CR_INLINE_MAX) {
		e->content = 0;
		e->target = target;
		return 0;
	}
	e->content = 1;
	return cr_writer_put_object(ingest->opt.writer, CR_CHUNK_LINK, target,
				    (struct cr_piece){ NULL, 0 }, &e->target_id,
				    NULL);
}

static void count(struct cr_ingest *ingest, const struct cr_item *item)
{
	struct cr_manifest *t = &ingest->totals;
	const struct cr_entry *e = &item->st.entry;

	t->entries++;
	if (item->known.has & (CR_HAS_XATTR_HERE | CR_HAS_XATTR_OBJECT))
		t->flags |= CR_MANIFEST_XATTRS;
	if (item->known.has_acl)
		t->flags |= CR_MANIFEST_ACLS;
	if (item->marks & CR_MARK_CHANGED)
		t->flags |= CR_MANIFEST_CHANGED;
	if (item->known.has & CR_HAS_HOLES)
		t->flags |= CR_MANIFEST_HOLES;
	if (e->type == CR_ENTRY_DIRECTORY) {
		t->directories++;
		return;
	}
	if (e->nlink > 1)
		t->flags |= CR_MANIFEST_LINKS;
	if (e->type > CR_ENTRY_SYMLINK)
		t->flags |= CR_MANIFEST_SPECIAL;
	if (e->type != CR_ENTRY_FILE)
		return;
	t->files++;
	t->bytes += e->size;
	/* Whether a further name came after the first was read is chance. */
	if (!item->read && !item->linked)
		t->files_unchanged++;
	else if (item->changed)
		t->files_changed++;
	else
		t->files_new++;
}

/* Tell the cache what is known of a file now. */
static int note_file(struct cr_ingest *ingest, struct cr_dirwork *dir,
		     const struct cr_item *item)
{
	struct cr_known_file known = item->known;
	const struct cr_entry *e = &item->st.entry;
	int r;

	if (!ingest->opt.cache || item->racy || item->marks)
		return 0;
	known.signature =
		(struct cr_signature_of_file){ e->size, e->mtime, e->ctime,
					       item->st.inode };
	r = cr_noted_dir_add(
		dir->noted, (struct cr_piece){ item->name, strlen(item->name) },
		&known);
	if (r == 0 && e->nlink > 1 && item->read)
		r = cr_statcache_link_put(ingest->opt.cache, item->st.device,
					  item->st.inode, &known);
	return r;
}

static int encode_item(struct cr_ingest *ingest, struct cr_dirwork *dir,
		       struct cr_item *item)
{
	struct cr_entry_content content = {
		.id = item->st.entry.type == CR_ENTRY_DIRECTORY
			      ? item->dir_id
			      : item->known.content.id,
		.hint = item->dir_hint,
		.inlined = { item->known.content.inlined,
			     item->known.content.size },
	};
	struct cr_entry e;
	int r = 0;

	if (item->gone)
		return 0;
	count(ingest, item);
	if (!ingest->opt.writer)
		return 0;
	complete_entry(ingest, dir, item, &e);
	if (e.type == CR_ENTRY_SYMLINK)
		r = take_target(ingest, item, &e);
	if (r == 0)
		r = note_ids(ingest, item);
	if (r == 0)
		r = cr_dir_builder_add(&dir->builder, &e, &content);
	if (r == 0 && e.type == CR_ENTRY_FILE)
		r = note_file(ingest, dir, item);
	return r;
}

/* ---- Events
 * ------------------------------------------------------------------------------
 */

static int begin(struct cr_ingest *ingest, struct cr_dirwork *dir)
{
	int r = 0;

	if (ingest->opens == ingest->open_room) {
		size_t room = cr_max(2 * ingest->open_room, (size_t)16);
		struct cr_dirwork **open =
			reallocarray(ingest->open, room, sizeof(*open));

		if (!open)
			return -ENOMEM;
		ingest->open = open;
		ingest->open_room = room;
	}
	cr_dirwork_use(dir);
	ingest->open[ingest->opens++] = dir;
	if (ingest->opt.writer)
		r = cr_dir_builder_init(&dir->builder, ingest->opt.writer,
					ingest->stream);
	if (r == 0 && ingest->opt.cache && ingest->opt.writer)
		r = cr_noted_dir_open(
			ingest->opt.cache, ingest->opt.source,
			(struct cr_piece){ dir->path, strlen(dir->path) },
			&dir->noted);
	return r;
}

static int end(struct cr_ingest *ingest, struct cr_dirwork *dir)
{
	struct cr_item *self = dir->self;
	int r = 0;

	assert(ingest->opens > 0 && ingest->open[ingest->opens - 1] == dir);
	if (ingest->opt.writer)
		r = cr_dir_builder_finish(&dir->builder, &self->dir_content,
					  &self->dir_id, &self->dir_hint);
	if (r == 0 && dir->noted)
		r = cr_noted_dir_finish(cr_take(dir->noted));
	if (dir->failed)
		self->marks |= CR_MARK_INCOMPLETE;
	/* Thousands of open directories are a chain, not a tree: free early. */
	cr_dir_builder_release(&dir->builder);
	dir->builder = (struct cr_dir_builder){ 0 };
	cr_dirwork_drop(ingest->open[--ingest->opens]);
	return r;
}

static int slice_done(struct cr_ingest *ingest, struct cr_slice *slice)
{
	for (size_t i = 0; i < slice->items; i++) {
		int r = encode_item(ingest, slice->dir, &slice->item[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int handle(struct cr_ingest *ingest, struct cr_event *event)
{
	switch (event->type) {
	case CR_EVENT_BEGIN:
		return begin(ingest, event->dir);
	case CR_EVENT_SLICE:
		return slice_done(ingest, event->slice);
	case CR_EVENT_END:
	default:
		return end(ingest, event->dir);
	}
}

void *cr_ingest_encode(void *arg)
{
	struct cr_ingest *ingest = arg;
	struct cr_event *event;
	int r = 0;

	if (ingest->opt.writer)
		r = cr_stream_new(ingest->opt.writer, &ingest->stream);
	while (r == 0 && (event = cr_ingest_take_event(ingest))) {
		r = handle(ingest, event);
		cr_dirwork_drop(event->dir);
		cr_slice_free(event->slice);
		free(event);
	}
	if (r < 0)
		cr_ingest_fail(ingest, r);
	return NULL;
}
