/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ours.h"

#include <errno.h>
#include <string.h>

#include "fs/mount.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/read/history.h"

#define PREFIX "user.caprock."
#define BATCH  16 /* snapshots listed at once */

/* ---- The hash of a file ---- */

static int hash_bytes(const struct cr_file *file, uint64_t size,
		      struct cr_id *ret)
{
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	struct cr_file_hash hash;
	int r = cr_file_span(file, 0, (size_t)size, &span);

	if (r < 0)
		return r;
	cr_file_hash_init(&hash);
	for (size_t i = 0; i < span.count; i++)
		cr_file_hash_update(&hash, span.iov[i].iov_base,
				    span.iov[i].iov_len);
	*ret = cr_file_hash_final(&hash);
	return 0;
}

/* Whether the topmost object of a list can be read. */
static int probe_list(const struct cr_mount *mount, const struct cr_view *view,
		      const struct cr_file_ref *ref)
{
	struct cr_pin pin;
	int r = cr_reader_get(mount->reader, view, CR_CHUNK_LNODE, &ref->id,
			      NULL, &pin, NULL);

	if (r == 0)
		cr_pin_release(&pin);
	return r;
}

/* That of a list is stored, of all its bytes; one chunk or less is hashed. */
static int get_hash(struct cr_mount *mount, const struct cr_node *node,
		    struct cr_buf *out)
{
	cr_cleanup(cr_handle_release) struct cr_handle handle = { 0 };
	struct cr_file_ref ref;
	struct cr_view view;
	struct cr_id hash;
	int r;

	if (!node->page || node->entry->type != CR_ENTRY_FILE)
		return -ENODATA;
	view = cr_node_view(node);
	cr_node_file_ref(node, &ref);
	r = cr_handle_open(mount->files, &view, &ref, &handle);
	if (r == 0 && ref.content == CR_CONTENT_LNODE)
		r = probe_list(mount, &view, &ref);
	if (r == 0 && ref.content < CR_CONTENT_LLIST)
		r = hash_bytes(handle.file, ref.size, &hash);
	else if (r == 0 && !cr_file_hash(handle.file, &hash))
		r = -ENODATA;
	if (r < 0)
		return r;
	cr_buf_put(out, cr_id_hex(&hash).text, 2 * sizeof(hash.bytes));
	return cr_buf_error(out);
}

/* ---- Snapshots ---- */

static int get_snapshot(struct cr_mount *mount, const struct cr_node *node,
			struct cr_buf *out)
{
	const struct cr_snapshot *snapshot = cr_node_snapshot(node);

	(void)mount;
	cr_buf_put(out, cr_id_hex(&snapshot->id).text, 2 * CR_ID_LEN);
	return cr_buf_error(out);
}

/* Append pointers to all snapshots of a source, in order of time. */
static int list_snapshots(struct cr_mount *mount, const char *source,
			  struct cr_buf *out)
{
	const struct cr_date sources = { .kind = CR_DATE_SNAPSHOTS };
	struct cr_date_item item[BATCH];
	struct cr_date dir;
	uint64_t cookie = 0;
	int n;
	int r = cr_dates_find(mount->dates, &sources, source, &dir);

	if (r < 0) /* they went a moment ago */
		return r == -ENOENT ? 0 : r;
	do {
		n = cr_dates_list(mount->dates, &dir, cookie, item, BATCH);
		for (int i = 0; i < n; i++) {
			cookie = item[i].cookie;
			cr_buf_put(out, &item[i].date.snapshot,
				   sizeof(item[i].date.snapshot));
		}
	} while (n > 0);
	return n < 0 ? n : cr_buf_error(out);
}

/* Another snapshot cannot be told from: the answer goes on without it. */
static void tell(void *arg, const struct cr_version *dir, struct cr_piece name,
		 int error)
{
	const struct cr_mount *mount = arg;

	(void)dir;
	(void)name;
	cr_damage_note(mount->damage,
		       *cr_detail() ? cr_detail() : cr_strerror(error));
}

/* Where one version stands: its first and its last snapshot. */
struct seen {
	const struct cr_snapshot *first, *last;
};

/* What is the same as in snapshot @number of @history. */
static int find_seen(const struct cr_history_reader *by,
		     const struct cr_history *history, uint32_t number,
		     struct seen *ret)
{
	const struct cr_version *own = cr_history_at(history, number);
	cr_cleanup(cr_freep) uint32_t *same = NULL;
	uint32_t which;
	int r;

	if (!own)
		return -ENODATA;
	if (own->error < 0)
		return own->error;
	same = calloc(history->count, sizeof(*same));
	if (!same)
		return -ENOMEM;
	r = cr_history_distinct(by, history, same);
	if (r < 0)
		return r;
	which = same[own - history->version];
	ret->first = history->version[which].since;
	for (uint32_t i = which; i < history->count; i++)
		if (history->version[i].error == 0 && same[i] == which)
			ret->last = history->version[i].until;
	return 0;
}

static int get_seen(struct cr_mount *mount, const struct cr_node *node,
		    struct seen *ret)
{
	const struct cr_history_reader by = { mount->reader, tell, mount };
	const struct cr_snapshot *own = cr_node_snapshot(node);
	cr_cleanup(cr_history_release) struct cr_history history = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf all = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_history_of of = { 0 };
	uint32_t number = 0;
	int r = list_snapshots(mount, own->source, &all);

	if (r < 0)
		return r;
	cr_node_path(node, &path);
	r = cr_buf_error(&path);
	if (r < 0)
		return r;
	of.snapshot = (const void *)all.bytes;
	of.count = (uint32_t)(all.len / sizeof(*of.snapshot));
	while (number < of.count && of.snapshot[number] != own)
		number++;
	if (number == of.count) /* it went itself */
		return -ENODATA;
	of.newest = of.count - 1;
	r = cr_history_path(&by, &of, (struct cr_piece){ path.bytes, path.len },
			    &history);
	return r < 0 ? r : find_seen(&by, &history, number, ret);
}

static int put_time(const struct cr_snapshot *snapshot, struct cr_buf *out)
{
	char stamp[CR_STAMP_LEN];

	cr_stamp(snapshot->head.time, stamp);
	cr_buf_put(out, stamp, strlen(stamp));
	return cr_buf_error(out);
}

static int get_first_seen(struct cr_mount *mount, const struct cr_node *node,
			  struct cr_buf *out)
{
	struct seen seen;
	int r = get_seen(mount, node, &seen);

	return r < 0 ? r : put_time(seen.first, out);
}

static int get_last_seen(struct cr_mount *mount, const struct cr_node *node,
			 struct cr_buf *out)
{
	struct seen seen;
	int r = get_seen(mount, node, &seen);

	return r < 0 ? r : put_time(seen.last, out);
}

/* ---- By name ---- */

typedef int (*get_fn)(struct cr_mount *mount, const struct cr_node *node,
		      struct cr_buf *out);

static get_fn find(const char *name)
{
	static const struct {
		const char *name;
		get_fn get;
	} table[] = {
		{ PREFIX "b2sum256", get_hash },
		{ PREFIX "snapshot", get_snapshot },
		{ PREFIX "first_seen", get_first_seen },
		{ PREFIX "last_seen", get_last_seen },
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].get;
	return NULL;
}

bool cr_ours_is(const char *name)
{
	return find(name) != NULL;
}

int cr_ours_get(struct cr_mount *mount, const struct cr_node *node,
		const char *name, struct cr_buf *out)
{
	get_fn get = find(name);

	return get && node->entry ? get(mount, node, out) : -ENODATA;
}
