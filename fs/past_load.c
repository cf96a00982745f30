/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Histories and lists of names: loaded once, kept as long as there is room. */
#include <errno.h>
#include <string.h>

#include "fs/damage.h"
#include "fs/mount.h"
#include "fs/past_int.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/read/history.h"
#include "store/read/snapshots.h"

#define LABEL	   "past"
#define SHARE_LIST 4 /* of the cache, one part in so many, has one list */
#define LIST_LEAST (256u << 10)

/* ---- Telling damage ---- */

static void tell(void *arg, const struct cr_version *dir, struct cr_piece name,
		 int error)
{
	const struct cr_past_by *by = arg;
	const char *top = by->past->options.path;
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	char snapshot[CR_MOUNT_NAME_MAX];

	if (top) {
		cr_buf_u8(&path, '/');
		cr_buf_put(&path, top, strlen(top));
	}
	if (!top || by->spot->depth > 0)
		cr_buf_u8(&path, '/');
	/* It is the directory that cannot be read, whoever asks for what. */
	(void)name;
	cr_spot_path(by->spot, &path);
	cr_mount_name(dir->since, snapshot);
	cr_damage_tell(
		by->past->options.damage,
		&(struct cr_damaged){ snapshot, path.bytes, path.len, error });
}

struct cr_history_reader cr_past_reader(struct cr_past_by *by)
{
	return (struct cr_history_reader){ by->past->options.reader, tell, by };
}

/* ---- Loading ---- */

struct wanted {
	struct cr_past_by by;
	const struct cr_history *dir; /* of what is above, or of the spot */
	uint64_t from;
	size_t bytes;
};

static struct cr_cache_key key_of(const struct cr_spot *spot, uint64_t serial,
				  uint64_t from)
{
	uint64_t of[] = { spot->serial, serial, from };
	struct cr_id id = cr_hash_bytes(LABEL, of, sizeof(of));
	struct cr_cache_key key = { 0 };

	memcpy(key.uid.bytes, id.bytes, sizeof(key.uid.bytes));
	return key;
}

static int history_of_top(struct wanted *wanted, struct cr_history *ret)
{
	struct cr_past *past = wanted->by.past;
	struct cr_history_reader by = cr_past_reader(&wanted->by);
	cr_cleanup(cr_freep) const struct cr_snapshot **snapshot = NULL;
	struct cr_history_of of = { 0 };
	int r;

	r = cr_dates_source(past->options.dates, wanted->by.spot->source,
			    &snapshot, &of.count, &of.newest);
	if (r < 0)
		return r;
	of.snapshot = snapshot;
	r = cr_history_root(&by, &of, ret);
	if (r == 0)
		ret->of.snapshot = NULL; /* they were for that only */
	return r;
}

static void known_free(struct cr_past_known *known)
{
	if (!known)
		return;
	cr_history_release(&known->history);
	free(known->same);
	free(known);
}

static void known_freep(struct cr_past_known **known)
{
	known_free(*known);
}

/* Which versions are shown: asked once, for it takes comparing each with all.
 */
static int tell_apart(struct wanted *wanted, struct cr_past_known *known)
{
	struct cr_history_reader by = cr_past_reader(&wanted->by);
	int r;

	known->same =
		calloc((size_t)known->history.count + 1, sizeof(*known->same));
	if (!known->same)
		return -ENOMEM;
	r = cr_history_distinct(&by, &known->history, known->same);
	return r < 0 ? r : 0;
}

