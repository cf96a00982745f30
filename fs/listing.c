/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/listing.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <string.h>

#include "fs/attr.h"
#include "fs/mount.h"
#include "fs/reply.h"
#include "fs/show.h"

#define ROOM_MAX (1u << 20)
#define DOTS	 2  /* positions before the first entry */
#define BATCH	 16 /* names of the top level at once */

/* The shortest record of readdirplus, for a name of one byte, is longer. */
#define RECORD_MIN 128

int cr_listing_init(struct cr_listing *listing, struct cr_mount *mount,
		    size_t size, bool plus)
{
	listing->mount = mount;
	listing->plus = plus;
	listing->room = cr_min(size, (size_t)ROOM_MAX);
	listing->bytes = malloc(cr_max(listing->room, (size_t)1));
	listing->counted_room = listing->room / RECORD_MIN + 1;
	listing->counted =
		plus ? malloc(listing->counted_room * sizeof(uint64_t)) : NULL;
	return listing->bytes && (listing->counted || !plus) ? 0 : -ENOMEM;
}

void cr_listing_release(struct cr_listing *listing)
{
	free(listing->bytes);
	free(listing->counted);
	*listing = (struct cr_listing){ 0 };
}

void cr_listing_take_back(struct cr_listing *listing)
{
	for (size_t i = 0; i < listing->counts; i++)
		cr_node_forget(listing->mount->inodes, listing->counted[i], 1);
	listing->counts = 0;
}

/* Whether one more record fits.  What libfuse says it needs does not depend on
 * anything but the name. */
static bool has_room(const struct cr_listing *listing, const char *name)
{
	size_t need =
		listing->plus
			? fuse_add_direntry_plus(NULL, NULL, 0, name, NULL, 0)
			: fuse_add_direntry(NULL, NULL, 0, name, NULL, 0);

	return need <= listing->room - listing->len;
}

/* A name that is not looked up by being listed: its node id is 0. */
static bool add_plain(struct cr_listing *listing, const char *name,
		      const struct stat *st, off_t next)
{
	struct fuse_entry_param e = { .attr = *st };
	char *at = listing->bytes + listing->len;
	size_t left = listing->room - listing->len;

	if (!has_room(listing, name))
		return false;
	listing->len += listing->plus ? fuse_add_direntry_plus(NULL, at, left,
							       name, &e, next)
				      : fuse_add_direntry(NULL, at, left, name,
							  &e.attr, next);
	return true;
}

static bool add_dot(struct cr_listing *listing, const char *name, uint64_t ino,
		    off_t next)
{
	const struct stat st = { .st_ino = ino, .st_mode = S_IFDIR };

	return add_plain(listing, name, &st, next);
}

static bool add_node(struct cr_listing *listing, struct cr_node *node,
		     const char *name, off_t next)
{
	char *at = listing->bytes + listing->len;
	size_t left = listing->room - listing->len;
	struct fuse_entry_param e;

	if (!has_room(listing, name))
		return false;
	listing->added++;
	if (!listing->plus) {
		cr_reply_stat(listing->mount, node, &e.attr);
		listing->len +=
			fuse_add_direntry(NULL, at, left, name, &e.attr, next);
		return true;
	}
	assert(listing->counts < listing->counted_room);
	cr_reply_entry(listing->mount, node, &e);
	listing->counted[listing->counts++] = e.ino;
	listing->len += fuse_add_direntry_plus(NULL, at, left, name, &e, next);
	return true;
}

/* ---- In a snapshot ---- */

static bool add_entry(struct cr_listing *listing, struct cr_node *node,
		      uint64_t ordinal)
{
	char name[CR_NAME_MAX + 1];

	if (cr_show_hides(listing->mount->show, node->entry))
		return true;
	memcpy(name, node->entry->name.bytes, node->entry->name.len);
	name[node->entry->name.len] = '\0';
	return add_node(listing, node, name, (off_t)(DOTS + ordinal + 1));
}

