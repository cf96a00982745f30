/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/target.h"

#include <string.h>

#include "store/base/buf.h"

/* The next name of @rest, skipping slashes and dots; false at the end. */
static bool next_name(struct cr_piece *rest, struct cr_piece *name)
{
	const char *at = rest->bytes;
	size_t left = rest->len, len = 0;

	do {
		at += len;
		left -= len;
		while (left > 0 && *at == '/') {
			at++;
			left--;
		}
		len = 0;
		while (len < left && at[len] != '/')
			len++;
	} while (len == 1 && *at == '.');
	*name = (struct cr_piece){ at, len };
	*rest = (struct cr_piece){ at + len, left - len };
	return len > 0;
}

static bool is_up(struct cr_piece name)
{
	return name.len == 2 && memcmp(name.bytes, "..", 2) == 0;
}

static bool same(struct cr_piece a, struct cr_piece b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

/* How many directories @path, a link's, is below the root. */
static size_t depth_of(struct cr_piece path)
{
	struct cr_piece name;
	size_t n = 0;

	while (next_name(&path, &name))
		n++;
	return n > 0 ? n - 1 : 0;
}

/*
 * Whether @target, relative, goes up first, no further than the root @depth
 * above, and then down.  Up again from a name may lead anywhere: it may be a
 * link to a place that is less deep.
 */
static bool stays(struct cr_piece target, size_t depth)
{
	struct cr_piece name;
	bool down = false;

	while (next_name(&target, &name)) {
		if (!is_up(name))
			down = true;
		else if (down || depth-- == 0)
			return false;
	}
	return true;
}

/* Add @path to @out, which is "" or "/a/b": names as they are, ".." taken. */
static void walk(struct cr_buf *out, struct cr_piece path)
{
	struct cr_piece name;

	while (next_name(&path, &name)) {
		if (!is_up(name)) {
			cr_buf_put(out, "/", 1);
			cr_buf_put(out, name.bytes, name.len);
			continue;
		}
		while (out->len > 0 && out->bytes[--out->len] != '/')
			;
	}
}

/* Where @target leads on the machine that was backed up: "/a/b", "" for "/". */
static int resolve(const struct cr_target_at *at, struct cr_piece target,
		   struct cr_buf *out)
{
	const char *bytes = target.bytes;

	if (target.len == 0 || bytes[0] != '/') {
		static const struct cr_piece up = { "..", 2 };

		walk(out, at->top);
		walk(out, at->path);
		walk(out, up);
	}
	walk(out, target);
	return cr_buf_error(out);
}

/* Take the names of @top from the front of @path; false if it has others. */
static bool take_top(struct cr_piece *path, struct cr_piece top)
{
	struct cr_piece rest = *path, want, name;

	while (next_name(&top, &want))
		if (!next_name(&rest, &name) || !same(name, want))
			return false;
	*path = rest;
	return true;
}

int cr_target_inside(const struct cr_target_at *at, struct cr_piece target,
		     struct cr_buf *out)
{
	cr_cleanup(cr_buf_release) struct cr_buf live = { 0 };
	size_t depth = depth_of(at->path), before = out->len;
	const char *bytes = target.bytes;
	struct cr_piece path, name;
	const char *slash = "";
	int r;

	if (target.len > 0 && bytes[0] != '/' && stays(target, depth)) {
		cr_buf_put(out, target.bytes, target.len);
		return cr_buf_error(out);
	}
	r = resolve(at, target, &live);
	if (r < 0)
		return r;
	path = (struct cr_piece){ live.bytes, live.len };
	for (; depth > 0; depth--, slash = "/") {
		cr_buf_put(out, slash, strlen(slash));
		cr_buf_put(out, "..", 2);
	}
	if (!take_top(&path, at->top)) {
		cr_buf_put(out, slash, strlen(slash));
		cr_buf_put(out, CR_TARGET_ABSENT, strlen(CR_TARGET_ABSENT));
		slash = "/";
	}
	for (; next_name(&path, &name); slash = "/") {
		cr_buf_put(out, slash, strlen(slash));
		cr_buf_put(out, name.bytes, name.len);
	}
	if (out->len == before)
		cr_buf_put(out, ".", 1);
	return cr_buf_error(out);
}
