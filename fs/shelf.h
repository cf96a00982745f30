/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shelf.h - inside the table of nodes (inode.h): shelves, the folders they
 * belong to, and who still needs them.
 *
 * A shelf stays while the kernel has counted a lookup on it, a node in use
 * points to it, or the folder of an entry on it stays.  A folder, a directory
 * that was looked into, stays while it has a shelf or a node in use points to
 * it.  So the way up from anything that is known is always known.
 *
 * Functions marked "locked" are called with the table's lock held.
 */
#ifndef FS_SHELF_H
#define FS_SHELF_H

#include <pthread.h>

#include "fs/inode.h"
#include "fs/map.h"
#include "store/codec/hash.h"

struct cr_cache;

#define CR_ENTRIES_UNKNOWN UINT64_MAX

/*
 * The first link of a file that the kernel was told of in one snapshot: where
 * the others are found.  Its hash is the inode number.
 */
struct cr_linked {
	struct cr_map_link link;
	struct cr_shelf *shelf; /* borrowed: it holds this */
	uint32_t index;
	struct cr_linked *next; /* of the same shelf */
};

struct cr_shelf {
	uint64_t lookups; /* under: lock */
	uint32_t uses;	  /* nodes in use, folders on it; under: lock */
	uint32_t number;
	uint64_t generation;
	struct cr_linked *linked; /* owned; under: lock */
	struct cr_folder *folder; /* held; NULL at the top level */

	/* At the top level. */
	struct cr_map_link link; /* by date; under: lock */
	struct cr_date date;
	struct cr_view view; /* of a snapshot */

	/* Of a page. */
	struct cr_id id;
	uint64_t first; /* ordinal of its first entry */
	uint32_t entries;
	uint8_t first_len, last_len;
	uint8_t names[]; /* of the first and of the last entry */
};

/* A directory that was looked into. */
struct cr_folder {
	struct cr_map_link link; /* by node id; under: lock */
	uint64_t node;
	uint32_t uses;		/* shelves, nodes in use; under: lock */
	struct cr_shelf *shelf; /* held: where its own entry lies */
	const struct cr_snapshot *snapshot;
	struct cr_view view;
	struct cr_tree_ref tree;
	struct cr_key key; /* of inode numbers */
	uint64_t ino;
	uint64_t entries;	/* under: lock */
	struct cr_shelf **page; /* owned, sorted by first; under: lock */
	uint32_t pages, room;	/* under: lock */
	size_t name_len;	/* 0: a snapshot's root */
	uint8_t name[];
};

/* A number of the table; free ones are chained. */
struct cr_inode_place {
	struct cr_shelf *shelf; /* owned */
	uint32_t free;
};

struct cr_inodes {
	struct cr_inodes_options options;
	struct cr_cache *cache; /* owned: pages */
	pthread_mutex_t lock;
	struct cr_inode_place *place; /* owned; under: lock, as all below */
	uint32_t places, room, free;
	uint64_t generation;
	struct cr_map dates;
	struct cr_map folders;
	struct cr_map links;
	struct cr_map spots; /* spot.h */
	uint64_t shelves, lookups;
};

/* Free whatever is left: the kernel need not have forgotten anything. */
void cr_shelves_free(struct cr_inodes *inodes);

/* Locked.  The shelf that @id is on, or NULL. */
struct cr_shelf *cr_shelf_find(const struct cr_inodes *inodes, uint64_t id);
/* Locked.  Let go of @shelf (may be NULL) and of all that only it held. */
void cr_shelf_unuse(struct cr_inodes *inodes, struct cr_shelf *shelf);

/* Locked.  The shelf of @date, or NULL. */
struct cr_shelf *cr_shelf_find_date(const struct cr_inodes *inodes,
				    const struct cr_date *date);
/* Locked.  The same, made if need be; NULL without memory. */
struct cr_shelf *cr_shelf_of_date(struct cr_inodes *inodes,
				  const struct cr_date *date,
				  const struct cr_view *view);

/* Locked.  The folder that node @id is, or NULL. */
struct cr_folder *cr_folder_find(const struct cr_inodes *inodes, uint64_t id);
/* Locked.  Enter @folder, taken, which holds its shelf from now on. */
void cr_folder_add(struct cr_inodes *inodes, struct cr_folder *folder);
/* Locked.  Let go of @folder and of all that only it held. */
void cr_folder_unuse(struct cr_inodes *inodes, struct cr_folder *folder);

/* Locked.  The page of @folder with entry @ordinal; NULL when not known. */
struct cr_shelf *cr_folder_page_at(const struct cr_folder *folder,
				   uint64_t ordinal);
/* Locked.  The page that has @name if any has; NULL when not known. */
struct cr_shelf *cr_folder_page_for(const struct cr_folder *folder,
				    struct cr_piece name);
/* Locked.  The shelf for @page, made if need be; NULL without memory. */
struct cr_shelf *cr_folder_shelf(struct cr_inodes *inodes,
				 struct cr_folder *folder,
				 const struct cr_page *page);

/* Locked.  Where all links with inode number @ino are; @shelf's if they are
 * new.  NULL without memory. */
struct cr_linked *cr_linked_find(struct cr_inodes *inodes, uint64_t ino,
				 struct cr_shelf *shelf, uint32_t index);

#endif
