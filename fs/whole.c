/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/whole.h"

#include "fs/mount.h"

/* One chunk is read whole in any case. */
static bool has_parts(const struct cr_file_ref *ref)
{
	return ref->content == CR_CONTENT_LLIST ||
	       ref->content == CR_CONTENT_LNODE;
}

/* Read what failed a while ago: the storage may have got over it. */
static int try_again(struct cr_mount *mount, const struct cr_node *node,
		     const struct cr_file *file, const struct cr_range *range)
{
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	struct cr_file_ref ref;
	int r = cr_file_span(file, range->offset, range->len, &span);

	cr_node_file_ref(node, &ref);
	if (r == 0)
		cr_damage_heal(mount->damage, &ref.id);
	else
		cr_damage_mark(mount->damage, &ref.id, range, r);
	return r;
}

int cr_whole_check(struct cr_mount *mount, const struct cr_node *node,
		   const struct cr_file *file)
{
	struct cr_file_ref ref;
	struct cr_range range;
	int r = 0;

	cr_node_file_ref(node, &ref);
	if (!has_parts(&ref))
		return 0;
	switch (cr_damage_ask(mount->damage, &ref.id, &range, &r)) {
	case CR_DAMAGE_NONE:
	case CR_DAMAGE_KNOWN:
		break;
	case CR_DAMAGE_DOUBT:
		r = try_again(mount, node, file, &range);
		break;
	}
	return r;
}

int cr_whole_span(struct cr_mount *mount, const struct cr_node *node,
		  const struct cr_file *file, const struct cr_range *range,
		  struct cr_span *ret)
{
	struct cr_file_ref ref;
	int r = cr_whole_check(mount, node, file);

	if (r == 0) {
		r = cr_file_span(file, range->offset, range->len, ret);
		if (r == 0)
			return 0;
		cr_node_file_ref(node, &ref);
		if (has_parts(&ref))
			cr_damage_mark(mount->damage, &ref.id, range, r);
	}
	/* Whatever the kernel has of it already is a part. */
	cr_damage_drop(mount->damage, node->id);
	return r;
}
