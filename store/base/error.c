/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	int err;
	const char *text;
} info[] = {
#define X(code, err, text) [code - CR_EBASE] = { err, text },
	CR_ERRORS(X)
#undef X
};

static _Thread_local char detail[512];

int cr_fail(int code, const char *fmt, ...)
{
	char said[sizeof(detail)];
	va_list ap;

	assert(code > 0);
	/* Arguments may point into the sentence that is being replaced. */
	va_start(ap, fmt);
	(void)vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	memcpy(detail, said, sizeof(detail));
	return -code;
}

const char *cr_detail(void)
{
	return detail;
}

void cr_detail_clear(void)
{
	detail[0] = '\0';
}

int cr_errno(int code)
{
	size_t i = (size_t)(-code - CR_EBASE);

	return -code < CR_EBASE		? -code
	       : i < CR_ARRAY_LEN(info) ? info[i].err
					: EIO;
}

const char *cr_strerror(int code)
{
	size_t i = (size_t)(-code - CR_EBASE);

	return -code >= CR_EBASE && i < CR_ARRAY_LEN(info)
		       ? info[i].text
		       : strerrordesc_np(-code);
}

bool cr_is_damage(int code)
{
	return code == -CR_ECORRUPT || code == -CR_EAUTH ||
	       code == -CR_EMISSING || code == -CR_ETAMPER;
}
