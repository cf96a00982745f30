/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * secret.h - bytes that are locked in memory and wiped.
 *
 * A secret lives in guarded memory of libsodium.  cr_secret_locked() tells
 * whether the kernel really keeps it out of the swap: sodium_malloc() succeeds
 * where RLIMIT_MEMLOCK forbids it.
 */
#ifndef STORE_BASE_SECRET_H
#define STORE_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/base/util.h"

/* Call once, before any other function of the library.  0 or -EIO. */
cr_must_check int cr_sodium_init(void);

/* @len zero bytes, or NULL.  Free with cr_secret_free(), which wipes. */
void *cr_secret_alloc(size_t len);
void cr_secret_free(void *secret);

/* Whether every secret so far could be locked. */
bool cr_secret_locked(void);

/*
 * In a child: locks are not inherited.  Lock all secrets there are again, where
 * it goes on for longer than a moment.
 */
void cr_secret_lock_again(void);

/* Wipe @len bytes at @bytes in a way the compiler keeps. */
void cr_wipe(void *bytes, size_t len);

void cr_random(void *out, size_t len);

/* Constant time. */
bool cr_secret_equal(const void *a, const void *b, size_t len);

/* A passphrase or the content of a key file. */
struct cr_secret {
	uint8_t *bytes; /* owned, guarded */
	size_t len;
};

void cr_secret_release(struct cr_secret *secret);

#endif
