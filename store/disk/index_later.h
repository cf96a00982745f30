/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * index_later.h - an index that becomes ready while others go on: what is found
 * by hints needs none.
 *
 * A process of its own makes it ready (index_sync.h), in the usual case by
 * asking a child that probes it whether it is; only then it is opened here, by
 * a thread.  So neither damage that makes RocksDB abort nor a long catching up
 * is in the way of who serves, and once cr_index_later_start() was called no
 * process is started and nothing is opened but what lies in the state's folder.
 */
#ifndef STORE_DISK_INDEX_LATER_H
#define STORE_DISK_INDEX_LATER_H

#include "store/disk/index.h"
#include "store/disk/repo.h"

struct cr_index_later;

/*
 * Start that process: before any thread.  @state is borrowed.  What is wrong
 * with the index is told in the log.  -ENOMEM, -errno with a sentence.
 */
cr_must_check int cr_index_later_begin(const struct cr_repo *repo,
				       struct cr_state *state,
				       size_t cache_bytes,
				       struct cr_index_later **ret);

/*
 * From now on a thread waits for that process, and who asks waits
 * @patience_ms from now at most.  -errno with a sentence.
 */
cr_must_check int cr_index_later_start(struct cr_index_later *later,
				       unsigned int patience_ms);

/*
 * The index, which stays until @later is freed; NULL: there is none, or not in
 * time.  Before cr_index_later_start() it waits as long as it takes, and only
 * one thread may ask; then any.  Goes as a cr_reader_index.
 */
struct cr_index *cr_index_later_get(void *later);

/* The same without waiting; @later may be NULL.  Any thread. */
struct cr_index *cr_index_later_peek(struct cr_index_later *later);

/* Nobody waits any longer.  Any thread; @later may be NULL. */
void cr_index_later_stop(struct cr_index_later *later);

/* Closes the index.  Nobody may be using it. */
void cr_index_later_free(struct cr_index_later *later);

#endif
