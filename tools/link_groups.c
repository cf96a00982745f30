/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/link_groups.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define TABLE_LEAST 1024u

enum group_state { GROUP_BUSY, GROUP_READY, GROUP_LOST };

struct group {
	struct group *next; /* in its slot */
	struct cr_uid id;
	enum group_state state;
	uint32_t seen; /* names that had their turn */
	struct cr_link_at at;
};

struct cr_links {
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct group **slot; /* owned; under: lock */
	size_t slots;	     /* a power of two; under: lock */
	size_t groups;	     /* under: lock */
};

void cr_link_at_release(struct cr_link_at *at)
{
	cr_buf_release(&at->path);
}

static void group_free(struct group *group)
{
	cr_link_at_release(&group->at);
	free(group);
}

int cr_links_new(struct cr_links **ret)
{
	struct cr_links *links = calloc(1, sizeof(*links));

	if (!links)
		return -ENOMEM;
	links->slots = TABLE_LEAST;
	links->slot = calloc(links->slots, sizeof(struct group *));
	if (!links->slot) {
		free(links);
		return -ENOMEM;
	}
	(void)pthread_mutex_init(&links->lock, NULL);
	(void)pthread_cond_init(&links->done, NULL);
	*ret = links;
	return 0;
}

void cr_links_free(struct cr_links *links)
{
	if (!links)
		return;
	for (size_t i = 0; i < links->slots; i++) {
		while (links->slot[i]) {
			struct group *group = links->slot[i];

			links->slot[i] = group->next;
			group_free(group);
		}
	}
	(void)pthread_cond_destroy(&links->done);
	(void)pthread_mutex_destroy(&links->lock);
	free(links->slot);
	free(links);
}

/* ---- The table */

/* Ids are keyed hashes: any of their bits are good.  Under: lock. */
static struct group **slot_of(struct group **slot, size_t slots,
			      const struct cr_uid *id)
{
	uint64_t bits;

	memcpy(&bits, id->bytes, sizeof(bits));
	return &slot[bits & (slots - 1)];
}

/* Under: lock. */
static struct group **find(struct cr_links *links, const struct cr_uid *id)
{
	struct group **at = slot_of(links->slot, links->slots, id);

	while (*at && !cr_uid_equal(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

/* Larger is faster, not needed: failure is no error.  Under: lock. */
static void grow(struct cr_links *links)
{
	size_t slots = 2 * links->slots;
	struct group **slot = calloc(slots, sizeof(struct group *));

	if (!slot)
		return;
	for (size_t i = 0; i < links->slots; i++) {
		while (links->slot[i]) {
			struct group *group = links->slot[i];
			struct group **to = slot_of(slot, slots, &group->id);

			links->slot[i] = group->next;
			group->next = *to;
			*to = group;
		}
	}
	free(links->slot);
	links->slot = slot;
	links->slots = slots;
}

/* Under: lock. */
static int add(struct cr_links *links, const struct cr_uid *id)
{
	struct group *group = calloc(1, sizeof(*group));
	struct group **to;

	if (!group)
		return -ENOMEM;
	if (links->groups >= links->slots)
		grow(links);
	group->id = *id;
	group->state = GROUP_BUSY;
	to = slot_of(links->slot, links->slots, id);
	group->next = *to;
	*to = group;
	links->groups++;
	return 0;
}

/* Under: lock. */
static void drop(struct cr_links *links, struct group **at)
{
	struct group *group = *at;

	*at = group->next;
	links->groups--;
	group_free(group);
}

static int copy_at(const struct group *group, struct cr_link_at *ret)
{
	cr_buf_clear(&ret->path);
	cr_buf_put(&ret->path, group->at.path.bytes, group->at.path.len);
	ret->device = group->at.device;
	ret->inode = group->at.inode;
	return cr_buf_error(&ret->path);
}

/* ---- Turns */

/* Under: lock. */
static int claim(struct cr_links *links, const struct cr_entry *entry,
		 bool again, struct cr_link_at *ret)
{
	struct group **at = find(links, &entry->link);
	int r;

	/* Whoever is at it came before us in the queue, and gets done. */
	while (*at && (*at)->state == GROUP_BUSY) {
		(void)pthread_cond_wait(&links->done, &links->lock);
		at = find(links, &entry->link);
	}
	if (!*at) {
		r = add(links, &entry->link);
		return r < 0 ? r : CR_LINK_FIRST;
	}
	if ((*at)->state == GROUP_READY && again &&
	    (*at)->at.inode == ret->inode && (*at)->at.device == ret->device) {
		(*at)->state = GROUP_BUSY;
		return CR_LINK_FIRST;
	}
	r = (*at)->state == GROUP_LOST ? CR_LINK_LOST : CR_LINK_READY;
	if (r == CR_LINK_READY && copy_at(*at, ret) < 0)
		return -ENOMEM;
	/* One whose link fails comes back; it then finds no group, and is the
	 * first of a new one: a copy, which is what it would be anyway. */
	if (++(*at)->seen >= entry->nlink)
		drop(links, at);
	return r;
}

int cr_links_claim(struct cr_links *links, const struct cr_entry *entry,
		   bool again, struct cr_link_at *ret)
{
	int r;

	(void)pthread_mutex_lock(&links->lock);
	r = claim(links, entry, again, ret);
	(void)pthread_mutex_unlock(&links->lock);
	return r;
}

void cr_links_done(struct cr_links *links, const struct cr_entry *entry,
		   struct cr_link_at *where, bool lost)
{
	struct group **at;

	(void)pthread_mutex_lock(&links->lock);
	at = find(links, &entry->link);
	assert(*at);
	if (!where && !lost) {
		drop(links, at);
	} else {
		(*at)->state = lost ? GROUP_LOST : GROUP_READY;
		cr_link_at_release(&(*at)->at);
		if (where)
			(*at)->at = cr_take(*where);
		if (++(*at)->seen >= entry->nlink)
			drop(links, at);
	}
	(void)pthread_cond_broadcast(&links->done);
	(void)pthread_mutex_unlock(&links->lock);
}
