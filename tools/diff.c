/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/diff.h"

#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "tools/diff_dir.h"

enum {
	OLDER,
	NEWER,
};

/* The same path in both trees. */
struct level {
	struct cr_diff_dir in[2];
	size_t path_len;
};

struct run {
	const struct cr_diff *diff; /* borrowed */
	struct level *level;	    /* owned */
	size_t depth, room;
	struct cr_buf path;
	uint64_t names[2]; /* gone through so far */
};

static void level_release(struct level *level)
{
	for (int s = OLDER; s <= NEWER; s++)
		cr_diff_dir_release(&level->in[s]);
	*level = (struct level){ 0 };
}

static void run_release(struct run *run)
{
	while (run->depth > 0)
		level_release(&run->level[--run->depth]);
	free(run->level);
	cr_buf_release(&run->path);
	memset(run, 0, sizeof(*run));
}

static struct cr_piece path_of(const struct run *run)
{
	return (struct cr_piece){ run->path.bytes, run->path.len };
}

/* Damage is told and hides only what it hides; all else ends the run. */
static int tolerate(const struct run *run, int r)
{
	if (!cr_is_damage(r))
		return r;
	run->diff->damaged(run->diff->arg, path_of(run));
	return 0;
}

static bool same_tree(const struct cr_diff *diff, const struct cr_tree_ref *a,
		      const struct cr_tree_ref *b)
{
	if (a->content != b->content)
		return false;
	return a->content == CR_CONTENT_NONE ||
	       (diff->side[OLDER].view.domain ==
			diff->side[NEWER].view.domain &&
		cr_id_equal(&a->id, &b->id));
}

static int make_room(struct run *run)
{
	size_t room = cr_max(2 * run->room, (size_t)16);
	struct level *level;

	if (run->depth < run->room)
		return 0;
	level = reallocarray(run->level, room, sizeof(*level));
	if (!level)
		return -ENOMEM;
	run->level = level;
	run->room = room;
	return 0;
}

/* Go into the directory at the path; either may be NULL. */
static int push(struct run *run, const struct cr_diff_node *older,
		const struct cr_diff_node *newer)
{
	const struct cr_diff_node *node[] = { older, newer };
	struct level *level;
	int r;

	r = make_room(run);
	if (r < 0)
		return r;
	if (run->depth >= CR_DIFF_DEEP) {
		level = &run->level[run->depth - 1];
		for (int s = OLDER; s <= NEWER; s++)
			cr_diff_dir_drop_page(&level->in[s]);
	}
	level = &run->level[run->depth];
	*level = (struct level){ .path_len = run->path.len };
	for (int s = OLDER; s <= NEWER; s++) {
		if (!node[s])
			continue;
		r = cr_diff_dir_open(run->diff->reader,
				     &run->diff->side[s].view, &node[s]->tree,
				     &level->in[s]);
		if (r < 0) {
			/* Half a pair would show the other half as new. */
			level_release(level);
			return tolerate(run, r);
		}
	}
	run->depth++;
	return 0;
}

/* Step over two pages that hold the same: whether there were such. */
static bool skip_page(const struct run *run)
{
	struct cr_diff_dir *in = run->level[run->depth - 1].in;
	const struct cr_diff *diff = run->diff;

	if (diff->side[OLDER].view.domain != diff->side[NEWER].view.domain ||
	    in[OLDER].next != in[OLDER].page->first ||
	    in[NEWER].next != in[NEWER].page->first ||
	    !cr_id_equal(&in[OLDER].page->id, &in[NEWER].page->id))
		return false;
	in[OLDER].next += in[OLDER].page->leaf.entries;
	in[NEWER].next += in[NEWER].page->leaf.entries;
	return true;
}

static int report(struct run *run, const struct cr_diff_node *older,
		  const struct cr_diff_node *newer, unsigned int aspects)
{
	struct cr_diff_item item = {
		.kind = !older	 ? CR_DIFF_ADDED
			: !newer ? CR_DIFF_REMOVED
				 : CR_DIFF_CHANGED,
		.aspects = aspects,
		.older = older,
		.newer = newer,
		.path = path_of(run),
	};

	return run->diff->found(run->diff->arg, &item);
}

/* An entry that one tree has and the other not. */
static int one_sided(struct run *run, const struct cr_diff_node *older,
		     const struct cr_diff_node *newer)
{
	const struct cr_entry *entry = older ? older->entry : newer->entry;
	int r;

	r = report(run, older, newer, 0);
	if (r != 0 || entry->type != CR_ENTRY_DIRECTORY)
		return r;
	return push(run, older, newer);
}

