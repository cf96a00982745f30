/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * notify.h - tell the service manager how we are: the protocol of sd_notify(3),
 * without its library.
 */
#ifndef FS_NOTIFY_H
#define FS_NOTIFY_H

#include "store/base/util.h"

/*
 * Send @text, lines such as "READY=1", to @address: what NOTIFY_SOCKET held, a
 * path or "@" and an abstract name; NULL or "": nobody asked.  -EINVAL for
 * anything else, -errno; without a sentence.
 */
cr_must_check int cr_notify(const char *address, const char *text);

#endif
