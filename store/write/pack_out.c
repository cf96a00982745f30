/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/pack_out.h"

#include <pthread.h>

#include "store/base/error.h"
#include "store/codec/compress.h"
#include "store/codec/footer_encode.h"
#include "store/codec/pack_header_encode.h"
#include "store/disk/pack.h"

#define SHARDS_MAX (CR_BLOCK_PAYLOAD_MAX / CR_SHARD_LEN)

/* The hash of a part of the pack, if it lay in one block. */
struct shard {
	uint64_t hash;
	bool known;
};

struct cr_pack_out {
	const struct cr_repo *repo; /* borrowed */
	struct cr_putting *put;	    /* owned until published */
	struct cr_pack_header header;
	uint8_t header_bytes[CR_PACK_HEADER_LEN];
	struct cr_key data_key;
	struct cr_footer footer; /* arrays owned by the two buffers below */
	struct cr_buf rows;	 /* struct cr_footer_block */
	struct cr_buf chunks;	 /* struct cr_footer_chunk */
	struct cr_buf sealed;	 /* the footer as stored */
	uint64_t len;		 /* where the next block goes */
	pthread_mutex_t lock;
	struct cr_buf shards; /* struct shard; under: lock */
	uint32_t writing;     /* under: lock; placed, not yet arrived */
	bool closed;	      /* under: lock */
	int failed;	      /* under: lock; the first error of a block */
};

static uint32_t shards_of(uint64_t len)
{
	return (uint32_t)((len + CR_SHARD_LEN - 1) / CR_SHARD_LEN);
}

static struct cr_footer_block *row_of(struct cr_pack_out *out, uint32_t n)
{
	return (struct cr_footer_block *)(void *)out->rows.bytes + n;
}

void cr_pack_out_abort(struct cr_pack_out *out)
{
	if (!out)
		return;
	cr_put_abort(out->put);
	cr_wipe(&out->data_key, sizeof(out->data_key));
	cr_buf_release(&out->rows);
	cr_buf_release(&out->chunks);
	cr_buf_release(&out->shards);
	cr_buf_release(&out->sealed);
	(void)pthread_mutex_destroy(&out->lock);
	free(out);
}

/* The hash of shard @n, if it lay in one block; else NULL. */
static const struct shard *shard_of(const struct cr_pack_out *out, uint64_t n)
{
	const struct shard *shard = (const void *)out->shards.bytes;

	if (n >= out->shards.len / sizeof(*shard) || !shard[n].known)
		return NULL;
	return &shard[n];
}

static void pack_out_abortp(struct cr_pack_out **out)
{
	cr_pack_out_abort(*out);
}

int cr_pack_out_begin(const struct cr_repo *repo, struct cr_storage_w *storage,
		      enum cr_pack_kind kind, struct cr_pack_out **ret)
{
	cr_cleanup(pack_out_abortp) struct cr_pack_out *out =
		calloc(1, sizeof(*out));
	char name[CR_PACK_NAME_LEN];
	int r;

	if (!out)
		return -ENOMEM;
	(void)pthread_mutex_init(&out->lock, NULL);
	out->repo = repo;
	out->len = CR_PACK_HEADER_LEN;
	out->header = (struct cr_pack_header){
		.kind = kind,
		.repository = repo->info.id,
		.writer = *cr_keyring_id(repo->keys->ring),
		.domain = *cr_keyring_domain(repo->keys->ring),
	};
	cr_random(out->header.pack.bytes, sizeof(out->header.pack.bytes));
	r = cr_keyring_pack_key_make(repo->keys->ring, &out->header,
				     &out->data_key);
	if (r < 0)
		return r;
	cr_pack_header_encode(&out->header, out->header_bytes);
	out->footer.commitment =
		cr_pack_commitment(&out->data_key, &out->header.pack);
	cr_pack_name(kind, &out->header.pack, name);
	r = cr_put_begin(storage, name, &out->put);
	if (r < 0)
		return r;
	r = cr_put_write(out->put, 0, out->header_bytes,
			 sizeof(out->header_bytes));
	if (r < 0)
		return r;
	*ret = cr_take(out);
	return 0;
}

const struct cr_uid *cr_pack_out_id(const struct cr_pack_out *out)
{
	return &out->header.pack;
}

