/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/search.h"

#include <string.h>

#include "store/base/error.h"
#include "store/read/known.h"
#include "store/read/lookup.h"

#define NAMES_MAX   16384	/* of one directory at once */
#define LEVEL_LEAST (64u << 10) /* bytes that any directory may have */
#define MEMO_SHARE  8		/* of memory: one part in so many */

/* A tree in which nothing is found. */
struct barren {
	const struct cr_domain_keys *domain; /* NULL: no tree */
	struct cr_id id;
};

/* A directory being gone through. */
struct level {
	struct cr_history dir;
	struct cr_known_names names;
	size_t next;
	size_t path_len;
	uint64_t told_before; /* what was found or damaged before it */
};

struct cr_search {
	struct cr_search_options options;
	struct cr_history_reader by;
	struct barren *memo; /* owned; a place for each hash */
	size_t memo_size;    /* a power of two */
	struct level *level; /* owned */
	size_t depth, room;
	size_t bytes; /* of all levels */
	struct cr_buf path;
	uint64_t told;
	uint64_t names, names_max; /* gone through; there can be (lookup.h) */
};

/* ---- What need not be looked into ---- */

static struct barren *memo_place(const struct cr_search *search,
				 const struct cr_id *id)
{
	size_t hash;

	memcpy(&hash, id->bytes, sizeof(hash));
	return &search->memo[hash & (search->memo_size - 1)];
}

/* Whether there is something to find below @dir. */
static bool is_barren(const struct cr_search *search,
		      const struct cr_domain_keys *domain,
		      const struct cr_tree_ref *tree)
{
	const struct barren *barren = memo_place(search, &tree->id);

	return tree->content == CR_CONTENT_NONE ||
	       (barren->domain == domain &&
		cr_id_equal(&barren->id, &tree->id));
}

/* Nothing was found in @level, nor below it, and all of it could be read. */
static void remember_barren(struct cr_search *search, const struct level *level)
{
	if (search->options.by_path)
		return;
	for (uint32_t i = 0; i < level->dir.count; i++) {
		const struct cr_version *dir = &level->dir.version[i];

		if (dir->error < 0)
			continue;
		*memo_place(search, &dir->tree.id) =
			(struct barren){ dir->view.domain, dir->tree.id };
	}
}

/* ---- Paths ---- */

/* Make the path that of @name in the innermost directory. */
static int set_path(struct cr_search *search, struct cr_piece name)
{
	struct level *level = &search->level[search->depth - 1];

	search->path.len = level->path_len;
	if (level->path_len > 0 && name.len > 0)
		cr_buf_u8(&search->path, '/');
	cr_buf_put(&search->path, name.bytes, name.len);
	return cr_buf_error(&search->path);
}

static struct cr_piece path_of(const struct cr_search *search)
{
	return (struct cr_piece){ search->path.bytes, search->path.len };
}

static bool matches(struct cr_search *search, struct cr_piece name)
{
	const struct cr_search_options *options = &search->options;

	return set_path(search, name) == 0 &&
	       options->matches(options->arg, path_of(search), name);
}

/* ---- Directories ---- */

static bool is_wanted(void *arg, const struct cr_version *dir,
		      const struct cr_page *page, uint32_t i)
{
	struct cr_search *search = arg;
	const struct cr_entry *entry = &page->leaf.entry[i];
	struct cr_tree_ref tree;

	if (entry->type == CR_ENTRY_DIRECTORY) {
		cr_page_tree_ref(page, i, &tree);
		if (!is_barren(search, dir->view.domain, &tree))
			return true;
	}
	return matches(search, entry->name);
}

static void tell_damage(void *arg, const struct cr_version *dir,
			struct cr_piece name, int error)
{
	struct cr_search *search = arg;
	const struct cr_search_options *options = &search->options;

	search->told++;
	if (options->damaged && set_path(search, name) == 0)
		options->damaged(options->arg, path_of(search), dir->since,
				 error);
}

/* The names of the innermost directory, from the start or after the last. */
static int read_names(struct cr_search *search)
{
	struct level *level = &search->level[search->depth - 1];
	size_t budget = search->options.memory;
	size_t left = budget - cr_min(search->bytes, budget);
	struct cr_known_names *names = &level->names, old = cr_take(*names);
	struct cr_known_want want = {
		.wanted = is_wanted,
		.arg = search,
		.histories = true,
		.max = NAMES_MAX,
		/* Half of what is left, so that what is below has some. */
		.bytes = cr_max(left / 2, (size_t)LEVEL_LEAST),
	};
	int r;

	if (old.count > 0)
		want.after = cr_known_name(old.known[old.count - 1]);
	search->bytes -= cr_known_weight(&old);
	level->next = 0;
	r = cr_known_read(&search->by, &level->dir, &want, names);
	cr_known_release(&old);
	search->bytes += cr_known_weight(names);
	return r;
}

static bool goes_on(const struct cr_version *last,
		    const struct cr_version *next)
{
	return last->last + 1 == next->first &&
	       last->view.domain == next->view.domain &&
	       cr_id_equal(&last->tree.id, &next->tree.id);
}

