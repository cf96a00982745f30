/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * storage.h - read the objects of a repository, wherever they lie: a directory
 * now, a bucket later.  The writing handle is another type
 * (storage_write.h), so what can only read is a matter of types.
 *
 * Objects are named relative to the repository, with "/" between the parts:
 * "packs/data/3f/3f..."; they are immutable, so nothing here needs a lock, and
 * every function may be called from any thread.
 *
 * No object is empty: an empty file is the placeholder that a crash left
 * (storage_write.h) and is as good as absent.
 */
#ifndef STORE_DISK_STORAGE_H
#define STORE_DISK_STORAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/base/util.h"

struct cr_storage;
struct cr_stored; /* one object, open for ranged reads */

/*
 * Whether @name can be that of an object or folder: relative, of parts that are
 * not empty and do not begin with ".".
 */
#define CR_STORED_NAME_MAX 200
bool cr_storage_name_valid(const char *name);

/*
 * Open the repository at @path, a directory.  Nothing is read yet but that it
 * is one.  -CR_ENOREPO, -errno.
 */
cr_must_check int cr_storage_open(const char *path, struct cr_storage **ret);
void cr_storage_close(struct cr_storage *storage);

/* The path as given, for messages; and a descriptor of the directory. */
const char *cr_storage_name(const struct cr_storage *storage);
int cr_storage_fd(const struct cr_storage *storage);

/*
 * Append the whole object to @out.  -ENOENT without a sentence when there is
 * none; -CR_ECORRUPT when it is longer than @max; -errno.
 */
cr_must_check int cr_storage_get(const struct cr_storage *storage,
				 const char *name, uint64_t max,
				 struct cr_buf *out);

/*
 * When the storage received the object, in UTC seconds by its own clock.
 * Errors as cr_storage_get().
 */
cr_must_check int cr_storage_time(const struct cr_storage *storage,
				  const char *name, int64_t *ret);

/*
 * What changes when somebody puts other bytes in an object's place, if the
 * storage is honest.  Errors as cr_storage_get().
 */
struct cr_stored_mark {
	uint64_t size, inode;
	int64_t received; /* UTC seconds, as cr_storage_time() */
	int64_t changed;
	uint32_t received_ns, changed_ns;
};
cr_must_check int cr_storage_mark(const struct cr_storage *storage,
				  const char *name, struct cr_stored_mark *ret);

/* -ENOENT without a sentence when there is no such object. */
cr_must_check int cr_stored_open(const struct cr_storage *storage,
				 const char *name, struct cr_stored **ret);
void cr_stored_close(struct cr_stored *stored);
uint64_t cr_stored_len(const struct cr_stored *stored);

/* Exactly @len bytes from @offset, or -CR_ECORRUPT when they are not there. */
cr_must_check int cr_stored_read(const struct cr_stored *stored,
				 uint64_t offset, void *out, size_t len);

/*
 * Call @fn with the name (the last part only) and the size of every object
 * directly below @prefix, in no order; a prefix that does not exist is empty.
 * Temporary names (".tmp-") are left out.  What @fn returns other than 0 ends
 * the listing and is returned.  With @dirs the sub-folders are listed instead,
 * of size 0.
 */
typedef int (*cr_list_fn)(void *arg, const char *name, uint64_t size);
cr_must_check int cr_storage_list(const struct cr_storage *storage,
				  const char *prefix, bool dirs, cr_list_fn fn,
				  void *arg);

/*
 * The same for who opens what is new to him: the sizes are not asked for, and
 * passed as 0.  So what a crash left (above) may be among them.
 */
cr_must_check int cr_storage_list_names(const struct cr_storage *storage,
					const char *prefix, cr_list_fn fn,
					void *arg);

static inline void cr_storage_closep(struct cr_storage **storage)
{
	cr_storage_close(*storage);
}

static inline void cr_stored_closep(struct cr_stored **stored)
{
	cr_stored_close(*stored);
}

#endif
