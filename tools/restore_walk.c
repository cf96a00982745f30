/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * restore_walk.c - go through the snapshot in order, choose what is wanted,
 * make the directories and pass on the rest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/restore_int.h"

struct walker {
	struct cr_restore *run;
	struct cr_walk *walk;
	struct cr_rdir **level; /* owned; each a use of its directory */
	size_t depth, room;
	uint64_t ordinal;
	bool again; /* for verification */
};

static void walker_release(struct walker *w)
{
	while (w->depth > 0)
		cr_rdir_drop(w->run, w->level[--w->depth]);
	free(w->level);
	cr_walk_close(w->walk);
}

/* Takes the use of @dir. */
static int push(struct walker *w, struct cr_rdir *dir)
{
	if (w->depth == w->room) {
		size_t room = cr_max(2 * w->room, (size_t)16);
		struct cr_rdir **level =
			reallocarray(w->level, room, sizeof(*level));

		if (!level) {
			cr_rdir_drop(w->run, dir);
			return -ENOMEM;
		}
		w->level = level;
		w->room = room;
	}
	w->level[w->depth++] = dir;
	return 0;
}

/* The directories that are not above depth @depth are done with. */
static void pop_to(struct walker *w, size_t depth)
{
	while (w->depth > depth)
		cr_rdir_drop(w->run, w->level[--w->depth]);
}

/* ---- Choice */

static bool matches(const struct cr_restore *run,
		    const struct cr_patterns *patterns, const char *path,
		    bool is_dir)
{
	/* From the root of the snapshot, or as it was at the source. */
	return cr_patterns_match(patterns, "", path, is_dir) ||
	       (run->top[0] != '\0' &&
		cr_patterns_match(patterns, run->top, path, is_dir));
}

/* The path of @item from the root of the snapshot. */
static int whole_path(const struct cr_restore *run,
		      const struct cr_walk_item *item, struct cr_buf *out)
{
	cr_buf_put(out, run->prefix, strlen(run->prefix));
	if (out->len > 0 && item->path_len > 0)
		cr_buf_u8(out, '/');
	cr_buf_put(out, item->path, item->path_len);
	cr_buf_u8(out, 0);
	return cr_buf_error(out);
}

enum choice { CHOICE_NO, CHOICE_MAYBE_BELOW, CHOICE_YES };

static int choose(const struct walker *w, const struct cr_walk_item *item)
{
	const struct cr_restore *run = w->run;
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	bool is_dir = item->entry->type == CR_ENTRY_DIRECTORY;
	bool inside =
		run->include.count == 0 || w->level[w->depth - 1]->included;
	const char *text;

	if (inside && run->exclude.count == 0)
		return CHOICE_YES;
	if (whole_path(run, item, &path) < 0)
		return -ENOMEM;
	text = (const char *)path.bytes;
	if (matches(run, &run->exclude, text, is_dir))
		return CHOICE_NO;
	if (inside || matches(run, &run->include, text, is_dir))
		return CHOICE_YES;
	return is_dir ? CHOICE_MAYBE_BELOW : CHOICE_NO;
}

/* ---- Directories */

