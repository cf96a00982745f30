/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tar.h - headers of a tar archive: POSIX ustar blocks, with pax records for
 * all that does not fit into them, as GNU tar and libarchive read them.
 *
 * Names are bytes.  One that is not UTF-8 and needs a record is marked as such
 * (hdrcharset=BINARY).  Extended attributes are SCHILY.xattr.NAME; POSIX ACLs
 * are that too, and SCHILY.acl.access and .default.  Files with holes are GNU's
 * sparse format 1.0.
 */
#ifndef TOOLS_TAR_H
#define TOOLS_TAR_H

#include "store/base/buf.h"
#include "store/codec/tree.h"

#define CR_TAR_BLOCK  512u
#define CR_TAR_RECORD 10240u /* archives end at a multiple of it */

struct cr_tar_member {
	const struct cr_entry *entry; /* not its name */
	struct cr_piece name;	      /* a directory's without "/" at its end */
	struct cr_piece link; /* a symlink's target; a hard link's first name */
	struct cr_piece xattrs; /* a set of them, checked; may be empty */
	bool hard_link;		/* then @link, and no content follows */
	bool sparse;		/* then a map comes first (cr_tar_map_put()) */
	uint64_t stored; /* bytes that follow: the size; sparse: map and data */
};

/* Append the header's blocks to @out.  -ENOMEM. */
cr_must_check int cr_tar_header(const struct cr_tar_member *member,
				struct cr_buf *out);

/* A number of a sparse map, which begins with how many runs there are, and
 * goes on with offset and length of each. */
void cr_tar_map_put(struct cr_buf *out, uint64_t number);

/* Zero bytes that are needed after @len bytes to fill a block. */
static inline size_t cr_tar_padding(uint64_t len)
{
	return (size_t)(-len % CR_TAR_BLOCK);
}

/*
 * The text of an ACL, from the value of its extended attribute, appended to
 * @out: "user::rw-,user:1234:r--,...".  -EINVAL when it is none.
 */
cr_must_check int cr_tar_acl_text(struct cr_piece value, struct cr_buf *out);

#endif
