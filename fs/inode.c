/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/inode.h"

#include <errno.h>
#include <string.h>

#include "fs/ino.h"
#include "fs/shelf.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/read/cache.h"
#include "store/read/snapshots.h"

static void lock(struct cr_inodes *inodes)
{
	(void)pthread_mutex_lock(&inodes->lock);
}

static void unlock(struct cr_inodes *inodes)
{
	(void)pthread_mutex_unlock(&inodes->lock);
}

/* ---- Pages ---- */

/* What a page is loaded from. */
struct wanted {
	const struct cr_inodes_options *options;
	const struct cr_folder *folder;
	const struct cr_id *id;
	uint64_t first;
	struct cr_page *ready; /* owned; or NULL: read it */
};

static int load_page(void *arg, const struct cr_cache_key *key, void **value,
		     size_t *weight)
{
	struct wanted *wanted = arg;
	cr_cleanup(cr_page_freep) struct cr_page *page = cr_take(wanted->ready);
	struct cr_page_want want = {
		.view = wanted->folder->view,
		.tree = wanted->folder->tree,
		.ordinal = wanted->first,
	};
	uint64_t entries;
	int r = 0;

	(void)key;
	if (!page)
		r = wanted->options->page(wanted->options->arg, &want, &page,
					  &entries);
	if (r == -ENOENT)
		return cr_fail(CR_ECORRUPT, "a directory lost its entries");
	if (r < 0)
		return r;
	/* What is kept under an id must be what the id names. */
	if (!cr_id_equal(&page->id, wanted->id) || page->leaf.entries == 0)
		return cr_fail(CR_ECORRUPT, "a directory changed its entries");
	*weight = cr_page_weight(page);
	*value = cr_take(page);
	return 0;
}

static void drop_page(void *value)
{
	cr_page_free(value);
}

/* Pin what @wanted says. */
static int pin_page(struct cr_inodes *inodes, struct wanted *wanted,
		    struct cr_cached **ret)
{
	struct cr_cache_key key = { 0 };
	struct cr_cached *cached = NULL;
	const struct cr_page *page;
	int r;

	memcpy(key.uid.bytes, wanted->id->bytes, sizeof(key.uid.bytes));
	r = cr_cache_get(inodes->cache, &key, wanted, &cached);
	cr_page_free(cr_take(wanted->ready));
	if (r < 0)
		return r;
	page = cr_cached_value(cached);
	if (!cr_id_equal(&page->id, wanted->id)) {
		cr_cached_unpin(cached);
		return cr_fail(CR_ECORRUPT, "two directories share half an id");
	}
	*ret = cached;
	return 0;
}

static int pin_shelf(struct cr_inodes *inodes, const struct cr_shelf *shelf,
		     struct cr_cached **ret)
{
	struct wanted wanted = {
		.options = &inodes->options,
		.folder = shelf->folder,
		.id = &shelf->id,
		.first = shelf->first,
	};

	return pin_page(inodes, &wanted, ret);
}

/* ---- The table ---- */

int cr_inodes_new(const struct cr_inodes_options *options,
		  struct cr_inodes **ret)
{
	static const struct cr_cache_ops ops = { load_page, drop_page };
	cr_cleanup(cr_inodes_freep) struct cr_inodes *inodes =
		calloc(1, sizeof(*inodes));
	int r;

	if (!inodes)
		return -ENOMEM;
	inodes->options = *options;
	(void)pthread_mutex_init(&inodes->lock, NULL);
	r = cr_cache_new(options->cache_bytes, &ops, &inodes->cache);
	if (r == 0)
		r = cr_map_init(&inodes->dates);
	if (r == 0)
		r = cr_map_init(&inodes->folders);
	if (r == 0)
		r = cr_map_init(&inodes->links);
	if (r == 0)
		r = cr_map_init(&inodes->spots);
	if (r < 0)
		return r;
	*ret = cr_take(inodes);
	return 0;
}

void cr_inodes_free(struct cr_inodes *inodes)
{
	if (!inodes)
		return;
	cr_shelves_free(inodes);
	cr_map_release(&inodes->dates);
	cr_map_release(&inodes->folders);
	cr_map_release(&inodes->links);
	cr_map_release(&inodes->spots);
	cr_cache_free(inodes->cache);
	(void)pthread_mutex_destroy(&inodes->lock);
	free(inodes);
}

/* ---- Nodes ---- */

