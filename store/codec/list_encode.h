/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list_encode.h - the writing half of list.h.  FORMAT.md section 9.
 */
#ifndef STORE_CODEC_LIST_ENCODE_H
#define STORE_CODEC_LIST_ENCODE_H

#include "store/codec/list.h"

struct cr_buf;

/* Append the hashed bytes.  Neither sums nor @offset are read.  -ENOMEM. */
cr_must_check int cr_llist_encode(const struct cr_llist *list,
				  struct cr_buf *out);
cr_must_check int cr_lnode_encode(const struct cr_lnode *node,
				  struct cr_buf *out);

/* Whether an llist of @items ends after @last; an lnode of @children likewise.
 */
bool cr_llist_full(uint32_t items, const struct cr_list_item *last);
bool cr_lnode_full(uint32_t children, const struct cr_id *last);

#endif
