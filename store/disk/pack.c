/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/pack.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/pool.h"
#include "store/codec/compress.h"
#include "store/codec/segment.h"
#include "store/disk/revoked.h"
#include "store/disk/segments.h"

struct cr_pack {
	const struct cr_repo *repo;	 /* borrowed */
	const struct cr_repo_keys *keys; /* of @repo, when it was opened */
	struct cr_stored *stored; /* owned; NULL when made from a segment */
	uint64_t len;
	uint8_t header_bytes[CR_PACK_HEADER_LEN];
	struct cr_pack_header header;
	struct cr_footer footer;
	struct cr_buf sealed; /* the footer as stored; empty when slim */
	struct cr_key data_key;
	int data_key_error; /* 0, or why data_key cannot be had */
	uint32_t *find;	    /* owned; ordinal of a chunk + 1, open addressing */
	uint32_t find_mask;
};

void cr_pack_name(enum cr_pack_kind kind, const struct cr_uid *id,
		  char out[CR_PACK_NAME_LEN])
{
	struct cr_uid_hex hex = cr_uid_hex(id);

	(void)snprintf(out, CR_PACK_NAME_LEN, "packs/%s/%.2s/%s",
		       kind == CR_PACK_DATA ? "data" : "meta", hex.text,
		       hex.text);
}

/* The sentence for @code, unless the layer below has already said why. */
static int pack_fail(const struct cr_pack *pack, int code, const char *why)
{
	char name[CR_PACK_NAME_LEN];

	cr_pack_name(pack->header.kind, &pack->header.pack, name);
	return cr_fail(code, "%s: %s", name, why);
}

/* The writer must be admitted, may write, and was not revoked before this. */
static int check_writer(const struct cr_pack *pack, struct cr_sign_pk *pk)
{
	const struct cr_roster_key *key =
		cr_roster_find(&pack->keys->roster, &pack->header.writer);

	if (!key || (key->role != CR_ROLE_OWNER && key->role != CR_ROLE_PUT))
		return pack_fail(pack, CR_EAUTH,
				 "written by a key that was never admitted");
	if (key->role == CR_ROLE_PUT &&
	    !cr_uid_equal(&key->domain, &pack->header.domain))
		return pack_fail(
			pack, CR_EAUTH,
			"written in a domain that is not its writer's");
	if (key->revoked) {
		struct cr_id vouched = cr_pack_vouch_hash(pack->header_bytes,
							  pack->sealed.bytes,
							  pack->sealed.len);
		int r = cr_revoked_counts(pack->repo, pack->keys, key,
					  &vouched);

		if (r < 0)
			return r;
		if (r == 0)
			return pack_fail(pack, CR_EAUTH,
					 "written after its key was revoked");
	}
	*pk = key->sign_pk;
	return 0;
}

static int open_footer(struct cr_pack *pack, uint64_t data_end)
{
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	struct cr_sign_pk pk;
	struct cr_id hash;
	struct cr_key key;
	int r = check_writer(pack, &pk);

	if (r < 0)
		return r;
	r = cr_keyring_footer_key(pack->keys->ring, &pack->header, &key);
	if (r < 0)
		return r;
	r = cr_open_append(
		&key, (struct cr_piece)CR_PIECE(&pack->header_bytes),
		(struct cr_piece){ pack->sealed.bytes, pack->sealed.len },
		&plain);
	cr_wipe(&key, sizeof(key));
	if (r == -CR_EAUTH)
		return pack_fail(pack, CR_EAUTH, "the footer does not open");
	if (r < 0)
		return r;
	r = cr_footer_parse((struct cr_piece){ plain.bytes, plain.len },
			    pack->header.kind, data_end, &pack->footer);
	if (r < 0)
		return r;
	hash = cr_footer_signed_hash(pack->header_bytes, &pack->header,
				     &pack->footer.commitment,
				     &pack->footer.body_hash);
	r = cr_sign_verify(&pk, "sign-footer", &hash, &pack->footer.signature);
	if (r < 0)
		return pack_fail(pack, CR_EAUTH,
				 "the footer's signature does not verify");
	return 0;
}

/* A table from id to ordinal, at most half full. */
static int build_find(struct cr_pack *pack)
{
	const struct cr_footer *footer = &pack->footer;
	uint32_t size = 16;

	while (size < 2 * (uint64_t)footer->chunks)
		size *= 2;
	pack->find = calloc(size, sizeof(*pack->find));
	if (!pack->find)
		return -ENOMEM;
	pack->find_mask = size - 1;
	for (uint32_t i = 0; i < footer->chunks; i++) {
		uint32_t at;

		memcpy(&at, footer->chunk[i].id.bytes, sizeof(at));
		for (at &= pack->find_mask; pack->find[at] != 0;)
			at = (at + 1) & pack->find_mask;
		pack->find[at] = i + 1;
	}
	return 0;
}

