/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/index_ids.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/bloom.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/codec/footer.h"

/* Of this machine alone: numbers are as it stores them. */
#define MAGIC	  UINT64_C(0x31736469726b6163) /* "cakrids1" */
#define BYTES_MIN 4096u

/* Bytes an id: so many are kept of more, and fewer are not worth it. */
#define SPARE_FOLD 4u
#define SPARE_MIN  0.5
/* One that is made has so much; when it has less than 1 it is made anew. */
#define SPARE_NEW 1.25

/* To read so many bytes of the file costs as much as one question. */
#define BYTES_A_QUESTION 16384u

struct head {
	uint64_t magic;
	uint64_t rows; /* that were added; some maybe twice */
	uint64_t bytes;
	uint64_t content; /* XXH3 of the rest */
	uint64_t hash;	  /* XXH3 of the fields above */
};

struct cr_ids {
	char *path; /* owned */
	size_t most;
	/* What is asked; or NULL. */
	struct cr_bloom *_Atomic filter; /* owned */
	struct cr_bloom *old;		 /* owned: may still be asked */
	struct cr_bloom *filled;	 /* owned: not all in it yet */
	/* So many questions more, and the file is read. */
	atomic_int_fast64_t patience;
	pthread_mutex_t lock; /* of whoever reads the file */
	bool stored;	      /* under: lock.  It is to be had from the file */
	/* Of the filter there is or is to be had, or bytes and rows are 0. */
	struct head head; /* under: lock, until it was touched */
	bool touched;	  /* there is no file now */
};

static uint64_t hash_of(const struct head *head)
{
	return cr_shard_hash(head, offsetof(struct head, hash));
}

static bool is_worth(uint64_t rows, uint64_t bytes)
{
	return (double)bytes >= SPARE_MIN * (double)rows;
}

/* ---- The file ---- */

static bool read_head(struct cr_ids *ids, int fd)
{
	struct head head;

	if (cr_io_read(fd, &head, sizeof(head)) != sizeof(head) ||
	    head.magic != MAGIC || head.hash != hash_of(&head) ||
	    head.bytes < BYTES_MIN || head.bytes > ids->most ||
	    (head.bytes & (head.bytes - 1)) != 0 ||
	    !is_worth(head.rows, head.bytes))
		return false;
	ids->head = head;
	return true;
}

static struct cr_bloom *read_filter(struct cr_ids *ids)
{
	cr_cleanup(cr_closep) int fd =
		cr_io_open(AT_FDCWD, ids->path, O_RDONLY, 0);
	struct cr_bloom *bloom;
	struct head head = ids->head;
	void *content;
	size_t bytes;

	if (fd < 0 || !read_head(ids, fd) || ids->head.hash != head.hash ||
	    cr_bloom_new(head.bytes, &bloom) < 0)
		return NULL;
	content = cr_bloom_memory(bloom, &bytes);
	if (cr_io_read(fd, content, bytes) == (ssize_t)bytes &&
	    cr_shard_hash(content, bytes) == head.content)
		return bloom;
	cr_log(CR_LOG_INFO, "%s: is damaged, and not used", ids->path);
	cr_bloom_free(bloom);
	return NULL;
}

/* Have the filter, if there is one. */
static void load_locked(struct cr_ids *ids)
{
	struct cr_bloom *bloom = ids->stored ? read_filter(ids) : NULL;

	if (ids->stored && !bloom)
		ids->head = (struct head){ 0 };
	ids->stored = false;
	if (bloom)
		atomic_store_explicit(&ids->filter, bloom,
				      memory_order_release);
}

static int write_file(const struct head *head, const void *content,
		      const char *path)
{
	cr_cleanup(cr_closep) int fd =
		cr_io_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int r;

	if (fd < 0)
		return fd;
	r = cr_io_write(fd, head, sizeof(*head));
	if (r == 0)
		r = cr_io_write(fd, content, head->bytes);
	return r < 0 ? r : cr_io_close(&fd);
}

/*
 * Nothing waits for the disk: what a crash of the machine leaves of it either
 * has its hash or is not used.
 */
