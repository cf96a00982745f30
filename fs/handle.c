/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/handle.h"

#include <errno.h>

#include "store/codec/list.h"
#include "store/read/cache.h"

#define CHUNK_GUESS 8192 /* bytes of a file for each item of its list */

struct cr_files {
	struct cr_reader *reader; /* borrowed */
	struct cr_cache *cache;	  /* owned */
};

/* What is cached, with all that decides what it reads. */
struct opened {
	struct cr_file *file; /* owned */
	struct cr_view view;
	struct cr_id id;
	uint64_t size;
};

struct wanted {
	struct cr_reader *reader;
	const struct cr_view *view;
	const struct cr_file_ref *ref;
};

static void drop(void *value)
{
	struct opened *opened = value;

	cr_file_close(opened->file);
	free(opened);
}

static int load(void *arg, const struct cr_cache_key *key, void **value,
		size_t *weight)
{
	const struct wanted *wanted = arg;
	struct opened *opened = calloc(1, sizeof(*opened));
	uint64_t items = wanted->ref->size / CHUNK_GUESS + 16;
	int r;

	(void)key;
	if (!opened)
		return -ENOMEM;
	r = cr_file_open(wanted->reader, wanted->view, wanted->ref,
			 &opened->file);
	if (r == 0)
		r = cr_file_look(opened->file);
	if (r < 0) {
		drop(opened);
		return r;
	}
	opened->view = *wanted->view;
	opened->id = wanted->ref->id;
	opened->size = wanted->ref->size;
	*value = opened;
	*weight = (size_t)cr_min(items, (uint64_t)CR_LLIST_MAX) *
		  sizeof(struct cr_list_item);
	return 0;
}

int cr_files_new(struct cr_reader *reader, size_t cache_bytes,
		 struct cr_files **ret)
{
	static const struct cr_cache_ops ops = { load, drop };
	cr_cleanup(cr_files_freep) struct cr_files *files =
		calloc(1, sizeof(*files));
	int r;

	if (!files)
		return -ENOMEM;
	files->reader = reader;
	r = cr_cache_new(cache_bytes, &ops, &files->cache);
	if (r < 0)
		return r;
	*ret = cr_take(files);
	return 0;
}

void cr_files_free(struct cr_files *files)
{
	if (!files)
		return;
	cr_cache_free(files->cache);
	free(files);
}

static bool is_same(const struct opened *opened, const struct cr_view *view,
		    const struct cr_file_ref *ref)
{
	return cr_id_equal(&opened->id, &ref->id) &&
	       opened->size == ref->size &&
	       cr_uid_equal(&opened->view.domain->id, &view->domain->id) &&
	       cr_uid_equal(&opened->view.writer, &view->writer);
}

int cr_handle_open(struct cr_files *files, const struct cr_view *view,
		   const struct cr_file_ref *ref, struct cr_handle *ret)
{
	struct wanted wanted = { files->reader, view, ref };
	struct cr_handle handle = { 0 };
	struct cr_cache_key key = { 0 };
	const struct opened *opened;
	int r;

	if (ref->content == CR_CONTENT_LLIST) {
		memcpy(key.uid.bytes, ref->id.bytes, sizeof(key.uid.bytes));
		r = cr_cache_get(files->cache, &key, &wanted, &handle.cached);
		if (r < 0)
			return r;
		opened = cr_cached_value(handle.cached);
		handle.file = opened->file;
		if (is_same(opened, view, ref)) {
			*ret = handle;
			return 0;
		}
		/* On another's behalf: that decides what is checked. */
		cr_handle_release(&handle);
	}
	r = cr_file_open(files->reader, view, ref, &handle.own);
	if (r < 0)
		return r;
	handle.file = handle.own;
	*ret = handle;
	return 0;
}

void cr_handle_release(struct cr_handle *handle)
{
	cr_cached_unpin(handle->cached);
	cr_file_close(handle->own);
	*handle = (struct cr_handle){ 0 };
}
