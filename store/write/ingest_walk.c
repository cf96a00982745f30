/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_walk.c - list and stat the live tree, a slice at a time, depth first,
 * without recursion.
 *
 * A slice's directories are walked before the slice itself is passed on, so
 * that the encoder meets every directory before the entry that refers to it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/write/ingest_frame.h"

static const char cache_tag[] = "CACHEDIR.TAG";
static const char cache_signature[] =
	"Signature: 8a477f597d28d172789f06886806bc55";
static void frame_release(struct cr_ingest *ingest, struct cr_frame *frame)
{
	cr_known_dir_close(frame->known);
	cr_buf_release(&frame->names);
	cr_buf_release(&frame->offsets);
	cr_ingest_abandon(ingest, frame->slice);
	cr_dirwork_drop(frame->dir);
	*frame = (struct cr_frame){ 0 };
}

static void walker_release(struct cr_walker *w)
{
	while (w->depth > 0)
		frame_release(w->ingest, &w->frame[--w->depth]);
	free(w->frame);
}

/* ---- Listing ---- */

/* The names wanted of a directory that is only on the way. */
static int list_wanted(struct cr_frame *frame)
{
	for (size_t i = 0; i < frame->only->children; i++) {
		const char *name = frame->only->child[i]->name;
		size_t at = frame->names.len;

		cr_buf_put(&frame->names, name, strlen(name) + 1);
		cr_buf_put(&frame->offsets, &at, sizeof(at));
	}
	if (cr_buf_error(&frame->names) < 0)
		return -ENOMEM;
	return cr_buf_error(&frame->offsets);
}

