/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/secret.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "store/base/error.h"

static atomic_bool unlocked; /* set once, never cleared: a fact, not a state */

/* All that there are, for cr_secret_lock_again(). */
struct held {
	struct held *next;
	void *bytes; /* borrowed */
	size_t len;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct held *held; /* owned, as all that follow; under: lock */

static int hold(void *bytes, size_t len)
{
	struct held *new = malloc(sizeof(*new));

	if (!new)
		return -ENOMEM;
	(void)pthread_mutex_lock(&lock);
	*new = (struct held){ held, bytes, len };
	held = new;
	(void)pthread_mutex_unlock(&lock);
	return 0;
}

static void let_go(const void *bytes)
{
	struct held **at, *old;

	(void)pthread_mutex_lock(&lock);
	for (at = &held; *at && (*at)->bytes != bytes; at = &(*at)->next)
		;
	old = *at;
	if (old)
		*at = old->next;
	(void)pthread_mutex_unlock(&lock);
	free(old);
}

void cr_secret_lock_again(void)
{
	(void)pthread_mutex_lock(&lock);
	for (struct held *at = held; at; at = at->next)
		if (sodium_mlock(at->bytes, at->len) != 0)
			atomic_store(&unlocked, true);
	(void)pthread_mutex_unlock(&lock);
}

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
	if (hold(secret, len) < 0) {
		sodium_free(secret);
		return NULL;
	}
	/* sodium_malloc() ignores a failed lock; asking again tells. */
	if (sodium_mlock(secret, len) != 0)
		atomic_store(&unlocked, true);
	memset(secret, 0, len);
	return secret;
}

void cr_secret_free(void *secret)
{
	let_go(secret);
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
