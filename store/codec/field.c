/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/codec/field.h"

#include <inttypes.h>

#include "store/base/cursor.h"
#include "store/base/error.h"

int cr_field_magic(struct cr_cursor *cur, const char *what, const char *magic)
{
	uint8_t found[CR_MAGIC_LEN];
	uint32_t version;

	cr_cursor_bytes(cur, found, sizeof(found));
	version = cr_cursor_u32(cur);
	if (cur->overrun || memcmp(found, magic, sizeof(found)) != 0)
		return cr_fail(CR_ECORRUPT, "%s: does not begin with \"%s\"",
			       what, magic);
	if (version != CR_FORMAT_VERSION)
		return cr_fail(CR_EVERSION, "%s: version %" PRIu32, what,
			       version);
	return 0;
}

struct cr_piece cr_field_string(struct cr_cursor *cur, size_t min, size_t max)
{
	uint64_t len = cr_cursor_max(cur, max);

	if (len < min)
		cr_cursor_fail(cur);
	/* Below SIZE_MAX, as @max is. */
	return (struct cr_piece){ cr_cursor_view(cur, (size_t)len),
				  cur->overrun ? 0 : (size_t)len };
}
