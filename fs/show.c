/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/show.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/acl.h"
#include "fs/damage.h"
#include "fs/inode.h"
#include "fs/names.h"
#include "fs/options.h"
#include "fs/target.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/codec/acl.h"
#include "store/read/cache.h"
#include "store/read/snapshots.h"

struct cr_show {
	struct cr_show_options options;
	const struct cr_mount_options *mount; /* borrowed */
	bool one_owner;
	uid_t uid;
	gid_t gid;
	struct cr_names users, groups; /* of this machine, for map=names */
	struct cr_cache *origins;      /* owned; or NULL: not needed */
};

/* ---- Where a snapshot came from ---- */

struct origin {
	struct cr_name_map users, groups;
	bool lost; /* could not be read: then everybody is CR_NOBODY */
	char *top; /* owned: the path that what is shown of it had there */
};

struct wanted {
	struct cr_show *show;
	const struct cr_snapshot *snapshot;
	struct cr_view view;
};

static void drop_origin(void *value)
{
	struct origin *origin = value;

	cr_name_map_release(&origin->users);
	cr_name_map_release(&origin->groups);
	free(origin->top);
	free(origin);
}

static void drop_originp(struct origin **origin)
{
	if (*origin)
		drop_origin(*origin);
}

static int read_names(const struct wanted *wanted, const struct cr_text *text,
		      const struct cr_names *ours, struct cr_name_map *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf lines = { 0 };
	int r = cr_reader_text(wanted->show->options.reader, &wanted->view,
			       text, &lines);

	if (r < 0)
		return r;
	return cr_name_map_init(ret, ours,
				(struct cr_piece){ lines.bytes, lines.len });
}

static int read_maps(const struct wanted *wanted, struct origin *origin)
{
	const struct cr_manifest *manifest = &wanted->snapshot->manifest;
	const struct cr_show *show = wanted->show;
	int r = read_names(wanted, &manifest->users_text, &show->users,
			   &origin->users);

	return r < 0 ? r
		     : read_names(wanted, &manifest->groups_text, &show->groups,
				  &origin->groups);
}

/*
 * One directory that was backed up is the root; of anything else the root is
 * "/": of one file too, but there are no links beside it.
 */
static char *top_of(const struct cr_manifest *manifest, const char *part)
{
	const struct cr_strings *paths = &manifest->paths;
	struct cr_piece top = { 0 };
	char *ret;

	if (paths->count == 1)
		top = paths->string[0];
	/* Of what path= leaves out there is nothing in the snapshot. */
	ret = calloc(1, top.len + (part ? 1 + strlen(part) : 0) + 1);
	if (!ret)
		return NULL;
	if (top.len > 0)
		memcpy(ret, top.bytes, top.len);
	if (part) {
		strcat(ret, "/");
		strcat(ret, part);
	}
	return ret;
}

static int load_origin(void *arg, const struct cr_cache_key *key, void **value,
		       size_t *weight)
{
	const struct wanted *wanted = arg;
	const struct cr_show *show = wanted->show;
	cr_cleanup(drop_originp) struct origin *origin =
		calloc(1, sizeof(*origin));
	int r = 0;

	(void)key;
	if (!origin)
		return -ENOMEM;
	if (show->mount->map == CR_MAP_NAMES)
		r = read_maps(wanted, origin);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		cr_damage_note(show->options.damage, cr_detail());
		origin->lost = true;
	}
	origin->top = top_of(&wanted->snapshot->manifest, show->mount->path);
	if (!origin->top)
		return -ENOMEM;
	*weight = sizeof(*origin) + strlen(origin->top) +
		  (origin->users.count + origin->groups.count) *
			  sizeof(*origin->users.pair);
	*value = cr_take(origin);
	return 0;
}

/* Pin where @node came from; -ENOMEM. */
static int pin_origin(struct cr_show *show, const struct cr_node *node,
		      struct cr_cached **ret)
{
	struct wanted wanted = {
		.show = show,
		.snapshot = cr_node_snapshot(node),
		.view = cr_node_view(node),
	};
	struct cr_cache_key key = { 0 };

	memcpy(key.uid.bytes, wanted.snapshot->id.bytes, sizeof(key.uid.bytes));
	return cr_cache_get(show->origins, &key, &wanted, ret);
}

/* ---- Making one ---- */

static int find_owner(struct cr_show *show, const char *name)
{
	const struct passwd *pw;
	char *end;
	unsigned long number;

	show->one_owner = true;
	show->uid = geteuid();
	show->gid = getegid();
	if (!name || strcmp(name, "user") == 0)
		return 0;
	errno = 0;
	number = strtoul(name, &end, 10);
	if (*name >= '0' && *name <= '9' && *end == '\0') {
		if (errno || number >= UINT32_MAX)
			return cr_fail(CR_EUSAGE, "owner=%s is too large",
				       name);
		show->uid = (uid_t)number;
		pw = getpwuid(show->uid);
	} else {
		pw = getpwnam(name);
		if (!pw)
			return cr_fail(CR_EUSAGE,
				       "owner=%s: there is no such user", name);
		show->uid = pw->pw_uid;
	}
	if (pw)
		show->gid = pw->pw_gid;
	return 0;
}

