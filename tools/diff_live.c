/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/diff_live.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "tools/diff_dir.h"

/* Where a tree is deeper, the outermost directories are closed meanwhile. */
#define OPEN_MAX 256

/* The same path on both sides; either may have no directory there. */
struct level {
	struct cr_diff_dir old;
	bool live;
	int fd; /* owned; -1: closed meanwhile, or not live */
	struct cr_live_stat st;
	struct cr_buf names, offsets; /* owned */
	size_t next;		      /* of the names */
	size_t path_len;
};

struct run {
	const struct cr_diff_live *diff; /* borrowed */
	struct level *level;		 /* owned */
	size_t depth, room;
	struct cr_buf path;
	uint64_t names; /* of the snapshot, gone through so far */
};

static void level_release(struct level *level)
{
	cr_diff_dir_release(&level->old);
	cr_closep(&level->fd);
	cr_buf_release(&level->names);
	cr_buf_release(&level->offsets);
}

static void run_release(struct run *run)
{
	while (run->depth > 0)
		level_release(&run->level[--run->depth]);
	free(run->level);
	cr_buf_release(&run->path);
	memset(run, 0, sizeof(*run));
}

static struct level *innermost(const struct run *run)
{
	return &run->level[run->depth - 1];
}

static struct cr_piece path_of(const struct run *run)
{
	return (struct cr_piece){ run->path.bytes, run->path.len };
}

static int set_path(struct run *run, struct cr_piece name)
{
	run->path.len = innermost(run)->path_len;
	if (run->path.len > 0)
		cr_buf_u8(&run->path, '/');
	cr_buf_put(&run->path, name.bytes, name.len);
	return cr_buf_error(&run->path);
}

/* What is told and hides only what it hides; all else ends the run. */
static int tolerate(const struct run *run, int r)
{
	if (r == -CR_ESOURCE)
		run->diff->unreadable(run->diff->arg, path_of(run));
	else if (cr_is_damage(r))
		run->diff->damaged(run->diff->arg, path_of(run));
	else
		return r;
	return 0;
}

static int source_fail(int r)
{
	return r == -ENOMEM ? r
			    : cr_fail(CR_ESOURCE, "%s", strerrordesc_np(-r));
}

/* ---- Going in and out */

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

static int open_live(const struct cr_live_place *place, struct level *level)
{
	int r;

	level->live = true;
	level->st = place->st;
	if (*place->name != '\0')
		r = cr_live_open(place->dir, place->name, &place->st, NULL,
				 &level->fd);
	else
		r = (level->fd = fcntl(place->dir, F_DUPFD_CLOEXEC, 0)) < 0
			    ? -errno
			    : 0;
	if (r == 0)
		r = cr_live_names(level->fd, &level->names, &level->offsets);
	return r < 0 ? source_fail(r) : 0;
}

/* Close what the live directory in it can lead back to. */
static void park(struct level *level)
{
	if (level[1].live)
		cr_closep(&level->fd);
}

/* Go into the directory at the path; either side may be NULL. */
static int push(struct run *run, const struct cr_diff_node *older,
		const struct cr_live_place *newer)
{
	struct level level = { .fd = -1, .path_len = run->path.len };
	int r = make_room(run);

	if (r < 0)
		return r;
	if (older)
		r = cr_diff_dir_open(run->diff->reader, &run->diff->view,
				     &older->tree, &level.old);
	if (r == 0 && newer)
		r = open_live(newer, &level);
	if (r < 0) {
		/* Half a pair would show the other half as new or gone. */
		level_release(&level);
		return tolerate(run, r);
	}
	if (run->depth >= CR_DIFF_DEEP)
		cr_diff_dir_drop_page(&innermost(run)->old);
	if (run->depth >= OPEN_MAX)
		park(&run->level[run->depth - OPEN_MAX]);
	run->level[run->depth++] = level;
	return 0;
}

/* Leave the rest of the innermost directory as it is. */
static void skip_rest(struct level *level)
{
	cr_diff_dir_release(&level->old);
	level->next = level->offsets.len / sizeof(size_t);
}

static int pop(struct run *run)
{
	struct level *child = innermost(run), *parent;
	int r = 0;

	if (run->depth > 1) {
		parent = child - 1;
		if (parent->live && parent->fd < 0)
			r = child->fd < 0
				    ? -ESTALE
				    : cr_live_open(child->fd, "..", &parent->st,
						   NULL, &parent->fd);
	}
	level_release(child);
	run->depth--;
	if (r == 0)
		return 0;
	skip_rest(innermost(run));
	run->path.len = innermost(run)->path_len;
	return tolerate(run, source_fail(r));
}

/* ---- What is there */

static const char *name_at(const struct level *level, size_t i)
{
	const size_t *offset = (const void *)level->offsets.bytes;

	return (const char *)level->names.bytes + offset[i];
}

/*
 * The next name of the live directory, if any: 1; 0 at the end.  @error says
 * why nothing more than its name can be told.
 */
static int peek_live(struct level *level, struct cr_live_place *ret, int *error)
{
	*error = 0;
	while (level->next < level->offsets.len / sizeof(size_t)) {
		const char *name = name_at(level, level->next);
		int r = cr_live_stat(level->fd, name, &ret->st);

		if (r == -ENOENT) {
			level->next++;
			continue;
		}
		if (r < 0)
			ret->st = (struct cr_live_stat){ 0 };
		*error = r;
		ret->dir = level->fd;
		ret->name = name;
		ret->st.entry.name = (struct cr_piece){ name, strlen(name) };
		return 1;
	}
	return 0;
}