static int add_entries(struct cr_listing *listing, struct cr_node *dir,
		       uint64_t ordinal)
{
	for (;;) {
		cr_cleanup(cr_node_release) struct cr_node node = { 0 };
		int r = cr_node_at(dir, ordinal, &node);

		if (r < 0)
			return r == -ENOENT ? 0 : r;
		do {
			if (!add_entry(listing, &node, ordinal))
				return 0;
			ordinal++;
		} while (cr_node_next(&node));
	}
}

/* ---- At the top level ---- */

/* What cannot be looked into is there, and says so to who looks it up. */
static bool add_lost(struct cr_listing *listing,
		     const struct cr_date_item *item)
{
	const struct stat st = {
		.st_ino = cr_dates_ino(listing->mount->dates, &item->date),
		.st_mode = S_IFDIR,
	};

	if (!add_plain(listing, item->name, &st, (off_t)(DOTS + item->cookie)))
		return false;
	listing->added++;
	return true;
}

static int add_dates(struct cr_listing *listing, const struct cr_date *dir,
		     uint64_t cookie)
{
	struct cr_date_item item[BATCH];
	int n;

	do {
		n = cr_dates_list(listing->mount->dates, dir, cookie, item,
				  BATCH);
		for (int i = 0; i < n; i++) {
			cr_cleanup(cr_node_release) struct cr_node node = { 0 };
			int r = cr_mount_node(listing->mount, &item[i].date,
					      &node);

			if (r == -ENOMEM)
				return r;
			cookie = item[i].cookie;
			if (r < 0 ? !add_lost(listing, &item[i])
				  : !add_node(listing, &node, item[i].name,
					      (off_t)(DOTS + cookie)))
				return 0;
		}
	} while (n > 0);
	return n;
}

/* ---- In the past ---- */

/*
 * With no more than their types: the kernel looks up what it wants to know more
 * of, and is not made to remember the rest.
 */
static bool add_item(struct cr_listing *listing,
		     const struct cr_past_item *item)
{
	if (!add_plain(listing, item->name,
		       &(struct stat){ .st_ino = item->ino,
				       .st_mode = item->type },
		       (off_t)(DOTS + item->cookie)))
		return false;
	listing->added++;
	return true;
}

static int add_past(struct cr_listing *listing, const struct cr_date *dir,
		    uint64_t cookie)
{
	struct cr_past_item item[BATCH];
	int n;

	do {
		n = cr_past_list(listing->mount->past, dir, cookie, item,
				 BATCH);
		for (int i = 0; i < n; i++) {
			cookie = item[i].cookie;
			if (!add_item(listing, &item[i]))
				return 0;
		}
	} while (n > 0);
	return n;
}

static int add_top(struct cr_listing *listing, const struct cr_date *dir,
		   uint64_t cookie)
{
	return cr_date_in_past(dir) ? add_past(listing, dir, cookie)
				    : add_dates(listing, dir, cookie);
}

static uint64_t parent_ino(struct cr_mount *mount, const struct cr_node *dir)
{
	struct cr_date parent;

	if (dir->page)
		return cr_node_parent_ino(dir);
	parent = cr_dates_parent(mount->dates, &dir->date);
	return cr_dates_ino(mount->dates, &parent);
}

int cr_listing_fill(struct cr_listing *listing, struct cr_node *dir,
		    uint64_t from)
{
	struct cr_mount *mount = listing->mount;
	struct stat st;
	int r;

	if (dir->entry ? dir->entry->type != CR_ENTRY_DIRECTORY
		       : !cr_date_is_folder(&dir->date))
		return -ENOTDIR;
	if (from == 0) {
		cr_reply_stat(mount, dir, &st);
		if (!add_dot(listing, ".", st.st_ino, 1))
			return 0;
	}
	if (from <= 1 && !add_dot(listing, "..", parent_ino(mount, dir), DOTS))
		return 0;
	from = from > DOTS ? from - DOTS : 0;
	r = dir->entry ? add_entries(listing, dir, from)
		       : add_top(listing, &dir->date, from);
	/* The dots alone are no answer: it must not look empty. */
	return listing->added > 0 ? 0 : r;
}
