/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * id.h - names and keys as types, so that none is passed for another.
 */
#ifndef STORE_BASE_ID_H
#define STORE_BASE_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CR_ID_LEN  32
#define CR_UID_LEN 16

/* A keyed or plain hash that names something by its content. */
struct cr_id {
	uint8_t bytes[CR_ID_LEN];
};

/* A random name: of a repository, pack, key, domain or incarnation. */
struct cr_uid {
	uint8_t bytes[CR_UID_LEN];
};

/* Ids are not secrets: a plain comparison leaks nothing worth having. */
static inline bool cr_id_equal(const struct cr_id *a, const struct cr_id *b)
{
	return memcmp(a->bytes, b->bytes, CR_ID_LEN) == 0;
}

static inline bool cr_uid_equal(const struct cr_uid *a, const struct cr_uid *b)
{
	return memcmp(a->bytes, b->bytes, CR_UID_LEN) == 0;
}

static inline bool cr_id_zero(const struct cr_id *id)
{
	static const struct cr_id zero;

	return cr_id_equal(id, &zero);
}

static inline bool cr_uid_zero(const struct cr_uid *uid)
{
	static const struct cr_uid zero;

	return cr_uid_equal(uid, &zero);
}

#endif
