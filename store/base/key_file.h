/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key_file.h - a key file: one line, "caprock-key-1 <slot id> <64 hex>".
 * FORMAT.md section 4.2.
 */
#ifndef STORE_BASE_KEY_FILE_H
#define STORE_BASE_KEY_FILE_H

#include "store/base/id.h"
#include "store/base/secret.h"

#define CR_KEY_FILE_SECRET 32

/*
 * Read the key file @path, with the care of cr_passphrase_file().  -CR_EUSAGE
 * when it is not a key file; -errno.
 */
cr_must_check int cr_key_file_read(const char *path, struct cr_uid *slot,
				   struct cr_secret *secret);

#endif