/* Of @history what has to be looked into. */
static int keep_fertile(const struct cr_search *search,
			const struct cr_history *history,
			struct cr_history *ret)
{
	cr_cleanup(cr_history_release) struct cr_history dir = {
		.of = history->of
	};

	for (uint32_t i = 0; i < history->count; i++) {
		const struct cr_version *version = &history->version[i];
		struct cr_version *last = dir.version + dir.count;
		int r;

		if (version->error < 0 ||
		    version->entry.type != CR_ENTRY_DIRECTORY ||
		    is_barren(search, version->view.domain, &version->tree))
			continue;
		/* Its mode or owner changed, and nothing in it. */
		if (dir.count > 0 && goes_on(--last, version)) {
			last->last = version->last;
			last->until = version->until;
			continue;
		}
		r = cr_history_append(&search->by, &dir, version);
		if (r < 0)
			return r;
	}
	*ret = cr_take(dir);
	return 0;
}

static void level_release(struct cr_search *search, struct level *level)
{
	search->bytes -=
		cr_history_weight(&level->dir) + cr_known_weight(&level->names);
	cr_history_release(&level->dir);
	cr_known_release(&level->names);
}

/* Go into @dir, taken, whose path is set. */
static int push(struct cr_search *search, struct cr_history *dir)
{
	if (search->depth == search->room) {
		size_t room = cr_max(2 * search->room, (size_t)16);
		struct level *level =
			reallocarray(search->level, room, sizeof(*level));

		if (!level) {
			cr_history_release(dir);
			return -ENOMEM;
		}
		search->level = level;
		search->room = room;
	}
	search->bytes += cr_history_weight(dir);
	search->level[search->depth++] = (struct level){
		.dir = cr_take(*dir),
		.path_len = search->path.len,
		.told_before = search->told,
	};
	return read_names(search);
}

static void pop(struct cr_search *search)
{
	struct level *level = &search->level[search->depth - 1];

	if (search->told == level->told_before)
		remember_barren(search, level);
	level_release(search, level);
	search->depth--;
}

/* ---- The whole ---- */

/* As many as all snapshots say that they have. */
static uint64_t count_names(const struct cr_history_of *of)
{
	uint64_t names = 0;

	for (uint32_t i = 0; i < of->count; i++)
		if (__builtin_add_overflow(
			    names, of->snapshot[i]->manifest.entries, &names))
			return UINT64_MAX;
	return names;
}

static void end(struct cr_search *search)
{
	while (search->depth > 0)
		level_release(search, &search->level[--search->depth]);
}

/*
 * One more, @known: whether that is more than there can be.  It is told, and
 * nothing comes after it.
 */
static bool exceeds(struct cr_search *search, const struct cr_known *known)
{
	const struct cr_search_options *options = &search->options;
	int error;

	if (search->names++ < search->names_max)
		return false;
	error = cr_names_exceeded(search->names_max);
	if (options->damaged && set_path(search, cr_known_name(known)) == 0)
		options->damaged(options->arg, path_of(search),
				 known->history.version[0].since, error);
	end(search);
	return true;
}

/* The next name of the innermost directory. */
static int visit(struct cr_search *search, const struct cr_known *known)
{
	const struct cr_search_options *options = &search->options;
	struct cr_history dir;
	int r;

	if (exceeds(search, known))
		return 0;
	if (matches(search, cr_known_name(known))) {
		search->told++;
		r = options->found(options->arg, path_of(search),
				   &known->history);
		if (r != 0)
			return r;
	}
	r = cr_buf_error(&search->path);
	if (r == 0)
		r = keep_fertile(search, &known->history, &dir);
	if (r < 0 || dir.count == 0)
		return r;
	return push(search, &dir);
}

int cr_search_run(struct cr_search *search, const struct cr_history_of *of)
{
	struct cr_history root;
	int r = cr_history_root(&search->by, of, &root);

	if (r < 0)
		return r;
	cr_buf_clear(&search->path);
	search->names = 0;
	search->names_max = count_names(of);
	r = push(search, &root);
	while (r == 0 && search->depth > 0) {
		struct level *level = &search->level[search->depth - 1];

		if (level->next < level->names.count)
			r = visit(search, level->names.known[level->next++]);
		else if (level->names.more)
			r = read_names(search);
		else
			pop(search);
	}
	end(search);
	return r;
}

int cr_search_new(const struct cr_search_options *options,
		  struct cr_search **ret)
{
	cr_cleanup(cr_search_freep) struct cr_search *search =
		calloc(1, sizeof(*search));
	size_t size = 1;

	if (!search)
		return -ENOMEM;
	while (2 * size * sizeof(*search->memo) <= options->memory / MEMO_SHARE)
		size *= 2;
	search->options = *options;
	search->options.memory -= size * sizeof(*search->memo);
	search->by = (struct cr_history_reader){ options->reader, tell_damage,
						 search };
	search->memo_size = size;
	search->memo = calloc(size, sizeof(*search->memo));
	if (!search->memo)
		return -ENOMEM;
	*ret = cr_take(search);
	return 0;
}

void cr_search_free(struct cr_search *search)
{
	if (!search)
		return;
	end(search);
	free(search->level);
	free(search->memo);
	cr_buf_release(&search->path);
	free(search);
}
