/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/wanted.h"

#include <errno.h>
#include <string.h>

void cr_wanted_free(struct cr_wanted *wanted)
{
	if (!wanted)
		return;
	/* As deep as a path that somebody typed. */
	for (size_t i = 0; i < wanted->children; i++)
		cr_wanted_free(wanted->child[i]);
	free(wanted->child);
	free(wanted->name);
	free(wanted);
}

static void wanted_freep(struct cr_wanted **wanted)
{
	cr_wanted_free(*wanted);
}

static struct cr_wanted *wanted_new(const char *name, size_t len)
{
	struct cr_wanted *wanted = calloc(1, sizeof(*wanted));

	if (!wanted)
		return NULL;
	wanted->name = strndup(name, len);
	if (!wanted->name) {
		free(wanted);
		return NULL;
	}
	return wanted;
}

/* Where @name is among the children, or should be. */
static size_t place(const struct cr_wanted *in, const char *name, size_t len,
		    bool *found)
{
	size_t low = 0, high = in->children;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *at = in->child[mid]->name;
		int order = strncmp(name, at, len);

		if (order == 0 && at[len] != '\0')
			order = -1;
		if (order == 0) {
			*found = true;
			return mid;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	*found = false;
	return low;
}

static int add_child(struct cr_wanted *in, size_t at, const char *name,
		     size_t len)
{
	struct cr_wanted *child = wanted_new(name, len);
	struct cr_wanted **grown =
		reallocarray(in->child, in->children + 1, sizeof(*grown));

	if (grown)
		in->child = grown;
	if (!child || !grown) {
		cr_wanted_free(child);
		return -ENOMEM;
	}
	memmove(grown + at + 1, grown + at,
		(in->children - at) * sizeof(*grown));
	grown[at] = child;
	in->children++;
	return 0;
}

static int add(struct cr_wanted *root, const char *path)
{
	struct cr_wanted *in = root;

	while (*(path += strspn(path, "/"))) {
		size_t len = strcspn(path, "/");
		bool found;
		size_t at = place(in, path, len, &found);

		if (!found) {
			int r = add_child(in, at, path, len);

			if (r < 0)
				return r;
		}
		in = in->child[at];
		path += len;
	}
	in->whole = true;
	return 0;
}

int cr_wanted_build(char *const *path, size_t n, struct cr_wanted **ret)
{
	cr_cleanup(wanted_freep) struct cr_wanted *root = wanted_new("", 0);

	if (!root)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		int r = add(root, path[i]);

		if (r < 0)
			return r;
	}
	*ret = cr_take(root);
	return 0;
}