uint64_t cr_pack_out_len(const struct cr_pack_out *out)
{
	return out->len;
}

uint32_t cr_pack_out_blocks(const struct cr_pack_out *out)
{
	return out->footer.blocks;
}

uint32_t cr_pack_out_chunks(const struct cr_pack_out *out)
{
	return out->footer.chunks;
}

int cr_pack_out_place(struct cr_pack_out *out,
		      const struct cr_footer_block *row,
		      const struct cr_buf *chunks, struct cr_pack_place *ret)
{
	struct cr_footer_block mine = *row;
	size_t shards = sizeof(struct shard) *
			shards_of(out->len + cr_block_stored_len(row));
	int r;

	mine.offset = out->len;
	mine.first = out->footer.chunks;
	/* A thread that seals holds no pointer into these: they may move. */
	(void)pthread_mutex_lock(&out->lock);
	cr_buf_put(&out->rows, &mine, sizeof(mine));
	cr_buf_put(&out->chunks, chunks->bytes, chunks->len);
	cr_buf_zero(&out->shards, shards - out->shards.len);
	r = cr_buf_error(&out->rows);
	if (r == 0)
		r = cr_buf_error(&out->chunks);
	if (r == 0)
		r = cr_buf_error(&out->shards);
	if (r == 0)
		out->writing++;
	(void)pthread_mutex_unlock(&out->lock);
	if (r < 0)
		return r;
	*ret = (struct cr_pack_place){ out->footer.blocks, out->len };
	out->footer.blocks++;
	out->footer.chunks += row->chunks;
	out->len += cr_block_stored_len(row);
	return 0;
}

void cr_pack_out_close(struct cr_pack_out *out)
{
	(void)pthread_mutex_lock(&out->lock);
	out->closed = true;
	(void)pthread_mutex_unlock(&out->lock);
}

/* Encrypt block->plain and fill in what @row says of it. */
static void seal_block(const struct cr_pack_out *out, uint32_t number,
		       const struct cr_compressor *comp,
		       struct cr_open_block *block, struct cr_footer_block *row)
{
	uint32_t version = cr_compressor_version();
	uint32_t level = (uint32_t)cr_compressor_level(comp);
	struct cr_piece material[] = {
		CR_PIECE(&version),
		CR_PIECE(&level),
		{ block->chunks.bytes, block->chunks.len },
	};
	uint8_t ad[CR_BLOCK_AD_LEN];
	const struct cr_seal_with with = { &out->data_key, &row->nonce,
					   CR_PIECE(&ad) };

	row->nonce =
		cr_seal_nonce(&out->data_key, material, CR_ARRAY_LEN(material));
	cr_block_ad(&out->header, number, row, ad);
	cr_seal(&with, block->plain, block->sealed.bytes, &row->tag);
	row->stored_hash =
		cr_stored_hash(block->sealed.bytes, block->sealed.len);
}

/* Hash the shards that lie in a block while its bytes are near. */
static size_t hash_within(uint64_t offset, const struct cr_buf *block,
			  struct shard ret[SHARDS_MAX])
{
	uint64_t skip = -offset % CR_SHARD_LEN;
	size_t n = 0;

	for (; skip + CR_SHARD_LEN <= block->len; skip += CR_SHARD_LEN)
		ret[n++] = (struct shard){
			cr_shard_hash(block->bytes + skip, CR_SHARD_LEN), true
		};
	return n;
}

int cr_pack_out_write(struct cr_pack_out *out,
		      const struct cr_pack_place *place,
		      const struct cr_compressor *comp,
		      struct cr_open_block *block, bool *complete)
{
	struct shard within[SHARDS_MAX];
	struct cr_footer_block row;
	size_t shards;
	int r;

	(void)pthread_mutex_lock(&out->lock);
	row = *row_of(out, place->number);
	(void)pthread_mutex_unlock(&out->lock);
	seal_block(out, place->number, comp, block, &row);
	shards = hash_within(place->offset, &block->sealed, within);
	r = cr_put_write(out->put, place->offset, block->sealed.bytes,
			 block->sealed.len);
	(void)pthread_mutex_lock(&out->lock);
	*row_of(out, place->number) = row;
	memcpy((struct shard *)(void *)out->shards.bytes +
		       shards_of(place->offset),
	       within, shards * sizeof(within[0]));
	if (r < 0 && out->failed == 0)
		out->failed = r;
	*complete = --out->writing == 0 && out->closed;
	if (*complete && r == 0)
		r = out->failed;
	(void)pthread_mutex_unlock(&out->lock);
	return r;
}

