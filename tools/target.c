/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/target.h"

#include <string.h>

#include "store/base/error.h"
#include "store/read/file.h"
#include "tools/format.h"

/* Without the "/" around it. */
static const char *trim(char *path)
{
	size_t len;

	path += strspn(path, "/");
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

int cr_target_find(struct cr_session *session, char *text,
		   struct cr_target *ret)
{
	const char *name;
	char *path;
	int r;

	path = cr_split_target(text, &name);
	ret->path = trim(path);
	r = cr_session_find(session, name, &ret->snapshot);
	if (r < 0)
		return r;
	r = cr_view_init(session->repo, ret->snapshot, &ret->view);
	if (r < 0)
		return r;
	return cr_lookup(session->reader, &ret->view, ret->snapshot, ret->path,
			 &ret->found);
}

void cr_target_release(struct cr_target *target)
{
	cr_found_release(&target->found);
	memset(target, 0, sizeof(*target));
}

int cr_target_open(struct cr_session *session, char *text,
		   struct cr_target *target, struct cr_file **ret)
{
	int r;

	r = cr_target_find(session, text, target);
	if (r < 0)
		return r;
	if (target->found.entry.type != CR_ENTRY_FILE)
		return cr_fail(target->found.entry.type == CR_ENTRY_DIRECTORY
				       ? EISDIR
				       : EINVAL,
			       "%s: a %s, not a file", target->path,
			       cr_type_text(target->found.entry.type));
	return cr_file_open(session->reader, &target->view, &target->found.file,
			    ret);
}
