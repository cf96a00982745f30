/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/pending.h"

#include "store/base/error.h"
#include "store/write/file_refs.h"

/* Parts and files that wait at most: the buffer of the bytes is full before,
 * unless they are very small. */
#define PARTS 1024
#define FILES 128

struct file {
	struct cr_stored_content *ret; /* borrowed; NULL: dropped */
	enum cr_size_class size_class;
	struct cr_file_refs refs;
	bool hashed; /* the whole-file hash is wanted */

	/*
	 * Its hash is made at once when all of it is at hand, else as it comes.
	 */
	bool here; /* it began since the last settling, without holes */
	const uint8_t *from; /* if @here: its bytes, end to end */
	size_t len;
	uint32_t chunks; /* that wait */
	bool begun;	 /* @running has bytes */
	struct cr_file_hash running;
	struct cr_id hash;
};

enum part_type { CHUNK, HOLE, END };

struct part {
	enum part_type type;
	struct file *file;
	const uint8_t *bytes; /* of a chunk; borrowed */
	uint64_t len;
	struct cr_id id;
};

struct cr_pending {
	struct cr_writer *writer; /* borrowed */
	struct cr_stream *stream; /* borrowed */
	struct file *open;	  /* in @file; NULL between files */
	size_t parts, files;
	struct part part[PARTS];
	struct file file[FILES];
	struct cr_id_wanted want[PARTS + FILES]; /* of make_hashes() */
};

int cr_pending_new(struct cr_writer *writer, struct cr_stream *stream,
		   struct cr_pending **ret)
{
	struct cr_pending *p =
		aligned_alloc(_Alignof(struct cr_pending), sizeof(*p));

	if (!p)
		return -ENOMEM;
	memset(p, 0, sizeof(*p));
	p->writer = writer;
	p->stream = stream;
	*ret = p;
	return 0;
}

void cr_pending_free(struct cr_pending *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->files; i++)
		cr_file_refs_release(&p->file[i].refs);
	free(p);
}

bool cr_pending_idle(const struct cr_pending *p)
{
	return p->files == 0;
}

/* ---- What comes ---- */

static int make_room(struct cr_pending *p)
{
	return p->parts < PARTS && p->files < FILES ? 0 : cr_pending_settle(p);
}

int cr_pending_begin(struct cr_pending *p, struct cr_stored_content *ret,
		     bool hashed)
{
	struct file *file;
	int r = make_room(p);

	assert(!p->open);
	if (r < 0)
		return r;
	file = &p->file[p->files++];
	*file = (struct file){
		.ret = ret,
		.size_class = ret->size_class,
		.hashed = hashed,
		.here = true,
	};
	cr_file_refs_init(&file->refs, p->writer);
	p->open = file;
	return 0;
}

static int add(struct cr_pending *p, enum part_type type, const uint8_t *bytes,
	       uint64_t len)
{
	int r = make_room(p);

	if (r < 0)
		return r;
	p->part[p->parts++] = (struct part){
		.type = type, .file = p->open, .bytes = bytes, .len = len
	};
	return 0;
}

int cr_pending_chunk(struct cr_pending *p, const uint8_t *bytes, size_t len)
{
	int r = add(p, CHUNK, bytes, len);
	struct file *file = p->open;

	if (r < 0)
		return r;
	if (file->chunks++ == 0)
		file->from = bytes;
	assert(!file->here || file->from + file->len == bytes);
	file->len += len;
	return 0;
}

int cr_pending_hole(struct cr_pending *p, uint64_t len)
{
	int r = add(p, HOLE, NULL, len);

	if (r == 0)
		p->open->here = false;
	return r;
}

int cr_pending_end(struct cr_pending *p)
{
	int r = add(p, END, NULL, 0);

	p->open = NULL;
	return r;
}

void cr_pending_drop(struct cr_pending *p)
{
	if (!p->open)
		return;
	p->open->ret = NULL;
	p->open = NULL;
}

/* ---- Hashes ---- */

/* Whether all of @file is at hand. */
static bool is_whole(const struct cr_pending *p, const struct file *file)
{
	return file->here && file != p->open;
}

/* A file of one chunk has no list and needs no hash of its own. */
static bool hash_at_once(const struct cr_pending *p, const struct file *file)
{
	return file->hashed && file->ret && is_whole(p, file) &&
	       file->chunks > 1;
}

/*
 * Hashes of files that are whole, and ids of chunks: all side by side.  Files
 * first: a hash that is long and comes last has no neighbours.
 */
static void make_hashes(struct cr_pending *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->files; i++) {
		struct file *file = &p->file[i];

		if (hash_at_once(p, file))
			p->want[n++] = (struct cr_id_wanted){
				.bytes = { file->from, file->len },
				.id = &file->hash,
			};
	}
	for (size_t i = 0; i < p->parts; i++) {
		struct part *part = &p->part[i];

		if (part->type == CHUNK)
			p->want[n++] = (struct cr_id_wanted){
				CR_CHUNK_DATA,
				{ part->bytes, part->len },
				&part->id,
			};
	}
	cr_chunk_ids(&cr_writer_domain(p->writer)->id_key, p->want, n);
}

/* The hash of a file of which a part only is at hand. */
static void hash_part(struct file *file, const struct part *part)
{
	if (!file->begun)
		cr_file_hash_init(&file->running);
	file->begun = true;
	if (part->type == HOLE)
		cr_file_hash_zeros(&file->running, part->len);
	else
		cr_file_hash_update(&file->running, part->bytes, part->len);
}

/* ---- Storing ---- */

static int end_file(struct cr_pending *p, struct file *file)
{
	bool at_once = hash_at_once(p, file);

	if (file->begun)
		file->hash = cr_file_hash_final(&file->running);
	return cr_file_refs_finish(&file->refs,
				   at_once || file->begun ? &file->hash : NULL,
				   file->ret);
}

static int store_chunk(struct cr_pending *p, const struct part *part)
{
	int r = cr_stream_put_as(p->stream, CR_CHUNK_DATA, &part->id,
				 (struct cr_piece){ part->bytes, part->len },
				 part->file->size_class, NULL);

	return r < 0 ? r : 0;
}

static int store_part(struct cr_pending *p, struct part *part)
{
	struct file *file = part->file;
	int r = 0;

	if (part->type == END)
		return end_file(p, file);
	if (file->hashed && file->ret && !is_whole(p, file))
		hash_part(file, part);
	if (part->type == CHUNK)
		r = store_chunk(p, part);
	/* Of a dropped file nobody wants the list. */
	if (r < 0 || !file->ret)
		return r;
	return cr_file_refs_add(&file->refs, &(struct cr_list_item){
						     .id = part->id,
						     .len = part->len,
						     .hole = part->type == HOLE,
					     });
}

/* The open file stays, as the first. */
static void clear(struct cr_pending *p)
{
	for (size_t i = 0; i < p->files; i++)
		if (&p->file[i] != p->open)
			cr_file_refs_release(&p->file[i].refs);
	p->parts = p->files = 0;
	if (!p->open)
		return;
	if (p->open != &p->file[0])
		p->file[0] = *p->open;
	p->open = &p->file[0];
	p->open->here &= p->open->chunks == 0;
	p->open->chunks = 0;
	p->files = 1;
}

int cr_pending_settle(struct cr_pending *p)
{
	make_hashes(p);
	for (size_t i = 0; i < p->parts; i++) {
		int r = store_part(p, &p->part[i]);

		if (r < 0)
			return r;
	}
	clear(p);
	return 0;
}
