/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - move a manifest's long texts into objects.  FORMAT.md section 10.
 */
#ifndef STORE_WRITE_TEXT_H
#define STORE_WRITE_TEXT_H

#include "store/codec/manifest.h"
#include "store/write/writer.h"

/*
 * Where @text is too long to stand in a manifest, store it in pieces and make
 * @text refer to them; text->piece is then owned by it.  What is longer than
 * the format allows is cut at the end of a piece.
 */
cr_must_check int cr_text_store(struct cr_writer *writer, struct cr_text *text);

#endif
