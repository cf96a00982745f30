/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest_slice.c - the next entries of a directory: stat, exclusions, what is
 * known of files, jobs for those that must be read.
 */
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/write/ingest_frame.h"

/* ---- Files: known or to be read ---- */

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

static int look_up_file(struct cr_walker *w, struct cr_frame *frame,
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
	if (r == 1 && same_signature(&known.signature, &item->st)) {
		item->linked = true;
		return take_known(item, &known);
	}
	return r < 0 ? r : 0;
}

/* ---- Slices
 * -------------------------------------------------------------------------------
 */

static bool excluded(const struct cr_walker *w, const struct cr_frame *frame,
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
static int look_closer(struct cr_walker *w, struct cr_frame *frame,
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

static void tell_visit(struct cr_walker *w, const struct cr_frame *frame,
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
		   !item->read && !item->linked ? '.'
		   : item->changed		? 'M'
						: '+');
}

/* Stat @name into the next item of the slice; not counted when left out. */
static int take_name(struct cr_walker *w, struct cr_frame *frame,
		     const char *name)
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

int cr_ingest_slice(struct cr_walker *w, struct cr_frame *frame)
{
	cr_cleanup(cr_slice_freep) struct cr_slice *slice =
		calloc(1, sizeof(*slice));
	size_t end = cr_min(frame->next + SLICE_ITEMS, cr_frame_names(frame));
	size_t bytes = 0;
	int r;

	if (!slice)
		return -ENOMEM;
	for (size_t i = frame->next; i < end; i++)
		bytes += strlen(cr_frame_name(frame, i)) + 1;
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
		const char *name = cr_frame_name(frame, frame->next);
		/* A directory that changes may list a name twice. */
		bool twice = frame->next > 0 &&
			     strcmp(name,
				    cr_frame_name(frame, frame->next - 1)) == 0;

		frame->next++;
		r = twice ? 0 : take_name(w, frame, name);
		if (r < 0)
			return r;
	}
	if (!w->ingest->opt.writer)
		return 0;
	return push_jobs(w->ingest, frame->slice);
}
