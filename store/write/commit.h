/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * commit.h - sign and publish a manifest at the end of this writer's chain.
 * FORMAT.md section 10.
 */
#ifndef STORE_WRITE_COMMIT_H
#define STORE_WRITE_COMMIT_H

#include "store/codec/manifest.h"
#include "store/disk/index.h"
#include "store/disk/repo.h"
#include "store/disk/state.h"
#include "store/disk/storage_write.h"

/* All borrowed. */
struct cr_commit_to {
	const struct cr_repo *repo;
	struct cr_storage_w *storage;
	struct cr_state *state;
	struct cr_index *index; /* to know older manifests by; may be NULL */
};

/* As cr_writer_commit(); everything @manifest refers to is durable. */
cr_must_check int cr_commit(const struct cr_commit_to *to,
			    const struct cr_manifest *manifest, int64_t time,
			    struct cr_manifest_head *head,
			    struct cr_id *snapshot);

#endif
