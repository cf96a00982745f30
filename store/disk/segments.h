/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * segments.h - read the segments of a repository.  FORMAT.md section 7.
 */
#ifndef STORE_DISK_SEGMENTS_H
#define STORE_DISK_SEGMENTS_H

#include "store/base/buf.h"
#include "store/codec/segment.h"
#include "store/disk/repo.h"

/*
 * Read segment @id whole into @bytes, check that it has that name and is of
 * this repository.  @ret points into @bytes.  -CR_EMISSING, -CR_ECORRUPT (both
 * name the segment), -errno.
 */
cr_must_check int cr_segment_read(const struct cr_repo *repo,
				  const struct cr_id *id, struct cr_buf *bytes,
				  struct cr_segment *ret);

/*
 * Search all segments for @pack, damaged ones left out.  @ret points into
 * @bytes.  -CR_EMISSING without a sentence when none lists it.
 */
cr_must_check int cr_segments_find(const struct cr_repo *repo,
				   const struct cr_uid *pack,
				   struct cr_buf *bytes,
				   struct cr_segment_item *ret);

#endif
