/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * heap.h - a heap for a process that keeps what it is given: one that runs for
 * months, or that needs much soon.
 *
 * glibc's arenas of threads grow by pages, each of which costs a fault, and
 * in a virtual machine a fault costs more than what is done with the page.  One
 * arena is enough here, since what is large comes from a pool (store/base/
 * pool.h) and the rest mostly from the caches of threads.  It grows in steps of
 * huge pages; where the kernel gives those only to whoever asks, they are asked
 * for.  That takes address space in advance, no memory.
 */
#ifndef STORE_BASE_HEAP_H
#define STORE_BASE_HEAP_H

#include <stddef.h>

/*
 * Prepare for @bytes.  Call it before the first thread.  Where the C library or
 * the kernel will have none of it, the heap stays as it is.
 */
void cr_heap_prepare(size_t bytes);

#define CR_HUGE_PAGE (2u << 20) /* bytes: of x86-64 */

/*
 * @len > 0 bytes on huge pages, where the kernel has some: one fault instead of
 * hundreds.  The caller's, for free(); NULL without memory.
 */
void *cr_heap_huge(size_t len);

#endif
