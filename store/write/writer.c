/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/writer.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/compress.h"
#include "store/codec/object_encode.h"
#include "store/disk/storage_write.h"
#include "store/write/commit.h"
#include "store/write/dedup.h"
#include "store/write/leftovers.h"
#include "store/write/packer.h"
#include "store/write/segment_out.h"
#include "store/write/text.h"

struct cr_writer {
	struct cr_writer_options opt;
	const struct cr_domain_keys *domain; /* borrowed: the keyring's */
	struct cr_storage_w *storage;	     /* owned */
	bool noted;			     /* leftovers.h */
	struct cr_dedup *dedup;		     /* owned */
	struct cr_packer *data, *meta;	     /* owned */
	pthread_mutex_t publish_lock;
	struct cr_segment_out *segments; /* owned; under: publish_lock */
	/*
	 * Objects share one stream, so that what refers to one can say where it
	 * will lie.  Sealing happens under this lock: metadata is a few percent
	 * of a backup, and its blocks must be numbered in order.
	 */
	pthread_mutex_t meta_lock;
	struct cr_open_block meta_block; /* under: meta_lock */
	struct cr_compressor *meta_comp; /* owned; under: meta_lock */
	atomic_ullong chunks_new, chunks_known, bytes_again;
};

/* What shares blocks. */
enum group {
	COMMON,
	NOISE, /* does not compress */
	PAGES, /* of databases */
	GROUPS,
};

struct cr_stream {
	struct cr_writer *writer; /* borrowed */
	struct cr_compressor *comp;
	struct cr_open_block block[GROUPS];
};

static enum group group_of(enum cr_size_class size_class)
{
	if (size_class == CR_CLASS_64K)
		return NOISE;
	return size_class == CR_CLASS_PAGES ? PAGES : COMMON;
}

/* A pack is durable: into the index, into the next segment, settled. */
static int packed(void *arg, const struct cr_packed *p)
{
	struct cr_writer *writer = arg;
	struct cr_pack_facts facts = {
		.pack = p->header->pack,
		.writer = p->header->writer,
		.domain = p->header->domain,
		.kind = (uint8_t)p->header->kind,
		.len = p->len,
		.chunks = p->footer->chunks,
	};
	struct cr_segment_item item = {
		.pack_len = p->len,
		.header = p->header_bytes,
		.footer = p->sealed_footer.bytes,
		.footer_len = (uint32_t)p->sealed_footer.len,
	};
	uint32_t number;
	int r;

	/* The index has one writer; rows must be there before ids settle. */
	(void)pthread_mutex_lock(&writer->publish_lock);
	r = cr_index_add_pack(writer->opt.index, &facts, p->footer, &number);
	if (r == 0)
		r = cr_segment_out_add(writer->segments, &item, number);
	(void)pthread_mutex_unlock(&writer->publish_lock);
	if (r == 0)
		cr_dedup_settle(writer->dedup, p->footer->chunk,
				p->footer->chunks);
	return r;
}

static int make_packers(struct cr_writer *writer)
{
	struct cr_packer_options opt = {
		.repo = writer->opt.repo,
		.storage = writer->storage,
		.kind = CR_PACK_DATA,
		.target = CR_PACK_DATA_TARGET,
		.packed = packed,
		.arg = writer,
	};
	int r = cr_packer_new(&opt, &writer->data);

	if (r < 0)
		return r;
	opt.kind = CR_PACK_META;
	opt.target = CR_PACK_META_TARGET;
	return cr_packer_new(&opt, &writer->meta);
}

int cr_writer_open(const struct cr_writer_options *options,
		   struct cr_writer **ret)
{
	cr_cleanup(cr_writer_closep) struct cr_writer *writer = NULL;
	const struct cr_repo *repo = options->repo;
	int r;

	if (!cr_keyring_writes(repo->keys->ring))
		return cr_fail(CR_ECAPABILITY, "this key cannot write");
	writer = calloc(1, sizeof(*writer));
	if (!writer)
		return -ENOMEM;
	(void)pthread_mutex_init(&writer->publish_lock, NULL);
	(void)pthread_mutex_init(&writer->meta_lock, NULL);
	writer->opt = *options;
	if (writer->opt.level == 0)
		writer->opt.level = CR_LEVEL_DEFAULT;
	writer->domain = cr_keyring_domain_keys(
		repo->keys->ring, cr_keyring_domain(repo->keys->ring));
	if (!writer->domain)
		return cr_fail(CR_ECAPABILITY, "this key has no domain");
	r = cr_storage_w_open(repo->storage, &writer->storage);
	if (r < 0)
		return r;
	cr_leftovers_begin(writer->opt.state, writer->storage);
	writer->noted = true;
	r = cr_dedup_new(repo, options->index, options->memory, &writer->dedup);
	if (r == 0)
		r = cr_compressor_new(writer->opt.level, &writer->meta_comp);
	if (r == 0)
		r = cr_segment_out_new(repo, writer->storage, options->index,
				       &writer->segments);
	if (r == 0)
		r = make_packers(writer);
	if (r < 0)
		return r;
	*ret = cr_take(writer);
	return 0;
}

