/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/shelf.h"

#include <errno.h>
#include <string.h>

#include "fs/spot.h"

#define PLACES_FIRST 64

/* ---- Places ---- */

static int places_grow(struct cr_inodes *inodes)
{
	uint32_t room = inodes->room ? inodes->room * 2 : PLACES_FIRST;
	struct cr_inode_place *place;

	if (room < inodes->room)
		return -ENOMEM;
	place = reallocarray(inodes->place, room, sizeof(*place));
	if (!place)
		return -ENOMEM;
	/* Number 0 is not given out: its ids would be those of the root. */
	if (inodes->places == 0)
		place[inodes->places++] = (struct cr_inode_place){ 0 };
	inodes->place = place;
	inodes->room = room;
	return 0;
}

static int place_new(struct cr_inodes *inodes, uint32_t *ret)
{
	int r;

	if (inodes->free > 0) {
		*ret = inodes->free;
		inodes->free = inodes->place[*ret].free;
		return 0;
	}
	if (inodes->places == inodes->room) {
		r = places_grow(inodes);
		if (r < 0)
			return r;
	}
	*ret = inodes->places++;
	inodes->place[*ret] = (struct cr_inode_place){ 0 };
	return 0;
}

/* ---- Shelves ---- */

static struct cr_shelf *shelf_new(struct cr_inodes *inodes, size_t extra)
{
	struct cr_shelf *shelf = calloc(1, sizeof(*shelf) + extra);

	if (!shelf || place_new(inodes, &shelf->number) < 0) {
		free(shelf);
		return NULL;
	}
	inodes->place[shelf->number].shelf = shelf;
	shelf->generation = ++inodes->generation;
	inodes->shelves++;
	return shelf;
}

struct cr_shelf *cr_shelf_find(const struct cr_inodes *inodes, uint64_t id)
{
	uint64_t number = id >> CR_NODE_SHIFT;

	return number < inodes->places ? inodes->place[number].shelf : NULL;
}

static void linked_free(struct cr_linked *linked)
{
	while (linked) {
		struct cr_linked *next = linked->next;

		free(linked);
		linked = next;
	}
}

static void folder_forget_page(struct cr_folder *folder,
			       const struct cr_shelf *shelf)
{
	uint32_t i = 0;

	while (folder->page[i] != shelf)
		i++;
	folder->pages--;
	memmove(&folder->page[i], &folder->page[i + 1],
		(folder->pages - i) * sizeof(struct cr_shelf *));
}

/* Returns the folder it held. */
static struct cr_folder *shelf_free(struct cr_inodes *inodes,
				    struct cr_shelf *shelf)
{
	struct cr_folder *folder = shelf->folder;
	struct cr_inode_place *place = &inodes->place[shelf->number];

	for (struct cr_linked *l = shelf->linked; l; l = l->next)
		cr_map_remove(&inodes->links, &l->link);
	linked_free(shelf->linked);
	if (folder)
		folder_forget_page(folder, shelf);
	else
		cr_map_remove(&inodes->dates, &shelf->link);
	cr_spot_unuse(inodes, shelf->date.spot);
	*place = (struct cr_inode_place){ .free = inodes->free };
	inodes->free = shelf->number;
	inodes->shelves--;
	free(shelf);
	return folder;
}

/* Drop one use of @folder.  Returns the shelf it held when it was the last. */
static struct cr_shelf *folder_drop(struct cr_inodes *inodes,
				    struct cr_folder *folder)
{
	struct cr_shelf *shelf = folder->shelf;

	assert(folder->uses > 0);
	if (--folder->uses > 0)
		return NULL;
	cr_map_remove(&inodes->folders, &folder->link);
	free(folder->page);
	free(folder);
	return shelf;
}

/* Not recursive: directories may be nested without bound. */
void cr_shelf_unuse(struct cr_inodes *inodes, struct cr_shelf *shelf)
{
	while (shelf) {
		struct cr_folder *folder;

		assert(shelf->uses > 0);
		if (--shelf->uses > 0 || shelf->lookups > 0)
			return;
		folder = shelf_free(inodes, shelf);
		shelf = folder ? folder_drop(inodes, folder) : NULL;
	}
}

static uint64_t date_hash(const struct cr_date *date)
{
	uint64_t hash = cr_map_mix((uint64_t)(uintptr_t)date->snapshot);

	hash = cr_map_mix(hash ^ (uint64_t)date->day);
	hash = cr_map_mix(hash ^ (uint64_t)(uintptr_t)date->spot);
	return cr_map_mix(hash ^ (uint64_t)date->source << 8 ^
			  (uint64_t)date->kind);
}

struct cr_shelf *cr_shelf_find_date(const struct cr_inodes *inodes,
				    const struct cr_date *date)
{
	struct cr_map_link *link =
		cr_map_first(&inodes->dates, date_hash(date));

	for (; link; link = cr_map_next(link)) {
		struct cr_shelf *shelf =
			cr_map_entry(link, struct cr_shelf, link);

		if (cr_date_equal(&shelf->date, date))
			return shelf;
	}
	return NULL;
}

struct cr_shelf *cr_shelf_of_date(struct cr_inodes *inodes,
				  const struct cr_date *date,
				  const struct cr_view *view)
{
	struct cr_shelf *shelf = cr_shelf_find_date(inodes, date);

	if (shelf)
		return shelf;
	shelf = shelf_new(inodes, 0);
	if (!shelf)
		return NULL;
	shelf->date = *date;
	if (date->spot)
		cr_spot_use(date->spot);
	if (view)
		shelf->view = *view;
	cr_map_add(&inodes->dates, date_hash(date), &shelf->link);
	return shelf;
}

