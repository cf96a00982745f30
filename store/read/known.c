/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/known.h"

#include <string.h>

#include "store/base/error.h"

/* A place in the order of names. */
struct place {
	uint64_t key;
	uint8_t len; /* 0: none */
	uint8_t name[CR_NAME_MAX];
};

/*
 * The names of one version of the directory are merged into those of all
 * before, which are sorted by name: what is at @in is taken over to @out.
 * Where they become too many the last ones in order are dropped, and whatever
 * comes after @bound from then on.
 */
struct merge {
	const struct cr_history_reader *by;
	const struct cr_known_want *want;
	const struct cr_version *dir;
	struct cr_history_of of;
	struct cr_known **in, **out; /* owned; so are those in[at...] */
	size_t ins, at, outs, room;
	size_t bytes;
	struct place bound, last;    /* last: of the page before */
	struct cr_known_names names; /* all but its array */
};

static struct cr_piece place_name(const struct place *place)
{
	return (struct cr_piece){ place->name, place->len };
}

static void place_set(struct place *place, uint64_t key, struct cr_piece name)
{
	place->key = key;
	place->len = (uint8_t)name.len;
	memcpy(place->name, name.bytes, name.len);
}

static int order(uint64_t key, struct cr_piece name, uint64_t other_key,
		 struct cr_piece other)
{
	if (key != other_key)
		return key < other_key ? -1 : 1;
	return cr_name_compare(name, other);
}

static int by_order(const void *a, const void *b)
{
	const struct cr_known *x = *(struct cr_known *const *)a;
	const struct cr_known *y = *(struct cr_known *const *)b;

	return order(x->key, cr_known_name(x), y->key, cr_known_name(y));
}

/* ---- Names ---- */

static size_t weight(const struct cr_known *known)
{
	return sizeof(*known) + known->name_len + 2 * sizeof(void *) +
	       cr_history_weight(&known->history);
}

static void known_free(struct cr_known *known)
{
	cr_history_release(&known->history);
	free(known);
}

static void drop(struct merge *m, struct cr_known *known)
{
	m->bytes -= weight(known);
	known_free(known);
}

void cr_known_release(struct cr_known_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		known_free(names->known[i]);
	free(names->known);
	*names = (struct cr_known_names){ 0 };
}

size_t cr_known_weight(const struct cr_known_names *names)
{
	size_t bytes = 0;

	for (size_t i = 0; i < names->count; i++)
		bytes += weight(names->known[i]);
	return bytes;
}

static void merge_release(struct merge *m)
{
	for (size_t i = 0; i < m->outs; i++)
		known_free(m->out[i]);
	for (size_t i = m->at; i < m->ins; i++)
		known_free(m->in[i]);
	free(m->in);
	free(m->out);
}

/* ---- Dropping the last ones ---- */

static bool is_beyond(const struct merge *m, uint64_t key, struct cr_piece name)
{
	const struct place *bound = &m->bound;

	return bound->len > 0 &&
	       order(key, name, bound->key, place_name(bound)) > 0;
}

/* Keep the @n first ones in order. */
static int keep(struct merge *m, size_t n)
{
	size_t left = m->ins - m->at, total = m->outs + left, kept = 0;
	cr_cleanup(cr_freep) struct cr_known **all =
		calloc(total, sizeof(struct cr_known *));

	if (!all)
		return -ENOMEM;
	memcpy(all, m->out, m->outs * sizeof(*all));
	if (left > 0)
		memcpy(all + m->outs, m->in + m->at, left * sizeof(*all));
	qsort(all, total, sizeof(*all), by_order);
	place_set(&m->bound, all[n - 1]->key, cr_known_name(all[n - 1]));
	m->names.more = true;
	for (size_t i = 0; i < m->outs; i++) {
		if (is_beyond(m, m->out[i]->key, cr_known_name(m->out[i])))
			drop(m, m->out[i]);
		else
			m->out[kept++] = m->out[i];
	}
	m->outs = kept;
	/* Those that come first are at the end, towards which @at moves. */
	for (size_t i = kept = m->ins; i-- > m->at;) {
		if (is_beyond(m, m->in[i]->key, cr_known_name(m->in[i])))
			drop(m, m->in[i]);
		else
			m->in[--kept] = m->in[i];
	}
	m->at = kept;
	return 0;
}

static int bound_memory(struct merge *m)
{
	size_t total = m->outs + (m->ins - m->at);

	if (total > 2 * m->want->max)
		return keep(m, m->want->max);
	if (total > 1 && m->bytes > m->want->bytes)
		return keep(m, total / 2);
	return 0;
}

/* ---- Merging ---- */

static int put(struct merge *m, struct cr_known *known)
{
	if (m->outs == m->room) {
		size_t room = cr_max(2 * m->room, (size_t)64);
		struct cr_known **out =
			reallocarray(m->out, room, sizeof(struct cr_known *));

		if (!out) {
			drop(m, known);
			return -ENOMEM;
		}
		m->out = out;
		m->room = room;
	}
	m->out[m->outs++] = known;
	return 0;
}

