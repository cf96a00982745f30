/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * packer.h - from chunks to packs: compress, seal, place, sign, publish.
 * FORMAT.md section 6.
 *
 * An open block collects chunks; it belongs to one thread.  A packer has one
 * open pack of its kind, into which any number of threads put their blocks:
 * each gets its place under a short lock and is sealed and written without it.
 * The thread whose block completes a full pack publishes it.
 */
#ifndef STORE_WRITE_PACKER_H
#define STORE_WRITE_PACKER_H

#include "store/base/buf.h"
#include "store/codec/footer.h"
#include "store/disk/repo.h"
#include "store/disk/storage_write.h"

struct cr_compressor;
struct cr_packer;

/* Chunks on their way into one block. */
struct cr_open_block {
	struct cr_buf lengths; /* varints */
	struct cr_buf bytes;   /* room for their table, the chunks end to end */
	struct cr_buf chunks;  /* struct cr_footer_chunk */
	uint32_t count;
	struct cr_buf sealed;  /* compressed, then sealed */
	struct cr_piece plain; /* what is to be sealed there; in either */
	unsigned int unshrunk; /* blocks in a row that did not compress */
};

void cr_open_block_release(struct cr_open_block *block);

/* Append a chunk of one or two pieces.  -ENOMEM. */
cr_must_check int cr_open_block_add(struct cr_open_block *block,
				    enum cr_chunk_type type,
				    const struct cr_id *id,
				    struct cr_piece bytes);

/* Bytes of its raw form so far. */
size_t cr_open_block_len(const struct cr_open_block *block);
/* Whether it has @target bytes, or as many chunks as a block can list. */
bool cr_open_block_full(const struct cr_open_block *block, size_t target);

/* Called when a pack is durable, by the thread that published it. */
struct cr_packed {
	const struct cr_pack_header *header;
	const uint8_t *header_bytes;
	const struct cr_footer *footer;
	struct cr_piece sealed_footer;
	uint64_t len;
};
typedef int (*cr_packed_fn)(void *arg, const struct cr_packed *packed);

struct cr_packer_options {
	const struct cr_repo *repo;   /* borrowed */
	struct cr_storage_w *storage; /* borrowed */
	enum cr_pack_kind kind;
	uint64_t target; /* bytes at which a pack is full */
	cr_packed_fn packed;
	void *arg;
};

cr_must_check int cr_packer_new(const struct cr_packer_options *options,
				struct cr_packer **ret);
/* Drops a pack that was not published. */
void cr_packer_free(struct cr_packer *packer);

/*
 * Put @block into the open pack and empty it.  @comp is the calling thread's.
 * Errors: of the storage and of what packed() returned; all are fatal for the
 * backup.
 */
cr_must_check int cr_packer_put(struct cr_packer *packer,
				struct cr_open_block *block,
				struct cr_compressor *comp);

/*
 * The pack and number that the next block will have.  Only where a single
 * thread at a time puts blocks.
 */
cr_must_check int cr_packer_next(struct cr_packer *packer, struct cr_uid *pack,
				 uint32_t *number);

/* Pad and publish the open pack, if any.  No thread may be putting. */
cr_must_check int cr_packer_finish(struct cr_packer *packer);

/* Ciphertext and everything else written to packs so far. */
uint64_t cr_packer_bytes(struct cr_packer *packer);

#endif
