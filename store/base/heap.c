/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAP_FROM  (8 << 20) /* bytes: larger ones are mapped on their own */
#define KEEP_FREE (64 << 20)
#define BYTES_MAX (1u << 30)

void cr_heap_prepare(size_t bytes)
{
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && \
	!defined(__SANITIZE_THREAD__)
	int pad = (int)(bytes < BYTES_MAX ? bytes : BYTES_MAX);
	void *volatile probe; /* lest the pair be left out */
	uintptr_t from, to;

	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_MMAP_THRESHOLD, MAP_FROM);
	(void)mallopt(M_TRIM_THRESHOLD, pad + KEEP_FREE);
	/* What does not fit into the end of the heap makes it grow, by that. */
	from = (uintptr_t)sbrk(0);
	(void)mallopt(M_TOP_PAD, pad);
	probe = malloc(MAP_FROM / 2);
	free(probe);
	(void)mallopt(M_TOP_PAD, CR_HUGE_PAGE);
	to = (uintptr_t)sbrk(0);
	from = (from + CR_HUGE_PAGE - 1) / CR_HUGE_PAGE * CR_HUGE_PAGE;
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
	(void)bytes;
#endif
}

void *cr_heap_huge(size_t len)
{
	size_t whole = (len + CR_HUGE_PAGE - 1) / CR_HUGE_PAGE * CR_HUGE_PAGE;
	void *bytes = aligned_alloc(CR_HUGE_PAGE, whole);

	/* Where there are no such pages it stays as it is. */
	if (bytes)
		(void)madvise(bytes, whole, MADV_HUGEPAGE);
	return bytes;
}
