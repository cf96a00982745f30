/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file.h - (file, offset, length) -> bytes, pinned in the cache or copied.
 * FORMAT.md section 9.
 *
 * Opening is O(1): the topmost list object at most.  An open file is immutable;
 * any number of threads may read it.
 */
#ifndef STORE_READ_FILE_H
#define STORE_READ_FILE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "store/read/dir.h"

struct cr_file;

cr_must_check int cr_file_open(struct cr_reader *reader,
			       const struct cr_view *view,
			       const struct cr_file_ref *ref,
			       struct cr_file **ret);
void cr_file_close(struct cr_file *file);
/*
 * Each byte will be asked for once: blocks of which nothing is left to ask for
 * are dropped, and make room for the next while they are in the processor's
 * cache.  Before anything is read.
 */
void cr_file_read_once(struct cr_file *file);
uint64_t cr_file_size(const struct cr_file *file);

/*
 * Whether the chunks that the list names are where they should be, so far as
 * that costs little: of the first 1,000 or so, and of the first few packs.
 * Nothing is decoded.  Errors as cr_reader_locate().
 */
cr_must_check int cr_file_look(const struct cr_file *file);

/* The whole-file hash, when the list has one. */
bool cr_file_hash(const struct cr_file *file, struct cr_id *ret);

/*
 * Copy up to @len bytes from @offset.  Returns how many: fewer only at the end
 * of the file, never because of damage.
 */
cr_must_check ssize_t cr_file_read(const struct cr_file *file, uint64_t offset,
				   void *out, size_t len);

/* Bytes in place: @iov points into pinned blocks (or a page of zeroes). */
struct cr_span {
	struct iovec *iov;  /* owned */
	struct cr_pin *pin; /* owned */
	size_t count;
	size_t room;
	size_t len;
};
cr_must_check int cr_file_span(const struct cr_file *file, uint64_t offset,
			       size_t len, struct cr_span *ret);
void cr_span_release(struct cr_span *span);

/*
 * Have the blocks decoded that cr_file_span() of the same would pin, but for
 * those that other threads are about.  Small files (of an inline block) are
 * left alone.
 */
cr_must_check int cr_file_fetch(const struct cr_file *file, uint64_t offset,
				size_t len);

/*
 * SEEK_DATA and SEEK_HOLE as lseek(2) has them; the end of the file is a hole.
 * -ENXIO without a sentence at or beyond the end.
 */
cr_must_check int cr_file_seek(const struct cr_file *file, uint64_t offset,
			       int whence, uint64_t *ret);

/*
 * Call @fn for each run in order: chunks (id set) and holes.  For restore,
 * verify and diff; a non-zero return ends and is returned.
 */
struct cr_list_item;
typedef int (*cr_run_fn)(void *arg, const struct cr_list_item *run);
cr_must_check int cr_file_each_run(const struct cr_file *file, cr_run_fn fn,
				   void *arg);

static inline void cr_file_closep(struct cr_file **file)
{
	cr_file_close(*file);
}

#endif
