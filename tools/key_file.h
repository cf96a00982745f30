/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * key_file.h - one line of text that opens one slot.  FORMAT.md section 4.2.
 */
#ifndef TOOLS_KEY_FILE_H
#define TOOLS_KEY_FILE_H

#include "store/base/secret.h"
#include "store/codec/hash.h"

/* Parse the text of a key file: 1 line, a newline at its end or none. */
cr_must_check int cr_key_file_parse(struct cr_piece text, struct cr_uid *slot,
				    struct cr_secret *secret);

/*
 * Read @path.  Refuses what others can read, and what is no regular file.
 * -CR_EKEY when it is no key file, -errno.
 */
cr_must_check int cr_key_file_read(const char *path, struct cr_uid *slot,
				   struct cr_secret *secret);

/* Make @path, 0600, which must not exist; the descriptor or -errno. */
cr_must_check int cr_key_file_make(const char *path);

/* Fill what cr_key_file_make() made, durably.  -errno. */
cr_must_check int cr_key_file_write(int fd, const char *path,
				    const struct cr_uid *slot,
				    const struct cr_secret *secret);

#endif