void cr_writer_close(struct cr_writer *writer)
{
	if (!writer)
		return;
	cr_packer_free(writer->data);
	cr_packer_free(writer->meta);
	cr_dedup_free(writer->dedup);
	cr_segment_out_free(writer->segments);
	cr_open_block_release(&writer->meta_block);
	cr_compressor_free(writer->meta_comp);
	if (writer->noted)
		cr_leftovers_end(writer->opt.state);
	cr_storage_w_close(writer->storage);
	(void)pthread_mutex_destroy(&writer->publish_lock);
	(void)pthread_mutex_destroy(&writer->meta_lock);
	free(writer);
}

const struct cr_repo *cr_writer_repo(const struct cr_writer *writer)
{
	return writer->opt.repo;
}

const struct cr_domain_keys *cr_writer_domain(const struct cr_writer *writer)
{
	return writer->domain;
}

void cr_writer_get_stats(struct cr_writer *writer, struct cr_writer_stats *ret)
{
	*ret = (struct cr_writer_stats){
		.bytes_added = cr_packer_bytes(writer->data) +
			       cr_packer_bytes(writer->meta),
		.chunks_new = atomic_load(&writer->chunks_new),
		.chunks_known = atomic_load(&writer->chunks_known),
		.bytes_again = atomic_load(&writer->bytes_again),
	};
}

/* ---- Content ---- */

int cr_stream_new(struct cr_writer *writer, struct cr_stream **ret)
{
	struct cr_stream *stream = calloc(1, sizeof(*stream));
	int r;

	if (!stream)
		return -ENOMEM;
	stream->writer = writer;
	r = cr_compressor_new(writer->opt.level, &stream->comp);
	if (r < 0) {
		free(stream);
		return r;
	}
	*ret = stream;
	return 0;
}

void cr_stream_free(struct cr_stream *stream)
{
	if (!stream)
		return;
	for (size_t i = 0; i < CR_ARRAY_LEN(stream->block); i++)
		cr_open_block_release(&stream->block[i]);
	cr_compressor_free(stream->comp);
	free(stream);
}

int cr_stream_flush(struct cr_stream *stream)
{
	for (size_t i = 0; i < CR_ARRAY_LEN(stream->block); i++) {
		int r = cr_packer_put(stream->writer->data, &stream->block[i],
				      stream->comp);

		if (r < 0)
			return r;
	}
	return 0;
}

size_t cr_stream_block_len(enum cr_size_class size_class)
{
	return group_of(size_class) == PAGES ? CR_BLOCK_PAGES_TARGET
					     : CR_BLOCK_DATA_TARGET;
}

/* Append a claimed chunk. */
static int append(struct cr_stream *stream, enum cr_chunk_type type,
		  const struct cr_id *id, struct cr_piece bytes,
		  enum cr_size_class size_class)
{
	struct cr_open_block *block = &stream->block[group_of(size_class)];
	int r = cr_open_block_add(block, type, id, bytes);

	if (r == 0 &&
	    cr_open_block_full(block, cr_stream_block_len(size_class)))
		r = cr_packer_put(stream->writer->data, block, stream->comp);
	return r;
}

int cr_stream_put_as(struct cr_stream *stream, enum cr_chunk_type type,
		     const struct cr_id *id, struct cr_piece bytes,
		     enum cr_size_class size_class, struct cr_hint *where)
{
	struct cr_writer *writer = stream->writer;
	int r = cr_dedup_claim(writer->dedup, type, id, NULL, where);

	if (r < 0)
		return r;
	(void)atomic_fetch_add(r ? &writer->chunks_known : &writer->chunks_new,
			       1);
	return r == 1 ? 1 : append(stream, type, id, bytes, size_class);
}

int cr_stream_put_again(struct cr_stream *stream, enum cr_chunk_type type,
			const struct cr_id *id, struct cr_piece bytes,
			enum cr_size_class size_class)
{
	struct cr_writer *writer = stream->writer;
	int r = cr_dedup_reclaim(writer->dedup, type, id, NULL);

	if (r != 0)
		return r < 0 ? r : 0;
	(void)atomic_fetch_add(&writer->bytes_again, bytes.len);
	return append(stream, type, id, bytes, size_class);
}

int cr_stream_put(struct cr_stream *stream, enum cr_chunk_type type,
		  struct cr_piece bytes, enum cr_size_class size_class,
		  struct cr_id *id)
{
	int r;

	*id = cr_chunk_id(&stream->writer->domain->id_key, type, bytes.bytes,
			  bytes.len);
	r = cr_stream_put_as(stream, type, id, bytes, size_class, NULL);
	return r < 0 ? r : 0;
}

