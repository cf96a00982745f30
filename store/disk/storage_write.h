/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storage_write.h - add objects to a repository; never change one.
 *
 * An object appears whole and durable under its name, or not at all:
 * temporary name in the same folder, write, fsync, take the name only if it is
 * free (RENAME_NOREPLACE, else link, else an exclusive placeholder that is
 * renamed over), fsync the folder.  Of the file system only create, read,
 * list, rename or link, and delete are asked.  A failed fsync fails the object.
 */
#ifndef STORE_DISK_STORAGE_WRITE_H
#define STORE_DISK_STORAGE_WRITE_H

#include "store/disk/storage.h"

struct cr_storage_w;

/* A writing handle on the place @storage reads.  @storage is borrowed. */
cr_must_check int cr_storage_w_open(const struct cr_storage *storage,
				    struct cr_storage_w **ret);
void cr_storage_w_close(struct cr_storage_w *w);
const struct cr_storage *cr_storage_w_storage(const struct cr_storage_w *w);

/*
 * The names of what is not yet whole begin with ".tmp-", this tag of 16
 * hexadecimal digits, random for each handle, and "-".
 */
#define CR_TEMPORARY_TAG_LEN 17 /* with the terminating zero */
const char *cr_storage_w_tag(const struct cr_storage_w *w);

/*
 * Remove what a handle with that tag, whose process was killed, left.  Returns
 * how many, or -errno with a sentence.
 */
cr_must_check int cr_storage_sweep(struct cr_storage_w *w, const char *tag);

/* Make the directory @path (and nothing above it) and an empty layout. */
cr_must_check int cr_storage_create(const char *path);

/*
 * Store @len bytes as @name, folders as needed.  Durable on return.
 * @len is not 0.  -EEXIST without a sentence when the name is taken; -errno
 * with one.
 */
cr_must_check int cr_storage_put(struct cr_storage_w *w, const char *name,
				 const void *bytes, size_t len);

/* An object in the making, written at offsets by any number of threads. */
struct cr_putting;

cr_must_check int cr_put_begin(struct cr_storage_w *w, const char *name,
			       struct cr_putting **ret);
cr_must_check int cr_put_write(struct cr_putting *put, uint64_t offset,
			       const void *bytes, size_t len);
/* Read back what was written, for checksums over the whole. */
cr_must_check int cr_put_read(struct cr_putting *put, uint64_t offset,
			      void *out, size_t len);
/*
 * Make it durable and give it its name; something was written.  Ends @put,
 * whatever it returns: as cr_storage_put().
 */
cr_must_check int cr_put_commit(struct cr_putting *put);
/* Drop it.  Accepts NULL. */
void cr_put_abort(struct cr_putting *put);

/* Remove an object, durably.  -ENOENT without a sentence. */
cr_must_check int cr_storage_delete(struct cr_storage_w *w, const char *name);

static inline void cr_storage_w_closep(struct cr_storage_w **w)
{
	cr_storage_w_close(*w);
}

#endif
