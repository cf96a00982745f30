/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/past.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/past_int.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/read/history.h"
#include "store/read/snapshots.h"

#define TIME_BIAS (1ll << 40) /* times of all years: positive */

/* The first error of @history, or 0. */
static int error_of(const struct cr_history *history)
{
	for (uint32_t i = 0; i < history->count; i++)
		if (history->version[i].error < 0)
			return history->version[i].error;
	return 0;
}

/* What is not there, or cannot be told to be. */
static int absent(const struct cr_history *history)
{
	int error = error_of(history);

	return error < 0 ? error : -ENOENT;
}

/* ---- Sources ---- */

/* The directory of source number @source in @view; to be put back. */
static int top_of(struct cr_past *past, const struct cr_date *view,
		  uint32_t source, struct cr_date *ret)
{
	struct cr_spot *spot = cr_spot_top(past->options.inodes, view, source,
					   &past->options.key);

	if (!spot)
		return -ENOMEM;
	*ret = (struct cr_date){ .kind = CR_DATE_PAST, .spot = spot };
	return 0;
}

static int find_source(struct cr_past *past, const struct cr_date *view,
		       const char *name, struct cr_date *ret)
{
	const struct cr_date all = { .kind = CR_DATE_SNAPSHOTS };
	struct cr_date source;
	int r = cr_dates_find(past->options.dates, &all, name, &source);

	return r < 0 ? r : top_of(past, view, source.source, ret);
}

static int list_sources(struct cr_past *past, const struct cr_date *view,
			uint64_t cookie, struct cr_past_item *out, size_t max)
{
	const struct cr_date all = { .kind = CR_DATE_SNAPSHOTS };
	struct cr_date_item item;
	size_t n = 0;

	while (n < max) {
		struct cr_date top;
		int r = cr_dates_list(past->options.dates, &all, cookie, &item,
				      1);

		if (r == 0)
			break;
		if (r > 0)
			r = top_of(past, view, item.date.source, &top);
		if (r < 0)
			return r;
		cookie = item.cookie;
		out[n] = (struct cr_past_item){
			.cookie = cookie,
			.ino = top.spot->ino,
			.type = S_IFDIR,
		};
		(void)snprintf(out[n++].name, sizeof(out->name), "%s",
			       item.name);
		cr_past_put(past, &top);
	}
	return (int)n;
}

/* ---- Versions of a file ---- */

/* Whether version @i is one of those that have a link. */
static bool has_link(const struct cr_past_known *known, uint32_t i)
{
	const struct cr_version *version = &known->history.version[i];

	return version->error == 0 && !cr_past_is_directory(version) &&
	       known->same[i] == i;
}

/* Links, whose cookies are by time, before what is below. */
static int list_versions(struct cr_past *past, struct cr_spot *spot,
			 uint64_t cookie, struct cr_past_item *out, size_t max)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	const struct cr_past_known *known;
	size_t n = 0;
	int r;

	if (cookie >= CR_PAST_KEY)
		return 0;
	r = cr_past_history(past, spot, &cached);
	if (r < 0)
		return r;
	known = cr_cached_value(cached);
	for (uint32_t i = 0; i < known->history.count && n < max; i++) {
		const struct cr_snapshot *since =
			known->history.version[i].since;
		uint64_t at = (uint64_t)(since->head.time + TIME_BIAS);

		if (at <= cookie || !has_link(known, i))
			continue;
		out[n] = (struct cr_past_item){
			.cookie = at,
			.ino = cr_spot_ino(spot, (struct cr_piece){ 0 },
					   &since->id),
			.type = S_IFLNK,
		};
		cr_past_name(since->head.time, cr_spot_name(spot),
			     out[n++].name);
	}
	return (int)n;
}

/* The link @name to a version of what is at @spot. */
static int find_version(struct cr_past *past, struct cr_spot *spot,
			const char *name, struct cr_date *ret)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	const struct cr_past_known *known;
	char same[CR_NAME_MAX + 1];
	const char *rest;
	int64_t time;
	int r = cr_past_parse(name, &time, &rest);

	if (r < 0 || spot->name_len == 0)
		return -ENOENT;
	cr_past_name(time, cr_spot_name(spot), same);
	if (strcmp(name, same) != 0)
		return -ENOENT;
	r = cr_past_history(past, spot, &cached);
	if (r < 0)
		return r;
	known = cr_cached_value(cached);
	for (uint32_t i = 0; i < known->history.count; i++) {
		const struct cr_snapshot *since =
			known->history.version[i].since;

		if (since->head.time != time || !has_link(known, i))
			continue;
		*ret = (struct cr_date){
			.kind = CR_DATE_PAST_LINK,
			.snapshot = since,
			.spot = cr_spot_hold(past->options.inodes, spot),
		};
		return 0;
	}
	return -ENOENT;
}

/* ---- Names ---- */

