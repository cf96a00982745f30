/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repository_encode.h - the writing half of repository.h.
 */
#ifndef STORE_CODEC_REPOSITORY_ENCODE_H
#define STORE_CODEC_REPOSITORY_ENCODE_H

#include "store/codec/repository.h"

void cr_repository_encode(const struct cr_repository *repository,
			  uint8_t out[CR_REPOSITORY_LEN]);

#endif
