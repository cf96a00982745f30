/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ahead.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "fs/follow.h"
#include "fs/mount.h"
#include "fs/stream.h"
#include "fs/walk.h"
#include "store/base/error.h"
#include "store/base/log.h"

#define THREADS_MAX 4
#define JOBS	    64		 /* waiting; a power of two */
#define FILE_MAX    (256u << 10) /* a larger one is not stored */
#define PART	    (1u << 20)	 /* of a large file that is decoded at once */
#define MIB	    (1024.0 * 1024.0)
#define REFUSED_MAX 3 /* files in a row that nobody can want */

/*
 * A directory to walk on, or a file to decode @len bytes of, or the blocks of a
 * pack from @block on.
 */
struct job {
	uint64_t node; /* 0: a pack */
	uint64_t offset;
	uint64_t len; /* 0: a directory */
	struct cr_uid pack;
	uint32_t block;
};

struct cr_ahead {
	struct cr_mount *mount;	    /* borrowed */
	struct cr_walks *walks;	    /* owned */
	struct cr_streams *streams; /* owned */
	struct cr_follow follow;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job job[JOBS]; /* under: lock, as below */
	unsigned int first, jobs;
	bool stop;
	pthread_t thread[THREADS_MAX];
	unsigned int threads; /* of whoever starts and stops */
	atomic_bool stopping;
	atomic_ullong files, bytes, refused, decoded, dropped, followed;
};

static bool add(struct cr_ahead *ahead, const struct job *job)
{
	bool room;

	(void)pthread_mutex_lock(&ahead->lock);
	room = ahead->jobs < JOBS && !ahead->stop;
	if (room) {
		ahead->job[(ahead->first + ahead->jobs++) % JOBS] = *job;
		(void)pthread_cond_signal(&ahead->more);
	}
	(void)pthread_mutex_unlock(&ahead->lock);
	if (!room)
		(void)atomic_fetch_add(&ahead->dropped, 1);
	return room;
}

static void note_block(void *arg, const struct cr_uid *pack, uint32_t block,
		       bool brought)
{
	struct cr_ahead *ahead = arg;

	cr_follow_used(&ahead->follow, brought);
	if (block < UINT32_MAX - CR_FOLLOW_BLOCKS &&
	    cr_walks_go_on(ahead->walks))
		(void)add(ahead,
			  &(struct job){ .pack = *pack, .block = block + 1 });
}

int cr_ahead_new(struct cr_mount *mount, size_t cache_bytes,
		 struct cr_ahead **ret)
{
	cr_cleanup(cr_ahead_freep) struct cr_ahead *ahead =
		calloc(1, sizeof(*ahead));
	int r;

	if (!ahead)
		return -ENOMEM;
	(void)pthread_mutex_init(&ahead->lock, NULL);
	(void)pthread_cond_init(&ahead->more, NULL);
	ahead->mount = mount;
	cr_follow_init(&ahead->follow);
	r = cr_walks_new(&ahead->walks);
	if (r == 0)
		r = cr_streams_new(cache_bytes / 4, &ahead->streams);
	if (r < 0)
		return r;
	cr_reader_on_use(mount->reader, note_block, ahead);
	*ret = cr_take(ahead);
	return 0;
}