/* Whether the pack may serve data at all; remembered, not an error yet. */
static void take_data_key(struct cr_pack *pack)
{
	struct cr_id commitment;

	pack->data_key_error = cr_keyring_pack_key(
		pack->keys->ring, &pack->header, &pack->data_key);
	if (pack->data_key_error < 0)
		return;
	commitment = cr_pack_commitment(&pack->data_key, &pack->header.pack);
	if (!cr_id_equal(&commitment, &pack->footer.commitment))
		pack->data_key_error = -CR_EAUTH;
}

/*
 * Everything after the header and the sealed footer are in @pack; the footer
 * begins at @data_end.
 */
static int authenticate(struct cr_pack *pack, uint64_t data_end)
{
	struct cr_uid wanted = pack->header.pack;
	int r = cr_pack_header_parse(pack->header_bytes, &pack->header);

	if (r < 0)
		return r;
	if (!cr_uid_equal(&pack->header.repository, &pack->repo->info.id) ||
	    (!cr_uid_zero(&wanted) &&
	     !cr_uid_equal(&pack->header.pack, &wanted))) {
		pack->header.pack = wanted;
		return pack_fail(pack, CR_ECORRUPT,
				 "the header is of another pack");
	}
	cr_footer_release(&pack->footer);
	r = open_footer(pack, data_end);
	if (r < 0)
		return r;
	take_data_key(pack);
	return build_find(pack);
}

static struct cr_pack *pack_new(const struct cr_repo *repo)
{
	struct cr_pack *pack = calloc(1, sizeof(*pack));

	if (!pack)
		return NULL;
	pack->repo = repo;
	pack->keys = repo->keys;
	return pack;
}

void cr_pack_close(struct cr_pack *pack)
{
	if (!pack)
		return;
	cr_stored_close(pack->stored);
	cr_footer_release(&pack->footer);
	cr_buf_release(&pack->sealed);
	cr_wipe(&pack->data_key, sizeof(pack->data_key));
	free(pack->find);
	free(pack);
}

/* Read trailer and sealed footer; the trailer's copy of the header goes out. */
static int read_footer(struct cr_pack *pack, struct cr_trailer *trailer)
{
	uint8_t tail[CR_TRAILER_TAIL_LEN];
	uint8_t *at;
	int r;

	if (pack->len < CR_PACK_HEADER_LEN + sizeof(tail))
		return pack_fail(pack, CR_ECORRUPT, "cut short");
	r = cr_stored_read(pack->stored, pack->len - sizeof(tail), tail,
			   sizeof(tail));
	if (r < 0)
		return r;
	r = cr_trailer_parse(tail, pack->len, trailer);
	if (r < 0)
		return r;
	cr_buf_clear(&pack->sealed);
	at = cr_buf_extend(&pack->sealed, trailer->footer_len);
	if (!at)
		return -ENOMEM;
	return cr_stored_read(pack->stored, trailer->footer_offset, at,
			      trailer->footer_len);
}

/* The pack's own header and footer, then its second header. */
static int open_own(struct cr_pack *pack)
{
	struct cr_trailer trailer;
	struct cr_pack_header wanted = pack->header;
	int r = read_footer(pack, &trailer);

	if (r < 0)
		return r;
	r = cr_stored_read(pack->stored, 0, pack->header_bytes,
			   sizeof(pack->header_bytes));
	if (r < 0)
		return r;
	r = authenticate(pack, trailer.footer_offset);
	/* A version that is not known may be a damaged one. */
	if (r == 0 || r == -ENOMEM ||
	    memcmp(pack->header_bytes, trailer.header, CR_PACK_HEADER_LEN) == 0)
		return r;
	memcpy(pack->header_bytes, trailer.header, CR_PACK_HEADER_LEN);
	pack->header = wanted;
	return authenticate(pack, trailer.footer_offset);
}

static int take_item(struct cr_pack *pack, const struct cr_segment_item *item)
{
	memcpy(pack->header_bytes, item->header, CR_PACK_HEADER_LEN);
	cr_buf_clear(&pack->sealed);
	cr_buf_put(&pack->sealed, item->footer, item->footer_len);
	pack->len = item->pack_len;
	if (cr_buf_error(&pack->sealed) < 0)
		return -ENOMEM;
	return authenticate(pack, item->data_end);
}

