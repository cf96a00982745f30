/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kv.h - a key-value database: all that caprock asks of RocksDB, and the only
 * module that knows it.
 *
 * What is in such a database can always be made again; nothing is trusted, and
 * a failure of RocksDB is -CR_EINDEX with its sentence.  Where RocksDB throws
 * a C++ exception (out of memory, no thread to be had) the process ends.
 *
 * Never fork while one is open.  Any number of threads may read and catch up;
 * writes and flushes are for one thread at a time.
 */
#ifndef STORE_DISK_KV_H
#define STORE_DISK_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/buf.h"
#include "store/codec/hash.h"

struct cr_kv;

/* Whether the failure @code of this thread was that stored bytes are bad. */
bool cr_kv_damaged(int code);

/*
 * A family of keys.  With @prefix, the families' keys are at least that long
 * and are looked for by their first @prefix bytes: a filter makes misses cheap.
 */
struct cr_kv_family {
	const char *name;
	size_t prefix; /* or 0: whole keys */
};

enum cr_kv_mode {
	CR_KV_PRIMARY,	 /* the one that writes; a missing database is made */
	CR_KV_SECONDARY, /* follows a primary; writes nothing */
	CR_KV_READ_ONLY, /* no primary may be at work; writes nothing */
};

#define CR_KV_FAMILIES_MAX 8

struct cr_kv_options {
	const struct cr_kv_family *family;
	size_t families; /* 1 to CR_KV_FAMILIES_MAX; fixed at creation */
	enum cr_kv_mode mode;
	size_t cache_bytes; /* block cache and write buffers together */
};

/*
 * Open the database in folder @path.  A new one is in a folder of mode 0700,
 * durable on return.  A folder that has lost its CURRENT is an error, not an
 * invitation to begin anew.  -CR_EINDEX, -errno.
 */
cr_must_check int cr_kv_open(const char *path, const struct cr_kv_options *opt,
			     struct cr_kv **ret);
/* What a primary wrote is in tables by then, or in a log that is soon read. */
void cr_kv_close(struct cr_kv *kv);

/* Replace @out by the value.  -ENOENT without a sentence; -CR_EINDEX. */
cr_must_check int cr_kv_get(const struct cr_kv *kv, size_t family,
			    struct cr_piece key, struct cr_buf *out);

/*
 * Call @fn for every key that begins with @prefix, in order, as of now.  What
 * @fn returns other than 0 ends it and is returned.  In a family with a prefix,
 * a shorter one than that makes this a walk over all of it.
 */
typedef int (*cr_kv_fn)(void *arg, struct cr_piece key, struct cr_piece value);
cr_must_check int cr_kv_each(const struct cr_kv *kv, size_t family,
			     struct cr_piece prefix, cr_kv_fn fn, void *arg);

/* Changes that happen together. */
struct cr_kv_batch;

cr_must_check int cr_kv_batch_new(const struct cr_kv *kv,
				  struct cr_kv_batch **ret);
void cr_kv_batch_free(struct cr_kv_batch *batch);
void cr_kv_put(struct cr_kv_batch *batch, size_t family, struct cr_piece key,
	       struct cr_piece value);
void cr_kv_delete(struct cr_kv_batch *batch, size_t family,
		  struct cr_piece key);
size_t cr_kv_batch_count(const struct cr_kv_batch *batch);
/* Apply and empty @batch.  Read by everybody at once; durable after a flush. */
cr_must_check int cr_kv_write(struct cr_kv *kv, struct cr_kv_batch *batch);

/* Make all that was written durable, and visible to those who catch up. */
cr_must_check int cr_kv_flush(struct cr_kv *kv);
/*
 * Let another thread begin with what cr_kv_flush() would write to tables, while
 * the caller does something else.  Promises nothing: a flush is still due.
 */
cr_must_check int cr_kv_flush_soon(struct cr_kv *kv);

/*
 * How far a database has come, to be kept elsewhere: one that has lost rows
 * opens without complaint.  Every change raises the sequence; of RocksDB's own
 * list of its tables, which is appended to until another is begun, it holds the
 * number and a hash of what there is so far.
 */
struct cr_kv_mark {
	uint64_t sequence;
	uint64_t list; /* 0: not known */
	uint64_t list_len;
	uint64_t list_hash;
};

uint64_t cr_kv_sequence(const struct cr_kv *kv);
/* Take a mark; what was flushed before is covered.  -errno. */
cr_must_check int cr_kv_mark(const struct cr_kv *kv, struct cr_kv_mark *ret);

/* Roughly how many keys @family has. */
uint64_t cr_kv_estimate(const struct cr_kv *kv, size_t family);

/* Secondary: see what the primary flushed since; 0.1 ms if that is nothing. */
cr_must_check int cr_kv_catch_up(struct cr_kv *kv);

/* Change the bound on the block cache of an open database. */
void cr_kv_set_cache(struct cr_kv *kv, size_t bytes);

/*
 * A sorted run: many rows of one family that go into the database at once,
 * durably, ten times faster than by batches.  Keys must ascend strictly.
 */
struct cr_kv_run;

cr_must_check int cr_kv_run_begin(struct cr_kv *kv, size_t family,
				  struct cr_kv_run **ret);
cr_must_check int cr_kv_run_add(struct cr_kv_run *run, struct cr_piece key,
				struct cr_piece value);
/* Take the run in.  Ends @run, whatever it returns. */
cr_must_check int cr_kv_run_commit(struct cr_kv_run *run);
void cr_kv_run_abort(struct cr_kv_run *run);

static inline void cr_kv_closep(struct cr_kv **kv)
{
	cr_kv_close(*kv);
}

static inline void cr_kv_batch_freep(struct cr_kv_batch **batch)
{
	cr_kv_batch_free(*batch);
}

static inline void cr_kv_run_abortp(struct cr_kv_run **run)
{
	cr_kv_run_abort(*run);
}

#endif
