/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * passphrase.h - ask for a secret: a file, a descriptor, a command, the
 * environment, the terminal.
 *
 * Every source gives 1 to CR_PASSPHRASE_MAX bytes without a zero byte; one
 * newline at the end is not part of them.  What is not so is refused with
 * -CR_EUSAGE and a sentence.  The bytes go straight to guarded memory.
 */
#ifndef STORE_BASE_PASSPHRASE_H
#define STORE_BASE_PASSPHRASE_H

#include <stdbool.h>

#include "store/base/secret.h"

#define CR_PASSPHRASE_MAX 4096

/*
 * The content of the file @path: a regular file, no symbolic link, that neither
 * its group nor others may read or write.  -CR_EUSAGE, -errno.
 */
cr_must_check int cr_passphrase_file(const char *path, struct cr_secret *ret);

/* Everything up to the end of @fd, which stays open. */
cr_must_check int cr_passphrase_fd(int fd, struct cr_secret *ret);

/*
 * What "/bin/sh -c @command" prints.  -CR_EUSAGE when it does not end with
 * status 0.
 */
cr_must_check int cr_passphrase_command(const char *command,
					struct cr_secret *ret);

/*
 * The variable @name, which is wiped and unset.  Call before any thread is
 * started.  -ENOENT without a sentence when it is not set.
 */
cr_must_check int cr_passphrase_env(const char *name, struct cr_secret *ret);

/*
 * Ask on the terminal, without echo; with @twice ask again and compare.  The
 * terminal is put right on every way out, signals included.  Call from the main
 * thread.  -ENXIO when there is no terminal, -CR_EUSAGE when the two differ,
 * -CR_EINTERRUPT.
 */
cr_must_check int cr_passphrase_ask(const char *prompt, bool twice,
				    struct cr_secret *ret);

#endif
