/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/segments.h"

#include <stdio.h>

#include "store/base/error.h"
#include "store/base/hex.h"

int cr_segment_read(const struct cr_repo *repo, const struct cr_id *id,
		    struct cr_buf *bytes, struct cr_segment *ret)
{
	char name[16 + 2 * CR_ID_LEN];
	struct cr_piece all;
	struct cr_id is;
	int r;

	(void)snprintf(name, sizeof(name), "index/%s", cr_id_hex(id).text);
	cr_buf_clear(bytes);
	r = cr_storage_get(repo->storage, name, CR_SEGMENT_MAX, bytes);
	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s is missing", name);
	if (r < 0)
		return r;
	all = (struct cr_piece){ bytes->bytes, bytes->len };
	is = cr_segment_id(all);
	if (!cr_id_equal(&is, id))
		return cr_fail(CR_ECORRUPT, "%s: damaged", name);
	r = cr_segment_parse(all, ret);
	if (r < 0)
		return r;
	if (!cr_uid_equal(&ret->repository, &repo->info.id))
		return cr_fail(CR_ECORRUPT, "%s: of another repository", name);
	return 0;
}

struct finding {
	const struct cr_repo *repo;
	const struct cr_uid *pack;
	struct cr_buf *bytes;
	struct cr_segment_item *ret;
};

static int look_in_segment(void *arg, const char *name, uint64_t size)
{
	struct finding *f = arg;
	struct cr_segment segment;
	struct cr_id id;

	(void)size;
	if (cr_unhex(name, id.bytes, sizeof(id.bytes)) < 0 ||
	    cr_segment_read(f->repo, &id, f->bytes, &segment) < 0)
		return 0; /* what is damaged has its own report */
	while (cr_segment_next(&segment, f->ret) > 0) {
		struct cr_pack_header header;

		if (cr_pack_header_parse(f->ret->header, &header) == 0 &&
		    cr_uid_equal(&header.pack, f->pack))
			return 1;
	}
	return 0;
}

int cr_segments_find(const struct cr_repo *repo, const struct cr_uid *pack,
		     struct cr_buf *bytes, struct cr_segment_item *ret)
{
	struct finding f = { repo, pack, bytes, ret };
	int r = cr_storage_list(repo->storage, "index", false, look_in_segment,
				&f);

	if (r < 0)
		return r;
	return r == 1 ? 0 : -CR_EMISSING;
}
