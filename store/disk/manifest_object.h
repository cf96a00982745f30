/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * manifest_object.h - open one manifest of the repository with our keys.
 * FORMAT.md section 10.
 */
#ifndef STORE_DISK_MANIFEST_OBJECT_H
#define STORE_DISK_MANIFEST_OBJECT_H

#include "store/base/buf.h"
#include "store/codec/manifest.h"
#include "store/disk/repo.h"

/* "snapshots/<writer>/<incarnation>-<seq>" */
#define CR_MANIFEST_NAME_LEN 112
void cr_manifest_name(const struct cr_uid *writer,
		      const struct cr_uid *incarnation, uint64_t seq,
		      char out[CR_MANIFEST_NAME_LEN]);

/*
 * Read the object @name and check what needs no reading key: head, name,
 * repository, an admitted writer's signature.  @bytes holds it, @id is its
 * hash. -CR_EMISSING, -CR_ECORRUPT, -CR_EAUTH, -CR_EVERSION, each naming the
 * object.
 */
cr_must_check int cr_manifest_read_head(const struct cr_repo *repo,
					const char *name, struct cr_buf *bytes,
					struct cr_manifest_head *head,
					struct cr_id *id);

/* Open the body of what cr_manifest_read_head() read. */
cr_must_check int cr_manifest_open_body(const struct cr_repo *repo,
					const char *name,
					const struct cr_buf *bytes,
					const struct cr_manifest_head *head,
					struct cr_manifest *ret);

/* Split the last two parts of an object's name; -EINVAL. */
cr_must_check int cr_manifest_name_parse(const char *writer, const char *name,
					 struct cr_uid *writer_id,
					 struct cr_uid *incarnation,
					 uint64_t *seq);

#endif