static int load_history(void *arg, const struct cr_cache_key *key, void **value,
			size_t *weight)
{
	struct wanted *wanted = arg;
	const struct cr_spot *spot = wanted->by.spot;
	cr_cleanup(known_freep) struct cr_past_known *known =
		calloc(1, sizeof(*known));
	/* What is told is of the directory that is looked into. */
	struct cr_past_by above = { wanted->by.past, spot->parent };
	struct cr_history_reader by = cr_past_reader(&above);
	struct cr_piece name = { spot->name, spot->name_len };
	int r;

	(void)key;
	if (!known)
		return -ENOMEM;
	r = spot->parent
		    ? cr_history_child(&by, wanted->dir, name, &known->history)
		    : history_of_top(wanted, &known->history);
	if (r == 0 && spot->parent && spot->view == CR_DATE_VERSIONS)
		r = tell_apart(wanted, known);
	if (r < 0)
		return r;
	*weight = sizeof(*known) + cr_history_weight(&known->history) +
		  known->history.count * sizeof(*known->same);
	*value = cr_take(known);
	return 0;
}

static void drop_history(void *value)
{
	known_free(value);
}

static uint64_t name_key(void *arg, struct cr_piece name)
{
	const struct wanted *wanted = arg;

	return cr_spot_ino(wanted->by.spot, name, NULL) % CR_PAST_KEY |
	       CR_PAST_KEY;
}

static int load_names(void *arg, const struct cr_cache_key *key, void **value,
		      size_t *weight)
{
	struct wanted *wanted = arg;
	struct cr_known_names *names = calloc(1, sizeof(*names));
	struct cr_history_reader by = cr_past_reader(&wanted->by);
	const struct cr_known_want want = {
		.key = name_key,
		.arg = wanted,
		.after_key = wanted->from,
		.max = SIZE_MAX / 4,
		.bytes = wanted->bytes,
	};
	int r;

	(void)key;
	if (!names)
		return -ENOMEM;
	r = cr_known_read(&by, wanted->dir, &want, names);
	if (r < 0) {
		free(names);
		return r;
	}
	*value = names;
	*weight = sizeof(*names) + cr_known_weight(names);
	return 0;
}

static void drop_names(void *value)
{
	cr_known_release(value);
	free(value);
}

/* ---- The whole ---- */

int cr_past_history(struct cr_past *past, struct cr_spot *spot,
		    struct cr_cached **ret)
{
	uint64_t serial = cr_dates_serial(past->options.dates);
	cr_cleanup(cr_cached_unpinp) struct cr_cached *above = NULL;
	cr_cleanup(cr_freep) const struct cr_spot **way = NULL;
	uint32_t depth = spot->depth;

	/* From the top down, without recursion. */
	way = calloc((size_t)depth + 1, sizeof(*way));
	if (!way)
		return -ENOMEM;
	for (const struct cr_spot *at = spot; at; at = at->parent)
		way[at->depth] = at;
	for (uint32_t i = 0; i <= depth; i++) {
		struct cr_cache_key key = key_of(way[i], serial, 0);
		struct cr_cached *cached;
		struct wanted wanted = {
			.by = { past, way[i] },
			.dir = above ? cr_past_history_in(above) : NULL,
		};
		int r = cr_cache_get(past->histories, &key, &wanted, &cached);

		if (r < 0)
			return r;
		cr_cached_unpin(above);
		above = cached;
	}
	*ret = cr_take(above);
	return 0;
}

int cr_past_names(struct cr_past *past, struct cr_spot *spot, uint64_t from,
		  struct cr_cached **ret)
{
	uint64_t serial = cr_dates_serial(past->options.dates);
	struct cr_cache_key key = key_of(spot, serial, from);
	cr_cleanup(cr_cached_unpinp) struct cr_cached *dir = NULL;
	struct wanted wanted = {
		.by = { past, spot },
		.from = from,
		.bytes = past->list_bytes,
	};
	int r = cr_past_history(past, spot, &dir);

	if (r < 0)
		return r;
	wanted.dir = cr_past_history_in(dir);
	return cr_cache_get(past->lists, &key, &wanted, ret);
}

/*
 * Keys are spread evenly, and a list may end at half of the memory that another
 * one takes: so those that begin half as far from each other as the first one
 * goes have all names between them.
 */
