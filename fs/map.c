/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/map.h"

#include <errno.h>
#include <string.h>

#define BUCKETS_FIRST 64

int cr_map_init(struct cr_map *map)
{
	*map = (struct cr_map){ 0 };
	map->bucket = calloc(BUCKETS_FIRST, sizeof(struct cr_map_link *));
	if (!map->bucket)
		return -ENOMEM;
	map->buckets = BUCKETS_FIRST;
	return 0;
}

void cr_map_release(struct cr_map *map)
{
	free(map->bucket);
	*map = (struct cr_map){ 0 };
}

uint64_t cr_map_mix(uint64_t value)
{
	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

static struct cr_map_link **bucket_of(const struct cr_map *map, uint64_t hash)
{
	return &map->bucket[hash & (map->buckets - 1)];
}

static void put(struct cr_map *map, struct cr_map_link *link)
{
	struct cr_map_link **at = bucket_of(map, link->hash);

	link->next = *at;
	*at = link;
}

static void grow(struct cr_map *map)
{
	struct cr_map larger = { .buckets = map->buckets * 2 };

	larger.bucket = calloc(larger.buckets, sizeof(struct cr_map_link *));
	if (!larger.bucket)
		return;
	for (size_t b = 0; b < map->buckets; b++) {
		struct cr_map_link *link = map->bucket[b];

		while (link) {
			struct cr_map_link *next = link->next;

			put(&larger, link);
			link = next;
		}
	}
	free(map->bucket);
	map->bucket = larger.bucket;
	map->buckets = larger.buckets;
}

void cr_map_add(struct cr_map *map, uint64_t hash, struct cr_map_link *link)
{
	if (map->count >= map->buckets)
		grow(map);
	link->hash = hash;
	put(map, link);
	map->count++;
}

void cr_map_remove(struct cr_map *map, struct cr_map_link *link)
{
	struct cr_map_link **at = bucket_of(map, link->hash);

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	link->next = NULL;
	map->count--;
}

static struct cr_map_link *same(struct cr_map_link *link, uint64_t hash)
{
	while (link && link->hash != hash)
		link = link->next;
	return link;
}

struct cr_map_link *cr_map_first(const struct cr_map *map, uint64_t hash)
{
	return same(*bucket_of(map, hash), hash);
}

struct cr_map_link *cr_map_next(const struct cr_map_link *link)
{
	return same(link->next, link->hash);
}
