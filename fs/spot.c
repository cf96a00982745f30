/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/spot.h"

#include <string.h>

#include "fs/shelf.h"
#include "store/base/buf.h"

#define LABEL_BELOW "past-below"
#define LABEL_LINK  "past-link"

static uint64_t number(const struct cr_key *key)
{
	uint64_t ino;

	memcpy(&ino, key->bytes, sizeof(ino));
	/* 0 means none, and 1 is the root of every FUSE mount. */
	return ino > 1 ? ino : ino + 2;
}

static void key_below(const struct cr_key *key, struct cr_piece name,
		      struct cr_key *ret)
{
	cr_kdf(key, LABEL_BELOW, &name, 1, ret);
}

uint64_t cr_spot_ino(const struct cr_spot *spot, struct cr_piece name,
		     const struct cr_id *snapshot)
{
	struct cr_key key = spot->key;

	if (name.len > 0)
		key_below(&spot->key, name, &key);
	if (snapshot)
		cr_kdf_bytes(&key, LABEL_LINK, snapshot->bytes, CR_ID_LEN,
			     &key);
	return number(&key);
}

/* ---- The table ---- */

static uint64_t hash_of(const struct cr_spot *spot)
{
	return spot->ino;
}

static bool is_same(const struct cr_spot *a, const struct cr_spot *b)
{
	return a->parent == b->parent && a->view == b->view &&
	       a->source == b->source && a->name_len == b->name_len &&
	       memcmp(a->name, b->name, a->name_len) == 0;
}

/* Locked.  The one there is that is the same as @spot. */
static struct cr_spot *find(const struct cr_inodes *inodes,
			    const struct cr_spot *spot)
{
	struct cr_map_link *link = cr_map_first(&inodes->spots, hash_of(spot));

	for (; link; link = cr_map_next(link)) {
		struct cr_spot *known =
			cr_map_entry(link, struct cr_spot, link);

		if (is_same(known, spot))
			return known;
	}
	return NULL;
}

/* Use the one there is that is the same as @fresh, taken; or that. */
static struct cr_spot *enter(struct cr_inodes *inodes, struct cr_spot *fresh)
{
	struct cr_spot *spot;

	(void)pthread_mutex_lock(&inodes->lock);
	spot = find(inodes, fresh);
	if (!spot) {
		spot = cr_take(fresh);
		spot->serial = ++inodes->generation;
		if (spot->parent)
			spot->parent->uses++;
		cr_map_add(&inodes->spots, hash_of(spot), &spot->link);
	}
	spot->uses++;
	(void)pthread_mutex_unlock(&inodes->lock);
	free(fresh);
	return spot;
}

struct cr_spot *cr_spot_top(struct cr_inodes *inodes,
			    const struct cr_date *view, uint32_t source,
			    const struct cr_key *key)
{
	struct cr_spot *spot = calloc(1, sizeof(*spot) + 1);
	uint32_t of[] = { (uint32_t)view->kind, source };

	if (!spot)
		return NULL;
	spot->view = view->kind;
	spot->source = source;
	cr_kdf_bytes(key, LABEL_BELOW, of, sizeof(of), &spot->key);
	spot->ino = number(&spot->key);
	return enter(inodes, spot);
}

struct cr_spot *cr_spot_below(struct cr_inodes *inodes, struct cr_spot *parent,
			      struct cr_piece name)
{
	struct cr_spot *spot = calloc(1, sizeof(*spot) + name.len + 1);

	if (!spot)
		return NULL;
	assert(name.len > 0 && name.len <= CR_NAME_MAX);
	spot->parent = parent;
	spot->view = parent->view;
	spot->source = parent->source;
	spot->depth = parent->depth + 1;
	spot->name_len = (uint8_t)name.len;
	memcpy(spot->name, name.bytes, name.len);
	key_below(&parent->key, name, &spot->key);
	spot->ino = number(&spot->key);
	return enter(inodes, spot);
}

void cr_spot_use(struct cr_spot *spot)
{
	spot->uses++;
}

/* Not recursive: paths are as deep as they like. */
void cr_spot_unuse(struct cr_inodes *inodes, struct cr_spot *spot)
{
	while (spot) {
		struct cr_spot *parent = spot->parent;

		assert(spot->uses > 0);
		if (--spot->uses > 0)
			return;
		cr_map_remove(&inodes->spots, &spot->link);
		free(spot);
		spot = parent;
	}
}

struct cr_spot *cr_spot_hold(struct cr_inodes *inodes, struct cr_spot *spot)
{
	(void)pthread_mutex_lock(&inodes->lock);
	cr_spot_use(spot);
	(void)pthread_mutex_unlock(&inodes->lock);
	return spot;
}

void cr_spot_put(struct cr_inodes *inodes, struct cr_spot *spot)
{
	if (!spot)
		return;
	(void)pthread_mutex_lock(&inodes->lock);
	cr_spot_unuse(inodes, spot);
	(void)pthread_mutex_unlock(&inodes->lock);
}

void cr_spots_free(struct cr_inodes *inodes)
{
	struct cr_map *map = &inodes->spots;

	for (size_t b = 0; b < map->buckets; b++) {
		struct cr_map_link *link = map->bucket[b];

		while (link) {
			struct cr_spot *spot =
				cr_map_entry(link, struct cr_spot, link);

			link = link->next;
			free(spot);
		}
	}
}

void cr_spot_path(const struct cr_spot *spot, struct cr_buf *out)
{
	size_t len = 0;
	uint8_t *at;

	for (const struct cr_spot *p = spot; p->name_len > 0; p = p->parent)
		len += 1u + p->name_len;
	if (len == 0)
		return;
	at = cr_buf_extend(out, --len); /* no "/" before the first */
	if (!at)
		return;
	at += len;
	for (const struct cr_spot *p = spot; p->name_len > 0; p = p->parent) {
		at -= p->name_len;
		memcpy(at, p->name, p->name_len);
		if (p->parent->name_len > 0)
			*--at = '/';
	}
}
