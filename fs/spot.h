/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spot.h - a path below versions/<source>/ or deleted/<source>/, as a part of
 * the table of nodes (inode.h): whatever is there of it is one spot for all
 * who mean it, and is known by its address.
 *
 * A spot stays while a shelf, a spot below it or a caller uses it, so memory
 * grows with what the kernel knows.  It holds no attributes and does no I/O.
 */
#ifndef FS_SPOT_H
#define FS_SPOT_H

#include "fs/inode.h"
#include "fs/map.h"
#include "store/codec/hash.h"

struct cr_spot {
	struct cr_map_link link; /* by parent and name; under: lock of inodes */
	uint32_t uses;		 /* likewise */
	uint64_t serial;	 /* never given to another */
	struct cr_spot *parent;	 /* held; NULL: of the source itself */
	enum cr_date_kind view;	 /* CR_DATE_VERSIONS or CR_DATE_DELETED */
	uint32_t source;	 /* its number */
	uint32_t depth;		 /* names in the path */
	struct cr_key key;	 /* of inode numbers */
	uint64_t ino;
	uint8_t name_len; /* 0: of the source itself */
	char name[];	  /* with its zero */
};

/*
 * The spot of source @of->source in the view @of->view; @key is what its inode
 * numbers come from.  To be put back.  NULL without memory.
 */
struct cr_spot *cr_spot_top(struct cr_inodes *inodes,
			    const struct cr_date *view, uint32_t source,
			    const struct cr_key *key);
/* The spot of @name below @parent, likewise. */
struct cr_spot *cr_spot_below(struct cr_inodes *inodes, struct cr_spot *parent,
			      struct cr_piece name);
/* Use it once more. */
struct cr_spot *cr_spot_hold(struct cr_inodes *inodes, struct cr_spot *spot);
void cr_spot_put(struct cr_inodes *inodes, struct cr_spot *spot);

/*
 * The number of @name below @spot (empty: of itself), and of a link for it to
 * @snapshot.
 */
uint64_t cr_spot_ino(const struct cr_spot *spot, struct cr_piece name,
		     const struct cr_id *snapshot);

/* Append the path from the source's root, names separated by "/". */
void cr_spot_path(const struct cr_spot *spot, struct cr_buf *out);

/* Locked.  For shelves, which use the spot of their date. */
void cr_spot_use(struct cr_spot *spot);
void cr_spot_unuse(struct cr_inodes *inodes, struct cr_spot *spot);
/* Whatever is left of them. */
void cr_spots_free(struct cr_inodes *inodes);

#endif