static bool is_mount(const struct level *level, const struct cr_live_stat *st)
{
	return level->st.device != st->device ||
	       (level->st.mount && st->mount && level->st.mount != st->mount);
}

static int report(struct run *run, const struct cr_diff_node *older,
		  const struct cr_live_place *newer, unsigned int aspects)
{
	const struct cr_diff_node live = {
		.entry = newer ? &newer->st.entry : NULL,
	};
	const struct cr_diff_item item = {
		.kind = !older	 ? CR_DIFF_ADDED
			: !newer ? CR_DIFF_REMOVED
				 : CR_DIFF_CHANGED,
		.aspects = aspects,
		.older = older,
		.newer = newer ? &live : NULL,
		.path = path_of(run),
	};

	return run->diff->found(run->diff->arg, &item);
}

static int gone(struct run *run, const struct cr_diff_node *older)
{
	bool enter = older->entry->type == CR_ENTRY_DIRECTORY;
	int r = report(run, older, NULL, 0);

	return r != 0 || !enter ? r : push(run, older, NULL);
}

static int added(struct run *run, const struct cr_live_place *newer)
{
	bool enter = newer->st.entry.type == CR_ENTRY_DIRECTORY &&
		     (run->depth == 0 || !is_mount(innermost(run), &newer->st));
	int r = report(run, NULL, newer, 0);

	return r != 0 || !enter ? r : push(run, NULL, newer);
}

static int both(struct run *run, const struct cr_diff_node *older,
		const struct cr_live_place *newer)
{
	/* Whatever is mounted there was not backed up. */
	bool enter = older->entry->type == CR_ENTRY_DIRECTORY &&
		     !(older->entry->marks & CR_MARK_MOUNT);
	int r;

	r = tolerate(run, cr_diff_live_node(run->diff, older, newer));
	if (r > 0)
		r = report(run, older, newer, (unsigned int)r);
	return r != 0 || !enter ? r : push(run, older, newer);
}

/* ---- The walk */

/*
 * One more name of the snapshot: whether that is more than there can be
 * (lookup.h).  It is told, and nothing comes after it.
 */
static bool exceeds(struct run *run)
{
	uint64_t names = run->diff->start->names;

	if (run->names++ < names)
		return false;
	while (run->depth > 0)
		level_release(&run->level[--run->depth]);
	(void)!tolerate(run, cr_names_exceeded(names));
	return true;
}

/* One name of the innermost directory. */
static int step(struct run *run, const struct cr_diff_node *older,
		const struct cr_live_place *newer, int error)
{
	struct level *level = innermost(run);
	int order, r;

	order = !older	 ? 1
		: !newer ? -1
			 : cr_name_compare(older->entry->name,
					   newer->st.entry.name);
	/* Of another type: the old one goes, and then the new one comes. */
	if (order == 0 && error == 0 &&
	    older->entry->type != newer->st.entry.type)
		order = -1;
	r = set_path(run,
		     order <= 0 ? older->entry->name : newer->st.entry.name);
	if (r < 0)
		return r;
	if (order <= 0 && exceeds(run))
		return 0;
	/* Before anything is pushed, which moves the levels. */
	level->old.next += order <= 0;
	level->next += order >= 0;
	if (order >= 0 && error < 0)
		return tolerate(run, source_fail(error));
	if (order == 0)
		return both(run, older, newer);
	return order < 0 ? gone(run, older) : added(run, newer);
}

/* Go on in the innermost directory. */
static int advance(struct run *run)
{
	struct level *level = innermost(run);
	struct cr_live_place newer;
	struct cr_diff_node older;
	int has_old, has_live, error;

	run->path.len = level->path_len;
	has_old = cr_diff_dir_peek(&level->old, &older);
	if (has_old < 0) {
		int r = tolerate(run, has_old);

		/* The rest of the directory cannot be compared. */
		skip_rest(level);
		return r;
	}
	has_live = peek_live(level, &newer, &error);
	if (!has_old && !has_live)
		return pop(run);
	return step(run, has_old ? &older : NULL, has_live ? &newer : NULL,
		    error);
}

/* What the user names may be reached by a symbolic link. */
static int open_top(const char *path, struct cr_live_place *ret)
{
	int r = 0;

	ret->name = "";
	ret->dir = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (ret->dir < 0)
		r = -errno;
	else
		r = cr_live_stat(ret->dir, "", &ret->st);
	if (r < 0)
		return cr_fail(CR_ESOURCE, "%s: %s", path, strerrordesc_np(-r));
	if (ret->st.type != S_IFDIR && ret->st.type != S_IFREG)
		return cr_fail(CR_ESOURCE, "%s: not a directory or file", path);
	return 0;
}

static void place_release(struct cr_live_place *place)
{
	cr_closep(&place->dir);
}

int cr_diff_live_run(const struct cr_diff_live *diff)
{
	cr_cleanup(run_release) struct run run = { .diff = diff };
	cr_cleanup(place_release) struct cr_live_place top = { .dir = -1 };
	const struct cr_diff_node start = {
		.entry = &diff->start->entry,
		.tree = diff->start->tree,
		.file = diff->start->file,
	};
	int r = open_top(diff->path, &top);

	if (r < 0)
		return r;
	if (start.entry->type == top.st.entry.type) {
		r = both(&run, &start, &top);
	} else {
		r = gone(&run, &start);
		while (r == 0 && run.depth > 0)
			r = advance(&run);
		if (r == 0)
			r = added(&run, &top);
	}
	while (r == 0 && run.depth > 0)
		r = advance(&run);
	return r;
}