/* Two entries of one name and type. */
static int both_sided(struct run *run, const struct cr_diff_node *older,
		      const struct cr_diff_node *newer)
{
	int r;

	r = tolerate(run, cr_diff_nodes(run->diff, older, newer));
	if (r > 0)
		r = report(run, older, newer, (unsigned int)r);
	if (r != 0 || older->entry->type != CR_ENTRY_DIRECTORY ||
	    same_tree(run->diff, &older->tree, &newer->tree))
		return r;
	return push(run, older, newer);
}

static int set_path(struct run *run, struct cr_piece name)
{
	run->path.len = run->level[run->depth - 1].path_len;
	if (run->path.len > 0)
		cr_buf_u8(&run->path, '/');
	cr_buf_put(&run->path, name.bytes, name.len);
	return cr_buf_error(&run->path);
}

/*
 * One more name of either side or of both: whether that is more than there can
 * be (lookup.h).  It is told, and nothing comes after it.
 */
static bool exceeds(struct run *run, int order)
{
	const bool has[] = { order <= 0, order >= 0 };

	for (int s = OLDER; s <= NEWER; s++) {
		uint64_t names = run->diff->side[s].start->names;

		if (!has[s] || run->names[s]++ < names)
			continue;
		while (run->depth > 0)
			level_release(&run->level[--run->depth]);
		(void)!tolerate(run, cr_names_exceeded(names));
		return true;
	}
	return false;
}

/* One name of the innermost directory. */
static int step(struct run *run, const struct cr_diff_node *older,
		const struct cr_diff_node *newer)
{
	struct cr_diff_dir *in = run->level[run->depth - 1].in;
	int order, r;

	order = !older	 ? 1
		: !newer ? -1
			 : cr_name_compare(older->entry->name,
					   newer->entry->name);
	/* Of another type: the old one goes, and then the new one comes. */
	if (order == 0 && older->entry->type != newer->entry->type)
		order = -1;
	r = set_path(run, order <= 0 ? older->entry->name : newer->entry->name);
	if (r < 0)
		return r;
	if (exceeds(run, order))
		return 0;
	/* Before anything is pushed, which moves the levels. */
	in[OLDER].next += order <= 0;
	in[NEWER].next += order >= 0;
	if (order == 0)
		return both_sided(run, older, newer);
	return one_sided(run, order < 0 ? older : NULL,
			 order > 0 ? newer : NULL);
}

static void pop(struct run *run)
{
	level_release(&run->level[--run->depth]);
}

/* Go on in the innermost directory. */
static int advance(struct run *run)
{
	struct cr_diff_node node[2];
	int has[2];

	run->path.len = run->level[run->depth - 1].path_len;
	for (int s = OLDER; s <= NEWER; s++) {
		has[s] = cr_diff_dir_peek(&run->level[run->depth - 1].in[s],
					  &node[s]);
		if (has[s] < 0) {
			int r = tolerate(run, has[s]);

			/* The rest of the directory cannot be compared. */
			pop(run);
			return r;
		}
	}
	if (!has[OLDER] && !has[NEWER]) {
		pop(run);
		return 0;
	}
	if (has[OLDER] && has[NEWER] && skip_page(run))
		return 0;
	return step(run, has[OLDER] ? &node[OLDER] : NULL,
		    has[NEWER] ? &node[NEWER] : NULL);
}

int cr_diff_run(const struct cr_diff *diff)
{
	cr_cleanup(run_release) struct run run = { .diff = diff };
	struct cr_diff_node node[2];
	int r;

	for (int s = OLDER; s <= NEWER; s++) {
		const struct cr_found *start = diff->side[s].start;

		node[s] = (struct cr_diff_node){
			.entry = &start->entry,
			.tree = start->tree,
			.file = start->file,
		};
	}
	if (node[OLDER].entry->type == node[NEWER].entry->type) {
		r = both_sided(&run, &node[OLDER], &node[NEWER]);
	} else {
		r = one_sided(&run, &node[OLDER], NULL);
		while (r == 0 && run.depth > 0)
			r = advance(&run);
		if (r == 0)
			r = one_sided(&run, NULL, &node[NEWER]);
	}
	while (r == 0 && run.depth > 0)
		r = advance(&run);
	return r;
}
