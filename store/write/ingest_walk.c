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
#include "store/write/ingest_int.h"
#include "store/write/wanted.h"

static const char cache_tag[] = "CACHEDIR.TAG";
static const char cache_signature[] =
	"Signature: 8a477f597d28d172789f06886806bc55";

struct frame {
	struct cr_dirwork *dir;	      /* a user of it */
	struct cr_known_dir *known;   /* owned; may be NULL */
	const struct cr_wanted *only; /* borrowed; NULL: everything */
	struct cr_buf names, offsets;
	size_t next;		/* of the offsets */
	struct cr_slice *slice; /* owned; being filled or descended */
	size_t next_item;	/* of the slice, to look for directories */
};

struct walker {
	struct cr_ingest *ingest;
	const char *top;     /* for patterns: the absolute path of the root */
	struct frame *frame; /* owned */
	size_t depth, room;
};

static void frame_release(struct cr_ingest *ingest, struct frame *frame)
{
	cr_known_dir_close(frame->known);
	cr_buf_release(&frame->names);
	cr_buf_release(&frame->offsets);
	cr_ingest_abandon(ingest, frame->slice);
	cr_dirwork_drop(frame->dir);
	*frame = (struct frame){ 0 };
}

static void walker_release(struct walker *w)
{
	while (w->depth > 0)
		frame_release(w->ingest, &w->frame[--w->depth]);
	free(w->frame);
}

static const char *name_at(const struct frame *frame, size_t i)
{
	const size_t *offset = (const void *)frame->offsets.bytes;

	return (const char *)frame->names.bytes + offset[i];
}

static size_t name_count(const struct frame *frame)
{
	return frame->offsets.len / sizeof(size_t);
}

/* ---- Listing
 * ------------------------------------------------------------------- */

/* The names wanted of a directory that is only on the way. */
static int list_wanted(struct frame *frame)
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

