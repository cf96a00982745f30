/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/holes.h"

#include <errno.h>
#include <unistd.h>

#include "store/base/util.h"
#include "store/codec/format.h"

/* To ask for the hole first is one call where there is none: most files. */
void cr_next_run(int fd, uint64_t size, uint64_t offset, uint64_t *from,
		 uint64_t *to)
{
	off_t hole = lseek(fd, (off_t)offset, SEEK_HOLE);
	off_t data = (off_t)offset;

	*from = *to = size;
	if (hole == data) {
		data = lseek(fd, data, SEEK_DATA);
		if (data < 0) {
			if (errno != ENXIO)
				*from = offset;
			return;
		}
		hole = lseek(fd, data, SEEK_HOLE);
	}
	*from = cr_min((uint64_t)data, size);
	if (hole > data)
		*to = cr_min((uint64_t)hole, size);
}

bool cr_hash_pays(int fd, uint64_t size)
{
	uint64_t data = 0, at = 0, holes;

	while (at < size) {
		uint64_t from, to;

		cr_next_run(fd, size, at, &from, &to);
		data += to - from;
		at = to;
	}
	holes = size - data;
	/* Divided, and rounded up: the product would wrap. */
	return holes <= CR_HOLES_FREE ||
	       (holes - CR_HOLES_FREE - 1) / CR_HOLES_PER_BYTE < data;
}
