/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/pack_header.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/codec/field.h"

static bool all_zero(const uint8_t *bytes, size_t len)
{
	uint8_t any = 0;

	for (size_t i = 0; i < len; i++)
		any |= bytes[i];
	return any == 0;
}

/* The fields from the kind on. */
static int parse_fields(struct cr_cursor *cur, struct cr_pack_header *ret)
{
	uint8_t kind = cr_cursor_u8(cur);
	uint32_t reserved = cr_cursor_u8(cur);

	if (kind != CR_PACK_DATA && kind != CR_PACK_META)
		return cr_fail(CR_ECORRUPT, "pack header: kind %u", kind);
	ret->kind = kind;
	ret->repository = cr_cursor_uid(cur);
	ret->pack = cr_cursor_uid(cur);
	ret->writer = cr_cursor_uid(cur);
	ret->domain = cr_cursor_uid(cur);
	ret->epoch = cr_cursor_u32(cur);
	reserved |= cr_cursor_u32(cur);
	cr_cursor_bytes(cur, ret->sealed_key, sizeof(ret->sealed_key));

	if (ret->epoch < 1 || ret->epoch > CR_ROSTER_EPOCHS)
		return cr_fail(CR_ECORRUPT, "pack header: epoch %" PRIu32,
			       ret->epoch);
	if (reserved != 0 || !all_zero(cur->next, cur->left))
		return cr_fail(CR_ECORRUPT,
			       "pack header: reserved bytes are not zero");
	return 0;
}

int cr_pack_header_parse(const uint8_t bytes[CR_PACK_HEADER_LEN],
			 struct cr_pack_header *ret)
{
	struct cr_cursor cur = cr_cursor(bytes, CR_PACK_HEADER_LEN);
	struct cr_pack_header header = { 0 };
	uint16_t suite;
	int r = cr_field_magic(&cur, "pack header", CR_MAGIC_PACK);

	if (r < 0)
		return r;
	suite = cr_cursor_u16(&cur);
	if (suite != CR_SUITE_CHACHA20)
		return cr_fail(CR_EVERSION, "pack header: unknown suite %u",
			       suite);
	r = parse_fields(&cur, &header);
	if (r < 0)
		return r;
	*ret = header;
	return 0;
}
