/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * escape.h - the one way for a name from a repository, a source or a peer to
 * reach a terminal or a log.
 *
 * Printable UTF-8 stays as it is.  C0, DEL and bytes that are no UTF-8 become
 * \xNN; C1 and the bidirectional controls U+202A to U+202E and U+2066 to U+2069
 * become \uNNNN.  A backslash stays a backslash: so escaping twice is the same
 * as once, and a sentence may be escaped that holds an escaped name.
 */
#ifndef STORE_BASE_ESCAPE_H
#define STORE_BASE_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

struct cr_buf;

/* Append what is safe to print of the @len bytes at @bytes. */
void cr_escape(const void *bytes, size_t len, struct cr_buf *out);

/* Whether the bytes are UTF-8: shortest form, no surrogates. */
bool cr_utf8_valid(const void *bytes, size_t len);

#endif