static void put_shelf(struct cr_inodes *inodes, struct cr_shelf *shelf)
{
	lock(inodes);
	cr_shelf_unuse(inodes, shelf);
	unlock(inodes);
}

static uint64_t locator(const struct cr_shelf *shelf, uint32_t index)
{
	return (uint64_t)shelf->number << CR_NODE_SHIFT | index;
}

/* A node that has a use of @shelf, and of a page a pin. */
static struct cr_node node_of(struct cr_inodes *inodes, struct cr_shelf *shelf,
			      struct cr_cached *page)
{
	struct cr_node node = {
		.inodes = inodes,
		.shelf = shelf,
		.page = page,
		.generation = shelf->generation,
		.id = locator(shelf, 0),
		.date = shelf->date,
	};

	if (!page && node.date.kind == CR_DATE_SNAPSHOT)
		node.entry = &node.date.snapshot->manifest.root;
	return node;
}

static void point_to(struct cr_node *node, uint32_t index)
{
	const struct cr_page *page = cr_cached_value(node->page);

	node->index = index;
	node->entry = &page->leaf.entry[index];
	node->id = locator(node->shelf, index);
}

static void node_root(struct cr_inodes *inodes, struct cr_node *ret)
{
	*ret = (struct cr_node){
		.id = CR_NODE_ROOT,
		.inodes = inodes,
		.date = { .kind = CR_DATE_ROOT },
	};
}

int cr_node_open(struct cr_inodes *inodes, uint64_t id, struct cr_node *ret)
{
	uint32_t index = (uint32_t)id & CR_NODE_INDEX;
	struct cr_cached *page = NULL;
	struct cr_shelf *shelf;
	int r;

	if (id == CR_NODE_ROOT) {
		node_root(inodes, ret);
		return 0;
	}
	lock(inodes);
	shelf = cr_shelf_find(inodes, id);
	if (shelf && index >= (shelf->folder ? shelf->entries : 1))
		shelf = NULL;
	if (shelf)
		shelf->uses++;
	unlock(inodes);
	if (!shelf)
		return -ESTALE;
	r = shelf->folder ? pin_shelf(inodes, shelf, &page) : 0;
	if (r < 0) {
		put_shelf(inodes, shelf);
		return r;
	}
	*ret = node_of(inodes, shelf, page);
	if (page)
		point_to(ret, index);
	return 0;
}

int cr_node_date(struct cr_inodes *inodes, const struct cr_view *view,
		 const struct cr_date *date, struct cr_node *ret)
{
	struct cr_shelf *shelf;

	if (date->kind == CR_DATE_ROOT) {
		node_root(inodes, ret);
		return 0;
	}
	lock(inodes);
	shelf = cr_shelf_of_date(inodes, date, view);
	if (shelf)
		shelf->uses++;
	unlock(inodes);
	if (!shelf)
		return -ENOMEM;
	*ret = node_of(inodes, shelf, NULL);
	return 0;
}

void cr_node_release(struct cr_node *node)
{
	if (!node->inodes)
		return;
	cr_cached_unpin(node->page);
	if (node->folder || node->shelf) {
		lock(node->inodes);
		if (node->folder)
			cr_folder_unuse(node->inodes, node->folder);
		cr_shelf_unuse(node->inodes, node->shelf);
		unlock(node->inodes);
	}
	*node = (struct cr_node){ 0 };
}

/* ---- Looking into directories ---- */

static struct cr_folder *folder_new(const struct cr_node *node)
{
	struct cr_piece name = node->entry->name;
	struct cr_folder *folder = calloc(1, sizeof(*folder) + name.len);
	const struct cr_manifest *manifest;

	if (!folder)
		return NULL;
	folder->node = node->id;
	folder->shelf = node->shelf;
	folder->snapshot = cr_node_snapshot(node);
	folder->view = cr_node_view(node);
	folder->entries = CR_ENTRIES_UNKNOWN;
	folder->ino = cr_node_ino(node);
	if (node->page) {
		folder->name_len = name.len;
		memcpy(folder->name, name.bytes, name.len);
		cr_ino_folder_key(&node->shelf->folder->key, name,
				  &folder->key);
		cr_page_tree_ref(cr_cached_value(node->page), node->index,
				 &folder->tree);
		return folder;
	}
	manifest = &folder->snapshot->manifest;
	cr_ino_root_key(folder->view.domain, folder->snapshot->source,
			&folder->key);
	folder->tree =
		(struct cr_tree_ref){ manifest->root.content, manifest->root_id,
				      manifest->root_hint };
	return folder;
}