void cr_ahead_free(struct cr_ahead *ahead)
{
	if (!ahead)
		return;
	assert(ahead->threads == 0);
	cr_walks_free(ahead->walks);
	cr_streams_free(ahead->streams);
	(void)pthread_cond_destroy(&ahead->more);
	(void)pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

void cr_ahead_get_stats(const struct cr_ahead *ahead,
			struct cr_ahead_stats *ret)
{
	*ret = (struct cr_ahead_stats){
		.files = atomic_load(&ahead->files),
		.bytes = atomic_load(&ahead->bytes),
		.refused = atomic_load(&ahead->refused),
		.decoded = atomic_load(&ahead->decoded),
		.followed = atomic_load(&ahead->followed),
		.dropped = atomic_load(&ahead->dropped),
	};
}

void cr_ahead_log(const struct cr_ahead *ahead)
{
	struct cr_ahead_stats stats;

	cr_ahead_get_stats(ahead, &stats);
	cr_log(CR_LOG_NOTICE,
	       "figures: ahead: %" PRIu64 " files, %.1f MiB stored, %" PRIu64
	       " refused; %.1f MiB decoded; %" PRIu64
	       " blocks followed; %" PRIu64 " dropped",
	       stats.files, (double)stats.bytes / MIB, stats.refused,
	       (double)stats.decoded / MIB, stats.followed, stats.dropped);
}

/* ---- Jobs ---- */

/* Wait for one; false: there will be none. */
static bool take(struct cr_ahead *ahead, struct job *ret)
{
	bool stop;

	(void)pthread_mutex_lock(&ahead->lock);
	while (ahead->jobs == 0 && !ahead->stop)
		(void)pthread_cond_wait(&ahead->more, &ahead->lock);
	stop = ahead->stop;
	if (!stop) {
		*ret = ahead->job[ahead->first];
		ahead->first = (ahead->first + 1) % JOBS;
		ahead->jobs--;
	}
	(void)pthread_mutex_unlock(&ahead->lock);
	return !stop;
}

/* ---- Files ---- */

/* @node is a file with content. */
static int open_file(struct cr_mount *mount, const struct cr_node *node,
		     struct cr_handle *ret)
{
	struct cr_view view = cr_node_view(node);
	struct cr_file_ref ref;
	struct cr_range range;
	int error;

	cr_node_file_ref(node, &ref);
	/* Of what is known to be damaged nothing may be shown. */
	if (cr_damage_ask(mount->damage, &ref.id, &range, &error) !=
	    CR_DAMAGE_NONE)
		return -EIO;
	return cr_handle_open(mount->files, &view, &ref, ret);
}

/* All of @span as one piece: what the kernel takes, it takes by pages. */
static int store(struct cr_ahead *ahead, uint64_t node,
		 const struct cr_span *span, uint8_t *room)
{
	struct fuse_bufvec buf = FUSE_BUFVEC_INIT(span->len);
	size_t at = 0;

	if (span->count == 1) {
		buf.buf[0].mem = span->iov[0].iov_base;
	} else {
		for (size_t i = 0; i < span->count; i++) {
			memcpy(room + at, span->iov[i].iov_base,
			       span->iov[i].iov_len);
			at += span->iov[i].iov_len;
		}
		buf.buf[0].mem = room;
	}
	return fuse_lowlevel_notify_store(ahead->mount->session, node, 0, &buf,
					  0);
}

/* 0, or why it was not taken. */
static int bring(struct cr_ahead *ahead, const struct cr_node *node,
		 uint8_t *room)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	int r = open_file(ahead->mount, node, &handle);

	if (r == 0)
		r = cr_file_span(handle.file, 0, FILE_MAX, &span);
	/* Whoever asks for it is told why. */
	if (r < 0 || span.len != node->entry->size)
		return 0;
	r = store(ahead, node->id, &span, room);
	if (r < 0) {
		(void)atomic_fetch_add(&ahead->refused, 1);
		return r;
	}
	(void)atomic_fetch_add(&ahead->files, 1);
	(void)atomic_fetch_add(&ahead->bytes, span.len);
	return 0;
}

/* The links of a file are one node, which may be another. */
static bool can_be_brought(const struct cr_entry *entry)
{
	return entry->type == CR_ENTRY_FILE && entry->size > 0 &&
	       entry->size <= FILE_MAX && !(entry->has & CR_HAS_LINK);
}

/*
 * Bring entry @ordinal, if it is one to bring.  -ENOENT: there is none; or as
 * cr_node_at(), or bring().
 */
static int walk_entry(struct cr_ahead *ahead, struct cr_node *dir,
		      uint64_t ordinal, uint8_t *room)
{
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	int r = cr_node_at(dir, ordinal, &node);
	bool last;

	if (r < 0 || !can_be_brought(node.entry))
		return r;
	last = cr_node_is_last(&node);
	if (!cr_walks_bring(ahead->walks, dir->id, ordinal, last))
		return 0;
	r = bring(ahead, &node, room);
	return r == -ENOENT ? -ESTALE : r;
}

static void walk(struct cr_ahead *ahead, uint64_t id, uint8_t *room)
{
	cr_cleanup(cr_node_release) struct cr_node dir = { 0 };
	int r = cr_node_open(ahead->mount->inodes, id, &dir);
	unsigned int refused = 0;
	uint64_t ordinal;

	if (r < 0 || !dir.entry)
		cr_walks_drop(ahead->walks, id);
	while (cr_walks_next(ahead->walks, id, &ordinal)) {
		r = walk_entry(ahead, &dir, ordinal, room);
		refused = r < 0 ? refused + 1 : 0;
		if (r == -ENOENT)
			cr_walks_end(ahead->walks, id);
		else if (refused > REFUSED_MAX || atomic_load(&ahead->stopping))
			cr_walks_drop(ahead->walks, id);
	}
}

