/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pool.h - room for large buffers that come and go, such as decoded blocks.
 *
 * One region of address space is cut into granules of 64 KiB; a buffer takes
 * the first run of free ones from the lowest address, and the heap serves what
 * finds none.  Memory is taken from the kernel when it is first used, in huge
 * pages where there are, and stays: malloc() would give buffers of this size
 * back and take each page anew, and a fault costs as much as decoding kilobytes
 * of it; in a virtual machine far more.  It is left out of core dumps.
 *
 * Any thread may call anything.  One lock, held over a search in a bitmap.
 * Under AddressSanitizer all comes from the heap, which watches the bounds.
 */
#ifndef STORE_BASE_POOL_H
#define STORE_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "store/base/util.h"

struct cr_pool;

/* For @bytes of buffers at once, rounded up.  -ENOMEM. */
cr_must_check int cr_pool_new(size_t bytes, struct cr_pool **ret);
/* All buffers have been given back.  Accepts NULL. */
void cr_pool_free(struct cr_pool *pool);

/* @len > 0 bytes of any content, or NULL.  @pool may be NULL: from the heap. */
void *cr_pool_take(struct cr_pool *pool, size_t len);
/* @buffer of cr_pool_take() with the same @pool, or NULL. */
void cr_pool_give(struct cr_pool *pool, void *buffer);

/* Whether @buffer lies in the region. */
bool cr_pool_holds(const struct cr_pool *pool, const void *buffer);

static inline void cr_pool_freep(struct cr_pool **pool)
{
	cr_pool_free(*pool);
}

#endif
