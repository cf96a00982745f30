/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/reply.h"

#include <errno.h>
#include <fuse_lowlevel.h>

#include "fs/attr.h"
#include "fs/mount.h"
#include "fs/show.h"
#include "store/base/buf.h"
#include "store/base/error.h"

void cr_reply_stat(struct cr_mount *mount, const struct cr_node *node,
		   struct stat *ret)
{
	if (node->entry)
		cr_attr_stat(node->entry, cr_node_ino(node), ret);
	else if (cr_date_is_past(&node->date))
		cr_past_stat(mount->past, &node->date, ret);
	else
		cr_dates_stat(mount->dates, &node->date, ret);
	cr_show_stat(mount->show, node, ret);
}

void cr_reply_entry(struct cr_mount *mount, struct cr_node *node,
		    struct fuse_entry_param *e)
{
	struct cr_node_name name;

	*e = (struct fuse_entry_param){ 0 };
	cr_reply_stat(mount, node, &e->attr);
	/* A snapshot is where it is listed, and what it is for good. */
	e->entry_timeout = node->page ? CR_FOREVER : CR_A_SECOND;
	e->attr_timeout = node->entry ? CR_FOREVER : CR_A_SECOND;
	cr_node_count(node, &name);
	e->ino = name.id;
	e->generation = name.generation;
}

/* Answers, not faults. */
static bool is_ordinary(int r)
{
	static const int ordinary[] = {
		ENOENT, ENOTDIR, EISDIR, EINVAL, ENODATA,
		ERANGE, ESTALE,	 ENXIO,	 EROFS,	 ENAMETOOLONG,
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(ordinary); i++)
		if (r == -ordinary[i])
			return true;
	return false;
}

int cr_reply_errno(struct cr_mount *mount, const struct cr_node *node, int r)
{
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	char snapshot[CR_MOUNT_NAME_MAX] = "?";

	if (is_ordinary(r))
		return cr_errno(r);
	/* Of the past, and of the way to a part, it was told where it was. */
	if (!node->entry && (mount->part || cr_date_in_past(&node->date)) &&
	    (cr_is_damage(r) || r == -CR_ECAPABILITY))
		return cr_errno(r);
	if (node->inodes && node->entry) {
		cr_mount_name(cr_node_snapshot(node), snapshot);
		cr_mount_path(mount, node, &path);
	}
	cr_damage_tell(
		mount->damage,
		&(struct cr_damaged){ snapshot, path.bytes, path.len, r });
	return cr_errno(r);
}
