/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/pattern.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"

void cr_patterns_release(struct cr_patterns *patterns)
{
	for (size_t i = 0; i < patterns->count; i++)
		free(patterns->pattern[i]);
	free(patterns->pattern);
	*patterns = (struct cr_patterns){ 0 };
}

int cr_patterns_add(struct cr_patterns *patterns, const char *text)
{
	char **grown;

	if (!*text)
		return cr_fail(EINVAL, "an empty pattern");
	grown = reallocarray(patterns->pattern, patterns->count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	patterns->pattern = grown;
	grown[patterns->count] = strdup(text);
	if (!grown[patterns->count])
		return -ENOMEM;
	patterns->count++;
	return 0;
}

static void fclosep(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

int cr_patterns_add_file(struct cr_patterns *patterns, const char *path)
{
	cr_cleanup(fclosep) FILE *file = fopen(path, "re");
	cr_cleanup(cr_freep) char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!file)
		return cr_fail(errno, "%s: %m", path);
	while ((len = getline(&line, &room, file)) > 0) {
		int r;

		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		if (!*line || *line == '#')
			continue;
		r = cr_patterns_add(patterns, line);
		if (r < 0)
			return r;
	}
	return ferror(file) ? cr_fail(EIO, "%s: cannot be read", path) : 0;
}

static bool match_one(const char *pattern, size_t len, const char *top,
		      const char *path)
{
	cr_cleanup(cr_freep) char *own = strndup(pattern, len);
	cr_cleanup(cr_freep) char *whole = NULL;
	const char *last = strrchr(path, '/');
	int flags;

	if (!own)
		return false;
	if (!strchr(own, '/'))
		return fnmatch(own, last ? last + 1 : path, 0) == 0;
	flags = strstr(own, "**") ? 0 : FNM_PATHNAME;
	if (*own != '/')
		return fnmatch(own, path, flags) == 0;
	if (asprintf(&whole, "%s/%s", top, path) < 0) {
		whole = NULL;
		return false;
	}
	return fnmatch(own, whole, flags) == 0;
}

bool cr_patterns_match(const struct cr_patterns *patterns, const char *top,
		       const char *path, bool is_dir)
{
	for (size_t i = 0; i < patterns->count; i++) {
		const char *pattern = patterns->pattern[i];
		size_t len = strlen(pattern);
		bool dirs_only = len > 1 && pattern[len - 1] == '/';

		if ((!dirs_only || is_dir) &&
		    match_one(pattern, len - dirs_only, top, path))
			return true;
	}
	return false;
}