int cr_writer_newest(struct cr_writer *writer, enum cr_chunk_type type,
		     const struct cr_id *id, struct cr_hint *where)
{
	return cr_dedup_newest(writer->dedup, type, id, where);
}

uint32_t cr_writer_block_len(struct cr_writer *writer, enum cr_chunk_type type,
			     const struct cr_hint *where)
{
	return cr_dedup_block_len(writer->dedup, type, where);
}

/* ---- Metadata ---- */

int cr_writer_has(struct cr_writer *writer, enum cr_chunk_type type,
		  const struct cr_id *id, struct cr_hint *where)
{
	return cr_dedup_find(writer->dedup, type, id, where);
}

/* Append a claimed object to the open block.  Under: meta_lock. */
static int append_object(struct cr_writer *writer, enum cr_chunk_type type,
			 const struct cr_id *id, const struct cr_buf *object)
{
	struct cr_open_block *block = &writer->meta_block;
	int r = cr_open_block_add(
		block, type, id,
		(struct cr_piece){ object->bytes, object->len });

	if (r == 0 && cr_open_block_full(block, CR_BLOCK_META_TARGET))
		r = cr_packer_put(writer->meta, block, writer->meta_comp);
	return r;
}

static int put_locked(struct cr_writer *writer, enum cr_chunk_type type,
		      const struct cr_id *id, const struct cr_buf *object,
		      struct cr_hint *where)
{
	struct cr_hint here = { .slot = writer->meta_block.count };
	int r = cr_packer_next(writer->meta, &here.pack, &here.block);

	if (r < 0)
		return r;
	r = cr_dedup_claim(writer->dedup, type, id, &here, NULL);
	if (r < 0)
		return r;
	if (r == 1) { /* somebody was faster */
		r = cr_dedup_find(writer->dedup, type, id, where);
		return r < 0 ? r : 0;
	}
	(void)atomic_fetch_add(&writer->chunks_new, 1);
	*where = here;
	return append_object(writer, type, id, object);
}

int cr_writer_put_object(struct cr_writer *writer, enum cr_chunk_type type,
			 struct cr_piece hashed, struct cr_piece tail,
			 struct cr_id *id, struct cr_hint *where)
{
	cr_cleanup(cr_buf_release) struct cr_buf object = { 0 };
	struct cr_hint unused;
	int r;

	if (!where)
		where = &unused;
	*id = cr_chunk_id(&writer->domain->id_key, type, hashed.bytes,
			  hashed.len);
	r = cr_dedup_find(writer->dedup, type, id, where);
	if (r < 0)
		return r;
	if (r == 1) {
		(void)atomic_fetch_add(&writer->chunks_known, 1);
		return 0;
	}
	r = cr_object_join(hashed, tail, &object);
	if (r < 0)
		return r;
	(void)pthread_mutex_lock(&writer->meta_lock);
	r = put_locked(writer, type, id, &object, where);
	(void)pthread_mutex_unlock(&writer->meta_lock);
	return r;
}

/* ---- Ends
 * ------------------------------------------------------------------------------
 */

int cr_writer_flush(struct cr_writer *writer)
{
	int r;

	(void)pthread_mutex_lock(&writer->meta_lock);
	r = cr_packer_put(writer->meta, &writer->meta_block, writer->meta_comp);
	(void)pthread_mutex_unlock(&writer->meta_lock);
	if (r == 0)
		r = cr_packer_finish(writer->data);
	if (r == 0)
		r = cr_packer_finish(writer->meta);
	if (r == 0)
		r = cr_index_flush_soon(writer->opt.index);
	if (r == 0)
		r = cr_segment_out_flush(writer->segments);
	if (r == 0)
		r = cr_index_flush(writer->opt.index);
	return r;
}

int cr_writer_commit(struct cr_writer *writer, struct cr_manifest *manifest,
		     int64_t time, struct cr_manifest_head *head,
		     struct cr_id *snapshot)
{
	const struct cr_commit_to to = { writer->opt.repo, writer->storage,
					 writer->opt.state, writer->opt.index };
	int r = cr_text_store(writer, &manifest->warning_text);

	if (r == 0)
		r = cr_text_store(writer, &manifest->mounts_text);
	if (r == 0)
		r = cr_text_store(writer, &manifest->users_text);
	if (r == 0)
		r = cr_text_store(writer, &manifest->groups_text);
	if (r == 0)
		r = cr_writer_flush(writer);
	if (r < 0)
		return r;
	manifest->repository_hash = writer->opt.repo->hash;
	manifest->domain = writer->domain->id;
	manifest->segment =
		cr_segment_out_ids(writer->segments, &manifest->segments);
	r = cr_commit(&to, manifest, time, head, snapshot);
	manifest->segment = NULL; /* the collector's */
	manifest->segments = 0;
	return r;
}
