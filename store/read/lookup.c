/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/lookup.h"

#include <inttypes.h>

#include "store/base/buf.h"
#include "store/base/error.h"

void cr_found_release(struct cr_found *found)
{
	cr_page_free(found->page);
	*found = (struct cr_found){ 0 };
}

void cr_snapshot_root(const struct cr_snapshot *snapshot, struct cr_found *ret)
{
	*ret = (struct cr_found){
		.entry = snapshot->manifest.root,
		.tree = { snapshot->manifest.root.content,
			  snapshot->manifest.root_id,
			  snapshot->manifest.root_hint },
		.names = snapshot->manifest.entries,
	};
}

static void take_entry(struct cr_page *page, uint32_t i, struct cr_found *ret)
{
	*ret = (struct cr_found){ .page = page, .entry = page->leaf.entry[i] };
	if (ret->entry.type == CR_ENTRY_DIRECTORY)
		cr_page_tree_ref(page, i, &ret->tree);
	if (ret->entry.type == CR_ENTRY_FILE)
		cr_page_file_ref(page, i, &ret->file);
}

/* Replace @found, a directory, by its entry @name. */
static int step(struct cr_reader *reader, const struct cr_view *view,
		struct cr_piece name, struct cr_found *found)
{
	cr_cleanup(cr_dir_closep) struct cr_dir *dir = NULL;
	const uint64_t names = found->names;
	struct cr_page *page;
	uint32_t i;
	int r;

	if (found->entry.type != CR_ENTRY_DIRECTORY)
		return -ENOTDIR;
	r = cr_dir_open(reader, view, &found->tree, &dir);
	if (r < 0)
		return r;
	r = cr_dir_find(dir, name, &page, &i);
	if (r < 0)
		return r;
	cr_found_release(found);
	take_entry(page, i, found);
	found->names = names;
	return 0;
}

int cr_lookup(struct cr_reader *reader, const struct cr_view *view,
	      const struct cr_snapshot *snapshot, const char *path,
	      struct cr_found *ret)
{
	cr_cleanup(cr_found_release) struct cr_found found = { 0 };
	const char *at = path;

	cr_snapshot_root(snapshot, &found);
	while (*(at += strspn(at, "/"))) {
		struct cr_piece name = { at, strcspn(at, "/") };
		int r = step(reader, view, name, &found);

		at += name.len;
		if (r == -ENOENT || r == -ENOTDIR)
			return cr_fail(-r, "%.*s: %s", (int)(at - path), path,
				       r == -ENOENT ? "not in this snapshot"
						    : "not a directory");
		if (r < 0)
			return r;
	}
	*ret = cr_take(found);
	return 0;
}

/* ---- Walking ---- */

/* A directory being walked.  Its entry points into the page of the level above.
 */
struct level {
	struct cr_dir *dir;   /* owned */
	struct cr_page *page; /* owned; the one at hand */
	uint64_t next;	      /* ordinal of the next entry */
	size_t path_len;      /* of the directory's own path */
	struct cr_walk_item self;
	struct cr_entry entry;
};

struct cr_walk {
	struct cr_reader *reader; /* borrowed */
	struct cr_view view;
	struct cr_found start; /* its page is not owned */
	struct level *level;   /* owned */
	size_t depth, room;
	struct cr_buf path;
	uint64_t names; /* returned so far */
	bool begun;
	bool enter; /* @last is a directory to go into */
	struct cr_walk_item last;
	struct cr_entry left; /* of the directory last left */
};

int cr_walk_open(struct cr_reader *reader, const struct cr_view *view,
		 const struct cr_found *start, struct cr_walk **ret)
{
	struct cr_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	walk->reader = reader;
	walk->view = *view;
	walk->start = *start;
	*ret = walk;
	return 0;
}

static void level_release(struct level *level)
{
	cr_dir_close(level->dir);
	cr_page_free(level->page);
	*level = (struct level){ 0 };
}

void cr_walk_close(struct cr_walk *walk)
{
	if (!walk)
		return;
	while (walk->depth > 0)
		level_release(&walk->level[--walk->depth]);
	free(walk->level);
	cr_buf_release(&walk->path);
	free(walk);
}

void cr_walk_skip(struct cr_walk *walk)
{
	walk->enter = false;
}

/* Finish @item with the path, which is kept terminated for who wants a string.
 */
