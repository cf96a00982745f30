/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stat and readlink show of the past. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/past_int.h"
#include "store/base/buf.h"
#include "store/read/history.h"
#include "store/read/snapshots.h"

#define PATH_LEN 4096 /* what a link may lead to, with its zero */

/* Nobody may list names here who could not list all that are shown. */
static void restrict_to(const struct cr_version *version, struct stat *st)
{
	const struct cr_entry *entry = &version->entry;
	bool acl = version->since->manifest.flags & CR_MANIFEST_ACLS &&
		   !cr_id_zero(&version->xattrs);

	st->st_mode &= S_IFMT | entry->mode;
	/*
	 * What others may, an ACL may deny to some of them; and who is one of
	 * them now may have been the owner, or of the group.
	 */
	if (acl || st->st_uid != entry->uid || st->st_gid != entry->gid)
		st->st_mode &= ~(mode_t)0077;
	if (st->st_uid != entry->uid)
		st->st_mode &= ~(mode_t)0700;
}

/* Of a directory that ever was one; else it is as good as what holds it. */
static void stat_directory(const struct cr_past *past,
			   const struct cr_history *history, struct stat *st)
{
	bool first = true;

	/* Numbers that mean somebody else here are nobody's business. */
	if (!past->options.owners)
		st->st_mode &= ~(mode_t)0077;

	for (uint32_t i = 0; i < history->count; i++) {
		const struct cr_version *version = &history->version[i];

		if (!cr_past_is_directory(version))
			continue;
		if (!past->options.owners) {
			st->st_mode &= S_IFMT | version->entry.mode;
			continue;
		}
		if (first) {
			st->st_uid = version->entry.uid;
			st->st_gid = version->entry.gid;
			first = false;
		}
		restrict_to(version, st);
	}
}

/* Whether @spot certainly never was a directory. */
static bool was_never_one(struct cr_past *past, const struct cr_spot *spot)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *list = NULL;
	const struct cr_known *known;

	return spot->parent &&
	       cr_past_ask(past, spot->parent, cr_spot_name(spot), &list,
			   &known) > 0 &&
	       known && !(known->types & 1u << CR_ENTRY_DIRECTORY);
}

static int stat_past(struct cr_past *past, const struct cr_date *date,
		     struct stat *st)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *cached = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf target = { 0 };
	int r;

	if (date->kind == CR_DATE_PAST_LINK) {
		st->st_mode = S_IFLNK | 0777;
		r = cr_past_target(past, date, &target);
		st->st_size = r == 0 ? (off_t)target.len - 1 : 0;
		return 0;
	}
	if (was_never_one(past, date->spot))
		return 0;
	r = cr_past_history(past, date->spot, &cached);
	if (r == 0)
		stat_directory(past, cr_past_history_in(cached), st);
	return r;
}

void cr_past_stat(struct cr_past *past, const struct cr_date *date,
		  struct stat *ret)
{
	const struct cr_date source = { .kind = CR_DATE_SOURCE,
					.source = date->spot->source };
	struct stat st, of_source;

	cr_dates_stat(past->options.dates, &source, &of_source);
	st = (struct stat){
		.st_mode = S_IFDIR | 0555,
		.st_nlink = 1, /* it is not known how many it holds */
		.st_uid = past->options.uid,
		.st_gid = past->options.gid,
		.st_blksize = of_source.st_blksize,
		.st_mtim = of_source.st_mtim,
	};
	if (date->snapshot)
		st.st_mtim.tv_sec = date->snapshot->head.time;
	if (stat_past(past, date, &st) < 0)
		st.st_mode = S_IFDIR;
	st.st_ino = cr_spot_ino(date->spot, (struct cr_piece){ 0 },
				date->snapshot ? &date->snapshot->id : NULL);
	st.st_atim = st.st_ctim = st.st_mtim;
	*ret = st;
}

int cr_past_target(struct cr_past *past, const struct cr_date *date,
		   struct cr_buf *out)
{
	const struct cr_spot *spot = date->spot;
	/* Names from the root of the mount to where the link is. */
	uint32_t up = 2 + spot->depth - (spot->view == CR_DATE_DELETED);
	size_t before = out->len;
	char stamp[CR_STAMP_LEN], place[CR_DATE_PATH_MAX];

	(void)past;
	while (up-- > 0)
		cr_buf_put(out, "../", 3);
	cr_stamp(date->snapshot->head.time, stamp);
	(void)snprintf(place, sizeof(place), "snapshots/%s/%s/",
		       date->snapshot->source, stamp);
	cr_buf_put(out, place, strlen(place));
	cr_spot_path(spot, out);
	cr_buf_u8(out, 0);
	if (out->len - before > PATH_LEN)
		return -ENAMETOOLONG;
	return cr_buf_error(out);
}
