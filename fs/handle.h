/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handle.h - files open for reading.  The kernel is told not to send open and
 * release, so a file is opened by whatever reads it: those with a list, which
 * is worth keeping, come from a cache of bounded size, by content.
 */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include "store/read/file.h"

struct cr_cached;
struct cr_files;

cr_must_check int cr_files_new(struct cr_reader *reader, size_t cache_bytes,
			       struct cr_files **ret);
/* No handle may be open any more. */
void cr_files_free(struct cr_files *files);

struct cr_handle {
	const struct cr_file *file; /* borrowed from one of these: */
	struct cr_file *own;	    /* owned */
	struct cr_cached *cached;   /* pinned */
};

/* Errors: as cr_file_open(). */
cr_must_check int cr_handle_open(struct cr_files *files,
				 const struct cr_view *view,
				 const struct cr_file_ref *ref,
				 struct cr_handle *ret);
void cr_handle_release(struct cr_handle *handle);

static inline void cr_files_freep(struct cr_files **files)
{
	cr_files_free(*files);
}

#endif