static int say(struct cr_walk *walk, struct cr_walk_item *item,
	       struct cr_walk_item *ret)
{
	cr_buf_u8(&walk->path, 0);
	if (cr_buf_error(&walk->path) < 0)
		return -ENOMEM;
	walk->path.len--;
	item->path = (const char *)walk->path.bytes;
	item->path_len = walk->path.len;
	*ret = *item;
	return 1;
}

static int say_entry(struct cr_walk *walk, struct cr_walk_item *item,
		     struct cr_walk_item *ret)
{
	item->event = CR_WALK_ENTRY;
	item->depth = (unsigned int)walk->depth;
	walk->last = *item;
	walk->enter = item->entry->type == CR_ENTRY_DIRECTORY;
	return say(walk, item, ret);
}

/* Go into the directory that was last returned. */
static int push(struct cr_walk *walk)
{
	cr_cleanup(cr_dir_closep) struct cr_dir *dir = NULL;
	int r = cr_dir_open(walk->reader, &walk->view, &walk->last.tree, &dir);
	struct level *level;

	if (r < 0)
		return r;
	if (walk->depth == walk->room) {
		size_t room = cr_max(2 * walk->room, (size_t)16);

		level = reallocarray(walk->level, room, sizeof(*level));
		if (!level)
			return -ENOMEM;
		walk->level = level;
		walk->room = room;
	}
	walk->level[walk->depth++] = (struct level){
		.dir = cr_take(dir),
		.path_len = walk->path.len,
		.self = walk->last,
		.entry = *walk->last.entry,
	};
	return 0;
}

/* The innermost directory is done. */
static int pop(struct cr_walk *walk, struct cr_walk_item *ret)
{
	struct level *level = &walk->level[walk->depth - 1];
	struct cr_walk_item item = level->self;

	walk->left = level->entry;
	walk->path.len = level->path_len;
	item.event = CR_WALK_LEAVE;
	item.entry = &walk->left;
	level_release(level);
	walk->depth--;
	return say(walk, &item, ret);
}

int cr_names_exceeded(uint64_t names)
{
	return cr_fail(CR_ECORRUPT,
		       "there is more than the %" PRIu64
		       " names that the snapshot says it has",
		       names);
}

/* Nothing comes after this. */
static int end(struct cr_walk *walk)
{
	while (walk->depth > 0)
		level_release(&walk->level[--walk->depth]);
	return cr_names_exceeded(walk->start.names);
}

/* The next entry of the innermost directory. */
static int advance(struct cr_walk *walk, struct level *level,
		   struct cr_walk_item *ret)
{
	struct cr_walk_item item = { 0 };
	const struct cr_entry *entry;
	struct cr_page *page;

	if (walk->names == walk->start.names)
		return end(walk);
	page = level->page;
	if (!page || level->next >= page->first + page->leaf.entries) {
		int r;

		cr_page_free(level->page);
		level->page = NULL;
		r = cr_dir_page(level->dir, level->next, &level->page);
		if (r < 0) {
			/* The next call goes on after what cannot be read. */
			level->next =
				cr_dir_after_page(level->dir, level->next);
			return r;
		}
		page = level->page;
	}
	walk->names++;
	item.page = page;
	item.index = (uint32_t)(level->next++ - page->first);
	entry = &page->leaf.entry[item.index];
	item.entry = entry;
	if (entry->type == CR_ENTRY_DIRECTORY)
		cr_page_tree_ref(page, item.index, &item.tree);
	if (entry->type == CR_ENTRY_FILE)
		cr_page_file_ref(page, item.index, &item.file);
	walk->path.len = level->path_len;
	if (level->path_len > 0)
		cr_buf_u8(&walk->path, '/');
	cr_buf_put(&walk->path, entry->name.bytes, entry->name.len);
	return say_entry(walk, &item, ret);
}

int cr_walk_next(struct cr_walk *walk, struct cr_walk_item *ret)
{
	struct level *level;

	if (!walk->begun) {
		struct cr_walk_item item = {
			.entry = &walk->start.entry,
			.tree = walk->start.tree,
			.file = walk->start.file,
		};

		walk->begun = true;
		return say_entry(walk, &item, ret);
	}
	if (walk->enter) {
		int r;

		walk->enter = false;
		r = push(walk);
		if (r < 0)
			return r;
	}
	if (walk->depth == 0)
		return 0;
	level = &walk->level[walk->depth - 1];
	if (level->next >= cr_dir_entries(level->dir))
		return pop(walk, ret);
	return advance(walk, level, ret);
}
