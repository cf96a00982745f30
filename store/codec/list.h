/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * list.h - the chunks of a large file: llists, and lnodes above them.
 * FORMAT.md section 9.  What is parsed is copied out of the object's bytes.
 */
#ifndef STORE_CODEC_LIST_H
#define STORE_CODEC_LIST_H

#include "store/codec/object.h"

struct cr_list_item {
	uint64_t offset; /* of its first byte, within this object */
	uint64_t len;
	bool hole;
	struct cr_id id; /* zero for a hole */
};

struct cr_llist {
	struct cr_list_item *item; /* owned */
	uint32_t items;
	uint64_t bytes; /* sum, below 2^63 */
	bool has_hash;
	struct cr_id file_hash;
};

struct cr_lnode {
	struct cr_list_item *child; /* owned; never holes */
	uint32_t children;
	uint8_t height;
	uint64_t bytes; /* sum, below 2^63 */
	bool has_hash;
	struct cr_id file_hash;
};

/* -CR_ECORRUPT or -ENOMEM with *@ret untouched. */
cr_must_check int cr_llist_parse(struct cr_piece hashed, struct cr_llist *ret);
void cr_llist_release(struct cr_llist *list);
cr_must_check int cr_lnode_parse(struct cr_piece hashed, struct cr_lnode *ret);
void cr_lnode_release(struct cr_lnode *node);

#endif
