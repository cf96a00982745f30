/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repository.h - the plain object `repository`.  FORMAT.md section 4.1.
 */
#ifndef STORE_CODEC_REPOSITORY_H
#define STORE_CODEC_REPOSITORY_H

#include "store/codec/hash.h"

struct cr_repository {
	struct cr_uid id;
	uint64_t read_flags;
	uint64_t write_flags;
	uint16_t suite;
	uint16_t chunker;
	uint16_t file_hash;
	int64_t created;
};

/*
 * -CR_ENOREPO without the magic, -CR_EVERSION for versions, suites, chunkers,
 * hashes or read flags that are not known, -CR_ECORRUPT else.  Unknown write
 * flags are the caller's business.
 */
cr_must_check int cr_repository_parse(struct cr_piece bytes,
				      struct cr_repository *ret);

/* The repository hash: where trust starts. */
struct cr_id cr_repository_hash(const uint8_t bytes[CR_REPOSITORY_LEN]);

#endif
