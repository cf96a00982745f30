/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node of a snapshot is: asked of what it holds, so without a lock. */
#include <string.h>

#include "fs/ino.h"
#include "fs/inode.h"
#include "fs/shelf.h"
#include "store/base/buf.h"
#include "store/read/cache.h"
#include "store/read/snapshots.h"

const struct cr_snapshot *cr_node_snapshot(const struct cr_node *node)
{
	return node->page ? node->shelf->folder->snapshot : node->date.snapshot;
}

struct cr_view cr_node_view(const struct cr_node *node)
{
	return node->page ? node->shelf->folder->view : node->shelf->view;
}

void cr_node_file_ref(const struct cr_node *node, struct cr_file_ref *ret)
{
	cr_page_file_ref(cr_cached_value(node->page), node->index, ret);
}

static void tree_ref(const struct cr_node *node, struct cr_tree_ref *ret)
{
	const struct cr_manifest *manifest;

	if (node->page) {
		cr_page_tree_ref(cr_cached_value(node->page), node->index, ret);
		return;
	}
	manifest = &cr_node_snapshot(node)->manifest;
	*ret = (struct cr_tree_ref){ manifest->root.content, manifest->root_id,
				     manifest->root_hint };
}

uint64_t cr_node_ino(const struct cr_node *node)
{
	struct cr_view view = cr_node_view(node);
	const struct cr_snapshot *snapshot = cr_node_snapshot(node);
	struct cr_ino_of of = {
		.domain = view.domain,
		.snapshot = &snapshot->id,
		.entry = node->entry,
	};
	struct cr_file_ref file;
	struct cr_tree_ref tree;
	struct cr_key root;

	if (node->inodes->options.share_folders &&
	    node->entry->type == CR_ENTRY_DIRECTORY) {
		tree_ref(node, &tree);
		of.tree = &tree;
	}
	if (!node->page) {
		cr_ino_root_key(view.domain, snapshot->source, &root);
		of.folder = &root;
		return cr_ino(&of);
	}
	of.folder = &node->shelf->folder->key;
	if (node->entry->type == CR_ENTRY_FILE) {
		cr_node_file_ref(node, &file);
		of.file = &file;
	}
	return cr_ino(&of);
}

uint64_t cr_node_parent_ino(const struct cr_node *node)
{
	return node->page ? node->shelf->folder->ino : 0;
}

uint64_t cr_node_place(const struct cr_node *node, uint64_t *ordinal)
{
	*ordinal = node->shelf->first + node->index;
	return node->shelf->folder->node;
}

bool cr_node_is_last(const struct cr_node *node)
{
	return node->index + 1 == node->shelf->entries;
}

static size_t put_before(uint8_t *at, const void *name, size_t len)
{
	memcpy(at - len, name, len);
	at[-(ptrdiff_t)len - 1] = '/';
	return len + 1;
}

void cr_node_path(const struct cr_node *node, struct cr_buf *out)
{
	struct cr_piece name = node->entry->name;
	const struct cr_folder *folder;
	size_t len = 1 + name.len;
	uint8_t *at;

	if (!node->page) {
		cr_buf_put(out, "/", 1);
		return;
	}
	/* A snapshot's root has no name, and its shelf no folder. */
	for (folder = node->shelf->folder; folder->name_len > 0;
	     folder = folder->shelf->folder)
		len += 1 + folder->name_len;
	at = cr_buf_extend(out, len);
	if (!at)
		return;
	at += len;
	at -= put_before(at, name.bytes, name.len);
	for (folder = node->shelf->folder; folder->name_len > 0;
	     folder = folder->shelf->folder)
		at -= put_before(at, folder->name, folder->name_len);
}
