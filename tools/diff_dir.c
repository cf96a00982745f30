/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/diff_dir.h"

int cr_diff_dir_open(struct cr_reader *reader, const struct cr_view *view,
		     const struct cr_tree_ref *tree, struct cr_diff_dir *ret)
{
	*ret = (struct cr_diff_dir){ 0 };
	return cr_dir_open(reader, view, tree, &ret->dir);
}

void cr_diff_dir_release(struct cr_diff_dir *in)
{
	cr_page_free(in->page);
	cr_dir_close(in->dir);
	*in = (struct cr_diff_dir){ 0 };
}

void cr_diff_dir_drop_page(struct cr_diff_dir *in)
{
	cr_page_free(in->page);
	in->page = NULL;
}

int cr_diff_dir_peek(struct cr_diff_dir *in, struct cr_diff_node *ret)
{
	const struct cr_page *page = in->page;
	uint32_t i;

	if (!in->dir || in->next >= cr_dir_entries(in->dir))
		return 0;
	if (!page || in->next >= page->first + page->leaf.entries) {
		int r;

		cr_diff_dir_drop_page(in);
		r = cr_dir_page(in->dir, in->next, &in->page);
		if (r < 0)
			return r;
		page = in->page;
	}
	i = (uint32_t)(in->next - page->first);
	*ret = (struct cr_diff_node){ .entry = &page->leaf.entry[i] };
	if (ret->entry->type == CR_ENTRY_DIRECTORY)
		cr_page_tree_ref(page, i, &ret->tree);
	if (ret->entry->type == CR_ENTRY_FILE)
		cr_page_file_ref(page, i, &ret->file);
	return 1;
}
