/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer.h - one session that adds to a repository: chunks and objects in,
 * packs, segments and at last a manifest out.  FORMAT.md section 11.
 *
 * Order: packs durable, then the index, then the segment, then the manifest.
 * Every error here is one of the repository: fatal for the session.
 */
#ifndef STORE_WRITE_WRITER_H
#define STORE_WRITE_WRITER_H

#include "store/codec/manifest.h"
#include "store/disk/index.h"
#include "store/disk/repo.h"
#include "store/disk/state.h"

struct cr_stream;
struct cr_writer;

struct cr_writer_options {
	const struct cr_repo *repo; /* borrowed; a key that writes */
	struct cr_state *state;	    /* borrowed; locked */
	struct cr_index *index;	    /* borrowed; primary, synced */
	size_t memory;		    /* for pack tables */
	int level;		    /* zstd; 0: the default, 3 */
};

#define CR_LEVEL_DEFAULT 3

cr_must_check int cr_writer_open(const struct cr_writer_options *options,
				 struct cr_writer **ret);
void cr_writer_close(struct cr_writer *writer);

const struct cr_repo *cr_writer_repo(const struct cr_writer *writer);
const struct cr_domain_keys *cr_writer_domain(const struct cr_writer *writer);

/*
 * A stream keeps neighbours together in a block; one thread uses it.  Flush it
 * before the session is flushed.
 */
cr_must_check int cr_stream_new(struct cr_writer *writer,
				struct cr_stream **ret);
void cr_stream_free(struct cr_stream *stream);
cr_must_check int cr_stream_flush(struct cr_stream *stream);

/*
 * How many bytes a block of chunks of that class has: reading any of them takes
 * decoding all, and a database is read here and there.  FORMAT.md section 6.
 */
size_t cr_stream_block_len(enum cr_size_class size_class);

/*
 * Store a chunk of content (type DATA or INLINE) unless it is known.  Those of
 * @size_class that are like it share its block.  Its id goes to @id.
 */
cr_must_check int cr_stream_put(struct cr_stream *stream,
				enum cr_chunk_type type, struct cr_piece bytes,
				enum cr_size_class size_class,
				struct cr_id *id);
/*
 * The same, of a chunk whose id is known.  0 when it is new; 1 when it is
 * stored or pending, with where in @where (may be NULL; a zero pack when that
 * is not known yet).
 */
cr_must_check int cr_stream_put_as(struct cr_stream *stream,
				   enum cr_chunk_type type,
				   const struct cr_id *id,
				   struct cr_piece bytes,
				   enum cr_size_class size_class,
				   struct cr_hint *where);
/* Store a copy of a chunk that is known, unless one is on its way. */
cr_must_check int cr_stream_put_again(struct cr_stream *stream,
				      enum cr_chunk_type type,
				      const struct cr_id *id,
				      struct cr_piece bytes,
				      enum cr_size_class size_class);

/*
 * Store a metadata object unless it is known.  Any thread.  @where tells where
 * it is, for hints in what refers to it.
 */
cr_must_check int cr_writer_put_object(struct cr_writer *writer,
				       enum cr_chunk_type type,
				       struct cr_piece hashed,
				       struct cr_piece tail, struct cr_id *id,
				       struct cr_hint *where);

/* Whether a chunk is stored or pending: 1 or 0; where, for objects. */
cr_must_check int cr_writer_has(struct cr_writer *writer,
				enum cr_chunk_type type, const struct cr_id *id,
				struct cr_hint *where);

/* The same of the newest copy, which takes longer. */
cr_must_check int cr_writer_newest(struct cr_writer *writer,
				   enum cr_chunk_type type,
				   const struct cr_id *id,
				   struct cr_hint *where);
/* Raw bytes of the block at @where; 0 when that is not to be found. */
uint32_t cr_writer_block_len(struct cr_writer *writer, enum cr_chunk_type type,
			     const struct cr_hint *where);

/*
 * Publish everything: packs padded and durable, index flushed, segments
 * written.  All streams are flushed.  What is stored now survives, and the next
 * session finds it.
 */
cr_must_check int cr_writer_flush(struct cr_writer *writer);

struct cr_writer_stats {
	uint64_t bytes_added; /* to the repository, all told */
	uint64_t chunks_new;
	uint64_t chunks_known;
	uint64_t bytes_again; /* of chunks, stored though they were known */
};
void cr_writer_get_stats(struct cr_writer *writer, struct cr_writer_stats *ret);

/*
 * The first free second from @time in this writer's snapshots; and what its
 * next manifest follows.  Then publish @manifest (its segments are filled in).
 * Returns its id.  After this the snapshot exists and cannot be lost.
 */
cr_must_check int cr_writer_commit(struct cr_writer *writer,
				   struct cr_manifest *manifest, int64_t time,
				   struct cr_manifest_head *head,
				   struct cr_id *snapshot);

static inline void cr_writer_closep(struct cr_writer **writer)
{
	cr_writer_close(*writer);
}

static inline void cr_stream_freep(struct cr_stream **stream)
{
	cr_stream_free(*stream);
}

#endif
