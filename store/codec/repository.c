/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/repository.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

#define SUM_AT (CR_REPOSITORY_LEN - CR_ID_LEN)

/* The fields after the magic and the version. */
static int parse_fields(struct cr_cursor *cur, struct cr_repository *ret)
{
	uint16_t reserved;

	ret->id = cr_cursor_uid(cur);
	ret->read_flags = cr_cursor_u64(cur);
	ret->write_flags = cr_cursor_u64(cur);
	ret->suite = cr_cursor_u16(cur);
	ret->chunker = cr_cursor_u16(cur);
	ret->file_hash = cr_cursor_u16(cur);
	reserved = cr_cursor_u16(cur);
	ret->created = (int64_t)cr_cursor_u64(cur);

	if (ret->read_flags != 0)
		return cr_fail(CR_EVERSION,
			       "repository: unknown read flags %" PRIx64,
			       ret->read_flags);
	if (ret->suite != CR_SUITE_CHACHA20)
		return cr_fail(CR_EVERSION, "repository: unknown suite %u",
			       ret->suite);
	if (ret->chunker != CR_CHUNKER_GEAR)
		return cr_fail(CR_EVERSION, "repository: unknown chunker %u",
			       ret->chunker);
	if (ret->file_hash != CR_FILE_HASH_BLAKE2B)
		return cr_fail(CR_EVERSION,
			       "repository: unknown whole-file hash %u",
			       ret->file_hash);
	if (reserved != 0)
		return cr_fail(CR_ECORRUPT, "repository: reserved field is %u",
			       reserved);
	return 0;
}

int cr_repository_parse(struct cr_piece bytes, struct cr_repository *ret)
{
	struct cr_cursor cur = cr_cursor(bytes.bytes, bytes.len);
	struct cr_repository repository = { 0 };
	uint8_t magic[CR_MAGIC_LEN];
	struct cr_id sum;
	uint32_t version;
	int r;

	cr_cursor_bytes(&cur, magic, sizeof(magic));
	if (memcmp(magic, CR_MAGIC_REPOSITORY, sizeof(magic)) != 0)
		return cr_fail(CR_ENOREPO,
			       "repository: does not begin with \"%s\"",
			       CR_MAGIC_REPOSITORY);
	version = cr_cursor_u32(&cur);
	if (!cur.overrun && version != CR_FORMAT_VERSION)
		return cr_fail(CR_EVERSION, "repository: version %" PRIu32,
			       version);
	if (bytes.len != CR_REPOSITORY_LEN)
		return cr_fail(CR_ECORRUPT, "repository: %zu bytes", bytes.len);
	sum = cr_hash_bytes("repository-sum", bytes.bytes, SUM_AT);
	if (memcmp((const uint8_t *)bytes.bytes + SUM_AT, sum.bytes,
		   sizeof(sum.bytes)) != 0)
		return cr_fail(CR_ECORRUPT, "repository: the sum is wrong");
	r = parse_fields(&cur, &repository);
	if (r < 0)
		return r;
	*ret = repository;
	return 0;
}

struct cr_id cr_repository_hash(const uint8_t bytes[CR_REPOSITORY_LEN])
{
	return cr_hash_bytes("repository", bytes, CR_REPOSITORY_LEN);
}
