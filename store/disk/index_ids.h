/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_ids.h - the ids that an index may have, for who asks of hundreds of
 * thousands that it does not have: a filter (base/bloom.h) of all that were
 * added, kept from one primary to the next in a file beside the database.
 *
 * To find nothing costs RocksDB 3 us beside a million rows and 10 us beside 50
 * million (measured); this costs one cache line.
 *
 * The file, db.<n>.ids, is there only while it has every id that the database
 * has: it goes, durably, before the first one is added, and is written anew at
 * the end.  After a crash there is none, until the ids are walked over
 * (cr_ids_fill_begin).  So "not there" is sure, as RocksDB's own word is.
 *
 * One thread adds and fills, any number ask.
 */
#ifndef STORE_DISK_INDEX_IDS_H
#define STORE_DISK_INDEX_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_bloom;
struct cr_ids;

/*
 * For database @n beside @base (index_db.h), @most bytes of memory at most: of
 * the file only its head is read yet.  What is wrong with it is as if it were
 * not there.  -ENOMEM.
 */
cr_must_check int cr_ids_open(const char *base, uint32_t n, size_t most,
			      struct cr_ids **ret);
/* Keep what was added in the file, where that can be, and free. */
void cr_ids_close(struct cr_ids *ids);

/* Of a database without rows: nothing was added yet.  -ENOMEM, -errno. */
cr_must_check int cr_ids_begin(struct cr_ids *ids, size_t bytes);

/* What it takes, or will once it is asked more often, of memory. */
size_t cr_ids_bytes(const struct cr_ids *ids);

/*
 * False: @id was never added.  Reads the file once that pays, for which one
 * thread is held up.
 */
bool cr_ids_may_have(struct cr_ids *ids, const struct cr_id *id);

/*
 * Before the first id is added: read the file, and remove it.  -errno: then
 * nothing must be added.
 */
cr_must_check int cr_ids_touch(struct cr_ids *ids);
void cr_ids_add(struct cr_ids *ids, const struct cr_id *id);

/*
 * Where something was added and there is no filter of a size that is worth it,
 * begin one for @rows ids.  Returns true when it is to be filled: all ids are
 * added to @ret, borrowed, and cr_ids_fill_end() called.
 */
bool cr_ids_fill_begin(struct cr_ids *ids, uint64_t rows,
		       struct cr_bloom **ret);
/* @rows were added; @ok false: not all, leave it. */
void cr_ids_fill_end(struct cr_ids *ids, uint64_t rows, bool ok);

static inline void cr_ids_closep(struct cr_ids **ids)
{
	cr_ids_close(*ids);
}

#endif
