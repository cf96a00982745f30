/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - bytes written out in a table, and what is said of bad ones.
 */
#ifndef TESTS_UNIT_BYTES_H
#define TESTS_UNIT_BYTES_H

#include "tests/unit/unit.h"

#include <string.h>

#include "store/base/error.h"

/* A struct cr_piece of a literal, without the zero byte that ends it. */
/* clang-format off */
#define UNIT_BYTES(text) { text, sizeof(text) - 1 }
/* clang-format on */

/* The last sentence of cr_fail() has @part in it. */
static inline void unit_assert_said(const char *part)
{
	if (!strstr(cr_detail(), part))
		fail_msg("\"%s\" is not in \"%s\"", part, cr_detail());
}

#endif