/* Make those that were waiting for something to go into them. */
static int make_levels(struct walker *w)
{
	for (size_t i = 0; i < w->depth; i++) {
		int r = 0;

		if (w->level[i]->state != CR_RDIR_WANTED)
			continue;
		r = w->again ? cr_rdir_reopen(w->run, w->level[i])
			     : cr_rdir_make(w->run, w->level[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static void show_plan(struct walker *w, const struct cr_walk_item *item,
		      char sign)
{
	struct cr_output *out = w->run->ctx->out;
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_piece piece;
	json_t *line;

	if (whole_path(w->run, item, &path) < 0)
		return;
	piece = (struct cr_piece){ path.bytes, path.len - 1 };
	line = cr_json_line(out, "entry");
	cr_json_name(line, "path", piece);
	cr_json_text(line, "action",
		     sign == '+'   ? "new"
		     : sign == 'M' ? "replace"
				   : "keep");
	cr_say_json(out, line);
	cr_say(out, "%c ", sign);
	cr_say_name(out, piece);
	cr_say(out, "\n");
}

static bool too_deep(struct walker *w, const struct cr_ritem *self)
{
	if (w->depth < w->run->depth_max)
		return false;
	cr_restore_warn(w->run, self,
			"nothing below it is restored: %u levels deep, more "
			"than files may be open (ulimit -n)",
			w->run->depth_max);
	return true;
}

static int enter(struct walker *w, const struct cr_walk_item *item,
		 enum choice choice)
{
	struct cr_rdir *dir;
	int r;

	dir = cr_rdir_new(w->run,
			  cr_ritem_new(w->level[w->depth - 1], item->entry));
	if (!dir)
		return -ENOMEM;
	dir->included = choice == CHOICE_YES;
	if (too_deep(w, dir->self)) {
		cr_rdir_drop(w->run, dir);
		cr_walk_skip(w->walk);
		return 0;
	}
	r = push(w, dir);
	if (r < 0 || !dir->included)
		return r;
	r = make_levels(w);
	if (r < 0)
		return r;
	if (dir->state == CR_RDIR_ABSENT)
		show_plan(w, item, '+');
	/* One that is SKIPPED is walked all the same: both walks count alike.
	 */
	return 0;
}

/* ---- Everything else */

/* What a run that is not dry would do. */
static int plan(struct walker *w, const struct cr_walk_item *item)
{
	const struct cr_rdir *dir = w->level[w->depth - 1];
	enum cr_verdict verdict = CR_VERDICT_NEW;
	cr_cleanup(cr_freep) char *name = NULL;
	struct stat st;

	name = strndup(item->entry->name.bytes, item->entry->name.len);
	if (!name)
		return -ENOMEM;
	if (dir->state == CR_RDIR_HERE &&
	    fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		verdict = cr_restore_verdict(w->run, item->entry, &st);
	if (verdict == CR_VERDICT_KEEP) {
		(void)atomic_fetch_add(&w->run->count.kept, 1);
	} else if (item->entry->type == CR_ENTRY_FILE) {
		(void)atomic_fetch_add(&w->run->count.files, 1);
		(void)atomic_fetch_add(&w->run->count.bytes,
				       item->entry->data_bytes);
	} else {
		(void)atomic_fetch_add(&w->run->count.others, 1);
	}
	show_plan(w, item,
		  verdict == CR_VERDICT_NEW	  ? '+'
		  : verdict == CR_VERDICT_REPLACE ? 'M'
						  : '=');
	return cr_output_check(w->run->ctx->out);
}

static void note_current(struct cr_restore *run,
			 const struct cr_walk_item *item)
{
	size_t len = cr_min(item->path_len, sizeof(run->current) - 1);

	if (!run->progress)
		return;
	(void)pthread_mutex_lock(&run->lock);
	memcpy(run->current, item->path + item->path_len - len, len);
	run->current[len] = '\0';
	(void)pthread_mutex_unlock(&run->lock);
}

static int pass_on(struct walker *w, const struct cr_walk_item *item)
{
	struct cr_rdir *dir = w->level[w->depth - 1];
	struct cr_ritem *copy;
	int r = make_levels(w);

	if (r < 0 || dir->state == CR_RDIR_SKIPPED)
		return r;
	if (w->run->opt->dry_run)
		return plan(w, item);
	if (w->again && !cr_restore_marked(w->run, w->ordinal))
		return 0;
	copy = cr_ritem_new(dir, item->entry);
	if (!copy)
		return -ENOMEM;
	copy->ordinal = w->ordinal;
	copy->file = item->file;
	note_current(w->run, item);
	/* Directories that wait for their last file are open. */
	if (atomic_load(&w->run->open_dirs) > w->depth + w->run->open_max)
		cr_work_drain(w->run);
	return cr_work_push(w->run, copy);
}

static int take(struct walker *w, const struct cr_walk_item *item)
{
	bool is_dir = item->entry->type == CR_ENTRY_DIRECTORY;
	int choice;

	/* The start, if it is a directory, is the target. */
	if (item->depth == 0 && is_dir)
		return 0;
	pop_to(w, cr_max(item->depth, 1u));
	w->ordinal++;
	choice = choose(w, item);
	if (choice < 0)
		return choice;
	if (is_dir && choice != CHOICE_NO)
		return enter(w, item, (enum choice)choice);
	if (is_dir)
		cr_walk_skip(w->walk);
	return choice == CHOICE_YES ? pass_on(w, item) : 0;
}

/* A directory that is damaged is made; what is in it is lost. */
static int next(struct walker *w, struct cr_walk_item *item)
{
	int r;

	while ((r = cr_walk_next(w->walk, item)) < 0) {
		if (!cr_is_damage(r) && r != -EIO)
			return r;
		if (!w->again)
			cr_restore_damaged(w->run,
					   w->level[w->depth - 1]->self);
	}
	return r;
}

static int run_walk(struct walker *w)
{
	struct cr_walk_item item;
	int r;

	while ((r = next(w, &item)) > 0) {
		if (cr_restore_stopped(w->run))
			return 0; /* who stopped it says so */
		if (item.event == CR_WALK_LEAVE)
			pop_to(w, cr_max(item.depth, 1u));
		else
			r = take(w, &item);
		if (r < 0)
			return r;
	}
	return r;
}

int cr_restore_walk(struct cr_restore *run, bool again)
{
	cr_cleanup(walker_release) struct walker w = { .run = run,
						       .again = again };
	struct cr_rdir *root = cr_rdir_root(run, !again);
	int r;

	if (!root)
		return -ENOMEM;
	root->included = run->include.count == 0;
	r = push(&w, root);
	if (r == 0)
		r = cr_walk_open(run->session.reader, &run->target.view,
				 &run->target.found, &w.walk);
	if (r == 0 && !run->opt->dry_run)
		r = cr_work_start(run);
	if (r == 0)
		r = run_walk(&w);
	if (r < 0)
		cr_restore_stop(run, r);
	/* Before the last uses of directories: they are settled here. */
	cr_work_finish(run);
	return 0;
}
