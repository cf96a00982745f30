/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree_encode.h - the writing half of tree.h.  FORMAT.md section 8.
 */
#ifndef STORE_CODEC_TREE_ENCODE_H
#define STORE_CODEC_TREE_ENCODE_H

#include "store/codec/tree.h"

struct cr_buf;

/*
 * Collects the entries of one leaf.  Entries are added in the order of names;
 * the caller asks after each whether the leaf ends there.
 */
struct cr_leaf_encoder {
	struct cr_buf *entries; /* owned */
	struct cr_buf *owners;	/* owned; (uid, gid) pairs as u32 */
	uint32_t count;
	uint32_t owner_count;
};

cr_must_check int cr_leaf_encoder_init(struct cr_leaf_encoder *enc);
void cr_leaf_encoder_release(struct cr_leaf_encoder *enc);

/* Append @entry, whose name is greater than the one before.  -ENOMEM. */
cr_must_check int cr_leaf_encoder_add(struct cr_leaf_encoder *enc,
				      const struct cr_entry *entry);

/* Whether the leaf ends after the entry @name that was just added. */
bool cr_leaf_encoder_full(const struct cr_leaf_encoder *enc,
			  const struct cr_key *name_key, struct cr_piece name);

/*
 * Append the hashed bytes of the leaf to @out and start anew.  @refs_id is NULL
 * where no entry needs one.  -ENOMEM.
 */
cr_must_check int cr_leaf_encoder_finish(struct cr_leaf_encoder *enc,
					 const struct cr_id *refs_id,
					 struct cr_buf *out);

/* Append the hashed bytes of a refs object. */
cr_must_check int cr_refs_encode(const struct cr_id *inline_id,
				 const struct cr_id *id, uint32_t count,
				 struct cr_buf *out);

/* Append the hashed bytes of a dnode. */
cr_must_check int cr_dnode_encode(const struct cr_dnode *dnode,
				  struct cr_buf *out);
/*
 * Whether a dnode of so many children, whose first names take @names bytes,
 * ends after the child that begins with @first.
 */
bool cr_dnode_full(uint32_t children, size_t names,
		   const struct cr_key *name_key, struct cr_piece first);

/* Append the root as section 10 has it: owner, then entry. */
cr_must_check int cr_root_encode(const struct cr_entry *entry,
				 struct cr_buf *out);

/* Append a set of @n xattrs, which are in ascending order of name. */
cr_must_check int cr_xattrs_encode(const struct cr_xattr *xattr, uint32_t n,
				   struct cr_buf *out);

/* The link group of inode @ino below @top (a path within the source). */
struct cr_uid cr_link_group(const struct cr_key *link_key, struct cr_piece top,
			    uint64_t ino);

#endif