/* ---- Publishing ---- */

uint64_t cr_padme(uint64_t len)
{
	unsigned int e, s;
	uint64_t mask;

	if (len < 2)
		return len;
	e = 63 - (unsigned int)__builtin_clzll(len);
	s = e > 0 ? 32 - (unsigned int)__builtin_clz(e) : 0;
	mask = e > s ? ((uint64_t)1 << (e - s)) - 1 : 0;
	return (len + mask) & ~mask;
}

static uint64_t varint_len(uint64_t v)
{
	uint64_t len = 1;

	for (; v >= 0x80; v >>= 7)
		len++;
	return len;
}

/* The length of the pack whose blocks end at @end and whose footer has @footer
 * bytes of body. */
static uint64_t total_len(uint64_t end, uint64_t footer)
{
	uint64_t before = end + footer + CR_SIGN_LEN + CR_SEAL_OVERHEAD;

	return before + 8 * (uint64_t)shards_of(before) + CR_TRAILER_TAIL_LEN;
}

/* What a padding row adds to the footer's body. */
static uint64_t padding_row_len(const struct cr_pack_out *out, uint64_t payload)
{
	return varint_len(out->footer.blocks + 1) -
	       varint_len(out->footer.blocks) + 1 + varint_len(payload) + 1 +
	       CR_NONCE_LEN + CR_TAG_LEN + CR_ID_LEN + 1;
}

/*
 * How long the padding must be for a footer body of @body bytes: 0 when the
 * length is a good one already.
 */
static uint64_t padding_len(const struct cr_pack_out *out, uint64_t body)
{
	uint64_t total = total_len(out->len, body), want;

	if (cr_padme(total) == total)
		return 0;
	want = cr_padme(
		total_len(out->len + 1, body + padding_row_len(out, 1)));
	/*
	 * Longer padding may need more bytes to say so, or one more shard: the
	 * length grows in steps that a few tries settle; what cannot be met
	 * exactly moves to the next length that Padme allows.
	 */
	for (int tries = 0; tries < 64; tries++) {
		uint64_t low = 1, high = CR_BLOCK_PAYLOAD_MAX;

		while (low < high) {
			uint64_t mid = low + (high - low) / 2;

			if (total_len(out->len + mid,
				      body + padding_row_len(out, mid)) < want)
				low = mid + 1;
			else
				high = mid;
		}
		if (total_len(out->len + low,
			      body + padding_row_len(out, low)) == want)
			return low;
		want = cr_padme(want + 1);
	}
	return 0;
}

static int add_padding(struct cr_pack_out *out, uint64_t len)
{
	cr_cleanup(cr_buf_release) struct cr_buf zeros = { 0 };
	struct cr_footer_block row = {
		.offset = out->len,
		.payload_len = (uint32_t)len,
		.raw_len = 1,
		.first = out->footer.chunks,
		.coding = CR_CODING_RAW,
	};
	uint32_t number = out->footer.blocks;
	uint8_t ad[CR_BLOCK_AD_LEN];
	const struct cr_seal_with with = { &out->data_key, &row.nonce,
					   CR_PIECE(&ad) };
	int r;

	cr_buf_zero(&zeros, len);
	r = cr_buf_error(&zeros);
	if (r < 0)
		return r;
	row.nonce = cr_seal_nonce(&out->data_key,
				  &(struct cr_piece)CR_PIECE(&number), 1);
	cr_block_ad(&out->header, number, &row, ad);
	cr_seal(&with, (struct cr_piece){ zeros.bytes, zeros.len }, zeros.bytes,
		&row.tag);
	row.stored_hash = cr_stored_hash(zeros.bytes, zeros.len);
	cr_buf_put(&out->rows, &row, sizeof(row));
	r = cr_buf_error(&out->rows);
	if (r < 0)
		return r;
	out->footer.blocks++;
	out->len += len;
	return cr_put_write(out->put, row.offset, zeros.bytes, zeros.len);
}