int cr_show_new(const struct cr_show_options *options, struct cr_show **ret)
{
	static const struct cr_cache_ops ops = { load_origin, drop_origin };
	cr_cleanup(cr_show_freep) struct cr_show *show =
		calloc(1, sizeof(*show));
	const struct cr_mount_options *mount = options->mount;
	bool names = mount->map == CR_MAP_NAMES;
	int r = 0;

	if (!show)
		return -ENOMEM;
	show->options = *options;
	show->mount = mount;
	if (mount->owner || mount->mode == CR_MODE_PRIVATE)
		r = find_owner(show, mount->owner);
	if (r == 0 && names)
		r = cr_names_users(&show->users);
	if (r == 0 && names)
		r = cr_names_groups(&show->groups);
	if (r == 0 && (names || mount->symlinks == CR_LINKS_INSIDE))
		r = cr_cache_new(options->cache_bytes, &ops, &show->origins);
	if (r < 0)
		return r;
	*ret = cr_take(show);
	return 0;
}

void cr_show_free(struct cr_show *show)
{
	if (!show)
		return;
	if (show->origins)
		cr_cache_free(show->origins);
	cr_names_release(&show->users);
	cr_names_release(&show->groups);
	free(show);
}

/* ---- What is left out ---- */

bool cr_show_hides(const struct cr_show *show, const struct cr_entry *entry)
{
	switch (entry->type) {
	case CR_ENTRY_SYMLINK:
		return show->mount->symlinks == CR_LINKS_HIDE;
	case CR_ENTRY_CHAR:
	case CR_ENTRY_BLOCK:
	case CR_ENTRY_FIFO:
	case CR_ENTRY_SOCKET:
		return show->mount->special == CR_SPECIAL_HIDE;
	default:
		return false;
	}
}

bool cr_show_has_xattr(const struct cr_show *show, const char *name, size_t len)
{
	return show->mount->mode != CR_MODE_PRIVATE || !cr_acl_is(name, len);
}

/* ---- Owners ---- */

/* @arg is the origin, or NULL where it is lost. */
static uint32_t user_of(const void *arg, uint32_t id)
{
	const struct origin *origin = arg;

	return origin ? cr_name_map_get(&origin->users, id) : CR_NOBODY;
}

static uint32_t group_of(const void *arg, uint32_t id)
{
	const struct origin *origin = arg;

	return origin ? cr_name_map_get(&origin->groups, id) : CR_NOBODY;
}

/* For these two; @pin keeps it. */
static const struct origin *owners_of(struct cr_show *show,
				      const struct cr_node *node,
				      struct cr_cached **pin)
{
	const struct origin *origin;

	if (pin_origin(show, node, pin) < 0)
		return NULL;
	origin = cr_cached_value(*pin);
	return origin->lost ? NULL : origin;
}

/* Nobody else, and the owner all that can be read. */
static mode_t private_mode(mode_t mode)
{
	if (S_ISLNK(mode))
		return mode;
	return (mode & (S_IFMT | S_IRWXU)) | S_IRUSR |
	       (S_ISDIR(mode) ? S_IXUSR : 0u);
}

/* A link is as long as what it shows. */
static off_t link_size(struct cr_show *show, const struct cr_node *node,
		       off_t stored)
{
	cr_cleanup(cr_buf_release) struct cr_buf target = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf shown = { 0 };
	struct cr_view view = cr_node_view(node);

	/* One that cannot be read says so when it is. */
	if (cr_entry_target(show->options.reader, &view, node->entry, &target) <
		    0 ||
	    cr_show_target(show, node,
			   (struct cr_piece){ target.bytes, target.len },
			   &shown) < 0)
		return stored;
	return (off_t)shown.len;
}

void cr_show_stat(struct cr_show *show, const struct cr_node *node,
		  struct stat *st)
{
	const struct cr_mount_options *mount = show->mount;

	if (show->one_owner) {
		st->st_uid = show->uid;
		st->st_gid = show->gid;
	} else if (node->entry && mount->map == CR_MAP_NAMES) {
		cr_cleanup(cr_cached_unpinp) struct cr_cached *pin = NULL;
		const struct origin *origin = owners_of(show, node, &pin);

		st->st_uid = user_of(origin, st->st_uid);
		st->st_gid = group_of(origin, st->st_gid);
	}
	if (mount->mode == CR_MODE_PRIVATE)
		st->st_mode = private_mode(st->st_mode);
	if (node->entry && S_ISLNK(st->st_mode) &&
	    mount->symlinks == CR_LINKS_INSIDE)
		st->st_size = link_size(show, node, st->st_size);
}

int cr_show_xattr(struct cr_show *show, const struct cr_node *node,
		  const char *name, struct cr_piece *value, struct cr_buf *out)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *pin = NULL;
	struct cr_acl_owners map = { user_of, group_of, NULL };
	bool names = show->mount->map == CR_MAP_NAMES;
	int r;

	if (!cr_acl_is(name, strlen(name)) || (!show->one_owner && !names))
		return 0;
	if (names)
		map.arg = owners_of(show, node, &pin);
	r = names ? cr_acl_map(*value, &map, out) : cr_acl_strip(*value, out);
	*value = (struct cr_piece){ out->bytes, out->len };
	return r;
}

/* ---- Symlinks ---- */

int cr_show_target(struct cr_show *show, const struct cr_node *node,
		   struct cr_piece target, struct cr_buf *out)
{
	cr_cleanup(cr_cached_unpinp) struct cr_cached *pin = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	const struct origin *origin;
	struct cr_target_at at;
	int r;

	if (show->mount->symlinks != CR_LINKS_INSIDE) {
		cr_buf_put(out, target.bytes, target.len);
		return cr_buf_error(out);
	}
	r = pin_origin(show, node, &pin);
	if (r < 0)
		return r;
	origin = cr_cached_value(pin);
	cr_node_path(node, &path);
	r = cr_buf_error(&path);
	if (r < 0)
		return r;
	at.path = (struct cr_piece){ path.bytes, path.len };
	at.top = (struct cr_piece){ origin->top, strlen(origin->top) };
	return cr_target_inside(&at, target, out);
}
