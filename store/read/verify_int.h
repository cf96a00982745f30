/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_int.h - what the parts of verify.h share.
 *
 * A chunk is known by an ordinal: that of its pack's first chunk plus its own
 * in the footer.  What is known of it are bits at that ordinal.
 */
#ifndef STORE_READ_VERIFY_INT_H
#define STORE_READ_VERIFY_INT_H

#include "store/base/buf.h"
#include "store/codec/compress.h"
#include "store/read/verify.h"

enum cr_verify_map {
	CR_VERIFY_BAD,	   /* this copy cannot be read */
	CR_VERIFY_NEEDED,  /* a snapshot refers to it */
	CR_VERIFY_VISITED, /* everything below it was looked at */
	CR_VERIFY_TAINTED, /* and something there cannot be read */
	CR_VERIFY_MAPS,
};

enum cr_verify_flags {
	CR_VERIFY_AUTHENTIC = 1, /* its own header and footer check */
	CR_VERIFY_DAMAGED = 2,	 /* was reported */
	CR_VERIFY_USED = 4,	 /* a snapshot refers to it */
	CR_VERIFY_LOSING = 8,	 /* a snapshot loses something by it */
	CR_VERIFY_LEFT_OUT = 16, /* not a part of the repository, or not ours */
	CR_VERIFY_OPENS = 32,	 /* by itself or by a segment */
};

struct cr_verify_pack {
	struct cr_uid uid;
	uint8_t kind;
	uint8_t flags;
	uint32_t chunks; /* when it OPENS */
	uint64_t first;	 /* ordinal of its first chunk */
	uint64_t len;
	struct cr_id vouch; /* of header and footer, when AUTHENTIC */
};

/* A pack that a segment lists and that is not there. */
struct cr_verify_ghost {
	struct cr_uid uid;
	uint8_t kind;
	struct cr_pack *pack; /* owned; NULL: from the 64th on */
};

struct cr_verifier {
	const struct cr_verify *job;	 /* borrowed */
	const struct cr_repo *repo;	 /* borrowed */
	struct cr_verify_totals *totals; /* borrowed */
	struct cr_decompressor *dec;	 /* owned */
	struct cr_pool *pool;		 /* owned; of blocks */
	struct cr_verify_pack *pack;	 /* owned; by kind, then name */
	size_t packs, room;
	struct cr_verify_ghost *ghost; /* owned */
	size_t ghosts;
	unsigned int doubts;	      /* how often the index was not believed */
	uint8_t *map[CR_VERIFY_MAPS]; /* owned */
	uint64_t chunks, map_room;    /* in bits */
};

/* Whether @r is about the object at hand, so that the work goes on. */
bool cr_verify_is_damage(int r);

/* Report.  The sentence of damage is that of cr_detail(). */
cr_must_check int cr_verify_damage(struct cr_verifier *v, const char *object,
				   int r);
cr_must_check int cr_verify_note(struct cr_verifier *v, const char *object,
				 const char *why);
void cr_verify_at(const struct cr_verifier *v, const void *bytes, size_t len);

static inline bool cr_verify_bit(const struct cr_verifier *v,
				 enum cr_verify_map map, uint64_t ordinal)
{
	return v->map[map][ordinal / 8] >> (ordinal % 8) & 1;
}

static inline void cr_verify_set(struct cr_verifier *v, enum cr_verify_map map,
				 uint64_t ordinal)
{
	v->map[map][ordinal / 8] |= (uint8_t)(1u << (ordinal % 8));
}

/* The pack, or NULL when it was not there when the packs were listed. */
struct cr_verify_pack *cr_verify_find_pack(const struct cr_verifier *v,
					   enum cr_pack_kind kind,
					   const struct cr_uid *uid);

static inline enum cr_pack_kind cr_verify_kind(const struct cr_verify_pack *vp)
{
	return (enum cr_pack_kind)vp->kind;
}

/* verify_pack.c */

/* Report what cr_detail() says of the pack. */
cr_must_check int cr_verify_pack_damage(struct cr_verifier *v,
					struct cr_verify_pack *vp, int r);

/* List all packs and look at what is not data in each. */
cr_must_check int cr_verify_packs(struct cr_verifier *v);

/* verify_data.c */

/* Read every block of every pack, or (@all false) those that are needed. */
cr_must_check int cr_verify_read_packs(struct cr_verifier *v, bool all);
/* A chunk of block @n did not open: find out what is wrong with the block. */
cr_must_check int cr_verify_block(struct cr_verifier *v,
				  struct cr_verify_pack *vp, uint32_t n);

/* verify_tree.c */

/* Walk one snapshot; @quiet: only to learn what it needs. */
cr_must_check int cr_verify_snapshot(struct cr_verifier *v,
				     const struct cr_snapshot *snapshot,
				     bool quiet);

#endif