static int encode_body(struct cr_pack_out *out, struct cr_buf *body)
{
	out->footer.block = row_of(out, 0);
	out->footer.chunk = (void *)out->chunks.bytes;
	cr_buf_clear(body);
	return cr_footer_encode(&out->footer, body);
}

/* Sign the footer and seal it into out->sealed. */
static int seal_footer(struct cr_pack_out *out, struct cr_buf *body)
{
	struct cr_id hash;
	struct cr_key key;
	int r;

	out->footer.body_hash =
		cr_hash_bytes("footer-body", body->bytes, body->len);
	hash = cr_footer_signed_hash(out->header_bytes, &out->header,
				     &out->footer.commitment,
				     &out->footer.body_hash);
	out->footer.signature =
		cr_keyring_sign(out->repo->keys->ring, "sign-footer", &hash);
	cr_buf_put(body, out->footer.signature.bytes, CR_SIGN_LEN);
	r = cr_buf_error(body);
	if (r < 0)
		return r;
	r = cr_keyring_footer_key(out->repo->keys->ring, &out->header, &key);
	if (r < 0)
		return r;
	r = cr_seal_append(&key, (struct cr_piece)CR_PIECE(&out->header_bytes),
			   (struct cr_piece){ body->bytes, body->len },
			   &out->sealed);
	cr_wipe(&key, sizeof(key));
	return r;
}

/* XXH3 of each shard before the trailer; what lies across blocks, or is none,
 * is read back. */
static int hash_shards(struct cr_pack_out *out, uint64_t len,
		       struct cr_buf *hashes)
{
	cr_cleanup(cr_freep) uint8_t *shard = malloc(CR_SHARD_LEN);

	if (!shard)
		return -ENOMEM;
	for (uint64_t at = 0; at < len; at += CR_SHARD_LEN) {
		size_t part = (size_t)cr_min(len - at, (uint64_t)CR_SHARD_LEN);
		const struct shard *known = shard_of(out, at / CR_SHARD_LEN);
		uint64_t hash;
		int r;

		if (known) {
			cr_buf_put(hashes, &known->hash, sizeof(known->hash));
			continue;
		}
		r = cr_put_read(out->put, at, shard, part);
		if (r < 0)
			return r;
		hash = cr_shard_hash(shard, part);
		cr_buf_put(hashes, &hash, sizeof(hash));
	}
	return cr_buf_error(hashes);
}

static int write_trailer(struct cr_pack_out *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf hashes = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	uint64_t end = out->len + out->sealed.len;
	struct cr_trailer trailer = {
		.footer_offset = out->len,
		.footer_len = (uint32_t)out->sealed.len,
		.shards = shards_of(end),
	};
	int r = cr_put_write(out->put, out->len, out->sealed.bytes,
			     out->sealed.len);

	if (r < 0)
		return r;
	memcpy(trailer.header, out->header_bytes, CR_PACK_HEADER_LEN);
	r = hash_shards(out, end, &hashes);
	if (r == 0)
		r = cr_trailer_encode(&trailer, (void *)hashes.bytes, &bytes);
	if (r < 0)
		return r;
	out->len = end + bytes.len;
	return cr_put_write(out->put, end, bytes.bytes, bytes.len);
}

int cr_pack_out_publish(struct cr_pack_out *out, bool pad,
			struct cr_packed *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf body = { 0 };
	int r = encode_body(out, &body);

	if (r == 0 && pad) {
		uint64_t padding = padding_len(out, body.len);

		if (padding > 0) {
			r = add_padding(out, padding);
			if (r == 0)
				r = encode_body(out, &body);
		}
	}
	if (r == 0)
		r = seal_footer(out, &body);
	if (r == 0)
		r = write_trailer(out);
	if (r < 0)
		return r;
	r = cr_put_commit(cr_take(out->put));
	if (r < 0)
		return r;
	*ret = (struct cr_packed){
		.header = &out->header,
		.header_bytes = out->header_bytes,
		.footer = &out->footer,
		.sealed_footer = { out->sealed.bytes, out->sealed.len },
		.len = out->len,
	};
	return 0;
}