/* Hold the folder that @node is. */
static int look_into(struct cr_node *node)
{
	struct cr_inodes *inodes = node->inodes;
	cr_cleanup(cr_freep) struct cr_folder *fresh = NULL;

	if (node->folder)
		return 0;
	if (!node->entry || node->entry->type != CR_ENTRY_DIRECTORY)
		return -ENOTDIR;
	lock(inodes);
	node->folder = cr_folder_find(inodes, node->id);
	if (node->folder)
		node->folder->uses++;
	unlock(inodes);
	if (node->folder)
		return 0;

	fresh = folder_new(node);
	if (!fresh)
		return -ENOMEM;
	lock(inodes);
	node->folder = cr_folder_find(inodes, node->id);
	if (!node->folder) {
		node->folder = cr_take(fresh);
		cr_folder_add(inodes, node->folder);
	}
	node->folder->uses++;
	unlock(inodes);
	return 0;
}

/*
 * Use the shelf for the pinned @page, of a directory of @entries.  -ENOMEM, or
 * -CR_ECORRUPT when another page was found in its place before.
 */
static int use_shelf(struct cr_node *dir, const struct cr_page *page,
		     uint64_t first, uint64_t entries, struct cr_shelf **ret)
{
	struct cr_page at = *page; /* shared: it may begin elsewhere there */
	struct cr_shelf *shelf;

	at.first = first;
	lock(dir->inodes);
	dir->folder->entries = entries;
	shelf = cr_folder_shelf(dir->inodes, dir->folder, &at);
	if (shelf)
		shelf->uses++;
	unlock(dir->inodes);
	if (!shelf)
		return -ENOMEM;
	*ret = shelf;
	if (shelf->first == first && cr_id_equal(&shelf->id, &page->id))
		return 0;
	put_shelf(dir->inodes, shelf);
	return cr_fail(CR_ECORRUPT, "pages of a directory overlap");
}

/* Read the page that @want says, which no shelf stands for yet. */
static int add_shelf(struct cr_node *dir, const struct cr_page_want *want,
		     struct cr_node *ret)
{
	struct cr_inodes *inodes = dir->inodes;
	bool one = want->tree.content == CR_CONTENT_LEAF;
	struct wanted wanted = {
		.options = &inodes->options,
		.folder = dir->folder,
		.id = &want->tree.id,
	};
	const struct cr_page *page;
	struct cr_cached *cached = NULL;
	struct cr_shelf *shelf;
	uint64_t entries = 0;
	struct cr_id id;
	int r;

	/* A directory of one page is known by that page's id. */
	if (!one) {
		r = inodes->options.page(inodes->options.arg, want,
					 &wanted.ready, &entries);
		if (r < 0)
			return r;
		id = wanted.ready->id;
		wanted.id = &id;
		wanted.first = wanted.ready->first;
	}
	r = pin_page(inodes, &wanted, &cached);
	if (r < 0)
		return r;
	page = cr_cached_value(cached);
	r = use_shelf(dir, page, wanted.first,
		      one ? page->leaf.entries : entries, &shelf);
	if (r < 0) {
		cr_cached_unpin(cached);
		return r;
	}
	*ret = node_of(inodes, shelf, cached);
	return 0;
}

/* A node on the page that @want says, wherever it points there. */
static int open_page(struct cr_node *dir, const struct cr_page_want *want,
		     struct cr_node *ret)
{
	struct cr_inodes *inodes = dir->inodes;
	struct cr_folder *folder = dir->folder;
	struct cr_cached *page = NULL;
	struct cr_shelf *shelf;
	bool beyond;
	int r;

	lock(inodes);
	beyond = !want->by_name && want->ordinal >= folder->entries;
	shelf = want->by_name ? cr_folder_page_for(folder, want->name)
			      : cr_folder_page_at(folder, want->ordinal);
	if (shelf)
		shelf->uses++;
	unlock(inodes);
	if (!shelf)
		return beyond ? -ENOENT : add_shelf(dir, want, ret);
	r = pin_shelf(inodes, shelf, &page);
	if (r < 0) {
		put_shelf(inodes, shelf);
		return r;
	}
	*ret = node_of(inodes, shelf, page);
	return 0;
}

