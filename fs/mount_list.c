/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which snapshots a mount shows: listed, judged, listed again. */
#include <errno.h>
#include <fuse_lowlevel.h>
#include <string.h>
#include <time.h>

#include "fs/mount.h"
#include "fs/part.h"
#include "fs/reply.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/repo.h"
#include "store/read/remembered.h"

/* Who has more sources than that knows what they hold. */
#define SOURCES_TRIED 64u

/* Manifests that do not count, and contradictions: each is told once. */
static void tell_bad(struct cr_mount *mount)
{
	const struct cr_snapshots *set = &mount->snapshots;

	for (size_t i = 0; i < set->bads; i++) {
		const struct cr_snapshot *bad = set->bad[i];
		const char *why = bad->why ? bad->why : bad->object;

		if (cr_is_damage(bad->error))
			cr_damage_object(mount->damage, bad->object, why);
		else
			cr_damage_note(mount->damage, why);
	}
	if (set->tampered < 0 && set->tampered_why)
		cr_damage_note(mount->damage, set->tampered_why);
}

static void note_detail(struct cr_mount *mount, int r)
{
	cr_damage_note(mount->damage,
		       *cr_detail() ? cr_detail() : cr_strerror(r));
}

/* Take in what the owner changed about the keys: whether there was anything. */
static bool renew(struct cr_mount *mount)
{
	int r = cr_repo_renew(mount->repo);
	bool renewed = r == 1;

	if (renewed && mount->state)
		r = cr_repo_check_heads(mount->repo, mount->state);
	if (r < 0)
		note_detail(mount, r);
	if (r == -CR_ECAPABILITY) {
		mount->shut_out = true;
		cr_status_shut_out(mount->status);
		cr_damage_note(mount->damage,
			       "this mount goes on showing what it has, and "
			       "takes in nothing new");
	}
	return renewed;
}

static int update(struct cr_mount *mount)
{
	return cr_snapshots_update(mount->repo, mount->state,
				   &mount->snapshots);
}

/*
 * List by the key list that was there when the listed ones were signed, or a
 * later one: so the keys come after the snapshots.  How many changed.
 */
static int list_snapshots(struct cr_mount *mount)
{
	int changed = 0, r;

	do {
		r = update(mount);
		if (r < 0)
			return r;
		changed += r;
	} while (renew(mount));
	return changed;
}

/* Show what the set has now. */
static int show(struct cr_mount *mount)
{
	struct cr_status_list list = { .set = &mount->snapshots,
				       .only = mount->options->source };
	size_t shown;
	int r;

	cr_reader_expect_packs(mount->reader);
	tell_bad(mount);
	r = cr_dates_update(mount->dates, &mount->snapshots,
			    (int64_t)time(NULL));
	if (r < 0)
		return r;
	cr_dates_count(mount->dates, &shown, &list.refused);
	if (list.refused > 0 && mount->listed)
		cr_damage_note(mount->damage,
			       "noxattr: snapshots that hold xattrs or ACLs "
			       "are not shown; mount again without it");
	r = cr_status_listed(mount->status, &list);
	if (r == 0)
		mount->listed = true;
	return r;
}

/* Of @changed snapshots, or an error; as cr_mount_refresh() returns. */
static int take_in(struct cr_mount *mount, int changed)
{
	int r = changed;

	if (r > 0 || (r == 0 && !mount->listed)) {
		r = show(mount);
		r = r < 0 ? r : 1;
	}
	cr_status_refreshed(mount->status, r);
	return r;
}

int cr_mount_refresh(struct cr_mount *mount)
{
	return take_in(mount, mount->shut_out ? 0 : list_snapshots(mount));
}

void cr_mount_drop_damaged(struct cr_mount *mount)
{
	uint64_t node[64];
	size_t n;

	do {
		n = cr_damage_nodes(mount->damage, node, CR_ARRAY_LEN(node));
		/* That the kernel does not know it is as good. */
		for (size_t i = 0; i < n; i++)
			(void)fuse_lowlevel_notify_inval_inode(mount->session,
							       node[i], 0, 0);
	} while (n == CR_ARRAY_LEN(node));
}

/* Whether @snapshot is one of a source that is shown. */
static bool is_wanted(const struct cr_mount *mount,
		      const struct cr_snapshot *snapshot)
{
	const char *only = mount->options->source;

	return !only || strcmp(only, snapshot->source) == 0;
}

void cr_mount_look_for_part(const struct cr_mount *mount)
{
	const struct cr_snapshots *set = &mount->snapshots;
	const struct cr_snapshot *newest = NULL, *shown;
	unsigned int looked = 0;

	for (size_t i = 0; i < set->count && mount->part; i++) {
		const struct cr_snapshot *at = set->snapshot[i];
		bool last =
			i + 1 == set->count ||
			strcmp(set->snapshot[i + 1]->source, at->source) != 0;

		if (!is_wanted(mount, at))
			continue;
		if (cr_snapshot_is_newer(at, newest))
			newest = at;
		if (!last)
			continue;
		if (cr_part_of(mount->part, newest, &shown) != -ENOENT ||
		    ++looked == SOURCES_TRIED)
			return;
		newest = NULL;
	}
	if (looked > 0)
		cr_log(CR_LOG_WARNING,
		       "path=%s: the newest snapshot%s no such directory",
		       mount->options->path, looked == 1 ? " has" : "s have");
}

/* The newest that is shown, of those of all sources; or NULL. */
static const struct cr_snapshot *newest_of_all(const struct cr_mount *mount)
{
	const struct cr_snapshots *set = &mount->snapshots;
	const struct cr_snapshot *newest = NULL, *shown;

	for (size_t i = 0; i < set->count; i++)
		if (is_wanted(mount, set->snapshot[i]) &&
		    cr_snapshot_is_newer(set->snapshot[i], newest))
			newest = set->snapshot[i];
	if (!newest || !mount->part)
		return newest;
	return cr_part_of(mount->part, newest, &shown) == 0 ? shown : NULL;
}

void cr_mount_try(struct cr_mount *mount)
{
	const struct cr_snapshot *newest = newest_of_all(mount);
	cr_cleanup(cr_node_release) struct cr_node root = { 0 };
	cr_cleanup(cr_node_release) struct cr_node entry = { 0 };
	struct cr_date date = { .kind = CR_DATE_SNAPSHOT, .snapshot = newest };
	int r;

	/* What is in the way to a part was told. */
	if (!newest || newest->error < 0)
		return;
	r = cr_mount_node(mount, &date, &root);
	if (r == 0)
		r = cr_node_at(&root, 0, &entry);
	if (r < 0 && r != -ENOENT)
		(void)cr_reply_errno(mount, &root, r);
}

/* List with what this machine remembers. */
static int recall(struct cr_mount *mount)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *remembered = NULL;
	int r = mount->state ? cr_remembered_load(mount->repo, mount->state,
						  &remembered)
			     : 0;

	if (r < 0)
		return r;
	mount->snapshots.remembered = remembered;
	r = list_snapshots(mount);
	mount->snapshots.remembered = NULL;
	if (r >= 0 && remembered &&
	    cr_remembered_save(remembered, mount->repo, mount->state) < 0)
		cr_log(CR_LOG_INFO, "%s", cr_detail());
	return r;
}

int cr_mount_list_first(struct cr_mount *mount)
{
	return take_in(mount, recall(mount));
}
