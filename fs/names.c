/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/names.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#define NUMBER_DIGITS 10 /* of 4294967295 */

/* ---- This machine ---- */

void cr_names_release(struct cr_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i].name);
	free(names->name);
	*names = (struct cr_names){ 0 };
}

int cr_names_add(struct cr_names *names, const char *name, uint32_t number)
{
	char *copy;

	if (names->count == names->room) {
		size_t room = cr_max(2 * names->room, (size_t)64);
		struct cr_name *grown =
			reallocarray(names->name, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		names->name = grown;
		names->room = room;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	names->name[names->count++] = (struct cr_name){ copy, number };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct cr_name *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void cr_names_sort(struct cr_names *names)
{
	if (names->count > 0)
		qsort(names->name, names->count, sizeof(*names->name), by_name);
}

int cr_names_users(struct cr_names *ret)
{
	cr_cleanup(cr_names_release) struct cr_names names = { 0 };
	const struct passwd *pw;
	int r = 0;

	setpwent();
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
	while (r == 0 && (pw = getpwent()))
		r = cr_names_add(&names, pw->pw_name, pw->pw_uid);
	endpwent();
	if (r < 0)
		return r;
	cr_names_sort(&names);
	*ret = cr_take(names);
	return 0;
}

int cr_names_groups(struct cr_names *ret)
{
	cr_cleanup(cr_names_release) struct cr_names names = { 0 };
	const struct group *gr;
	int r = 0;

	setgrent();
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread */
	while (r == 0 && (gr = getgrent()))
		r = cr_names_add(&names, gr->gr_name, gr->gr_gid);
	endgrent();
	if (r < 0)
		return r;
	cr_names_sort(&names);
	*ret = cr_take(names);
	return 0;
}

static int compare_name(const char *ours, struct cr_piece name)
{
	size_t len = strlen(ours);
	int order = memcmp(ours, name.bytes, cr_min(len, name.len));

	return order ? order : len < name.len ? -1 : len > name.len;
}

static const struct cr_name *find_name(const struct cr_names *ours,
				       struct cr_piece name)
{
	size_t low = 0, high = ours->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = compare_name(ours->name[mid].name, name);

		if (order == 0)
			return &ours->name[mid];
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* ---- A snapshot ---- */

void cr_name_map_release(struct cr_name_map *map)
{
	free(map->pair);
	*map = (struct cr_name_map){ 0 };
}

/* "number name" of one line; false when it is none. */
static bool parse_line(struct cr_piece line, uint32_t *number,
		       struct cr_piece *name)
{
	const char *at = line.bytes;
	uint64_t value = 0;
	size_t i = 0;

	for (;
	     i < line.len && i <= NUMBER_DIGITS && at[i] >= '0' && at[i] <= '9';
	     i++)
		value = value * 10 + (uint64_t)(at[i] - '0');
	if (i == 0 || i > NUMBER_DIGITS || value > UINT32_MAX ||
	    i + 1 >= line.len || at[i] != ' ')
		return false;
	*number = (uint32_t)value;
	*name = (struct cr_piece){ at + i + 1, line.len - i - 1 };
	return true;
}

/* The next line of @text, without its end; false after the last. */
static bool next_line(struct cr_piece *text, struct cr_piece *line)
{
	const char *at = text->bytes;
	const char *end;

	if (text->len == 0)
		return false;
	end = memchr(at, '\n', text->len);
	line->bytes = at;
	line->len = end ? (size_t)(end - at) : text->len;
	text->len -= line->len + (end != NULL);
	text->bytes = at + line->len + (end != NULL);
	return true;
}

static int by_from(const void *a, const void *b)
{
	const struct cr_name_pair *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static void drop_repeated(struct cr_name_map *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++)
		if (kept == 0 || map->pair[kept - 1].from != map->pair[i].from)
			map->pair[kept++] = map->pair[i];
	map->count = kept;
}

int cr_name_map_init(struct cr_name_map *map, const struct cr_names *ours,
		     struct cr_piece text)
{
	struct cr_piece rest = text, line, name;
	const struct cr_name *found;
	uint32_t number;
	size_t lines = 0;

	*map = (struct cr_name_map){ 0 };
	while (next_line(&rest, &line))
		lines++;
	map->pair = calloc(lines + 1, sizeof(*map->pair));
	if (!map->pair)
		return -ENOMEM;
	while (next_line(&text, &line)) {
		if (!parse_line(line, &number, &name))
			continue;
		found = find_name(ours, name);
		if (found)
			map->pair[map->count++] =
				(struct cr_name_pair){ number, found->number };
	}
	qsort(map->pair, map->count, sizeof(*map->pair), by_from);
	drop_repeated(map);
	return 0;
}

uint32_t cr_name_map_get(const struct cr_name_map *map, uint32_t number)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (map->pair[mid].from == number)
			return map->pair[mid].to;
		if (map->pair[mid].from < number)
			low = mid + 1;
		else
			high = mid;
	}
	return CR_NOBODY;
}
