/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_data.c - the blocks of the packs: each read, opened and hashed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/object.h"
#include "store/read/verify_int.h"

/* A pack whose blocks are read. */
struct reading {
	struct cr_verifier *v;
	struct cr_verify_pack *vp;
	const struct cr_pack *pack;
	const struct cr_stored *stored;
	struct cr_buf bytes;
	/* Blocks in a row that fail for one reason are told as one. */
	uint32_t bad_from, bad_to; /* the same: none */
	int error;
	char why[256];
};

static void reading_release(struct reading *in)
{
	cr_buf_release(&in->bytes);
}

/* The sentence without the pack's name, which stands before it anyway. */
static const char *bare(const char *said)
{
	const char *at = strstr(said, ": ");

	if (strncmp(said, "packs/", 6) == 0 && at)
		said = at + 2;
	at = strstr(said, ": ");
	if (strncmp(said, "block ", 6) == 0 && at)
		said = at + 2;
	return said;
}

static int tell_bad(struct reading *in)
{
	const struct cr_footer *footer = cr_pack_footer(in->pack);
	uint32_t from = in->bad_from, to = in->bad_to;
	const struct cr_footer_block *last;

	if (from == to)
		return 0;
	in->bad_from = in->bad_to = 0;
	last = &footer->block[to - 1];
	return cr_verify_pack_damage(
		in->v, in->vp,
		to - from == 1
			? cr_fail(-in->error,
				  "block %" PRIu32 " at %" PRIu64 ": %s", from,
				  last->offset, in->why)
			: cr_fail(-in->error,
				  "blocks %" PRIu32 " to %" PRIu32
				  ", bytes %" PRIu64 " to %" PRIu64 ": %s",
				  from, to - 1, footer->block[from].offset,
				  last->offset + cr_block_stored_len(last) - 1,
				  in->why));
}

static int note_bad(struct reading *in, uint32_t n, int error)
{
	const struct cr_footer_block *row = &cr_pack_footer(in->pack)->block[n];
	int r = 0;

	for (uint32_t i = 0; i < row->chunks; i++)
		cr_verify_set(in->v, CR_VERIFY_BAD,
			      in->vp->first + row->first + i);
	if (in->bad_to != n || in->bad_from == in->bad_to ||
	    in->error != error || strcmp(in->why, bare(cr_detail())) != 0) {
		cr_cleanup(cr_freep) char *why = strdup(
			*cr_detail() ? bare(cr_detail()) : cr_strerror(error));

		if (!why)
			return -ENOMEM;
		r = tell_bad(in);
		in->bad_from = n;
		in->error = error;
		(void)snprintf(in->why, sizeof(in->why), "%s", why);
	}
	in->bad_to = n + 1;
	return r;
}

static int read_part(const struct reading *in, uint64_t offset, uint64_t len,
		     struct cr_buf *out)
{
	uint8_t *at = cr_buf_extend(out, (size_t)len);

	return at ? cr_stored_read(in->stored, offset, at, (size_t)len)
		  : -ENOMEM;
}

/* The ciphertext must be what the writer signed; all that padding has. */
static int check_stored(struct reading *in, const struct cr_footer_block *row)
{
	size_t len = (size_t)cr_block_stored_len(row);
	struct cr_id is;
	int r;

	cr_buf_clear(&in->bytes);
	r = read_part(in, row->offset, len, &in->bytes);
	if (r < 0)
		return r;
	(void)atomic_fetch_add(&in->v->totals->bytes, len);
	is = cr_stored_hash(in->bytes.bytes, len);
	return cr_id_equal(&is, &row->stored_hash)
		       ? 0
		       : cr_fail(CR_ECORRUPT, "not what was stored");
}

/* Chunks whose ids are made together. */
#define TOGETHER 64u

/* What the id of chunk @i covers; the empty piece where it does not parse. */
static int hashed_part(const struct reading *in, const struct cr_block *block,
		       uint32_t i, struct cr_piece *ret)
{
	struct cr_piece tail;
	int r = 0;

	*ret = cr_block_chunk(block, i);
	if (cr_verify_kind(in->vp) == CR_PACK_META)
		r = cr_object_split(*ret, ret, &tail);
	if (r < 0)
		*ret = (struct cr_piece){ NULL, 0 };
	return r;
}

