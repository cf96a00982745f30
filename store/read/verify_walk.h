/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_walk.h - one snapshot being walked: what verify_tree.c and
 * verify_chunk.c share.
 *
 * Functions that check return 1 where something is lost and was told; errors
 * are negative, and end the work but where cr_verify_is_damage() has them.
 */
#ifndef STORE_READ_VERIFY_WALK_H
#define STORE_READ_VERIFY_WALK_H

#include "store/codec/tree.h"
#include "store/read/verify_int.h"

#define CR_VERIFY_NOWHERE  UINT64_MAX /* in a pack that came after the list */
#define CR_VERIFY_NO_FRAME SIZE_MAX

/* Where a chunk was found, or why it was not. */
struct cr_verify_spot {
	struct cr_verifier *v;
	uint64_t ordinal;
	struct cr_hint hint;
	enum cr_pack_kind kind;
	struct cr_verify_pack *pack; /* borrowed; may be NULL */
	/* The first copy that cannot be used. */
	bool blamed;
	enum cr_pack_kind blamed_kind;
	struct cr_uid blamed_pack;
	uint32_t blamed_block; /* UINT32_MAX: the pack */
};

/* A directory object that is to be gone into, or was. */
struct cr_verify_frame {
	enum cr_chunk_type type; /* LEAF or DNODE */
	struct cr_id id;
	struct cr_hint hint;
	size_t parent;	  /* in the stack; CR_VERIFY_NO_FRAME */
	size_t name;	  /* where its name begins in names */
	size_t name_len;  /* 0: of the directory above it, or the root */
	uint64_t entries; /* that it must hold, or ANY */
	uint64_t ordinal;
	uint8_t height; /* that it must have, or 0 */
	bool entered;
	bool tainted;
};

struct cr_verify_walk {
	struct cr_verifier *v;
	const struct cr_snapshot *snapshot;
	struct cr_view view;
	bool quiet;
	struct cr_verify_frame *stack; /* owned */
	size_t depth, room;
	struct cr_buf names; /* of the frames, end to end */
	uint64_t entries;    /* gone through so far */
	bool exceeded;	     /* those that the manifest states */
	struct cr_buf path;  /* scratch */
	/* What was blamed last for the entry at hand. */
	struct cr_uid last_pack;
	uint32_t last_block;
	bool has_last;
};

/* Something that cannot be read, for the reason in cr_detail(). */
struct cr_verify_loss {
	size_t frame;	      /* of the directory that it is in */
	struct cr_piece name; /* or "": that directory itself */
	bool below;
	int error;
};

/* What is known of an object before it is read. */
enum cr_verify_known {
	CR_VERIFY_IS_NEW,
	CR_VERIFY_IS_GOOD,
	CR_VERIFY_IS_TAINTED
};

static inline struct cr_want cr_verify_want(const struct cr_verify_walk *w,
					    enum cr_chunk_type type,
					    const struct cr_id *id)
{
	return (struct cr_want){ .view = &w->view, .type = type, .id = *id };
}

/* Look for a copy that can be used, without reading it. */
cr_must_check int cr_verify_find(const struct cr_verify_walk *w,
				 const struct cr_want *want,
				 struct cr_verify_spot *spot);
enum cr_verify_known cr_verify_known(const struct cr_verify_walk *w,
				     const struct cr_verify_spot *spot);

/*
 * Read the object that was found at @spot.  Where its block turns out to be
 * bad, that is reported as the damage that it is.
 */
cr_must_check int cr_verify_get(const struct cr_verify_walk *w,
				const struct cr_want *want,
				struct cr_verify_spot *spot, struct cr_pin *pin,
				struct cr_piece *tail);

/* Remember how the object at @ordinal turned out. */
void cr_verify_settle(const struct cr_verify_walk *w, uint64_t ordinal,
		      bool tainted);

/*
 * Tell of a loss, for the reason in cr_detail(): once for each block to blame.
 */
cr_must_check int cr_verify_tell(struct cr_verify_walk *w,
				 const struct cr_verify_loss *loss,
				 const struct cr_verify_spot *spot);

/* Put the path of @frame, and @name in it, into w->path, "/" before each. */
cr_must_check int cr_verify_path(struct cr_verify_walk *w, size_t frame,
				 struct cr_piece name);

/* An object that refers to nothing: @parse is given its hashed bytes. */
cr_must_check int cr_verify_end(struct cr_verify_walk *w,
				const struct cr_want *want,
				int (*parse)(struct cr_piece hashed),
				const struct cr_verify_loss *at);

/* The content of a file; @refs belong to its leaf. */
cr_must_check int cr_verify_file(struct cr_verify_walk *w,
				 const struct cr_entry *entry,
				 const struct cr_refs *refs,
				 const struct cr_verify_loss *at);

#endif