/* Take over what comes before @name; of what has that name return it. */
static int take_over(struct merge *m, struct cr_piece name,
		     struct cr_known **ret)
{
	*ret = NULL;
	while (m->at < m->ins) {
		struct cr_known *known = m->in[m->at];
		int compared = cr_name_compare(cr_known_name(known), name);
		int r;

		if (compared > 0)
			return 0;
		m->at++;
		if (compared == 0) {
			*ret = known;
			return 0;
		}
		r = put(m, known);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A name not known yet; NULL in @ret when it is not wanted. */
static int known_new(struct merge *m, const struct cr_page *page, uint32_t i,
		     struct cr_known **ret)
{
	const struct cr_known_want *want = m->want;
	struct cr_piece name = page->leaf.entry[i].name;
	uint64_t key = want->key ? want->key(want->arg, name) : 0;
	struct cr_known *known;

	*ret = NULL;
	if (want->after.len > 0
		    ? order(key, name, want->after_key, want->after) <= 0
		    : key < want->after_key)
		return 0;
	if (is_beyond(m, key, name) ||
	    (want->wanted && !want->wanted(want->arg, m->dir, page, i)))
		return 0;
	known = calloc(1, sizeof(*known) + name.len);
	if (!known)
		return -ENOMEM;
	known->key = key;
	known->history.of = m->of;
	known->first = m->dir->first;
	known->name_len = (uint8_t)name.len;
	memcpy(known->name, name.bytes, name.len);
	m->bytes += weight(known);
	*ret = known;
	return 0;
}

/* What entry @i of @page adds to what is known of its name. */
static int learn(struct merge *m, const struct cr_page *page, uint32_t i,
		 struct cr_known *known)
{
	const struct cr_version *dir = m->dir;
	size_t before = weight(known);
	struct cr_version version;
	int r = 0;

	known->last = dir->last;
	known->until = dir->until;
	known->type = page->leaf.entry[i].type;
	known->types |= (uint16_t)(1u << known->type);
	if (dir->first <= m->of.newest && m->of.newest <= dir->last)
		known->present = true;
	if (m->want->histories) {
		cr_version_of(dir, page, i, &version);
		r = cr_history_append(m->by, &known->history, &version);
		m->bytes += weight(known) - before;
	}
	return r;
}

static int merge_entry(struct merge *m, const struct cr_page *page, uint32_t i)
{
	struct cr_known *known;
	int r = take_over(m, page->leaf.entry[i].name, &known), s;

	if (r == 0 && !known)
		r = known_new(m, page, i, &known);
	if (r < 0 || !known)
		return r;
	r = learn(m, page, i, known);
	s = put(m, known);
	if (r == 0)
		r = s;
	return r < 0 ? r : bound_memory(m);
}

/* Some of the names in the directory at hand cannot be read. */
static void miss(struct merge *m, int error)
{
	const struct cr_version *dir = m->dir;

	if (dir->error == 0 && m->by->damaged)
		m->by->damaged(m->by->arg, dir, (struct cr_piece){ 0 }, error);
	if (m->names.error == 0)
		m->names.error = error;
	if (dir->first <= m->of.newest && m->of.newest <= dir->last)
		m->names.newest_error = error;
}

static int merge_page(void *arg, const struct cr_page *page, int error)
{
	struct merge *m = arg;
	const struct cr_leaf *leaf;

	if (!page) {
		if (!cr_history_is_told(error))
			return error;
		miss(m, error);
		return 0;
	}
	leaf = &page->leaf;
	if (leaf->entries == 0)
		return 0;
	/* Within a page they are in order, or it were none. */
	if (m->last.len > 0 &&
	    cr_name_compare(place_name(&m->last), leaf->entry[0].name) >= 0) {
		miss(m, cr_fail(CR_ECORRUPT, "pages of a directory overlap"));
		return 0;
	}
	place_set(&m->last, 0, leaf->entry[leaf->entries - 1].name);
	for (uint32_t i = 0; i < leaf->entries; i++) {
		int r = merge_entry(m, page, i);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Merge the names that the directory had when it was @dir. */
static int merge_version(struct merge *m, const struct cr_version *dir)
{
	int r;

	m->dir = dir;
	if (dir->error < 0) {
		miss(m, dir->error);
		return 0;
	}
	if (dir->entry.type != CR_ENTRY_DIRECTORY)
		return 0;
	free(m->in);
	m->in = m->out;
	m->ins = m->outs;
	m->out = NULL;
	m->outs = m->room = m->at = 0;
	m->last.len = 0;
	r = cr_tree_each_page(m->by->reader, &dir->view, &dir->tree, merge_page,
			      m);
	while (r == 0 && m->at < m->ins)
		r = put(m, m->in[m->at++]);
	return r;
}

int cr_known_read(const struct cr_history_reader *by,
		  const struct cr_history *dir,
		  const struct cr_known_want *want, struct cr_known_names *ret)
{
	cr_cleanup(merge_release) struct merge m = {
		.by = by,
		.want = want,
		.of = dir->of,
	};

	for (uint32_t i = 0; i < dir->count; i++) {
		int r = merge_version(&m, &dir->version[i]);

		if (r < 0)
			return r;
	}
	if (m.outs > want->max) {
		int r = keep(&m, want->max);

		if (r < 0)
			return r;
	}
	if (m.outs > 0)
		qsort(m.out, m.outs, sizeof(struct cr_known *), by_order);
	*ret = m.names;
	ret->known = cr_take(m.out);
	ret->count = cr_take(m.outs);
	return 0;
}
