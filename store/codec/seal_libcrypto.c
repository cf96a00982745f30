/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seal_libcrypto.c - ChaCha20-Poly1305 by OpenSSL's libcrypto (EVP(7)), in a
 * library context of our own, without its configuration file.
 *
 * It is loaded, not linked: to link it costs every command 4.5 ms, of 20, and
 * to look for a cipher 2.5 more; that is earned back by 14 MB of blocks.  It is
 * never unloaded.
 */
#include <assert.h>
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>

#include "store/base/error.h"
#include "store/codec/seal_impl.h"

/* libcrypto 3 keeps its interface; what it is built from does not matter. */
#define LIBRARY "libcrypto.so.3"

/* What is shorter takes libsodium less: contexts are made and freed. */
#define LONG 4096u

/* Loaded once so much was long. */
#define EARNS (UINT64_C(16) << 20)

/* Encrypted, then authenticated while it is in a near cache. */
#define STRIDE ((size_t)1 << 17)

#define FUNCTIONS(X)           \
	X(EVP_CIPHER_CTX_ctrl) \
	X(EVP_CIPHER_CTX_free) \
	X(EVP_CIPHER_CTX_new)  \
	X(EVP_CIPHER_fetch)    \
	X(EVP_CIPHER_free)     \
	X(EVP_CipherFinal_ex)  \
	X(EVP_CipherInit_ex2)  \
	X(EVP_CipherUpdate)    \
	X(OPENSSL_init_crypto) \
	X(OSSL_LIB_CTX_free)   \
	X(OSSL_LIB_CTX_new)    \
	X(OSSL_PROVIDER_load)

/* Set once, by load(), and never changed: facts about this process. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct {
#define MEMBER(name) __typeof__(name) *name;
	FUNCTIONS(MEMBER)
#undef MEMBER
	EVP_CIPHER *cipher;
} lib;
static atomic_bool usable;
static atomic_ullong seen; /* long bytes */

/* ---- One message ---- */

static EVP_CIPHER_CTX *begin(const struct cr_cipher_job *job, bool encrypt)
{
	static const uint8_t zero[12];
	EVP_CIPHER_CTX *ctx = lib.EVP_CIPHER_CTX_new();
	int len;

	if (ctx &&
	    lib.EVP_CipherInit_ex2(ctx, lib.cipher, job->key->bytes, zero,
				   encrypt, NULL) == 1 &&
	    (job->ad.len == 0 ||
	     lib.EVP_CipherUpdate(ctx, NULL, &len, job->ad.bytes,
				  (int)job->ad.len) == 1))
		return ctx;
	lib.EVP_CIPHER_CTX_free(ctx);
	return NULL;
}

/*
 * The bytes, and the end: false if that was refused.  All memory has been had
 * before: nothing else can fail, and half a message must not pass for one.
 */
static bool finish(EVP_CIPHER_CTX *ctx, const struct cr_cipher_job *job)
{
	const uint8_t *from = job->from.bytes;
	uint8_t none[16];
	int len;

	for (size_t at = 0, part; at < job->from.len; at += part) {
		part = cr_min(STRIDE, job->from.len - at);
		if (lib.EVP_CipherUpdate(ctx, job->to + at, &len, from + at,
					 (int)part) != 1)
			return false;
	}
	return lib.EVP_CipherFinal_ex(ctx, none, &len) == 1;
}

bool cr_libcrypto_seal(const struct cr_cipher_job *job, struct cr_tag *tag)
{
	EVP_CIPHER_CTX *ctx = begin(job, true);
	bool sealed;

	if (!ctx)
		return false;
	sealed = finish(ctx, job) &&
		 lib.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, CR_TAG_LEN,
					 tag->bytes) == 1;
	assert(sealed);
	/* Wipes its copies of the key, too. */
	lib.EVP_CIPHER_CTX_free(ctx);
	return true;
}

bool cr_libcrypto_open(const struct cr_cipher_job *job,
		       const struct cr_tag *tag, int *ret)
{
	EVP_CIPHER_CTX *ctx = begin(job, false);
	struct cr_tag want = *tag; /* the interface takes no const */

	if (!ctx)
		return false;
	if (lib.EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, CR_TAG_LEN,
				    want.bytes) != 1) {
		lib.EVP_CIPHER_CTX_free(ctx);
		return false;
	}
	*ret = finish(ctx, job) ? 0 : -CR_EAUTH;
	lib.EVP_CIPHER_CTX_free(ctx);
	return true;
}

/* ---- Loading ---- */

static bool find_functions(void *handle)
{
#define FIND(name)                                        \
	do {                                              \
		void *at = dlsym(handle, #name);          \
                                                          \
		if (!at)                                  \
			return false;                     \
		memcpy(&lib.name, &at, sizeof(lib.name)); \
	} while (0);
	FUNCTIONS(FIND)
#undef FIND
	return true;
}

/*
 * A context of our own reads no configuration; OPENSSL_init_crypto() keeps that
 * of others from being read on the way, and libcrypto from taking itself down
 * at exit() while threads still use it.
 */
static bool fetch_cipher(void)
{
	OSSL_LIB_CTX *ctx;

	if (lib.OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
					    OPENSSL_INIT_NO_ATEXIT,
				    NULL) != 1)
		return false;
	ctx = lib.OSSL_LIB_CTX_new();
	if (ctx && lib.OSSL_PROVIDER_load(ctx, "default"))
		lib.cipher =
			lib.EVP_CIPHER_fetch(ctx, "ChaCha20-Poly1305", NULL);
	if (!lib.cipher)
		lib.OSSL_LIB_CTX_free(ctx);
	return lib.cipher != NULL;
}

/* Whether it makes of a long sample what libsodium makes of it. */
static bool is_right(void)
{
	const struct cr_key key = { { 1, 2, 3 } };
	uint8_t sodium[1500] = { 1 }, here[sizeof(sodium)] = { 1 };
	struct cr_cipher_job job = { &key, CR_PIECE(&key), CR_PIECE(&sodium),
				     sodium };
	struct cr_tag tag, same;
	int r = -CR_EAUTH;

	cr_sodium_seal(&job, &tag);
	job.from.bytes = job.to = here;
	if (!cr_libcrypto_seal(&job, &same) ||
	    memcmp(&tag, &same, sizeof(tag)) != 0 ||
	    memcmp(here, sodium, sizeof(here)) != 0)
		return false;
	return cr_libcrypto_open(&job, &tag, &r) && r == 0 && here[0] == 1;
}

static void load(void)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return;
	if (find_functions(handle) && fetch_cipher() && is_right())
		atomic_store(&usable, true);
	else if (!lib.cipher)
		(void)dlclose(handle);
}

bool cr_libcrypto_load(void)
{
	(void)pthread_once(&once, load);
	return atomic_load(&usable);
}

bool cr_libcrypto_pays(size_t len)
{
	if (len < LONG)
		return false;
	if (atomic_load_explicit(&usable, memory_order_acquire))
		return true;
	return atomic_fetch_add(&seen, len) >= EARNS && cr_libcrypto_load();
}
