/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/history.h"

#include <string.h>

#include "store/base/error.h"
#include "store/read/snapshots.h"

#define LABEL "history"

/* ---- Versions ---- */

/* What is kept of @entry: what it points to is somebody else's. */
static void keep_entry(struct cr_version *version, const struct cr_entry *entry)
{
	struct cr_entry *kept = &version->entry;

	*kept = *entry;
	kept->name = (struct cr_piece){ 0 };
	if (entry->has & CR_HAS_XATTR_OBJECT)
		version->xattrs = entry->xattr_id;
	else if (entry->has & CR_HAS_XATTR_HERE)
		version->xattrs = cr_hash(LABEL, &entry->xattrs, 1);
	kept->xattrs = (struct cr_piece){ 0 };
	if (entry->type != CR_ENTRY_SYMLINK)
		return;
	version->target = entry->content == 0
				  ? cr_hash(LABEL, &entry->target, 1)
				  : entry->target_id;
	kept->target = (struct cr_piece){ 0 };
}

/* A version that lasts as long as @dir, and nothing in it yet. */
static struct cr_version lasting(const struct cr_version *dir)
{
	return (struct cr_version){
		.first = dir->first,
		.last = dir->last,
		.since = dir->since,
		.until = dir->until,
		.view = dir->view,
	};
}

void cr_version_of(const struct cr_version *dir, const struct cr_page *page,
		   uint32_t i, struct cr_version *ret)
{
	const struct cr_entry *entry = &page->leaf.entry[i];

	*ret = lasting(dir);
	keep_entry(ret, entry);
	if (entry->type == CR_ENTRY_DIRECTORY)
		cr_page_tree_ref(page, i, &ret->tree);
	if (entry->type == CR_ENTRY_FILE)
		cr_page_file_ref(page, i, &ret->file);
}

void cr_history_release(struct cr_history *history)
{
	free(history->version);
	*history = (struct cr_history){ 0 };
}

size_t cr_history_weight(const struct cr_history *history)
{
	return history->room * sizeof(*history->version);
}

static int grow(struct cr_history *history)
{
	uint32_t room = history->room ? 2 * history->room : 1;
	struct cr_version *version;

	version = reallocarray(history->version, room, sizeof(*version));
	if (!version)
		return -ENOMEM;
	history->version = version;
	history->room = room;
	return 0;
}

bool cr_history_is_told(int r)
{
	return cr_is_damage(r) || r == -CR_ECAPABILITY || r == -CR_EREVOKED;
}

/* Whether @next goes on with what @last was: 1, 0, or an error. */
static int goes_on(const struct cr_history_reader *by,
		   const struct cr_version *last, const struct cr_version *next)
{
	int r;

	if (last->last + 1 != next->first || last->error != next->error)
		return 0;
	if (last->error < 0)
		return 1;
	r = cr_version_same(by, last, next);
	return cr_history_is_told(r) ? 0 : r;
}

int cr_history_append(const struct cr_history_reader *by,
		      struct cr_history *history,
		      const struct cr_version *version)
{
	int r;

	if (history->count > 0) {
		struct cr_version *last = &history->version[history->count - 1];

		r = goes_on(by, last, version);
		if (r < 0)
			return r;
		if (r > 0) {
			last->last = version->last;
			last->until = version->until;
			return 0;
		}
	}
	if (history->count == history->room) {
		r = grow(history);
		if (r < 0)
			return r;
	}
	history->version[history->count++] = *version;
	return 0;
}

/* ---- Histories ---- */

int cr_history_root(const struct cr_history_reader *by,
		    const struct cr_history_of *of, struct cr_history *ret)
{
	cr_cleanup(
		cr_history_release) struct cr_history history = { .of = *of };
	const struct cr_repo *repo = cr_reader_repo(by->reader);

	for (uint32_t i = 0; i < of->count; i++) {
		const struct cr_snapshot *snapshot = of->snapshot[i];
		const struct cr_manifest *manifest = &snapshot->manifest;
		struct cr_version version = {
			.first = i,
			.last = i,
			.since = snapshot,
			.until = snapshot,
		};
		int r = snapshot->error; /* who made it so has told it */
		bool told = r < 0;

		if (!told)
			r = cr_view_init(repo, snapshot, &version.view);
		if (!told && r < 0 && !cr_history_is_told(r))
			return r;
		version.error = r;
		if (!told && r < 0 && by->damaged)
			by->damaged(by->arg, &version, (struct cr_piece){ 0 },
				    r);
		if (r == 0) {
			keep_entry(&version, &manifest->root);
			version.tree =
				(struct cr_tree_ref){ manifest->root.content,
						      manifest->root_id,
						      manifest->root_hint };
		}
		r = cr_history_append(by, &history, &version);
		if (r < 0)
			return r;
	}
	*ret = cr_take(history);
	return 0;
}

bool cr_history_next_source(const struct cr_snapshots *set, size_t *at,
			    struct cr_history_of *ret)
{
	struct cr_snapshot *const *first = set->snapshot + *at;
	struct cr_history_of of = { 0 };

	if (*at >= set->count)
		return false;
	of.snapshot = (const struct cr_snapshot *const *)first;
	for (; *at < set->count && of.count < UINT32_MAX; ++*at) {
		const struct cr_snapshot *next = set->snapshot[*at];

		if (strcmp(next->source, (*first)->source) != 0)
			break;
		if (cr_snapshot_is_newer(next, first[of.newest]))
			of.newest = of.count;
		of.count++;
	}
	*ret = of;
	return true;
}