static int measure(struct cr_past *past, struct cr_spot *spot, uint64_t *ret)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *list = NULL;
	const struct cr_known_names *names;
	int r = cr_past_names(past, spot, CR_PAST_KEY, &list);

	if (r < 0)
		return r;
	names = cr_cached_value(list);
	*ret = CR_PAST_KEY; /* one list has them all */
	if (names->more && names->count > 0)
		*ret = (names->known[names->count - 1]->key - CR_PAST_KEY) / 2 +
		       1;
	return 0;
}

/* @history is pinned, that of @spot. */
static int width_of(struct cr_past *past, struct cr_spot *spot,
		    struct cr_cached *history, uint64_t *ret)
{
	struct cr_past_known *known = cr_cached_value(history);
	int r = 0;

	*ret = atomic_load(&known->width);
	if (*ret == 0)
		r = measure(past, spot, ret);
	if (r == 0)
		atomic_store(&known->width, *ret);
	return r;
}

int cr_past_list_of(struct cr_past *past, struct cr_spot *spot, uint64_t key,
		    uint64_t *ret)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *history = NULL;
	uint64_t width;
	int r = cr_past_history(past, spot, &history);

	if (r == 0)
		r = width_of(past, spot, history, &width);
	if (r == 0)
		*ret = key - (key - CR_PAST_KEY) % width;
	return r;
}

/* Whether a list of it is no more than a page of each version. */
static bool is_small(const struct cr_history *history)
{
	const struct cr_version *last = cr_history_last(history);

	return last && last->entry.type == CR_ENTRY_DIRECTORY &&
	       last->tree.content == CR_CONTENT_LEAF;
}

static const struct cr_known *find_known(const struct cr_known_names *names,
					 uint64_t key, struct cr_piece name)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (names->known[mid]->key < key)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < names->count && names->known[low]->key == key; low++)
		if (cr_name_compare(cr_known_name(names->known[low]), name) ==
		    0)
			return names->known[low];
	return NULL;
}

int cr_past_ask(struct cr_past *past, struct cr_spot *dir, struct cr_piece name,
		struct cr_cached **pin, const struct cr_known **known)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *history = NULL;
	cr_cleanup(cr_cached_unpinp) struct cr_cached *list = NULL;
	struct wanted of = { .by = { past, dir } };
	uint64_t width;
	const struct cr_known_names *names;
	int r = cr_past_history(past, dir, &history);

	if (r < 0 || !is_small(cr_past_history_in(history)))
		return cr_min(r, 0);
	/* It may have been large. */
	r = width_of(past, dir, history, &width);
	if (r < 0 || width != CR_PAST_KEY)
		return cr_min(r, 0);
	r = cr_past_names(past, dir, CR_PAST_KEY, &list);
	if (r < 0)
		return r;
	names = cr_cached_value(list);
	if (names->more || names->error < 0)
		return 0;
	*known = find_known(names, name_key(&of, name), name);
	*pin = cr_take(list);
	return 1;
}

int cr_past_new(const struct cr_past_options *options, struct cr_past **ret)
{
	static const struct cr_cache_ops histories = { load_history,
						       drop_history };
	static const struct cr_cache_ops lists = { load_names, drop_names };
	cr_cleanup(cr_past_freep) struct cr_past *past =
		calloc(1, sizeof(*past));
	int r;

	if (!past)
		return -ENOMEM;
	past->options = *options;
	past->list_bytes = cr_max(options->cache_bytes / 2 / SHARE_LIST,
				  (size_t)LIST_LEAST);
	r = cr_cache_new(options->cache_bytes / 2, &histories,
			 &past->histories);
	if (r == 0)
		r = cr_cache_new(options->cache_bytes / 2, &lists,
				 &past->lists);
	if (r < 0)
		return r;
	*ret = cr_take(past);
	return 0;
}

void cr_past_free(struct cr_past *past)
{
	if (!past)
		return;
	cr_cache_free(past->histories);
	cr_cache_free(past->lists);
	free(past);
}
