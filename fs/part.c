/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/part.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "fs/damage.h"
#include "fs/map.h"
#include "fs/mount.h"
#include "store/base/error.h"
#include "store/read/dir.h"
#include "store/read/snapshots.h"

/* What is known of a snapshot. */
struct known {
	struct cr_map_link link; /* by the snapshot's id */
	struct cr_id id;
	bool absent;
	struct cr_snapshot *shown; /* owned; or NULL */
	struct cr_snapshot *lost;  /* owned; or NULL: likewise unreadable */
};

struct cr_part {
	struct cr_part_options options;
	pthread_mutex_t lock;
	struct cr_map known; /* under: lock, with all in it */
};

/* ---- What was typed ---- */

static int check_name(const char *typed, const char *name, size_t len)
{
	if (len == 0)
		return cr_fail(CR_EUSAGE,
			       "path=%s: between two slashes stands a name",
			       typed);
	if (len <= 2 && strncmp(name, "..", len) == 0)
		return cr_fail(CR_EUSAGE, "path=%s: write it without . and ..",
			       typed);
	if (len > CR_NAME_MAX)
		return cr_fail(CR_EUSAGE, "path=%s: no name is so long", typed);
	return 0;
}

int cr_part_path(const char *typed, char **ret)
{
	const char *path = typed + (typed[0] == '/');
	size_t len = strlen(path);
	const char *end;
	char *copy;

	if (len > 0 && path[len - 1] == '/')
		len--;
	if (len == 0)
		return cr_fail(CR_EUSAGE,
			       "path=%s names no directory; without path= all "
			       "of each snapshot is shown",
			       typed);
	for (const char *name = path;; name = end + 1) {
		int r;

		end = memchr(name, '/', (size_t)(path + len - name));
		if (!end)
			end = path + len;
		r = check_name(typed, name, (size_t)(end - name));
		if (r < 0)
			return r;
		if (end == path + len)
			break;
	}
	copy = strndup(path, len);
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* ---- Making one ---- */

int cr_part_new(const struct cr_part_options *options, struct cr_part **ret)
{
	cr_cleanup(cr_part_freep) struct cr_part *part =
		calloc(1, sizeof(*part));
	int r;

	if (!part)
		return -ENOMEM;
	part->options = *options;
	(void)pthread_mutex_init(&part->lock, NULL);
	r = cr_map_init(&part->known);
	if (r < 0)
		return r;
	*ret = cr_take(part);
	return 0;
}

static void known_free(struct known *known)
{
	if (!known)
		return;
	free(known->shown);
	free(known->lost);
	free(known);
}

static void known_freep(struct known **known)
{
	known_free(*known);
}

void cr_part_free(struct cr_part *part)
{
	if (!part)
		return;
	for (size_t b = 0; b < part->known.buckets; b++) {
		struct cr_map_link *link = part->known.bucket[b];

		while (link) {
			struct known *known =
				cr_map_entry(link, struct known, link);

			link = link->next;
			known_free(known);
		}
	}
	cr_map_release(&part->known);
	(void)pthread_mutex_destroy(&part->lock);
	free(part);
}

/* ---- Looking into a snapshot ---- */

static void tell(const struct cr_part *part, const struct cr_snapshot *whole,
		 const char *end, int error)
{
	const char *path = part->options.path;
	cr_cleanup(cr_buf_release) struct cr_buf text = { 0 };
	char snapshot[CR_MOUNT_NAME_MAX];

	cr_buf_u8(&text, '/');
	cr_buf_put(&text, path, (size_t)(end - path));
	cr_mount_name(whole, snapshot);
	cr_damage_tell(
		part->options.damage,
		&(struct cr_damaged){ snapshot, text.bytes, text.len, error });
}

/* A directory on the way. */
struct way {
	struct cr_view view;
	struct cr_tree_ref tree;
	struct cr_page *page; /* owned: where it stands; NULL for the root */
	uint32_t index;
};

static void way_release(struct way *way)
{
	cr_page_free(way->page);
}

/* From a directory to the one that is called @name in it. */
static int step(const struct cr_part *part, struct way *way,
		struct cr_piece name)
{
	cr_cleanup(cr_page_freep) struct cr_page *page = NULL;
	uint32_t index;
	int r;

	if (way->tree.content == CR_CONTENT_NONE)
		return -ENOENT;
	r = cr_tree_find(part->options.reader, &way->view, &way->tree, name,
			 &page, &index);
	if (r < 0)
		return r;
	if (page->leaf.entry[index].type != CR_ENTRY_DIRECTORY)
		return -ENOENT;
	cr_page_tree_ref(page, index, &way->tree);
	cr_page_free(way->page);
	way->page = cr_take(page);
	way->index = index;
	return 0;
}

/* As @whole, but with @way for its root; NULL without memory. */
static struct cr_snapshot *with_root(const struct cr_snapshot *whole,
				     const struct way *way)
{
	struct cr_entry root = way->page->leaf.entry[way->index];
	size_t xattrs = root.has & CR_HAS_XATTR_HERE ? root.xattrs.len : 0;
	struct cr_snapshot *shown = malloc(sizeof(*shown) + xattrs);

	if (!shown)
		return NULL;
	*shown = *whole;
	if (xattrs > 0)
		memcpy(shown + 1, root.xattrs.bytes, xattrs);
	root.xattrs = (struct cr_piece){ shown + 1, xattrs };
	root.name = root.target = (struct cr_piece){ 0 };
	root.content = way->tree.content;
	shown->manifest.root = root;
	shown->manifest.root_id = way->tree.id;
	shown->manifest.root_hint = way->tree.hint;
	return shown;
}

/* As @whole, but with nothing in it, for it cannot be read. */
static struct cr_snapshot *without_root(const struct cr_snapshot *whole,
					int error)
{
	struct cr_snapshot *lost = malloc(sizeof(*lost));

	if (!lost)
		return NULL;
	*lost = *whole;
	lost->error = error;
	lost->manifest.root = (struct cr_entry){ .type = CR_ENTRY_DIRECTORY };
	lost->manifest.root_id = (struct cr_id){ 0 };
	lost->manifest.root_hint = (struct cr_hint){ 0 };
	return lost;
}

static int look(const struct cr_part *part, const struct cr_snapshot *whole,
		struct cr_snapshot **ret)
{
	const struct cr_manifest *manifest = &whole->manifest;
	const struct cr_repo *repo = cr_reader_repo(part->options.reader);
	cr_cleanup(way_release) struct way way = {
		.tree = { manifest->root.content, manifest->root_id,
			  manifest->root_hint },
	};
	const char *at = part->options.path, *end;
	int r = cr_view_init(repo, whole, &way.view);

	if (r == 0 && manifest->root.type != CR_ENTRY_DIRECTORY)
		r = -ENOENT;
	for (; r == 0 && *at; at = end + (*end == '/')) {
		end = strchrnul(at, '/');
		r = step(part, &way,
			 (struct cr_piece){ at, (size_t)(end - at) });
		if (r < 0 && at > part->options.path)
			at--; /* it is the directory that cannot be read */
		if (r < 0)
			break;
	}
	if (r < 0 && r != -ENOENT && r != -ENOMEM && r != -EINTR)
		tell(part, whole, at, r);
	if (r < 0)
		return r;
	*ret = with_root(whole, &way);
	return *ret ? 0 : -ENOMEM;
}

/* ---- What is known ---- */

static uint64_t hash_of(const struct cr_id *id)
{
	uint64_t hash;

	memcpy(&hash, id->bytes, sizeof(hash));
	return hash;
}

static struct known *find_locked(struct cr_part *part, const struct cr_id *id)
{
	struct cr_map_link *link = cr_map_first(&part->known, hash_of(id));

	for (; link; link = cr_map_next(link)) {
		struct known *known = cr_map_entry(link, struct known, link);

		if (cr_id_equal(&known->id, id))
			return known;
	}
	return NULL;
}

/* Whether the answer is known for good: it is in @r and @ret then. */
static bool is_known(struct cr_part *part, const struct cr_id *id, int *r,
		     const struct cr_snapshot **ret)
{
	const struct known *known;
	bool found;

	(void)pthread_mutex_lock(&part->lock);
	known = find_locked(part, id);
	found = known && (known->absent || known->shown);
	if (found)
		*r = known->absent ? -ENOENT : 0;
	if (found && known->shown)
		*ret = known->shown;
	(void)pthread_mutex_unlock(&part->lock);
	return found;
}

/* Keep what @fresh says, where another thread did not before. */
static int keep(struct cr_part *part, struct known *fresh,
		const struct cr_snapshot **ret)
{
	cr_cleanup(known_freep) struct known *rest = fresh;
	struct known *known;
	int r;

	(void)pthread_mutex_lock(&part->lock);
	known = find_locked(part, &fresh->id);
	if (!known) {
		known = cr_take(rest);
		cr_map_add(&part->known, hash_of(&known->id), &known->link);
	} else if (!known->absent && !known->shown) {
		known->absent = fresh->absent;
		known->shown = cr_take(fresh->shown);
		if (!known->lost)
			known->lost = cr_take(fresh->lost);
	}
	r = known->absent ? -ENOENT : 0;
	if (r == 0)
		*ret = known->shown ? known->shown : known->lost;
	(void)pthread_mutex_unlock(&part->lock);
	return r;
}

int cr_part_of(struct cr_part *part, const struct cr_snapshot *whole,
	       const struct cr_snapshot **ret)
{
	cr_cleanup(known_freep) struct known *fresh = NULL;
	int r = 0;

	if (is_known(part, &whole->id, &r, ret))
		return r;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->id = whole->id;
	r = look(part, whole, &fresh->shown);
	if (r == -ENOMEM || r == -EINTR)
		return r;
	fresh->absent = r == -ENOENT;
	if (r < 0 && r != -ENOENT) {
		fresh->lost = without_root(whole, r);
		if (!fresh->lost)
			return -ENOMEM;
	}
	return keep(part, cr_take(fresh), ret);
}