/* The ids that @n chunks of @block have, from @first on. */
static int make_ids(const struct reading *in, const struct cr_block *block,
		    const struct cr_footer_block *row, uint32_t first,
		    uint32_t n, struct cr_id *id)
{
	const struct cr_footer_chunk *chunk =
		&cr_pack_footer(in->pack)->chunk[row->first + first];
	const struct cr_domain_keys *domain = cr_keyring_domain_keys(
		in->v->repo->keys->ring, &cr_pack_header(in->pack)->domain);
	struct cr_id_wanted want[TOGETHER];

	if (!domain)
		return cr_fail(CR_ECAPABILITY, "of a domain we do not have");
	for (uint32_t i = 0; i < n; i++) {
		want[i].type = (enum cr_chunk_type)chunk[i].type;
		want[i].id = &id[i];
		/* Damage is told when its turn comes. */
		(void)hashed_part(in, block, first + i, &want[i].bytes);
	}
	cr_chunk_ids(&domain->id_key, want, n);
	return 0;
}

/* Whether chunk @i of @block, which has the id @is, is what the footer says. */
static int check_chunk(const struct reading *in, const struct cr_block *block,
		       const struct cr_footer_block *row, uint32_t i,
		       const struct cr_id *is)
{
	const struct cr_footer_chunk *chunk =
		&cr_pack_footer(in->pack)->chunk[row->first + i];
	struct cr_piece hashed;
	int r = hashed_part(in, block, i, &hashed);

	if (r < 0 || cr_id_equal(is, &chunk->id))
		return r;
	return cr_fail(CR_ECORRUPT,
		       "is not the chunk that its writer signed: its memory "
		       "failed, or it lied");
}

static int tell_bad_chunk(struct reading *in, uint32_t n, uint32_t i, int error)
{
	const struct cr_footer_block *row = &cr_pack_footer(in->pack)->block[n];
	cr_cleanup(cr_freep) char *why = strdup(cr_detail());

	if (!why)
		return -ENOMEM;
	cr_verify_set(in->v, CR_VERIFY_BAD, in->vp->first + row->first + i);
	return cr_verify_pack_damage(in->v, in->vp,
				     cr_fail(-error,
					     "block %" PRIu32 " at %" PRIu64
					     ": slot %" PRIu32 " %s",
					     n, row->offset, i, why));
}

static int check_chunks(struct reading *in, const struct cr_block *block,
			uint32_t n)
{
	const struct cr_footer_block *row = &cr_pack_footer(in->pack)->block[n];
	struct cr_id id[TOGETHER];
	int r = 0;

	for (uint32_t i = 0; i < row->chunks; i++) {
		uint32_t at = i % TOGETHER;

		if (at == 0)
			r = make_ids(in, block, row, i,
				     cr_min(row->chunks - i, TOGETHER), id);
		if (r < 0)
			return r;
		r = check_chunk(in, block, row, i, &id[at]);
		if (r < 0)
			r = tell_bad_chunk(in, n, i, r);
		if (r != 0)
			return r;
	}
	return 0;
}

static int check_block(struct reading *in, uint32_t n)
{
	cr_cleanup(cr_block_freep) struct cr_block *block = NULL;
	const struct cr_footer_block *row = &cr_pack_footer(in->pack)->block[n];
	int r;

	cr_detail_clear();
	r = check_stored(in, row);
	if (r == 0 && row->chunks > 0)
		r = cr_pack_read(in->pack, n, in->v->dec, in->v->pool, &block);
	if (cr_verify_is_damage(r))
		return note_bad(in, n, r);
	if (r < 0 || row->chunks == 0)
		return r;
	return check_chunks(in, block, n);
}

static bool is_needed(const struct reading *in, uint32_t n)
{
	const struct cr_footer_block *row = &cr_pack_footer(in->pack)->block[n];

	for (uint32_t i = 0; i < row->chunks; i++)
		if (cr_verify_bit(in->v, CR_VERIFY_NEEDED,
				  in->vp->first + row->first + i))
			return true;
	return false;
}

static int open_reading(struct cr_verifier *v, struct cr_verify_pack *vp,
			struct cr_pack **pack, struct cr_stored **stored)
{
	char name[CR_PACK_NAME_LEN];
	int r;