/* The version of @name in @dir: 1, 0 when there is none, or an error. */
static int find(const struct cr_history_reader *by,
		const struct cr_version *dir, struct cr_piece name,
		struct cr_version *ret)
{
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	uint32_t i;
	int r = dir->error;

	if (r == 0 && dir->entry.type != CR_ENTRY_DIRECTORY)
		return 0;
	if (r == 0) {
		r = cr_tree_find(by->reader, &dir->view, &dir->tree, name,
				 &page, &i);
		if (cr_history_is_told(r) && by->damaged)
			by->damaged(by->arg, dir, name, r);
	}
	if (r == -ENOENT)
		return 0;
	if (cr_history_is_told(r)) {
		*ret = lasting(dir);
		ret->error = r;
		return 1;
	}
	if (r < 0)
		return r;
	cr_version_of(dir, page, i, ret);
	return 1;
}

static bool same_tree(const struct cr_version *a, const struct cr_version *b)
{
	return a->error == 0 && b->error == 0 &&
	       a->view.domain == b->view.domain &&
	       a->entry.type == b->entry.type &&
	       a->tree.content == b->tree.content &&
	       cr_id_equal(&a->tree.id, &b->tree.id);
}

/* A version of @dir before number @i that has the same in it; or @i. */
static uint32_t asked_before(const struct cr_history *dir, uint32_t i)
{
	for (uint32_t j = i; j-- > 0;)
		if (same_tree(&dir->version[j], &dir->version[i]))
			return j;
	return i;
}

int cr_history_child(const struct cr_history_reader *by,
		     const struct cr_history *dir, struct cr_piece name,
		     struct cr_history *ret)
{
	cr_cleanup(cr_history_release) struct cr_history history = {
		.of = dir->of
	};
	cr_cleanup(cr_freep) uint32_t *found = NULL;

	/* For each version of @dir 1 + the number of that of @name; or 0. */
	found = calloc((size_t)dir->count + 1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	for (uint32_t i = 0; i < dir->count; i++) {
		const struct cr_version *in = &dir->version[i];
		uint32_t before = asked_before(dir, i);
		struct cr_version version;
		int r;

		if (before < i && found[before] == 0)
			continue;
		if (before < i) {
			version = history.version[found[before] - 1];
			version.first = in->first;
			version.last = in->last;
			version.since = in->since;
			version.until = in->until;
			version.view = in->view;
			r = 1;
		} else {
			r = find(by, in, name, &version);
		}
		if (r > 0)
			r = cr_history_append(by, &history, &version);
		else if (r == 0)
			continue;
		if (r < 0)
			return r;
		found[i] = history.count;
	}
	*ret = cr_take(history);
	return 0;
}

int cr_history_path(const struct cr_history_reader *by,
		    const struct cr_history_of *of, struct cr_piece path,
		    struct cr_history *ret)
{
	cr_cleanup(cr_history_release) struct cr_history history = { 0 };
	const char *at = path.bytes, *end = at + path.len;
	int r = cr_history_root(by, of, &history);

	while (r == 0 && at < end) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		struct cr_piece name = { at,
					 (size_t)((slash ? slash : end) - at) };
		struct cr_history child;

		at += name.len + 1;
		if (name.len == 0)
			continue;
		r = cr_history_child(by, &history, name, &child);
		if (r == 0) {
			cr_history_release(&history);
			history = child;
		}
	}
	if (r < 0)
		return r;
	*ret = cr_take(history);
	return 0;
}

const struct cr_version *cr_history_last(const struct cr_history *history)
{
	for (uint32_t i = history->count; i-- > 0;)
		if (history->version[i].error == 0)
			return &history->version[i];
	return NULL;
}

const struct cr_version *cr_history_at(const struct cr_history *history,
				       uint32_t number)
{
	for (uint32_t i = history->count; i-- > 0;) {
		const struct cr_version *version = &history->version[i];

		if (version->first <= number)
			return version->last >= number ? version : NULL;
	}
	return NULL;
}

bool cr_history_is_gone(const struct cr_history *history)
{
	return cr_history_last(history) &&
	       !cr_history_at(history, history->of.newest);
}

int cr_history_distinct(const struct cr_history_reader *by,
			const struct cr_history *history, uint32_t *same)
{
	cr_cleanup(cr_freep) uint32_t *own = NULL;
	int distinct = 0;

	own = calloc((size_t)history->count + 1, sizeof(*own));
	if (!own)
		return -ENOMEM;
	for (uint32_t i = 0; i < history->count; i++) {
		const struct cr_version *version = &history->version[i];
		uint32_t j = 0;

		for (; j < i && version->error == 0; j++) {
			const struct cr_version *before = &history->version[j];
			int r;

			if (own[j] != j || before->error < 0)
				continue;
			r = cr_version_same(by, before, version);
			if (r < 0 && !cr_history_is_told(r))
				return r;
			if (r > 0)
				break;
		}
		own[i] = version->error < 0 ? i : j;
		distinct += version->error == 0 && j == i;
	}
	if (same)
		memcpy(same, own, history->count * sizeof(*own));
	return distinct;
}
