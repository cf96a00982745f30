/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * util.h - the few macros every file may rely on.
 */
#ifndef STORE_BASE_UTIL_H
#define STORE_BASE_UTIL_H

#include <assert.h>
#include <stdlib.h>

#define cr_cleanup(fn)	   __attribute__((cleanup(fn)))
#define cr_printf(fmt, va) __attribute__((format(printf, fmt, va)))
#define cr_must_check	   __attribute__((warn_unused_result))

/* Hand over a pointer or struct, leaving zeroes for the cleanup to find. */
#define cr_take(var)                        \
	({                                  \
		typeof(var) taken_ = (var); \
		(var) = (typeof(var)){ 0 }; \
		taken_;                     \
	})

#define CR_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define cr_min(a, b)                               \
	({                                         \
		typeof(a) min_a_ = (a);            \
		typeof(b) min_b_ = (b);            \
		min_a_ < min_b_ ? min_a_ : min_b_; \
	})
#define cr_max(a, b)                               \
	({                                         \
		typeof(a) max_a_ = (a);            \
		typeof(b) max_b_ = (b);            \
		max_a_ > max_b_ ? max_a_ : max_b_; \
	})

/* Cleanups for what has no module of ours: malloc and descriptors. */
static inline void cr_freep(void *pointer)
{
	free(*(void **)pointer);
}

void cr_closep(int *fd);

/* How many processors this process may run on: at least one. */
unsigned int cr_cores(void);

#endif