	cr_detail_clear();
	cr_pack_name(cr_verify_kind(vp), &vp->uid, name);
	r = cr_pack_open(v->repo, cr_verify_kind(vp), &vp->uid, pack);
	if (r == 0)
		r = cr_stored_open(v->repo->storage, name, stored);
	if (r == 0 && cr_pack_footer(*pack)->chunks != vp->chunks)
		r = cr_fail(CR_ECORRUPT, "changed while it was checked");
	return r;
}

static int read_trailer(const struct reading *in, struct cr_trailer *trailer,
			struct cr_buf *shards)
{
	uint8_t tail[CR_TRAILER_TAIL_LEN];
	uint64_t len = cr_stored_len(in->stored), at;
	int r;

	*trailer = (struct cr_trailer){ 0 };
	if (len < sizeof(tail))
		return cr_fail(CR_ECORRUPT, "cut short");
	r = cr_stored_read(in->stored, len - sizeof(tail), tail, sizeof(tail));
	if (r == 0)
		r = cr_trailer_parse(tail, len, trailer);
	if (r < 0)
		return r;
	at = trailer->footer_offset + trailer->footer_len;
	return read_part(in, at, len - at, shards);
}

/*
 * The hashes by which the pack is scrubbed without keys must be right too.
 * Where they are not though everything they cover is, they are the damage.
 */
static int check_shards(struct reading *in)
{
	cr_cleanup(cr_buf_release) struct cr_buf shards = { 0 };
	struct cr_trailer trailer;
	struct cr_cursor cur;
	uint64_t end;
	int r = read_trailer(in, &trailer, &shards);

	cur = cr_cursor(shards.bytes, shards.len);
	end = trailer.footer_offset + trailer.footer_len;
	for (uint32_t i = 0; r == 0 && i < trailer.shards; i++) {
		uint64_t from = (uint64_t)i * CR_SHARD_LEN;
		uint64_t len = cr_min((uint64_t)CR_SHARD_LEN, end - from);

		cr_buf_clear(&in->bytes);
		r = read_part(in, from, len, &in->bytes);
		if (r == 0 && cr_shard_hash(in->bytes.bytes, (size_t)len) !=
				      cr_cursor_u64(&cur))
			r = cr_fail(CR_ECORRUPT,
				    "the sum of bytes %" PRIu64 " to %" PRIu64
				    " is wrong",
				    from, from + len - 1);
	}
	if (!cr_verify_is_damage(r) || in->vp->flags & CR_VERIFY_DAMAGED)
		return cr_verify_is_damage(r) ? 0 : r;
	return cr_verify_pack_damage(in->v, in->vp, r);
}

static int read_pack(struct cr_verifier *v, struct cr_verify_pack *vp, bool all)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	cr_cleanup(reading_release) struct reading in = { .v = v, .vp = vp };
	int r = open_reading(v, vp, &pack, &stored);

	if (cr_verify_is_damage(r))
		return cr_verify_pack_damage(v, vp, r);
	in.pack = pack;
	in.stored = stored;
	for (uint32_t n = 0; r == 0 && n < cr_pack_footer(pack)->blocks; n++)
		if (all || is_needed(&in, n))
			r = check_block(&in, n);
	if (r == 0)
		r = tell_bad(&in);
	if (r == 0 && all)
		r = check_shards(&in);
	return r;
}

int cr_verify_read_packs(struct cr_verifier *v, bool all)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->packs; i++) {
		struct cr_uid_hex hex = cr_uid_hex(&v->pack[i].uid);

		if (!(v->pack[i].flags & CR_VERIFY_OPENS))
			continue;
		cr_verify_at(v, hex.text, strlen(hex.text));
		r = read_pack(v, &v->pack[i], all);
	}
	return r;
}

int cr_verify_block(struct cr_verifier *v, struct cr_verify_pack *vp,
		    uint32_t n)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	cr_cleanup(reading_release) struct reading in = { .v = v, .vp = vp };
	int r = open_reading(v, vp, &pack, &stored);

	if (r < 0)
		return cr_verify_is_damage(r) ? cr_verify_pack_damage(v, vp, r)
					      : r;
	if (n >= cr_pack_footer(pack)->blocks)
		return 0;
	in.pack = pack;
	in.stored = stored;
	r = check_block(&in, n);
	return r != 0 ? r : tell_bad(&in);
}
