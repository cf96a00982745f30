/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack_out.h - one pack in the making.  FORMAT.md section 6.
 *
 * Blocks get their place one after the other (the packer's lock), are sealed
 * and written by their own threads, and the last one to arrive after the pack
 * was closed is told that it is complete.
 */
#ifndef STORE_WRITE_PACK_OUT_H
#define STORE_WRITE_PACK_OUT_H

#include "store/write/packer.h"

struct cr_pack_out;

cr_must_check int cr_pack_out_begin(const struct cr_repo *repo,
				    struct cr_storage_w *storage,
				    enum cr_pack_kind kind,
				    struct cr_pack_out **ret);
/* Drop what is not published, and the memory.  Accepts NULL. */
void cr_pack_out_abort(struct cr_pack_out *out);

const struct cr_uid *cr_pack_out_id(const struct cr_pack_out *out);
uint64_t cr_pack_out_len(const struct cr_pack_out *out);
uint32_t cr_pack_out_blocks(const struct cr_pack_out *out);
uint32_t cr_pack_out_chunks(const struct cr_pack_out *out);

struct cr_pack_place {
	uint32_t number;
	uint64_t offset;
};

/* Give a block of @row's lengths its place.  Under the packer's lock. */
cr_must_check int cr_pack_out_place(struct cr_pack_out *out,
				    const struct cr_footer_block *row,
				    const struct cr_buf *chunks,
				    struct cr_pack_place *ret);

/* No further block gets a place.  Under the packer's lock, or alone. */
void cr_pack_out_close(struct cr_pack_out *out);

/*
 * Seal block->plain to block->sealed, and write that.  Any thread.  @complete
 * is set when the pack is closed and every block has arrived, whatever is
 * returned.
 */
cr_must_check int cr_pack_out_write(struct cr_pack_out *out,
				    const struct cr_pack_place *place,
				    const struct cr_compressor *comp,
				    struct cr_open_block *block,
				    bool *complete);

/* Footer, trailer, durable name.  @ret points into @out. */
cr_must_check int cr_pack_out_publish(struct cr_pack_out *out, bool pad,
				      struct cr_packed *ret);

/* The least length of at least @len that Padme allows. */
uint64_t cr_padme(uint64_t len);

#endif
