/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ingest.h - back up live directories: walk, skip what is unchanged, store the
 * rest, build the tree.
 *
 *   walker (the caller's thread) -> jobs -> workers
 *        \-> events, in the order of the tree -> encoder
 *
 * The walker lists and stats; workers read, cut, hash, compress and seal; the
 * encoder takes results in the order of the tree, whatever order they came in:
 * ids are the same with any number of workers.  A large file is read by one
 * worker, its chunks are stored by all that are free (batch.h).  Queues are
 * bounded.
 *
 * Errors of the source go to the warn callback and mark the snapshot; errors of
 * the repository end the ingest and are returned.
 */
#ifndef STORE_WRITE_INGEST_H
#define STORE_WRITE_INGEST_H

#include <stdatomic.h>

#include "store/base/pattern.h"
#include "store/codec/manifest.h"
#include "store/write/statcache.h"
#include "store/write/writer.h"

struct cr_ingest_options {
	struct cr_writer *writer;   /* borrowed; NULL: a dry run */
	struct cr_statcache *cache; /* borrowed; NULL: nothing is known */
	const char *source;
	char *const *path; /* absolute, resolved */
	size_t paths;
	const struct cr_patterns *exclude;
	const char *const *if_present; /* names that exclude their directory */
	size_t if_presents;
	bool exclude_caches;  /* directories with a CACHEDIR.TAG */
	uint64_t larger_than; /* bytes; 0: any size */
	bool cross_mounts;
	unsigned int jobs; /* workers, at least 1 */
	int repository_fd; /* what must not be backed up */
	int state_fd;
	/* Called from several threads, one at a time.  @path is within @top. */
	void (*warn)(void *arg, const char *path, const char *what);
	/* As it was found, with --dry-run or -v; may be NULL. */
	void (*visit)(void *arg, const char *path, char change);
	void *arg;
	const atomic_bool *stop; /* set by a signal handler */
};

/* Read by who shows progress, at any time. */
struct cr_ingest_progress {
	atomic_ullong files;	  /* done, unchanged ones too */
	atomic_ullong bytes;	  /* sum of their sizes */
	atomic_ullong bytes_read; /* from the source */
	char path[256]; /* under: lock of the ingest; a copy is made */
};

struct cr_ingest;

cr_must_check int cr_ingest_new(const struct cr_ingest_options *options,
				struct cr_ingest **ret);
void cr_ingest_free(struct cr_ingest *ingest);

/*
 * Do it.  @manifest receives root, totals, flags, mounts and name tables, whose
 * bytes belong to @ingest.  -CR_EINTERRUPT when stopped: what was sealed can be
 * flushed.  -CR_ESOURCE when the top itself cannot be read.
 */
cr_must_check int cr_ingest_run(struct cr_ingest *ingest,
				struct cr_manifest *manifest);

const struct cr_ingest_progress *cr_ingest_progress(
	const struct cr_ingest *ingest);
/* A copy of the path that is being walked, for people. */
void cr_ingest_current(struct cr_ingest *ingest, char *out, size_t len);

/* Store one stream as the only file, @name, of a snapshot. */
cr_must_check int cr_ingest_run_stream(struct cr_ingest *ingest, int fd,
				       const char *name,
				       struct cr_manifest *manifest);

#endif