static int find_in_page(const struct cr_page *page, struct cr_piece name,
			uint32_t *ret)
{
	uint32_t low = 0, high = page->leaf.entries;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = cr_name_compare(page->leaf.entry[mid].name, name);

		if (order == 0) {
			*ret = mid;
			return 0;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -ENOENT;
}

static int child(struct cr_node *dir, struct cr_page_want *want,
		 struct cr_node *ret)
{
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	uint64_t index = 0;
	uint32_t found = 0;
	int r = look_into(dir);

	if (r < 0)
		return r;
	if (dir->folder->tree.content == CR_CONTENT_NONE)
		return -ENOENT;
	want->view = dir->folder->view;
	want->tree = dir->folder->tree;
	r = open_page(dir, want, &node);
	if (r < 0)
		return r;
	if (want->by_name)
		r = find_in_page(cr_cached_value(node.page), want->name,
				 &found);
	else
		index = want->ordinal - node.shelf->first;
	if (r < 0 || index >= node.shelf->entries)
		return -ENOENT;
	point_to(&node, want->by_name ? found : (uint32_t)index);
	*ret = cr_take(node);
	return 0;
}

int cr_node_child(struct cr_node *dir, struct cr_piece name,
		  struct cr_node *ret)
{
	struct cr_page_want want = { .by_name = true, .name = name };

	return child(dir, &want, ret);
}

int cr_node_at(struct cr_node *dir, uint64_t ordinal, struct cr_node *ret)
{
	struct cr_page_want want = { .ordinal = ordinal };

	return child(dir, &want, ret);
}

bool cr_node_next(struct cr_node *node)
{
	assert(!node->folder);
	if (!node->page || node->index + 1 >= node->shelf->entries)
		return false;
	point_to(node, node->index + 1);
	return true;
}

/* ---- What the kernel knows ---- */

static bool is_linked(const struct cr_node *node)
{
	return node->page && node->entry->has & CR_HAS_LINK &&
	       node->entry->type != CR_ENTRY_DIRECTORY;
}

void cr_node_count(struct cr_node *node, struct cr_node_name *ret)
{
	struct cr_inodes *inodes = node->inodes;
	uint64_t ino = is_linked(node) ? cr_node_ino(node) : 0;
	struct cr_shelf *shelf = node->shelf;
	struct cr_linked *linked = NULL;

	*ret = (struct cr_node_name){ node->id, node->generation };
	if (!shelf)
		return;
	lock(inodes);
	if (ino > 0)
		linked = cr_linked_find(inodes, ino, shelf, node->index);
	if (linked) {
		shelf = linked->shelf;
		ret->id = locator(shelf, linked->index);
		ret->generation = shelf->generation;
	}
	shelf->lookups++;
	inodes->lookups++;
	unlock(inodes);
}

void cr_node_forget(struct cr_inodes *inodes, uint64_t id, uint64_t lookups)
{
	struct cr_shelf *shelf;

	lock(inodes);
	shelf = cr_shelf_find(inodes, id);
	if (shelf) {
		lookups = cr_min(lookups, shelf->lookups);
		shelf->lookups -= lookups;
		inodes->lookups -= lookups;
		shelf->uses++;
		cr_shelf_unuse(inodes, shelf);
	}
	unlock(inodes);
}

uint64_t cr_inodes_date_id(struct cr_inodes *inodes, const struct cr_date *date)
{
	const struct cr_shelf *shelf;
	uint64_t id = 0;

	if (date->kind == CR_DATE_ROOT)
		return CR_NODE_ROOT;
	lock(inodes);
	shelf = cr_shelf_find_date(inodes, date);
	if (shelf)
		id = locator(shelf, 0);
	unlock(inodes);
	return id;
}

int cr_inodes_each_date(struct cr_inodes *inodes, cr_node_date_fn fn, void *arg)
{
	cr_cleanup(cr_freep) struct cr_shelf *copy = NULL;
	size_t n = 0;

	lock(inodes);
	copy = calloc(inodes->dates.count + 1, sizeof(*copy));
	for (size_t b = 0; copy && b < inodes->dates.buckets; b++)
		for (struct cr_map_link *link = inodes->dates.bucket[b]; link;
		     link = link->next)
			copy[n++] = *cr_map_entry(link, struct cr_shelf, link);
	unlock(inodes);
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		fn(arg, locator(&copy[i], 0), &copy[i].date);
	return 0;
}

void cr_inodes_get_stats(struct cr_inodes *inodes, struct cr_inodes_stats *ret)
{
	lock(inodes);
	*ret = (struct cr_inodes_stats){ inodes->shelves, inodes->folders.count,
					 inodes->lookups };
	unlock(inodes);
}