static bool has_name(const struct cr_frame *frame, const char *name, size_t *at)
{
	size_t low = 0, high = cr_frame_names(frame);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(name, cr_frame_name(frame, mid));

		if (order == 0) {
			*at = mid;
			return true;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}

static bool is_cache_tag(int dir)
{
	cr_cleanup(cr_closep) int fd = openat(
		dir, cache_tag, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[sizeof(cache_signature) - 1];

	return fd >= 0 && read(fd, head, sizeof(head)) == sizeof(head) &&
	       memcmp(head, cache_signature, sizeof(head)) == 0;
}

/* Of a directory that says it is not to be backed up, keep what says so. */
static void apply_tags(const struct cr_ingest_options *opt,
		       struct cr_frame *frame)
{
	size_t *offset = (void *)frame->offsets.bytes;
	size_t at = 0;
	bool tagged = opt->exclude_caches && has_name(frame, cache_tag, &at) &&
		      is_cache_tag(frame->dir->fd);

	for (size_t i = 0; i < opt->if_presents && !tagged; i++)
		tagged = has_name(frame, opt->if_present[i], &at);
	if (!tagged)
		return;
	offset[0] = offset[at];
	frame->offsets.len = sizeof(*offset);
}

static void set_progress(struct cr_ingest *ingest, const char *path)
{
	(void)pthread_mutex_lock(&ingest->warn_lock);
	(void)snprintf(ingest->progress.path, sizeof(ingest->progress.path),
		       "%s", path);
	(void)pthread_mutex_unlock(&ingest->warn_lock);
}

/* Go into @dir, whose descriptor is open.  Takes the caller's use of it. */
static int push(struct cr_walker *w, struct cr_dirwork *dir,
		const struct cr_wanted *only)
{
	struct cr_ingest *ingest = w->ingest;
	struct cr_frame *frame;
	int r;

	if (w->depth == w->room) {
		size_t room = cr_max(2 * w->room, (size_t)16);

		frame = reallocarray(w->frame, room, sizeof(*frame));
		if (!frame) {
			cr_dirwork_drop(dir);
			return -ENOMEM;
		}
		w->frame = frame;
		w->room = room;
	}
	frame = &w->frame[w->depth++];
	*frame = (struct cr_frame){ .dir = dir, .only = only };
	set_progress(ingest, dir->path);
	r = only ? list_wanted(frame)
		 : cr_live_names(dir->fd, &frame->names, &frame->offsets);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		cr_ingest_warn(ingest, dir, "", "cannot be listed: %s",
			       strerrordesc_np(-r));
		dir->failed = true;
	}
	if (!only)
		apply_tags(&ingest->opt, frame);
	if (ingest->opt.cache) {
		r = cr_known_dir_open(
			ingest->opt.cache, ingest->opt.source,
			(struct cr_piece){ dir->path, strlen(dir->path) },
			&frame->known);
		if (r < 0)
			return r;
	}
	cr_dirwork_use(dir);
	return cr_ingest_push_event(ingest, CR_EVENT_BEGIN, dir, NULL);
}

/* ---- Directories: to be entered or not ---- */

static bool is_one_of(const struct cr_live_stat *a,
		      const struct cr_live_stat *b)
{
	return b->inode != 0 && a->device == b->device && a->inode == b->inode;
}

static bool is_loop(const struct cr_walker *w, const struct cr_live_stat *st)
{
	for (size_t i = 0; i < w->depth; i++)
		if (is_one_of(st, &w->frame[i].dir->st))
			return true;
	return false;
}

static void note_mount(struct cr_ingest *ingest, const struct cr_dirwork *dir,
		       const char *name)
{
	cr_buf_put(&ingest->mounts, dir->path, strlen(dir->path));
	if (*dir->path)
		cr_buf_u8(&ingest->mounts, '/');
	cr_buf_put(&ingest->mounts, name, strlen(name) + 1);
}

/* Whether to go into a directory; if not, why is said or marked. */
static bool may_enter(struct cr_walker *w, const struct cr_frame *frame,
		      struct cr_item *item)
{
	const struct cr_live_stat *up = &frame->dir->st;
	struct cr_ingest *ingest = w->ingest;
	bool mount =
		item->st.device != up->device ||
		(item->st.mount && up->mount && item->st.mount != up->mount);

	if (is_one_of(&item->st, &ingest->repository) ||
	    is_one_of(&item->st, &ingest->state)) {
		item->marks |= CR_MARK_MOUNT;
		note_mount(ingest, frame->dir, item->name);
		return false;
	}
	if (!mount || frame->only)
		return true;
	if (!ingest->opt.cross_mounts) {
		item->marks |= CR_MARK_MOUNT;
		note_mount(ingest, frame->dir, item->name);
		return false;
	}
	if (is_loop(w, &item->st)) {
		cr_ingest_warn(ingest, frame->dir, item->name,
			       "is mounted within itself: not entered again");
		item->marks |= CR_MARK_MOUNT;
		return false;
	}
	return true;
}

/* ---- Descent
 * --------------------------------------------------------------------------------
 */

static const struct cr_wanted *wanted_below(const struct cr_frame *frame,
					    const char *name)
{
	if (!frame->only)
		return NULL;
	for (size_t i = 0; i < frame->only->children; i++)
		if (strcmp(frame->only->child[i]->name, name) == 0)
			return frame->only->child[i]->whole
				       ? NULL
				       : frame->only->child[i];
	return NULL;
}

/* xattrs and flags of an open directory. */
static int describe_dir(struct cr_ingest *ingest, struct cr_dirwork *dir,
			struct cr_item *item)
{
	int r = cr_live_xattrs(dir->fd, "", &item->xattrs,
			       &item->known.has_acl);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		cr_ingest_warn(ingest, dir, "", "extended attributes: %s",
			       strerrordesc_np(-r));
		item->marks |= CR_MARK_INCOMPLETE;
	}
	item->known.flags = cr_live_flags(dir->fd);
	if (item->known.flags)
		item->known.has |= CR_HAS_FLAGS;
	return cr_ingest_take_xattrs(ingest, item);
}

static void not_entered(struct cr_ingest *ingest, const struct cr_frame *frame,
			struct cr_item *item, int error)
{
	cr_ingest_warn(ingest, frame->dir, item->name, "%s",
		       error == ENOENT || error == ESTALE
			       ? "vanished while it was backed up"
			       : strerrordesc_np(error));
	if (error == ENOENT || error == ESTALE)
		item->gone = true;
	else
		item->marks |= CR_MARK_INCOMPLETE;
}

static int enter(struct cr_walker *w, struct cr_frame *frame,
		 struct cr_item *item)
{
	cr_cleanup(cr_freep) char *path = NULL;
	struct cr_dirwork *dir;
	bool own;
	int r;

