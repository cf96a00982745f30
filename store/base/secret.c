/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/secret.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "store/base/error.h"

static atomic_bool unlocked; /* set once, never cleared: a fact, not a state */

int cr_sodium_init(void)
{
	if (sodium_init() < 0)
		return cr_fail(EIO, "libsodium cannot be initialised");
	return 0;
}

void *cr_secret_alloc(size_t len)
{
	void *secret = sodium_malloc(len);

	if (!secret)
		return NULL;
	/* sodium_malloc() ignores a failed lock; asking again tells. */
	if (sodium_mlock(secret, len) != 0)
		atomic_store(&unlocked, true);
	memset(secret, 0, len);
	return secret;
}

void cr_secret_free(void *secret)
{
	sodium_free(secret);
}

bool cr_secret_locked(void)
{
	return !atomic_load(&unlocked);
}

void cr_wipe(void *bytes, size_t len)
{
	sodium_memzero(bytes, len);
}

void cr_random(void *out, size_t len)
{
	randombytes_buf(out, len);
}

bool cr_secret_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void cr_secret_release(struct cr_secret *secret)
{
	cr_secret_free(secret->bytes);
	*secret = (struct cr_secret){ 0 };
}
