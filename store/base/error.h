/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * error.h - what the functions of store/ return when they fail.
 *
 * A function that can fail returns an int: 0 or a count on success, else a
 * negative code, either -errno or one of the codes below.  They lie above
 * every errno, so one int carries both.  cr_errno() maps a code to the errno
 * that the kernel or a caller outside this project understands.
 */
#ifndef STORE_BASE_ERROR_H
#define STORE_BASE_ERROR_H

#include <errno.h>
#include <stdbool.h>

#include "store/base/util.h"

#define CR_ERRORS(X)                                                    \
	X(CR_ECORRUPT, EIO, "stored data is corrupt")                   \
	X(CR_EAUTH, EIO, "stored data fails authentication")            \
	X(CR_EMISSING, EIO, "stored data is missing")                   \
	X(CR_ETAMPER, EIO, "the storage contradicts itself: tampering") \
	X(CR_EKEY, EACCES, "no key here opens the repository")          \
	X(CR_ECAPABILITY, EACCES, "this key may not do that")           \
	X(CR_EREVOKED, EACCES, "signed after its key was revoked")      \
	X(CR_EVERSION, ENOTSUP, "unknown format version")               \
	X(CR_ENOREPO, ENOENT, "no repository")                          \
	X(CR_ELOCKED, EBUSY, "locked by another process")               \
	X(CR_EINDEX, EIO, "the index database failed")                  \
	X(CR_ESOURCE, EIO, "the source could not be read")              \
	X(CR_EUSAGE, EINVAL, "usage")                                   \
	X(CR_EINTERRUPT, EINTR, "interrupted")

#define CR_EBASE 4096 /* one above the kernel's MAX_ERRNO */

enum cr_error {
	CR_ENONE = CR_EBASE - 1,
#define X(code, err, text) code,
	CR_ERRORS(X)
#undef X
};

/* Remember why, for cr_detail(), and return -@code. */
cr_printf(2, 3) int cr_fail(int code, const char *fmt, ...);

/* What the last cr_fail() on this thread said; "" before the first. */
const char *cr_detail(void);
void cr_detail_clear(void);

/* The positive errno, and the one-line text, for a negative @code. */
int cr_errno(int code);
const char *cr_strerror(int code);

/* Whether @code says that stored bytes are bad, whoever is to blame. */
bool cr_is_damage(int code);

#endif
