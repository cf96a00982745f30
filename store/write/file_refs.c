/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/file_refs.h"

#include "store/base/error.h"

void cr_file_refs_init(struct cr_file_refs *refs, struct cr_writer *writer)
{
	*refs = (struct cr_file_refs){ .holds = false };
	cr_list_builder_init(&refs->list, writer);
}

void cr_file_refs_release(struct cr_file_refs *refs)
{
	cr_list_builder_release(&refs->list);
}

static int flush_held(struct cr_file_refs *refs)
{
	if (!refs->holds)
		return 0;
	refs->holds = false;
	return cr_list_builder_add(&refs->list, &refs->held);
}

int cr_file_refs_add(struct cr_file_refs *refs, const struct cr_list_item *item)
{
	int r;

	if (!refs->any) {
		refs->any = refs->holds = true;
		refs->held = *item;
		return 0;
	}
	r = flush_held(refs);
	return r < 0 ? r : cr_list_builder_add(&refs->list, item);
}

int cr_file_refs_finish(struct cr_file_refs *refs, const struct cr_id *hash,
			struct cr_stored_content *ret)
{
	int r;

	if (!refs->any)
		return 0;
	if (refs->holds && !refs->held.hole) {
		ret->content = CR_CONTENT_CHUNK;
		ret->id = refs->held.id;
		return 0;
	}
	r = flush_held(refs);
	return r < 0 ? r
		     : cr_list_builder_finish(&refs->list, hash, &ret->content,
					      &ret->id);
}