static bool has_name(const struct frame *frame, const char *name, size_t *at)
{
	size_t low = 0, high = name_count(frame);

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(name, name_at(frame, mid));

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
static void apply_tags(const struct cr_ingest_options *opt, struct frame *frame)
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
static int push(struct walker *w, struct cr_dirwork *dir,
		const struct cr_wanted *only)
{
	struct cr_ingest *ingest = w->ingest;
	struct frame *frame;
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
	*frame = (struct frame){ .dir = dir, .only = only };
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

/* ---- Files: known or to be read
 * ----------------------------------------------------- */

static bool same_signature(const struct cr_signature_of_file *a,
			   const struct cr_live_stat *st)
{
	const struct cr_entry *e = &st->entry;

	return a->size == e->size && a->inode == st->inode &&
	       a->mtime.sec == e->mtime.sec && a->mtime.nsec == e->mtime.nsec &&
	       a->ctime.sec == e->ctime.sec && a->ctime.nsec == e->ctime.nsec;
}

/* Take over what is known of an unchanged file. */
static int take_known(struct cr_item *item, const struct cr_known_file *known)
{
	item->known = *known;
	cr_buf_put(&item->xattrs, known->xattrs.bytes, known->xattrs.len);
	item->known.xattrs =
		(struct cr_piece){ item->xattrs.bytes, item->xattrs.len };
	item->read = false;
	return cr_buf_error(&item->xattrs);
}

static int look_up_file(struct walker *w, struct frame *frame,
			struct cr_item *item)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_statcache *cache = w->ingest->opt.cache;
	struct cr_known_file known;
	int r;

	item->read = true;
	if (!cache)
		return 0;
	r = cr_known_dir_find(
		frame->known,
		(struct cr_piece){ item->name, strlen(item->name) }, &known);
	if (r < 0)
		return r;
	if (r == 1) {
		item->changed = !same_signature(&known.signature, &item->st);
		if (!item->changed)
			return take_known(item, &known);
		item->known.content.size_class = known.content.size_class;
	}
	if (item->st.entry.nlink < 2)
		return 0;
	r = cr_statcache_link_get(cache, item->st.device, item->st.inode,
				  &bytes, &known);
	if (r == 1 && same_signature(&known.signature, &item->st))
		return take_known(item, &known);
	return r < 0 ? r : 0;
}

/* ---- Directories: to be entered or not
 * ------------------------------------------------- */

static bool is_one_of(const struct cr_live_stat *a,
		      const struct cr_live_stat *b)
{
	return b->inode != 0 && a->device == b->device && a->inode == b->inode;
}

static bool is_loop(const struct walker *w, const struct cr_live_stat *st)
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
static bool may_enter(struct walker *w, const struct frame *frame,
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

/* ---- Slices
 * -------------------------------------------------------------------------------
 */

static bool excluded(const struct walker *w, const struct frame *frame,
		     const char *name, const struct cr_live_stat *st)
{
	const struct cr_ingest_options *opt = &w->ingest->opt;
	cr_cleanup(cr_freep) char *path = NULL;

	if (frame->only)
		return false;
	if (opt->larger_than > 0 && st->entry.type == CR_ENTRY_FILE &&
	    st->entry.size > opt->larger_than)
		return true;
	if (!opt->exclude || opt->exclude->count == 0)
		return false;
	if (asprintf(&path, "%s%s%s", frame->dir->path,
		     *frame->dir->path ? "/" : "", name) < 0) {
		path = NULL;
		return false;
	}
	return cr_patterns_match(opt->exclude, w->top, path,
				 st->entry.type == CR_ENTRY_DIRECTORY);
}

/* What stat does not tell of an entry that is not a file. */
static int look_closer(struct walker *w, struct frame *frame,
		       struct cr_item *item)
{
	struct cr_ingest *ingest = w->ingest;
	int dir = frame->dir->fd;
	int r;

	if (item->st.entry.type == CR_ENTRY_SYMLINK) {
		r = cr_live_target(dir, item->name, &item->target);
		if (r < 0 || item->target.len == 0) {
			item->gone = true;
			cr_ingest_warn(ingest, frame->dir, item->name, "%s",
				       strerrordesc_np(r < 0 ? -r : ENOENT));
			return r == -ENOMEM ? r : 0;
		}
	}
	r = cr_live_xattrs(dir, item->name, &item->xattrs,
			   &item->known.has_acl);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		cr_ingest_warn(ingest, frame->dir, item->name,
			       "extended attributes: %s", strerrordesc_np(-r));
		item->marks |= CR_MARK_INCOMPLETE;
	}
	return cr_ingest_take_xattrs(ingest, item);
}

static void tell_visit(struct walker *w, const struct frame *frame,
		       const struct cr_item *item)
{
	const struct cr_ingest_options *opt = &w->ingest->opt;
	cr_cleanup(cr_freep) char *path = NULL;

	if (!opt->visit)
		return;
	if (asprintf(&path, "%s%s%s", frame->dir->path,
		     *frame->dir->path ? "/" : "", item->name) < 0) {
		path = NULL;
		return;
	}
	opt->visit(opt->arg, path,
		   !item->read	   ? '.'
		   : item->changed ? 'M'
				   : '+');
}

/* Stat @name into the next item of the slice; not counted when left out. */
static int take_name(struct walker *w, struct frame *frame, const char *name)
{
	struct cr_slice *slice = frame->slice;
	struct cr_item *item = &slice->item[slice->items];
	int r = cr_live_stat(frame->dir->fd, name, &item->st);

	if (r < 0) {
		cr_ingest_warn(w->ingest, frame->dir, name, "%s",
			       r == -ENOENT ? "vanished while it was backed up"
					    : strerrordesc_np(-r));
		return 0;
	}
	if (excluded(w, frame, name, &item->st))
		return 0;
	/* The slice's copy: its buffer was made large enough before. */
	item->name = (const char *)slice->names.bytes + slice->names.len;
	cr_buf_put(&slice->names, name, strlen(name) + 1);
	slice->items++;
	if (item->st.entry.type == CR_ENTRY_FILE) {
		r = look_up_file(w, frame, item);
		tell_visit(w, frame, item);
		if (!item->read) {
			(void)atomic_fetch_add(&w->ingest->progress.files, 1);
			(void)atomic_fetch_add(&w->ingest->progress.bytes,
					       item->st.entry.size);
		}
		return r;
	}
	if (item->st.entry.type == CR_ENTRY_DIRECTORY)
		return 0;
	return look_closer(w, frame, item);
}

/* Hand the files that are to be read to the workers, in bites. */
static int push_jobs(struct cr_ingest *ingest, struct cr_slice *slice)
{
	size_t first = 0, files = 0;
	uint64_t bytes = 0;
	int r = 0;

	for (size_t i = 0; i < slice->items && r == 0; i++) {
		uint64_t size = slice->item[i].st.entry.size;

		if (!slice->item[i].read)
			continue;
		if (files > 0 &&
		    (files >= JOB_ITEMS || bytes + size > JOB_BYTES)) {
			r = cr_ingest_push_job(ingest, slice, first, i);
			first = i;
			files = 0;
			bytes = 0;
		}
		files++;
		bytes += cr_min(size, (uint64_t)JOB_BYTES);
	}
	if (r == 0 && files > 0)
		r = cr_ingest_push_job(ingest, slice, first, slice->items);
	return r;
}

static int make_slice(struct walker *w, struct frame *frame)
{
	cr_cleanup(cr_slice_freep) struct cr_slice *slice =
		calloc(1, sizeof(*slice));
	size_t end = cr_min(frame->next + SLICE_ITEMS, name_count(frame));
	size_t bytes = 0;
	int r;

	if (!slice)
		return -ENOMEM;
	for (size_t i = frame->next; i < end; i++)
		bytes += strlen(name_at(frame, i)) + 1;
	r = cr_buf_reserve(&slice->names, bytes);
	if (r < 0)
		return r;
	slice->item = calloc(end - frame->next, sizeof(*slice->item));
	if (!slice->item)
		return -ENOMEM;
	slice->dir = frame->dir;
	cr_dirwork_use(frame->dir);
	frame->slice = cr_take(slice);
	frame->next_item = 0;
	while (frame->next < end) {
		const char *name = name_at(frame, frame->next);
		/* A directory that changes may list a name twice. */
		bool twice = frame->next > 0 &&
			     strcmp(name, name_at(frame, frame->next - 1)) == 0;

		frame->next++;
		r = twice ? 0 : take_name(w, frame, name);
		if (r < 0)
			return r;
	}
	if (!w->ingest->opt.writer)
		return 0;
	return push_jobs(w->ingest, frame->slice);
}

/* ---- Descent
 * --------------------------------------------------------------------------------
 */

static const struct cr_wanted *wanted_below(const struct frame *frame,
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

static void not_entered(struct cr_ingest *ingest, const struct frame *frame,
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

static int enter(struct walker *w, struct frame *frame, struct cr_item *item)
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
	r = cr_live_open(frame->dir->fd, item->name, &item->st, &dir->fd);
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
static int next_dir(struct walker *w, struct frame *frame, struct cr_item **ret)
{
	struct cr_slice *slice = frame->slice;

	while (frame->next_item < slice->items) {
		struct cr_item *item = &slice->item[frame->next_item++];

		if (item->st.entry.type != CR_ENTRY_DIRECTORY || item->gone)
			continue;
		if (may_enter(w, frame, item)) {
			*ret = item;
			return 1;
		}
	}
	return 0;
}

static int leave(struct walker *w)
{
	struct frame *frame = &w->frame[--w->depth];
	struct cr_dirwork *dir = frame->dir;

	frame->dir = NULL; /* its use goes to the event */
	frame_release(w->ingest, frame);
	return cr_ingest_push_event(w->ingest, CR_EVENT_END, dir, NULL);
}

static int step(struct walker *w)
{
	struct frame *frame = &w->frame[w->depth - 1];
	struct cr_item *item;

	if (!frame->slice) {
		if (frame->next >= name_count(frame))
			return leave(w);
		return make_slice(w, frame);
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
static int push_root(struct walker *w, const struct cr_wanted *wanted)
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
		r = cr_live_open(AT_FDCWD, path, &root->st, &dir->fd);
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
	cr_cleanup(walker_release) struct walker w = { .ingest = ingest,
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
