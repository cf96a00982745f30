/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_db.h - which database is the index: STATE/<repository id>/db.<n>/, n
 * being named by the small file `db` beside it.  For index.c only.
 *
 * The file also says how far the database had come when it was last flushed:
 * one that is behind that has lost rows, which RocksDB does not tell.
 *
 * @base is the path of `db`; db.<n> is that with the number appended.
 */
#ifndef STORE_DISK_INDEX_DB_H
#define STORE_DISK_INDEX_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "store/base/util.h"
#include "store/disk/kv.h"

struct cr_index_db {
	uint32_t n;
	struct cr_kv_mark mark;
};

/* -ENOENT without a sentence; -CR_EINDEX when it makes no sense; -errno. */
cr_must_check int cr_index_db_read(const char *base, struct cr_index_db *ret);
/* Durable, by rename. */
cr_must_check int cr_index_db_write(const char *base,
				    const struct cr_index_db *db);

/* Point to a number never used before, then remove all other databases. */
cr_must_check int cr_index_db_renew(const char *base, struct cr_index_db *ret);

/* The path of db.<n>; free() it.  NULL when there is no memory. */
char *cr_index_db_path(const char *base, uint32_t n);
/* Whether db.<n> is not there, or an empty folder. */
bool cr_index_db_blank(const char *base, uint32_t n);

/*
 * Leave a note that db.<n> was seen to be damaged, if that is possible: the
 * next primary sets it aside.
 */
void cr_index_db_spoil(const char *base, uint32_t n);
bool cr_index_db_spoiled(const char *base, uint32_t n);

#endif
