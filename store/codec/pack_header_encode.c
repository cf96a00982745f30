/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/pack_header_encode.h"

#include "store/base/put.h"

void cr_pack_header_encode(const struct cr_pack_header *header,
			   uint8_t out[CR_PACK_HEADER_LEN])
{
	uint8_t *at = cr_put_bytes(out, CR_MAGIC_PACK, CR_MAGIC_LEN);

	at = cr_put_u32(at, CR_FORMAT_VERSION);
	at = cr_put_u16(at, CR_SUITE_CHACHA20);
	at = cr_put_u8(at, (uint8_t)header->kind);
	at = cr_put_u8(at, 0);
	at = cr_put_uid(at, &header->repository);
	at = cr_put_uid(at, &header->pack);
	at = cr_put_uid(at, &header->writer);
	at = cr_put_uid(at, &header->domain);
	at = cr_put_u32(at, header->epoch);
	at = cr_put_u32(at, 0);
	at = cr_put_bytes(at, header->sealed_key, sizeof(header->sealed_key));
	memset(at, 0, CR_PACK_HEADER_LEN - (size_t)(at - out));
}