/* As an item of a list; false for what is not shown in the view of @spot. */
static bool show(const struct cr_spot *spot, const struct cr_known *known,
		 struct cr_past_item *ret)
{
	bool versions = spot->view == CR_DATE_VERSIONS;
	const struct cr_id *to = NULL;

	if (!versions && known->present &&
	    !(known->types & 1u << CR_ENTRY_DIRECTORY))
		return false;
	*ret = (struct cr_past_item){ .cookie = known->key, .type = S_IFDIR };
	if (versions || known->present) {
		memcpy(ret->name, known->name, known->name_len);
	} else {
		ret->type = S_IFLNK;
		to = &known->until->id;
		cr_past_name(known->until->head.time, cr_known_name(known),
			     ret->name);
	}
	ret->ino = cr_spot_ino(spot, cr_known_name(known), to);
	return true;
}

/* The first of @names whose key is above @cookie. */
static size_t first_after(const struct cr_known_names *names, uint64_t cookie)
{
	size_t low = 0, high = names->count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (names->known[mid]->key <= cookie)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Those of one list; @cookie goes to its last. */
static size_t list_some(const struct cr_spot *spot,
			const struct cr_known_names *names, uint64_t *cookie,
			struct cr_past_item *out, size_t max)
{
	size_t n = 0;

	for (size_t i = first_after(names, *cookie);
	     i < names->count && n < max; i++) {
		*cookie = names->known[i]->key;
		n += show(spot, names->known[i], &out[n]);
	}
	return n;
}

static int list_names(struct cr_past *past, struct cr_spot *spot,
		      uint64_t cookie, struct cr_past_item *out, size_t max)
{
	uint64_t at = 0, next = CR_PAST_KEY;
	size_t n = 0;
	int error = 0;
	bool more = true;

	/* From list to list, or to where such a list happens to end. */
	while (more && n < max) {
		cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
		const struct cr_known_names *names;
		uint64_t from, last;
		int r = cr_past_list_of(past, spot, cookie + 1, &from);

		if (r < 0)
			return r;
		at = from > at ? from : next;
		r = cr_past_names(past, spot, at, &cached);
		if (r < 0)
			return r;
		names = cr_cached_value(cached);
		if (spot->view == CR_DATE_DELETED && names->newest_error < 0)
			return names->newest_error;
		if (error == 0)
			error = names->error;
		more = names->more && names->count > 0;
		last = more ? names->known[names->count - 1]->key : 0;
		n += list_some(spot, names, &cookie, out + n, max - n);
		cookie = n < max ? cr_max(cookie, last) : cookie;
		next = last + 1;
	}
	return n > 0 ? (int)n : error;
}

/* ---- What is below a directory ---- */

/* The spot of @name in @dir and its history, both to be put back. */
static int look(struct cr_past *past, struct cr_spot *dir, struct cr_piece name,
		struct cr_spot **spot, struct cr_cached **history)
{
	struct cr_spot *below;
	int r;

	if (name.len == 0 || name.len > CR_NAME_MAX)
		return -ENOENT;
	below = cr_spot_below(past->options.inodes, dir, name);
	if (!below)
		return -ENOMEM;
	r = cr_past_history(past, below, history);
	if (r < 0) {
		cr_spot_put(past->options.inodes, below);
		return r;
	}
	*spot = below;
	return 0;
}

/* Whether what has @history is a directory in the view. */
static bool is_shown(const struct cr_spot *spot,
		     const struct cr_history *history)
{
	for (uint32_t i = 0; i < history->count; i++)
		if (cr_past_is_directory(&history->version[i]) ||
		    (history->version[i].error == 0 &&
		     spot->view == CR_DATE_VERSIONS))
			return true;
	return false;
}

/* The directory of what is @known, or never was there. */
static int find_known_below(struct cr_past *past, struct cr_spot *dir,
			    const struct cr_known *known, struct cr_date *ret)
{
	if (!known || (dir->view != CR_DATE_VERSIONS &&
		       !(known->types & 1u << CR_ENTRY_DIRECTORY)))
		return -ENOENT;
	*ret = (struct cr_date){
		.kind = CR_DATE_PAST,
		.spot = cr_spot_below(past->options.inodes, dir,
				      cr_known_name(known)),
	};
	return ret->spot ? 0 : -ENOMEM;
}

static int find_below(struct cr_past *past, struct cr_spot *dir,
		      const char *text, struct cr_date *ret)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *history = NULL;
	cr_cleanup(cr_cached_unpinp) struct cr_cached *list = NULL;
	const struct cr_piece name = { text, strlen(text) };
	const struct cr_known *known;
	struct cr_spot *spot;
	int r = cr_past_ask(past, dir, name, &list, &known);

	if (r > 0)
		return find_known_below(past, dir, known, ret);
	if (r == 0)
		r = look(past, dir, name, &spot, &history);
	if (r < 0)
		return r;
	if (!is_shown(spot, cr_past_history_in(history))) {
		cr_spot_put(past->options.inodes, spot);
		return absent(cr_past_history_in(history));
	}
	*ret = (struct cr_date){ .kind = CR_DATE_PAST, .spot = spot };
	return 0;
}

