/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pack_header.h - the plain first 256 bytes of a pack.  FORMAT.md section 6.
 */
#ifndef STORE_CODEC_PACK_HEADER_H
#define STORE_CODEC_PACK_HEADER_H

#include "store/codec/hash.h"

#define CR_SEALED_KEY_LEN (CR_KEY_LEN + CR_BOX_OVERHEAD)

struct cr_pack_header {
	enum cr_pack_kind kind;
	struct cr_uid repository;
	struct cr_uid pack;
	struct cr_uid writer;
	struct cr_uid domain;
	uint32_t epoch;
	uint8_t sealed_key[CR_SEALED_KEY_LEN];
};

/* -CR_ECORRUPT; -CR_EVERSION for a version or suite that is not known. */
cr_must_check int cr_pack_header_parse(const uint8_t bytes[CR_PACK_HEADER_LEN],
				       struct cr_pack_header *ret);

#endif
