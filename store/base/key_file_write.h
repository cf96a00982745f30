/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key_file_write.h - the writing half of key_file.h.
 */
#ifndef STORE_BASE_KEY_FILE_WRITE_H
#define STORE_BASE_KEY_FILE_WRITE_H

#include "store/base/key_file.h"

/*
 * Write the new file @path, mode 0600, durable on return, for a @secret of
 * CR_KEY_FILE_SECRET bytes.  On failure, -errno with a sentence, there is no
 * file, or the one that was there: -EEXIST.
 */
cr_must_check int cr_key_file_write(const char *path, const struct cr_uid *slot,
				    const struct cr_secret *secret);

#endif
