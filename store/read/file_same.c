/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/file_same.h"

#include <string.h>

#include "store/base/error.h"

enum { WINDOW = 64 << 10 };

/* Both have @size bytes.  1 when they are equal, 0 when not. */
static int compare_bytes(const struct cr_file *a, const struct cr_file *b,
			 uint64_t size)
{
	cr_cleanup(cr_freep) uint8_t *bytes = malloc(2 * (size_t)WINDOW);

	if (!bytes)
		return -ENOMEM;
	for (uint64_t at = 0; at < size;) {
		size_t len = (size_t)cr_min(size - at, (uint64_t)WINDOW);
		ssize_t n = cr_file_read(a, at, bytes, len);
		ssize_t m =
			n < 0 ? 0 : cr_file_read(b, at, bytes + WINDOW, len);

		if (n < 0 || m < 0)
			return (int)(n < 0 ? n : m);
		if (n != m || n == 0 ||
		    memcmp(bytes, bytes + WINDOW, (size_t)n) != 0)
			return 0;
		at += (size_t)n;
	}
	return 1;
}

/* Where ids do not tell that they are the same. */
static int compare(struct cr_reader *reader, const struct cr_file_at *a,
		   const struct cr_file_at *b)
{
	cr_cleanup(cr_file_closep) struct cr_file *x = NULL;
	cr_cleanup(cr_file_closep) struct cr_file *y = NULL;
	struct cr_id hash[2];
	int r;

	r = cr_file_open(reader, a->view, a->file, &x);
	if (r == 0)
		r = cr_file_open(reader, b->view, b->file, &y);
	if (r < 0)
		return r;
	if (cr_file_hash(x, &hash[0]) && cr_file_hash(y, &hash[1]))
		return cr_id_equal(&hash[0], &hash[1]);
	/* Too sparse to be hashed: with other ids they were cut otherwise. */
	if (a->view->domain == b->view->domain &&
	    a->file->content >= CR_CONTENT_LLIST &&
	    b->file->content >= CR_CONTENT_LLIST)
		return 0;
	return compare_bytes(x, y, a->file->size);
}

int cr_file_same(struct cr_reader *reader, const struct cr_file_at *a,
		 const struct cr_file_at *b)
{
	const struct cr_file_ref *x = a->file, *y = b->file;
	bool one_domain = a->view->domain == b->view->domain;

	if (x->size != y->size)
		return 0;
	if (x->size == 0)
		return 1;
	if (one_domain && x->content == y->content &&
	    x->inline_at == y->inline_at && cr_id_equal(&x->id, &y->id))
		return 1;
	if (one_domain && x->content == CR_CONTENT_CHUNK &&
	    y->content == CR_CONTENT_CHUNK)
		return 0;
	return compare(reader, a, b);
}
