/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/backup_paths.h"

#include <stdio.h>
#include <string.h>

#include "store/base/error.h"

void cr_paths_release(struct cr_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->path[i]);
	free(paths->path);
	*paths = (struct cr_paths){ 0 };
}

int cr_paths_add(struct cr_paths *paths, const char *path)
{
	char **grown =
		reallocarray(paths->path, paths->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	paths->path = grown;
	grown[paths->count] = realpath(path, NULL);
	if (!grown[paths->count])
		return cr_fail(errno, "%s: %m", path);
	paths->count++;
	return 0;
}

static int add_all(struct cr_paths *paths, const char *name, FILE *file)
{
	cr_cleanup(cr_freep) char *line = NULL;
	size_t room = 0;
	int r = 0;

	while (r == 0 && getdelim(&line, &room, '\0', file) > 0)
		if (*line)
			r = cr_paths_add(paths, line);
	if (r == 0 && ferror(file))
		return cr_fail(EIO, "%s: cannot be read", name);
	return r;
}

int cr_paths_add_file0(struct cr_paths *paths, const char *file)
{
	FILE *from = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	int r;

	if (!from)
		return cr_fail(errno, "%s: %m", file);
	r = add_all(paths, file, from);
	if (from != stdin)
		(void)fclose(from);
	return r;
}