static int open_from_segments(struct cr_pack *pack)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_segment_item item;
	uint64_t len = pack->len;
	int r = cr_segments_find(pack->repo, &pack->header.pack, &bytes, &item);

	if (r < 0)
		return r;
	r = take_item(pack, &item);
	pack->len = len;
	return r;
}

int cr_pack_open(const struct cr_repo *repo, enum cr_pack_kind kind,
		 const struct cr_uid *id, struct cr_pack **ret)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = pack_new(repo);
	struct cr_pack_header wanted = { .kind = kind, .pack = *id };
	char name[CR_PACK_NAME_LEN];
	int r;

	if (!pack)
		return -ENOMEM;
	cr_pack_name(kind, id, name);
	r = cr_stored_open(repo->storage, name, &pack->stored);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s is missing", name);
	if (r < 0)
		return r;
	pack->len = cr_stored_len(pack->stored);
	pack->header = wanted;
	r = open_own(pack);
	if (cr_is_damage(r)) {
		char why[256];
		int again;

		(void)snprintf(why, sizeof(why), "%s", cr_detail());
		pack->header = wanted;
		again = open_from_segments(pack);
		if (again < 0)
			return cr_fail(-r, "%s", why);
		r = again;
	}
	if (r < 0)
		return r;
	if (pack->header.kind != kind)
		return pack_fail(pack, CR_ECORRUPT, "is of another kind");
	*ret = cr_take(pack);
	return 0;
}

int cr_pack_open_item(const struct cr_repo *repo,
		      const struct cr_segment_item *item, struct cr_pack **ret)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = pack_new(repo);
	int r;

	if (!pack)
		return -ENOMEM;
	r = take_item(pack, item);
	if (r < 0)
		return r;
	*ret = cr_take(pack);
	return 0;
}

const struct cr_pack_header *cr_pack_header(const struct cr_pack *pack)
{
	return &pack->header;
}

const struct cr_footer *cr_pack_footer(const struct cr_pack *pack)
{
	return &pack->footer;
}

uint64_t cr_pack_len(const struct cr_pack *pack)
{
	return pack->len;
}

bool cr_pack_fits(const struct cr_pack *pack)
{
	const struct cr_footer_block *last =
		&pack->footer.block[pack->footer.blocks - 1];
	uint64_t end;

	assert(pack->sealed.len > 0);
	return cr_footer_place(pack->len, (uint32_t)pack->sealed.len, &end) ==
		       0 &&
	       end == last->offset + cr_block_stored_len(last);
}

size_t cr_pack_weight(const struct cr_pack *pack)
{
	/* 32 KiB stand for the descriptor, so that a cache bounds those too. */
	return 32768 + sizeof(*pack) + pack->sealed.room +
	       pack->footer.blocks * sizeof(*pack->footer.block) +
	       pack->footer.chunks * sizeof(*pack->footer.chunk) +
	       ((size_t)pack->find_mask + 1) * sizeof(*pack->find);
}

void cr_pack_slim(struct cr_pack *pack)
{
	cr_buf_release(&pack->sealed);
}

int cr_pack_item(const struct cr_pack *pack, struct cr_buf *footer,
		 struct cr_segment_item *ret)
{
	assert(pack->sealed.len > 0);
	cr_buf_clear(footer);
	cr_buf_put(footer, pack->sealed.bytes, pack->sealed.len);
	if (cr_buf_error(footer) < 0)
		return -ENOMEM;
	*ret = (struct cr_segment_item){
		.pack_len = pack->len,
		.header = pack->header_bytes,
		.footer = footer->bytes,
		.footer_len = (uint32_t)footer->len,
	};
	return cr_footer_place(pack->len, ret->footer_len, &ret->data_end);
}

/* The place of the chunk with ordinal @n in the footer. */
static struct cr_place place_of(const struct cr_footer *footer, uint32_t n)
{
	uint32_t low = 0, high = footer->blocks;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (footer->block[mid].first <= n)
			low = mid;
		else
			high = mid;
	}
	return (struct cr_place){ low, n - footer->block[low].first };
}

bool cr_pack_find(const struct cr_pack *pack, const struct cr_id *id,
		  enum cr_chunk_type type, struct cr_place *ret)
{
	uint32_t at;

	memcpy(&at, id->bytes, sizeof(at));
	for (at &= pack->find_mask; pack->find[at] != 0;
	     at = (at + 1) & pack->find_mask) {
		uint32_t n = pack->find[at] - 1;
		const struct cr_footer_chunk *chunk = &pack->footer.chunk[n];

		if (chunk->type == type && cr_id_equal(&chunk->id, id)) {
			*ret = place_of(&pack->footer, n);
			return true;
		}
	}
	return false;
}

