/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/escape.h"

#define TEXT_MAX 1024 /* what is longer is cut */

/* Where the program's lines go: of the process, not of any object. */
static const char *_Atomic name = "caprock";
static atomic_bool to_syslog;
static atomic_int limit = CR_LOG_NOTICE;

void cr_log_init(const char *program, bool use_syslog)
{
	atomic_store(&name, program);
	atomic_store(&to_syslog, use_syslog);
	if (use_syslog)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void cr_log_limit(enum cr_log_level level)
{
	atomic_store(&limit, (int)level);
}

void cr_log(enum cr_log_level level, const char *fmt, ...)
{
	cr_cleanup(cr_buf_release) struct cr_buf line = { 0 };
	bool syslogs = atomic_load(&to_syslog);
	char text[TEXT_MAX];
	va_list ap;

	if ((int)level > atomic_load(&limit))
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!syslogs) {
		const char *program = atomic_load(&name);

		cr_buf_put(&line, program, strlen(program));
		cr_buf_put(&line, ": ", 2);
	}
	cr_escape(text, strlen(text), &line);
	if (!syslogs)
		cr_buf_u8(&line, '\n');
	if (cr_buf_error(&line) < 0)
		return;
	if (syslogs)
		syslog((int)level, "%.*s", (int)line.len,
		       (const char *)line.bytes);
	else if (write(STDERR_FILENO, line.bytes, line.len) < 0)
		return; /* nobody is left to tell */
}