	if (asprintf(&path, "%s%s%s", frame->dir->path,
		     *frame->dir->path ? "/" : "", item->name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = cr_dirwork_new(path,
			   item->st.device == frame->dir->st.device
				   ? frame->dir->fs_top
				   : path,
			   &dir);
	if (r < 0)
		return r;
	r = cr_live_open(frame->dir->fd, item->name, &item->st, NULL, &dir->fd);
	if (r < 0) {
		not_entered(w->ingest, frame, item, -r);
		cr_dirwork_drop(dir);
		return 0;
	}
	own = item->st.device != frame->dir->st.device &&
	      cr_live_is_own_mount(dir->fd);
	if (own) {
		item->marks |= CR_MARK_MOUNT;
		note_mount(w->ingest, frame->dir, item->name);
		cr_dirwork_drop(dir);
		return 0;
	}
	dir->st = item->st;
	dir->self = item;
	r = describe_dir(w->ingest, dir, item);
	if (r < 0) {
		cr_dirwork_drop(dir);
		return r;
	}
	return push(w, dir, wanted_below(frame, item->name));
}

/* The next directory of the slice to go into; 1 when there is one. */
static int next_dir(struct cr_walker *w, struct cr_frame *frame,
		    struct cr_item **ret)
{
	struct cr_slice *slice = frame->slice;

	while (frame->next_item < slice->items) {
		struct cr_item *item = &slice->item[frame->next_item++];

		/* What is read is the workers': only the rest may be looked at.
		 */
		if (item->read || item->gone ||
		    item->st.entry.type != CR_ENTRY_DIRECTORY)
			continue;
		if (may_enter(w, frame, item)) {
			*ret = item;
			return 1;
		}
	}
	return 0;
}

static int leave(struct cr_walker *w)
{
	struct cr_frame *frame = &w->frame[--w->depth];
	struct cr_dirwork *dir = frame->dir;

	frame->dir = NULL; /* its use goes to the event */
	cr_dirwork_close(dir);
	frame_release(w->ingest, frame);
	return cr_ingest_push_event(w->ingest, CR_EVENT_END, dir, NULL);
}

static int step(struct cr_walker *w)
{
	struct cr_frame *frame = &w->frame[w->depth - 1];
	struct cr_item *item;

	if (!frame->slice) {
		if (frame->next >= cr_frame_names(frame))
			return leave(w);
		return cr_ingest_slice(w, frame);
	}
	if (next_dir(w, frame, &item))
		return enter(w, frame, item);
	return cr_ingest_push_event(w->ingest, CR_EVENT_SLICE, NULL,
				    cr_take(frame->slice));
}

/* ---- The root
 * -----------------------------------------------------------------------------------
 */

/*
 * One directory: it is the root.  Anything else: the root is "/", with what is
 * on the way to the paths.
 */
static int push_root(struct cr_walker *w, const struct cr_wanted *wanted)
{
	struct cr_ingest *ingest = w->ingest;
	const char *path = wanted ? "/" : ingest->opt.path[0];
	struct cr_item *root = &ingest->root;
	struct cr_dirwork *dir;
	int r = cr_dirwork_new("", "", &dir);

	if (r < 0)
		return r;
	root->name = "";
	r = cr_live_stat(AT_FDCWD, path, &root->st);
	if (r == 0)
		r = cr_live_open(AT_FDCWD, path, &root->st, NULL, &dir->fd);
	if (r == 0 && cr_live_is_own_mount(dir->fd))
		r = -ELOOP;
	if (r < 0) {
		cr_dirwork_drop(dir);
		return cr_fail(CR_ESOURCE, "%s: %s", path,
			       r == -ELOOP ? "a mount of caprock itself"
					   : strerrordesc_np(-r));
	}
	dir->st = root->st;
	dir->self = root;
	r = describe_dir(ingest, dir, root);
	if (r < 0) {
		cr_dirwork_drop(dir);
		return r;
	}
	return push(w, dir, wanted);
}

static void wanted_freep(struct cr_wanted **wanted)
{
	cr_wanted_free(*wanted);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int cr_ingest_walk(struct cr_ingest *ingest)
{
	cr_cleanup(wanted_freep) struct cr_wanted *wanted = NULL;
	cr_cleanup(walker_release) struct cr_walker w = { .ingest = ingest,
							  .top = "" };
	int r = 0;

	if (ingest->opt.paths == 1 && is_dir(ingest->opt.path[0])) {
		if (strcmp(ingest->opt.path[0], "/") != 0)
			w.top = ingest->opt.path[0];
	} else {
		r = cr_wanted_build(ingest->opt.path, ingest->opt.paths,
				    &wanted);
	}
	if (r == 0)
		r = push_root(&w, wanted && !wanted->whole ? wanted : NULL);
	while (r == 0 && w.depth > 0) {
		if (cr_ingest_failed(ingest))
			return 0; /* who failed, or was stopped, says so */
		r = step(&w);
	}
	return r;
}
