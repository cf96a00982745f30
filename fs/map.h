/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * map.h - an intrusive hash table: what is found by a number.
 *
 * Entries hold a link and are owned by whoever adds them.  Hashes may collide,
 * so a caller compares its key on every link that cr_map_first() and
 * cr_map_next() give.  Nothing here locks.
 */
#ifndef FS_MAP_H
#define FS_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

struct cr_map_link {
	struct cr_map_link *next; /* in the bucket */
	uint64_t hash;
};

struct cr_map {
	struct cr_map_link **bucket; /* owned */
	size_t buckets;		     /* a power of two */
	size_t count;
};

/* What holds the link @link as its member @member. */
#define cr_map_entry(link, type, member) \
	((type *)(void *)((char *)(link)-offsetof(type, member)))

cr_must_check int cr_map_init(struct cr_map *map); /* -ENOMEM */
void cr_map_release(struct cr_map *map);

/* Spread @value, which may be a counter or an address, over 64 bits. */
uint64_t cr_map_mix(uint64_t value);

/* Cannot fail: without memory to grow, chains become longer. */
void cr_map_add(struct cr_map *map, uint64_t hash, struct cr_map_link *link);
void cr_map_remove(struct cr_map *map, struct cr_map_link *link);

/* The first link with @hash, and the next one with the same; or NULL. */
struct cr_map_link *cr_map_first(const struct cr_map *map, uint64_t hash);
struct cr_map_link *cr_map_next(const struct cr_map_link *link);

#endif
