/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ours.h"

#include <errno.h>
#include <string.h>

#include "fs/mount.h"
#include "store/base/buf.h"
#include "store/base/hex.h"

#define PREFIX "user.caprock."

/* ---- The hash of a file ---- */

static int hash_bytes(const struct cr_file *file, uint64_t size,
		      struct cr_id *ret)
{
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	struct cr_file_hash hash;
	int r = cr_file_span(file, 0, (size_t)size, &span);

	if (r < 0)
		return r;
	cr_file_hash_init(&hash);
	for (size_t i = 0; i < span.count; i++)
		cr_file_hash_update(&hash, span.iov[i].iov_base,
				    span.iov[i].iov_len);
	*ret = cr_file_hash_final(&hash);
	return 0;
}

/* Whether the topmost object of a list can be read. */
static int probe_list(const struct cr_mount *mount, const struct cr_view *view,
		      const struct cr_file_ref *ref)
{
	struct cr_pin pin;
	int r = cr_reader_get(mount->reader, view, CR_CHUNK_LNODE, &ref->id,
			      NULL, &pin, NULL);

	if (r == 0)
		cr_pin_release(&pin);
	return r;
}

/* That of a list is stored, of all its bytes; one chunk or less is hashed. */
static int get_hash(struct cr_mount *mount, const struct cr_node *node,
		    struct cr_buf *out)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	struct cr_file_ref ref;
	struct cr_view view;
	struct cr_id hash;
	int r;

	if (!node->page || node->entry->type != CR_ENTRY_FILE)
		return -ENODATA;
	view = cr_node_view(node);
	cr_node_file_ref(node, &ref);
	r = cr_handle_open(mount->files, &view, &ref, &handle);
	if (r == 0 && ref.content == CR_CONTENT_LNODE)
		r = probe_list(mount, &view, &ref);
	if (r == 0 && ref.content < CR_CONTENT_LLIST)
		r = hash_bytes(handle.file, ref.size, &hash);
	else if (r == 0 && !cr_file_hash(handle.file, &hash))
		r = -ENODATA;
	if (r < 0)
		return r;
	cr_buf_put(out, cr_id_hex(&hash).text, 2 * sizeof(hash.bytes));
	return cr_buf_error(out);
}

/* ---- Snapshots ---- */

static int get_snapshot(struct cr_mount *mount, const struct cr_node *node,
			struct cr_buf *out)
{
	const struct cr_snapshot *snapshot = cr_node_snapshot(node);

	(void)mount;
	cr_buf_put(out, cr_id_hex(&snapshot->id).text, 2 * CR_ID_LEN);
	return cr_buf_error(out);
}

/* ---- By name ---- */

typedef int (*get_fn)(struct cr_mount *mount, const struct cr_node *node,
		      struct cr_buf *out);

static get_fn find(const char *name)
{
	static const struct {
		const char *name;
		get_fn get;
	} table[] = {
		{ PREFIX "b2sum256", get_hash },
		{ PREFIX "snapshot", get_snapshot },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].get;
	return NULL;
}

bool cr_ours_is(const char *name)
{
	return find(name) != NULL;
}

int cr_ours_get(struct cr_mount *mount, const struct cr_node *node,
		const char *name, struct cr_buf *out)
{
	get_fn get = find(name);

	return get && node->entry ? get(mount, node, out) : -ENODATA;
}
