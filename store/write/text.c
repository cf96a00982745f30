/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/text.h"

#include "store/base/error.h"

#define HERE_MAX 8192 /* four such texts leave room for the rest */

int cr_text_store(struct cr_writer *writer, struct cr_text *text)
{
	const uint8_t *at = text->here.bytes;
	size_t left = text->here.len;
	struct cr_id *piece;
	uint32_t n = 0;

	if (text->pieces > 0 || left <= HERE_MAX)
		return 0;
	piece = calloc(CR_TEXT_PIECES, sizeof(*piece));
	if (!piece)
		return -ENOMEM;
	for (; left > 0 && n < CR_TEXT_PIECES; n++) {
		size_t len = cr_min(left, (size_t)CR_TEXT_PIECE);
		int r = cr_writer_put_object(
			writer, CR_CHUNK_TEXT, (struct cr_piece){ at, len },
			(struct cr_piece){ NULL, 0 }, &piece[n], NULL);

		if (r < 0) {
			free(piece);
			return r;
		}
		at += len;
		left -= len;
	}
	text->piece = piece;
	text->pieces = n;
	text->here = (struct cr_piece){ NULL, 0 };
	return 0;
}
