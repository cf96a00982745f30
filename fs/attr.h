/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * attr.h - what was stored of an entry -> what stat(2), getxattr(2) and
 * listxattr(2) show.  FORMAT.md section 8.
 */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include <stdint.h>
#include <sys/stat.h>

#include "store/codec/tree.h"

struct cr_buf;

/* The S_IF... bits of an entry's type. */
mode_t cr_attr_type(uint8_t type);

/* @ret is filled whole; st_dev is the kernel's to fill in. */
void cr_attr_stat(const struct cr_entry *entry, uint64_t ino, struct stat *ret);

/* Whether it has any xattr: known without reading anything. */
bool cr_attr_has_xattrs(const struct cr_entry *entry);

/* The value of @name in the set @set, in place.  -ENODATA without a sentence.
 */
cr_must_check int cr_attr_xattr(struct cr_piece set, const char *name,
				struct cr_piece *ret);

/* Append each name of @set with its zero byte, as listxattr(2) has it. */
cr_must_check int cr_attr_xattr_names(struct cr_piece set, struct cr_buf *out);

#endif
