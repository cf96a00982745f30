/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * revoked.h - which packs of a revoked writer still count: those whose header
 * and footer stand in a segment which one of its counting manifests names.
 * FORMAT.md sections 6, 10.
 */
#ifndef STORE_DISK_REVOKED_H
#define STORE_DISK_REVOKED_H

#include "store/disk/repo.h"

struct cr_revoked; /* what was found out so far; has a lock of its own */

cr_must_check int cr_revoked_new(struct cr_revoked **ret);
void cr_revoked_free(struct cr_revoked *revoked);

/*
 * Whether the pack of the revoked @key whose header and sealed footer give
 * @vouched counts: 1 or 0.  @keys, of @repo, is where @key was found.  The
 * first call for a key reads its manifests and their segments; any thread may
 * call.  Damaged manifests and segments vouch for nothing.  -ENOMEM, -errno.
 */
cr_must_check int cr_revoked_counts(const struct cr_repo *repo,
				    const struct cr_repo_keys *keys,
				    const struct cr_roster_key *key,
				    const struct cr_id *vouched);

/* What a segment vouches for: this header with this sealed footer. */
struct cr_id cr_pack_vouch_hash(const uint8_t header[CR_PACK_HEADER_LEN],
				const void *footer, size_t footer_len);

/*
 * Whether the manifest with this head and hash lies on the chain of the revoked
 * @key at or before the last that counts: 1 or 0.
 */
cr_must_check int cr_revoked_counts_manifest(const struct cr_repo *repo,
					     const struct cr_repo_keys *keys,
					     const struct cr_roster_key *key,
					     const struct cr_id *manifest);

#endif
