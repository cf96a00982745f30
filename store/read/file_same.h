/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file_same.h - whether two files hold the same bytes.
 */
#ifndef STORE_READ_FILE_SAME_H
#define STORE_READ_FILE_SAME_H

#include "store/read/file.h"

/* A file, and the snapshot that it is of. */
struct cr_file_at {
	const struct cr_view *view;	/* borrowed */
	const struct cr_file_ref *file; /* borrowed */
};

/*
 * 1 when they do, 0 when not.  By ids and stored hashes where those tell; read
 * are small files, and those of two writers that share no ids.  Errors as
 * cr_file_open() and cr_file_read().  Any thread.
 */
cr_must_check int cr_file_same(struct cr_reader *reader,
			       const struct cr_file_at *a,
			       const struct cr_file_at *b);

#endif
