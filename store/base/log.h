/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - what a person should know though the call goes on: one line each, to
 * stderr or syslog.
 *
 * Any thread may log.  A line is written at once and whole, and escaped as a
 * whole (escape.h): names and sentences go in as they are.
 */
#ifndef STORE_BASE_LOG_H
#define STORE_BASE_LOG_H

#include <stdbool.h>

#include "store/base/util.h"

/* The values are those of syslog. */
enum cr_log_level {
	CR_LOG_ERR = 3,
	CR_LOG_WARNING = 4,
	CR_LOG_NOTICE = 5,
	CR_LOG_INFO = 6,
	CR_LOG_DEBUG = 7,
};

/*
 * Call before any thread is started.  @program, which must live on, stands
 * before every line; "caprock" until then.  To stderr or, with @use_syslog, to
 * syslog.
 */
void cr_log_init(const char *program, bool use_syslog);

/* Leave out what is less urgent than @level; CR_LOG_NOTICE until then. */
void cr_log_limit(enum cr_log_level level);

cr_printf(2, 3) void cr_log(enum cr_log_level level, const char *fmt, ...);

#endif