/* The link @text to what is @known, if that is what it is. */
static int find_known_gone(struct cr_past *past, struct cr_spot *dir,
			   const char *text, const struct cr_known *known,
			   struct cr_date *ret)
{
	struct cr_past_item item;

	if (!known || !show(dir, known, &item) || item.type != S_IFLNK ||
	    strcmp(item.name, text) != 0)
		return -ENOENT;
	*ret = (struct cr_date){
		.kind = CR_DATE_PAST_LINK,
		.snapshot = known->until,
		.spot = cr_spot_below(past->options.inodes, dir,
				      cr_known_name(known)),
	};
	return ret->spot ? 0 : -ENOMEM;
}

/* The link @text to what was called @name in @dir and is gone. */
static int find_gone_name(struct cr_past *past, struct cr_spot *dir,
			  const char *text, struct cr_piece name,
			  struct cr_date *ret)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	cr_cleanup(cr_cached_unpinp) struct cr_cached *list = NULL;
	const struct cr_known *known;
	const struct cr_version *last;
	char same[CR_NAME_MAX + 1] = "";
	struct cr_spot *spot;
	int r = cr_past_ask(past, dir, name, &list, &known);

	if (r > 0)
		return find_known_gone(past, dir, text, known, ret);
	if (r == 0)
		r = look(past, dir, name, &spot, &cached);
	if (r < 0)
		return r;
	last = cr_history_last(cr_past_history_in(cached));
	if (last)
		cr_past_name(last->until->head.time, name, same);
	if (strcmp(text, same) != 0 ||
	    !cr_history_is_gone(cr_past_history_in(cached))) {
		cr_spot_put(past->options.inodes, spot);
		return -ENOENT;
	}
	*ret = (struct cr_date){
		.kind = CR_DATE_PAST_LINK,
		.snapshot = last->until,
		.spot = spot,
	};
	return 0;
}

/* The same where the name was cut: it is among those that are listed. */
static int find_gone_cut(struct cr_past *past, struct cr_spot *dir,
			 const char *text, struct cr_date *ret)
{
	uint64_t from = CR_PAST_KEY;
	bool more = true;

	while (more) {
		cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
		const struct cr_known_names *names;
		int r = cr_past_names(past, dir, from, &cached);

		if (r < 0)
			return r;
		names = cr_cached_value(cached);
		for (size_t i = 0; i < names->count; i++) {
			from = names->known[i]->key + 1;
			r = find_known_gone(past, dir, text, names->known[i],
					    ret);
			if (r != -ENOENT)
				return r;
		}
		more = names->more && names->count > 0;
	}
	return -ENOENT;
}

static int find_gone(struct cr_past *past, struct cr_spot *dir,
		     const char *text, struct cr_date *ret)
{
	const char *name;
	int64_t time;
	int r = cr_past_parse(text, &time, &name);

	if (r == 0)
		r = find_gone_name(past, dir, text,
				   (struct cr_piece){ name, strlen(name) },
				   ret);
	/* Names that are cut fill the room but for part of a character. */
	if (r == -ENOENT && strlen(text) > CR_NAME_MAX - 4)
		r = find_gone_cut(past, dir, text, ret);
	return r;
}

/* ---- The whole ---- */

int cr_past_find(struct cr_past *past, const struct cr_date *dir,
		 const char *name, struct cr_date *ret)
{
	int r;

	if (dir->kind != CR_DATE_PAST)
		return find_source(past, dir, name, ret);
	r = dir->spot->view == CR_DATE_VERSIONS
		    ? find_version(past, dir->spot, name, ret)
		    : find_gone(past, dir->spot, name, ret);
	return r == -ENOENT ? find_below(past, dir->spot, name, ret) : r;
}

void cr_past_put(struct cr_past *past, struct cr_date *date)
{
	cr_spot_put(past->options.inodes, date->spot);
	*date = (struct cr_date){ 0 };
}

int cr_past_list(struct cr_past *past, const struct cr_date *dir,
		 uint64_t cookie, struct cr_past_item *out, size_t max)
{
	int n = 0, r;

	if (dir->kind != CR_DATE_PAST)
		return list_sources(past, dir, cookie, out, max);
	if (dir->spot->view == CR_DATE_VERSIONS && dir->spot->name_len > 0)
		n = list_versions(past, dir->spot, cookie, out, max);
	if (n < 0 || (size_t)n == max)
		return n;
	r = list_names(
		past, dir->spot,
		cr_max(n > 0 ? out[n - 1].cookie : cookie, CR_PAST_KEY - 1),
		out + n, max - (size_t)n);
	return n > 0 && r < 0 ? n : r + n;
}