bool cr_pack_holds(const struct cr_pack *pack, const struct cr_place *place,
		   const struct cr_id *id, enum cr_chunk_type type)
{
	const struct cr_footer_block *block;
	const struct cr_footer_chunk *chunk;

	if (place->block >= pack->footer.blocks)
		return false;
	block = &pack->footer.block[place->block];
	if (place->slot >= block->chunks)
		return false;
	chunk = &pack->footer.chunk[block->first + place->slot];
	return chunk->type == type && cr_id_equal(&chunk->id, id);
}

static int block_fail(const struct cr_pack *pack, int code, uint32_t n,
		      const char *why)
{
	char name[CR_PACK_NAME_LEN];

	cr_pack_name(pack->header.kind, &pack->header.pack, name);
	return cr_fail(code, "%s: block %" PRIu32 " at %" PRIu64 ": %s", name,
		       n, pack->footer.block[n].offset, why);
}

/* Decrypt in place: @stored holds the block as it lies in the pack. */
static int open_payload(const struct cr_pack *pack, uint32_t n, uint8_t *stored,
			size_t len)
{
	const struct cr_footer_block *row = &pack->footer.block[n];
	uint8_t ad[CR_BLOCK_AD_LEN];
	const struct cr_seal_with with = { &pack->data_key, &row->nonce,
					   CR_PIECE(&ad) };
	int r;

	cr_block_ad(&pack->header, n, row, ad);
	r = cr_open(&with, (struct cr_piece){ stored, len }, stored, &row->tag);
	if (r < 0)
		return block_fail(pack, CR_EAUTH, n, "does not open");
	for (size_t i = row->payload_len; i < len; i++)
		if (stored[i] != 0)
			return block_fail(pack, CR_ECORRUPT, n,
					  "padding is not zero");
	return 0;
}

static int expand(const struct cr_pack *pack, uint32_t n,
		  struct cr_decompressor *dec, uint8_t **stored,
		  struct cr_block *block)
{
	const struct cr_footer_block *row = &pack->footer.block[n];
	int r;

	block->raw_len = row->raw_len;
	if (row->coding == CR_CODING_RAW) {
		block->raw = cr_take(*stored);
	} else {
		block->raw = cr_pool_take(block->pool, row->raw_len);
		if (!block->raw)
			return -ENOMEM;
		r = cr_decompress(
			dec, (struct cr_piece){ *stored, row->payload_len },
			block->raw, row->raw_len);
		if (r < 0)
			return block_fail(pack, -r, n, "does not expand");
	}
	r = cr_block_parse((struct cr_piece){ block->raw, block->raw_len },
			   row->chunks, &block->table);
	if (r < 0)
		return block_fail(pack, -r, n, "bad chunk table");
	return 0;
}

int cr_pack_read(const struct cr_pack *pack, uint32_t n,
		 struct cr_decompressor *dec, struct cr_pool *pool,
		 struct cr_block **ret)
{
	cr_cleanup(cr_block_freep) struct cr_block *block = NULL;
	const struct cr_footer_block *row;
	uint8_t *stored;
	size_t len;
	int r;

	assert(pack->stored && n < pack->footer.blocks);
	if (pack->data_key_error < 0)
		return pack_fail(pack, -pack->data_key_error,
				 "no key here opens its data");
	row = &pack->footer.block[n];
	if (row->chunks == 0)
		return block_fail(pack, CR_ECORRUPT, n, "holds only padding");
	block = calloc(1, sizeof(*block));
	if (!block)
		return -ENOMEM;
	block->pool = pool;
	len = cr_block_stored_len(row);
	stored = cr_pool_take(pool, len);
	r = stored ? cr_stored_read(pack->stored, row->offset, stored, len)
		   : -ENOMEM;
	if (r == 0)
		r = open_payload(pack, n, stored, len);
	if (r == 0)
		r = expand(pack, n, dec, &stored, block);
	cr_pool_give(pool, stored);
	if (r < 0)
		return r;
	*ret = cr_take(block);
	return 0;
}

void cr_block_free(struct cr_block *block)
{
	if (!block)
		return;
	if (block->raw)
		cr_wipe(block->raw, block->raw_len);
	cr_pool_give(block->pool, block->raw);
	cr_block_table_release(&block->table);
	free(block);
}

struct cr_piece cr_block_chunk(const struct cr_block *block, uint32_t slot)
{
	const uint32_t *start = block->table.start;

	assert(slot < block->table.chunks);
	return (struct cr_piece){ block->raw + start[slot],
				  start[slot + 1] - start[slot] };
}