static void decode(struct cr_ahead *ahead, const struct job *job)
{
	cr_cleanup(cr_node_release) struct cr_node node = { 0 };
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	int r = cr_node_open(ahead->mount->inodes, job->node, &node);

	if (r == 0)
		r = node.entry && node.entry->type == CR_ENTRY_FILE && node.page
			    ? open_file(ahead->mount, &node, &handle)
			    : -ENOENT;
	if (r == 0)
		r = cr_file_fetch(handle.file, job->offset, job->len);
	if (r == 0)
		(void)atomic_fetch_add(&ahead->decoded, job->len);
}

static void follow(struct cr_ahead *ahead, const struct job *job)
{
	int r = 0;

	for (uint32_t i = 0; i < CR_FOLLOW_BLOCKS && r >= 0; i++) {
		if (!cr_follow_pay(&ahead->follow))
			return;
		r = cr_reader_bring(ahead->mount->reader, &job->pack,
				    job->block + i);
		if (r == 0)
			cr_follow_refund(&ahead->follow);
		(void)atomic_fetch_add(&ahead->followed, r > 0);
	}
}

/* ---- Threads ---- */

static void *run(void *arg)
{
	struct cr_ahead *ahead = arg;
	cr_cleanup(cr_freep) uint8_t *room = malloc(FILE_MAX);
	struct job job;

	while (take(ahead, &job)) {
		if (job.node == 0)
			follow(ahead, &job);
		else if (job.len > 0)
			decode(ahead, &job);
		else if (room)
			walk(ahead, job.node, room);
		else
			cr_walks_drop(ahead->walks, job.node);
	}
	return NULL;
}

int cr_ahead_start(struct cr_ahead *ahead)
{
	unsigned int want = cr_min(cr_cores(), (unsigned int)THREADS_MAX);

	while (ahead->threads < want) {
		int r = pthread_create(&ahead->thread[ahead->threads], NULL,
				       run, ahead);

		if (r != 0)
			return cr_fail(r, "a thread: %s", cr_strerror(-r));
		ahead->threads++;
	}
	return 0;
}

void cr_ahead_stop(struct cr_ahead *ahead)
{
	if (!ahead)
		return;
	atomic_store(&ahead->stopping, true);
	(void)pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	(void)pthread_cond_broadcast(&ahead->more);
	(void)pthread_mutex_unlock(&ahead->lock);
	while (ahead->threads > 0)
		(void)pthread_join(ahead->thread[--ahead->threads], NULL);
}

/* ---- What is asked for ---- */

static void note_walk(struct cr_ahead *ahead, const struct cr_node *node)
{
	uint64_t ordinal, dir = cr_node_place(node, &ordinal);

	if (cr_walks_ask(ahead->walks, dir, ordinal) &&
	    !add(ahead, &(struct job){ .node = dir }))
		cr_walks_drop(ahead->walks, dir);
}

static void note_stream(struct cr_ahead *ahead, const struct cr_stretch *asked,
			uint64_t size)
{
	struct cr_stretch give;

	if (!cr_streams_ask(ahead->streams, asked, size, &give))
		return;
	while (give.len > 0) {
		uint64_t part = cr_min(give.len, (uint64_t)PART);

		if (!add(ahead, &(struct job){ .node = give.node,
					       .offset = give.offset,
					       .len = part }))
			return;
		give.offset += part;
		give.len -= part;
	}
}

void cr_ahead_note(struct cr_ahead *ahead, const struct cr_node *node,
		   uint64_t offset, size_t len)
{
	const struct cr_stretch asked = { node->id, offset, len };

	if (!ahead || len == 0)
		return;
	if (offset == 0)
		note_walk(ahead, node);
	if (node->entry->size > FILE_MAX)
		note_stream(ahead, &asked, node->entry->size);
}

void cr_ahead_listed(struct cr_ahead *ahead, uint64_t id)
{
	if (ahead && cr_walks_enter(ahead->walks, id) &&
	    !add(ahead, &(struct job){ .node = id }))
		cr_walks_drop(ahead->walks, id);
}
