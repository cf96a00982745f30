/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/repository_encode.h"

#include "store/base/put.h"

void cr_repository_encode(const struct cr_repository *repository,
			  uint8_t out[CR_REPOSITORY_LEN])
{
	uint8_t *at = cr_put_bytes(out, CR_MAGIC_REPOSITORY, CR_MAGIC_LEN);
	struct cr_id sum;

	at = cr_put_u32(at, CR_FORMAT_VERSION);
	at = cr_put_uid(at, &repository->id);
	at = cr_put_u64(at, repository->read_flags);
	at = cr_put_u64(at, repository->write_flags);
	at = cr_put_u16(at, repository->suite);
	at = cr_put_u16(at, repository->chunker);
	at = cr_put_u16(at, repository->file_hash);
	at = cr_put_u16(at, 0);
	at = cr_put_u64(at, (uint64_t)repository->created);
	sum = cr_hash_bytes("repository-sum", out, (size_t)(at - out));
	at = cr_put_id(at, &sum);
	assert(at == out + CR_REPOSITORY_LEN);
}