static int store(struct cr_ids *ids, struct cr_bloom *bloom)
{
	cr_cleanup(cr_freep) char *temporary = NULL;
	struct head head = { .magic = MAGIC, .rows = ids->head.rows };
	size_t bytes;
	void *content = cr_bloom_memory(bloom, &bytes);
	int r;

	while (bytes / 2 >= BYTES_MIN && bytes / 2 >= head.rows * SPARE_FOLD) {
		cr_bloom_fold(bloom);
		content = cr_bloom_memory(bloom, &bytes);
	}
	head.bytes = bytes;
	head.content = cr_shard_hash(content, bytes);
	head.hash = hash_of(&head);
	if (asprintf(&temporary, "%s.tmp", ids->path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	r = write_file(&head, content, temporary);
	if (r == 0)
		r = cr_io_rename(AT_FDCWD, temporary, ids->path, 0);
	if (r < 0)
		(void)cr_io_unlink(AT_FDCWD, temporary);
	return r;
}

/* ---- Life ---- */

int cr_ids_open(const char *base, uint32_t n, size_t most, struct cr_ids **ret)
{
	cr_cleanup(cr_ids_closep) struct cr_ids *ids = calloc(1, sizeof(*ids));
	cr_cleanup(cr_closep) int fd = -1;

	if (!ids)
		return -ENOMEM;
	(void)pthread_mutex_init(&ids->lock, NULL);
	ids->most = most;
	if (asprintf(&ids->path, "%s.%" PRIu32 ".ids", base, n) < 0) {
		ids->path = NULL;
		return -ENOMEM;
	}
	fd = cr_io_open(AT_FDCWD, ids->path, O_RDONLY, 0);
	ids->stored = fd >= 0 && read_head(ids, fd);
	ids->patience =
		1 + (int_fast64_t)(cr_ids_bytes(ids) / BYTES_A_QUESTION);
	*ret = cr_take(ids);
	return 0;
}

/* Keep it where it is worth that; without it nothing is lost but time. */
static void store_or_say(struct cr_ids *ids, struct cr_bloom *bloom)
{
	int r = is_worth(ids->head.rows, ids->head.bytes) ? store(ids, bloom)
							  : 0;

	if (r < 0)
		cr_log(CR_LOG_INFO, "%s: %s", ids->path, cr_strerror(r));
}

void cr_ids_close(struct cr_ids *ids)
{
	if (!ids)
		return;
	if (ids->touched && ids->filter)
		store_or_say(ids, ids->filter);
	cr_bloom_free(ids->filter);
	cr_bloom_free(ids->old);
	cr_bloom_free(ids->filled);
	(void)pthread_mutex_destroy(&ids->lock);
	free(ids->path);
	free(ids);
}

static int remove_file(struct cr_ids *ids)
{
	int r = cr_io_unlink(AT_FDCWD, ids->path);

	/* Not there may mean: gone, but not for good. */
	if (r == 0 || r == -ENOENT)
		r = cr_io_sync_parent(ids->path);
	if (r < 0)
		return cr_fail(-r, "%s: %s", ids->path, cr_strerror(r));
	ids->touched = true;
	return 0;
}

int cr_ids_begin(struct cr_ids *ids, size_t bytes)
{
	size_t size = BYTES_MIN;
	struct cr_bloom *bloom;
	int r;

	while (size * 2 <= cr_min(bytes, ids->most))
		size *= 2;
	r = cr_bloom_new(size, &bloom);
	if (r < 0)
		return r;
	ids->stored = false;
	ids->patience = INT64_MAX;
	ids->head = (struct head){ .bytes = size };
	ids->filter = bloom;
	return remove_file(ids);
}

size_t cr_ids_bytes(const struct cr_ids *ids)
{
	return ids->head.bytes;
}

/* ---- Asking ---- */

static void load(struct cr_ids *ids)
{
	(void)pthread_mutex_lock(&ids->lock);
	load_locked(ids);
	(void)pthread_mutex_unlock(&ids->lock);
}

bool cr_ids_may_have(struct cr_ids *ids, const struct cr_id *id)
{
	const struct cr_bloom *bloom =
		atomic_load_explicit(&ids->filter, memory_order_acquire);

	if (!bloom && atomic_fetch_sub_explicit(&ids->patience, 1,
						memory_order_relaxed) == 1)
		load(ids);
	return !bloom || cr_bloom_may_have(bloom, id);
}

/* ---- Adding ---- */

int cr_ids_touch(struct cr_ids *ids)
{
	if (ids->touched)
		return 0;
	load(ids);
	return remove_file(ids);
}

void cr_ids_add(struct cr_ids *ids, const struct cr_id *id)
{
	struct cr_bloom *bloom =
		atomic_load_explicit(&ids->filter, memory_order_relaxed);

	assert(ids->touched);
	if (!bloom)
		return;
	cr_bloom_add(bloom, id);
	ids->head.rows++;
}

/* ---- Filling ---- */

/* For @rows, as far as it may be. */
static size_t size_for(const struct cr_ids *ids, uint64_t rows)
{
	size_t size = BYTES_MIN;

	while (size * 2 <= ids->most && (double)size < SPARE_NEW * (double)rows)
		size *= 2;
	return size;
}

bool cr_ids_fill_begin(struct cr_ids *ids, uint64_t rows, struct cr_bloom **ret)
{
	size_t size = size_for(ids, rows);

	/* Who asks of one may do so for as long as it takes: one is enough. */
	if (!ids->touched || ids->old ||
	    ids->head.bytes >= cr_min(rows, size) || size > ids->most ||
	    !is_worth(rows, size))
		return false;
	assert(!ids->filled);
	if (cr_bloom_new(size, &ids->filled) < 0)
		return false;
	*ret = ids->filled;
	return true;
}

void cr_ids_fill_end(struct cr_ids *ids, uint64_t rows, bool ok)
{
	struct cr_bloom *bloom = ids->filled;
	size_t bytes;

	ids->filled = NULL;
	if (!ok) {
		cr_bloom_free(bloom);
		return;
	}
	(void)cr_bloom_memory(bloom, &bytes);
	ids->head = (struct head){ .rows = rows, .bytes = bytes };
	ids->old = atomic_exchange(&ids->filter, bloom);
}
