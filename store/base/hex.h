/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hex.h - ids as text and back.
 */
#ifndef STORE_BASE_HEX_H
#define STORE_BASE_HEX_H

#include <stddef.h>

#include "store/base/id.h"
#include "store/base/util.h"

struct cr_id_hex {
	char text[2 * CR_ID_LEN + 1];
};

struct cr_uid_hex {
	char text[2 * CR_UID_LEN + 1];
};

/* By value, so that they can stand in the arguments of a printf. */
struct cr_id_hex cr_id_hex(const struct cr_id *id);
struct cr_uid_hex cr_uid_hex(const struct cr_uid *uid);

/* Write 2 * @len digits and a zero byte to @out. */
void cr_hex(const void *bytes, size_t len, char *out);

/*
 * Read exactly @len bytes from the 2 * @len lower-case digits at @text, which
 * must end there.  -EINVAL otherwise.
 */
cr_must_check int cr_unhex(const char *text, void *out, size_t len);

#endif