/* ---- Folders ---- */

struct cr_folder *cr_folder_find(const struct cr_inodes *inodes, uint64_t id)
{
	struct cr_map_link *link =
		cr_map_first(&inodes->folders, cr_map_mix(id));

	for (; link; link = cr_map_next(link)) {
		struct cr_folder *folder =
			cr_map_entry(link, struct cr_folder, link);

		if (folder->node == id)
			return folder;
	}
	return NULL;
}

void cr_folder_add(struct cr_inodes *inodes, struct cr_folder *folder)
{
	folder->shelf->uses++;
	cr_map_add(&inodes->folders, cr_map_mix(folder->node), &folder->link);
}

void cr_folder_unuse(struct cr_inodes *inodes, struct cr_folder *folder)
{
	cr_shelf_unuse(inodes, folder_drop(inodes, folder));
}

/* How many pages of @folder begin at or before @ordinal. */
static uint32_t pages_to(const struct cr_folder *folder, uint64_t ordinal)
{
	uint32_t low = 0, high = folder->pages;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (folder->page[mid]->first <= ordinal)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct cr_shelf *cr_folder_page_at(const struct cr_folder *folder,
				   uint64_t ordinal)
{
	uint32_t n = pages_to(folder, ordinal);

	if (n == 0 || ordinal - folder->page[n - 1]->first >=
			      folder->page[n - 1]->entries)
		return NULL;
	return folder->page[n - 1];
}

static struct cr_piece first_name(const struct cr_shelf *shelf)
{
	return (struct cr_piece){ shelf->names, shelf->first_len };
}

static struct cr_piece last_name(const struct cr_shelf *shelf)
{
	return (struct cr_piece){ shelf->names + shelf->first_len,
				  shelf->last_len };
}

struct cr_shelf *cr_folder_page_for(const struct cr_folder *folder,
				    struct cr_piece name)
{
	uint32_t low = 0, high = folder->pages;
	struct cr_shelf *shelf;
	uint64_t end;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (cr_name_compare(first_name(folder->page[mid]), name) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return folder->pages > 0 && folder->page[0]->first == 0
			       ? folder->page[0]
			       : NULL;
	shelf = folder->page[low - 1];
	end = shelf->first + shelf->entries;
	if (cr_name_compare(name, last_name(shelf)) <= 0 ||
	    end == folder->entries ||
	    (low < folder->pages && folder->page[low]->first == end))
		return shelf;
	return NULL;
}

/* Make room for one more; on failure nothing changed. */
static int folder_room(struct cr_folder *folder)
{
	struct cr_shelf **page;
	uint32_t room = folder->room ? folder->room * 2 : 1;

	if (folder->pages < folder->room)
		return 0;
	page = reallocarray(folder->page, room, sizeof(struct cr_shelf *));
	if (!page)
		return -ENOMEM;
	folder->page = page;
	folder->room = room;
	return 0;
}

struct cr_shelf *cr_folder_shelf(struct cr_inodes *inodes,
				 struct cr_folder *folder,
				 const struct cr_page *page)
{
	struct cr_piece first = page->leaf.entry[0].name;
	struct cr_piece last = page->leaf.entry[page->leaf.entries - 1].name;
	struct cr_shelf *shelf = cr_folder_page_at(folder, page->first);
	uint32_t at = pages_to(folder, page->first);

	if (shelf)
		return shelf;
	if (folder_room(folder) < 0)
		return NULL;
	shelf = shelf_new(inodes, first.len + last.len);
	if (!shelf)
		return NULL;
	shelf->id = page->id;
	shelf->first = page->first;
	shelf->entries = page->leaf.entries;
	shelf->first_len = (uint8_t)first.len;
	shelf->last_len = (uint8_t)last.len;
	memcpy(shelf->names, first.bytes, first.len);
	memcpy(shelf->names + first.len, last.bytes, last.len);
	shelf->folder = folder;
	folder->uses++;
	memmove(&folder->page[at + 1], &folder->page[at],
		(folder->pages - at) * sizeof(struct cr_shelf *));
	folder->page[at] = shelf;
	folder->pages++;
	return shelf;
}

/* ---- Links, and the end ---- */

struct cr_linked *cr_linked_find(struct cr_inodes *inodes, uint64_t ino,
				 struct cr_shelf *shelf, uint32_t index)
{
	struct cr_map_link *link = cr_map_first(&inodes->links, ino);
	struct cr_linked *linked;

	if (link)
		return cr_map_entry(link, struct cr_linked, link);
	linked = calloc(1, sizeof(*linked));
	if (!linked)
		return NULL;
	linked->shelf = shelf;
	linked->index = index;
	linked->next = shelf->linked;
	shelf->linked = linked;
	cr_map_add(&inodes->links, ino, &linked->link);
	return linked;
}

void cr_shelves_free(struct cr_inodes *inodes)
{
	for (uint32_t i = 0; i < inodes->places; i++) {
		if (!inodes->place[i].shelf)
			continue;
		linked_free(inodes->place[i].shelf->linked);
		free(inodes->place[i].shelf);
	}
	for (size_t b = 0; b < inodes->folders.buckets; b++) {
		struct cr_map_link *link = inodes->folders.bucket[b];

		while (link) {
			struct cr_folder *folder =
				cr_map_entry(link, struct cr_folder, link);

			link = link->next;
			free(folder->page);
			free(folder);
		}
	}
	cr_spots_free(inodes);
	free(inodes->place);
	inodes->place = NULL;
	inodes->places = inodes->room = 0;
}
