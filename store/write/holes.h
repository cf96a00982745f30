/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * holes.h - where a live file has data and where it has none.
 */
#ifndef STORE_WRITE_HOLES_H
#define STORE_WRITE_HOLES_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The data run at or after @offset of the open file of @size bytes: [*from,
 * *to).  Without one *from is the size.  File systems that know nothing of
 * holes say so by EINVAL: then all is data.
 */
void cr_next_run(int fd, uint64_t size, uint64_t offset, uint64_t *from,
		 uint64_t *to);

/* Whether the whole-file hash is worth its zeros (FORMAT.md section 9). */
bool cr_hash_pays(int fd, uint64_t size);

#endif
