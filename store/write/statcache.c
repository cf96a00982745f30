/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/statcache.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/kv.h"

#define ROW_BYTES  32768u /* a row is written when it has so many */
#define BATCH_ROWS 64
#define VERSION	   1

enum family { FILES, LINKS, FACTS };

static const struct cr_kv_family families[] = {
	[FILES] = { "default", 0 },
	[LINKS] = { "links", 0 },
	[FACTS] = { "facts", 0 },
};

struct cr_statcache {
	struct cr_kv *kv;	   /* owned */
	struct cr_kv_batch *batch; /* owned; of the writing thread */
	uint64_t generation;
	struct cr_uid domain;
	uint64_t session;
	struct cr_buf broken; /* uint64_t: sessions that did not end well */
};

/* ---- Facts: sessions ---- */

static struct cr_piece key_of(const char *name)
{
	return (struct cr_piece){ name, strlen(name) };
}

static uint64_t get_fact(const struct cr_statcache *cache, const char *name)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	struct cr_cursor cur;

	if (cr_kv_get(cache->kv, FACTS, key_of(name), &value) < 0)
		return 0;
	cur = cr_cursor(value.bytes, value.len);
	return cr_cursor_u64(&cur);
}

static void put_fact(struct cr_statcache *cache, const char *name, uint64_t v)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(v >> (8 * i));
	cr_kv_put(cache->batch, FACTS, key_of(name),
		  (struct cr_piece){ bytes, sizeof(bytes) });
}

/* Begin a session; the one before is broken when it did not commit. */
static int begin_session(struct cr_statcache *cache)
{
	uint64_t last = get_fact(cache, "session");
	uint64_t committed = get_fact(cache, "committed");
	int r = cr_kv_get(cache->kv, FACTS, key_of("broken"), &cache->broken);

	if (r < 0 && r != -ENOENT)
		return r;
	if (last != committed)
		cr_buf_put(&cache->broken, &last, sizeof(last));
	if (cr_buf_error(&cache->broken) < 0)
		return -ENOMEM;
	cache->session = last + 1;
	put_fact(cache, "session", cache->session);
	cr_kv_put(cache->batch, FACTS, key_of("broken"),
		  (struct cr_piece){ cache->broken.bytes, cache->broken.len });
	r = cr_kv_write(cache->kv, cache->batch);
	return r < 0 ? r : cr_kv_flush(cache->kv);
}

static bool ended_well(const struct cr_statcache *cache, uint64_t session)
{
	const uint64_t *broken = (const void *)cache->broken.bytes;

	for (size_t i = 0; i < cache->broken.len / sizeof(*broken); i++)
		if (broken[i] == session)
			return false;
	return session < cache->session;
}

int cr_statcache_commit(struct cr_statcache *cache)
{
	int r;

	put_fact(cache, "committed", cache->session);
	r = cr_kv_write(cache->kv, cache->batch);
	return r < 0 ? r : cr_kv_flush(cache->kv);
}

int cr_statcache_flush_soon(struct cr_statcache *cache)
{
	return cr_kv_flush_soon(cache->kv);
}

/* ---- Life
 * ---------------------------------------------------------------------------------
 */

static int open_kv(const char *path, size_t cache_bytes, struct cr_kv **ret)
{
	struct cr_kv_options opt = {
		.family = families,
		.families = CR_ARRAY_LEN(families),
		.mode = CR_KV_PRIMARY,
		.cache_bytes = cache_bytes,
	};

	return cr_kv_open(path, &opt, ret);
}

static int forget_link(void *arg, struct cr_piece key, struct cr_piece value)
{
	struct cr_statcache *cache = arg;

	(void)value;
	cr_kv_delete(cache->batch, LINKS, key);
	if (cr_kv_batch_count(cache->batch) < BATCH_ROWS)
		return 0;
	return cr_kv_write(cache->kv, cache->batch);
}

static int forget_links(struct cr_statcache *cache)
{
	int r = cr_kv_each(cache->kv, LINKS, (struct cr_piece){ "", 0 },
			   forget_link, cache);

	return r < 0 ? r : cr_kv_write(cache->kv, cache->batch);
}

void cr_statcache_close(struct cr_statcache *cache)
{
	if (!cache)
		return;
	cr_kv_batch_free(cache->batch);
	cr_kv_close(cache->kv);
	cr_buf_release(&cache->broken);
	free(cache);
}

static void statcache_closep(struct cr_statcache **cache)
{
	cr_statcache_close(*cache);
}

static int try_open(const char *path, size_t cache_bytes, uint64_t generation,
		    const struct cr_uid *domain, struct cr_statcache **ret)
{
	cr_cleanup(statcache_closep) struct cr_statcache *cache =
		calloc(1, sizeof(*cache));
	int r;

	if (!cache)
		return -ENOMEM;
	cache->generation = generation;
	cache->domain = *domain;
	r = open_kv(path, cache_bytes, &cache->kv);
	if (r == 0)
		r = cr_kv_batch_new(cache->kv, &cache->batch);
	if (r == 0)
		r = begin_session(cache);
	if (r == 0)
		r = forget_links(cache);
	if (r < 0)
		return r;
	*ret = cr_take(cache);
	return 0;
}

int cr_statcache_open(const struct cr_state *state, size_t cache_bytes,
		      uint64_t generation, const struct cr_uid *domain,
		      struct cr_statcache **ret)
{
	cr_cleanup(cr_freep) char *path = cr_state_path(state, "sources");
	cr_cleanup(cr_freep) char *aside = NULL;
	int r;

	if (!path)
		return -ENOMEM;
	r = try_open(path, cache_bytes, generation, domain, ret);
	if (r != -CR_EINDEX)
		return r;
	/* Set aside, not deleted: the next one set aside replaces it. */
	cr_log(CR_LOG_WARNING,
	       "the stat cache is damaged (%s): every file is read again",
	       cr_detail());
	if (asprintf(&aside, "%s.%ld.bad", path, (long)getpid()) < 0)
		return -ENOMEM;
	if (rename(path, aside) < 0)
		return cr_fail(errno, "%s: %m", path);
	return try_open(path, cache_bytes, generation, domain, ret);
}

/* ---- Records
 * ----------------------------------------------------------------------------------
 */

void cr_statcache_get_totals(struct cr_statcache *cache, const char *source,
			     struct cr_statcache_totals *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	cr_cleanup(cr_freep) char *name = NULL;
	struct cr_cursor cur;

	*ret = (struct cr_statcache_totals){ 0 };
	if (asprintf(&name, "totals/%s", source) < 0) {
		name = NULL;
		return;
	}
	if (cr_kv_get(cache->kv, FACTS, key_of(name), &value) < 0)
		return;
	cur = cr_cursor(value.bytes, value.len);
	ret->files = cr_cursor_u64(&cur);
	ret->bytes = cr_cursor_u64(&cur);
}

void cr_statcache_set_totals(struct cr_statcache *cache, const char *source,
			     const struct cr_statcache_totals *totals)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	cr_cleanup(cr_freep) char *name = NULL;

	cr_buf_u64(&value, totals->files);
	cr_buf_u64(&value, totals->bytes);
	if (asprintf(&name, "totals/%s", source) < 0) {
		name = NULL;
		return;
	}
	if (cr_buf_error(&value) == 0)
		cr_kv_put(cache->batch, FACTS, key_of(name),
			  (struct cr_piece){ value.bytes, value.len });
}

static void put_time(struct cr_buf *out, const struct cr_time *time)
{
	cr_buf_svarint(out, time->sec);
	cr_buf_varint(out, time->nsec);
}

static struct cr_time take_time(struct cr_cursor *cur)
{
	struct cr_time time = { .sec = cr_cursor_svarint(cur) };

	time.nsec = (uint32_t)cr_cursor_max(cur, 999999999);
	return time;
}

static void put_file(struct cr_buf *out, const struct cr_known_file *file)
{
	const struct cr_stored_content *c = &file->content;

	cr_buf_varint(out, file->signature.size);
	put_time(out, &file->signature.mtime);
	put_time(out, &file->signature.ctime);
	cr_buf_varint(out, file->signature.inode);
	cr_buf_u8(out, c->content);
	cr_buf_u8(out, c->size_class);
	cr_buf_varint(out, c->size);
	cr_buf_varint(out, c->data_bytes);
	if (c->content == CR_CONTENT_INLINE)
		cr_buf_put(out, c->inlined, c->size);
	else if (c->content != CR_CONTENT_NONE)
		cr_buf_id(out, &c->id);
	cr_buf_u8(out, file->has);
	cr_buf_u8(out, file->has_acl);
	cr_buf_u32(out, file->flags);
	if (file->has & CR_HAS_XATTR_HERE)
		cr_buf_string(out, file->xattrs.bytes, file->xattrs.len);
	if (file->has & CR_HAS_XATTR_OBJECT)
		cr_buf_id(out, &file->xattr_id);
}

static void take_file(struct cr_cursor *cur, struct cr_known_file *file)
{
	struct cr_stored_content *c = &file->content;

	*file = (struct cr_known_file){ 0 };
	file->signature.size = cr_cursor_varint(cur);
	file->signature.mtime = take_time(cur);
	file->signature.ctime = take_time(cur);
	file->signature.inode = cr_cursor_varint(cur);
	c->content = cr_cursor_u8(cur);
	c->size_class = cr_cursor_u8(cur);
	c->size = cr_cursor_varint(cur);
	c->data_bytes = cr_cursor_varint(cur);
	if (c->content > CR_CONTENT_LNODE ||
	    (c->content == CR_CONTENT_INLINE && c->size > CR_INLINE_MAX))
		cr_cursor_fail(cur);
	else if (c->content == CR_CONTENT_INLINE)
		cr_cursor_bytes(cur, c->inlined, c->size);
	else if (c->content != CR_CONTENT_NONE)
		c->id = cr_cursor_id(cur);
	file->has = cr_cursor_u8(cur);
	file->has_acl = cr_cursor_u8(cur);
	file->flags = cr_cursor_u32(cur);
	if (file->has & CR_HAS_XATTR_HERE) {
		file->xattrs.len = cr_cursor_max(cur, CR_INLINE_MAX);
		file->xattrs.bytes = cr_cursor_view(cur, file->xattrs.len);
	}
	if (file->has & CR_HAS_XATTR_OBJECT)
		file->xattr_id = cr_cursor_id(cur);
}

/* ---- Directories: reading ---- */

/* 16 bytes that stand for a directory, then the number of the row. */
struct row_key {
	uint8_t bytes[16 + 4];
};

static struct row_key row_key(const struct cr_statcache *cache,
			      const char *source, struct cr_piece path)
{
	struct cr_piece piece[] = {
		CR_PIECE(&cache->domain),
		{ source, strlen(source) + 1 },
		path,
	};
	struct cr_id hash = cr_hash("statcache", piece, CR_ARRAY_LEN(piece));
	struct row_key key = { 0 };

	memcpy(key.bytes, hash.bytes, 16);
	return key;
}

static struct cr_piece key_number(struct row_key *key, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		key->bytes[16 + i] = (uint8_t)(number >> (24 - 8 * i));
	return (struct cr_piece){ key->bytes, sizeof(key->bytes) };
}

struct cr_known_dir {
	struct cr_statcache *cache; /* borrowed */
	struct row_key key;
	uint32_t next; /* number of the row to read next */
	struct cr_buf row;
	struct cr_cursor cur; /* in @row */
	struct cr_piece name; /* of the record at hand, in @row */
	struct cr_known_file file;
	bool at_record, ended;
};

/* The head of a row; whether its records count. */
static bool row_counts(const struct cr_statcache *cache, struct cr_cursor *cur)
{
	uint8_t version = cr_cursor_u8(cur);
	uint64_t session = cr_cursor_u64(cur);
	uint64_t generation = cr_cursor_u64(cur);

	return !cur->overrun && version == VERSION &&
	       generation == cache->generation && ended_well(cache, session);
}

int cr_known_dir_open(struct cr_statcache *cache, const char *source,
		      struct cr_piece path, struct cr_known_dir **ret)
{
	struct cr_known_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->cache = cache;
	dir->key = row_key(cache, source, path);
	*ret = dir;
	return 0;
}

void cr_known_dir_close(struct cr_known_dir *dir)
{
	if (!dir)
		return;
	cr_buf_release(&dir->row);
	free(dir);
}

/* Make the next record the one at hand; dir->ended when there is none. */
static int next_record(struct cr_known_dir *dir)
{
	dir->at_record = false;
	while (dir->cur.left == 0) {
		int r = cr_kv_get(dir->cache->kv, FILES,
				  key_number(&dir->key, dir->next++),
				  &dir->row);

		if (r == -ENOENT) {
			dir->ended = true;
			return 0;
		}
		if (r < 0)
			return r;
		dir->cur = cr_cursor(dir->row.bytes, dir->row.len);
		if (!row_counts(dir->cache, &dir->cur))
			dir->cur.left = 0;
	}
	dir->name.len = cr_cursor_max(&dir->cur, CR_NAME_MAX);
	dir->name.bytes = cr_cursor_view(&dir->cur, dir->name.len);
	take_file(&dir->cur, &dir->file);
	dir->at_record = !dir->cur.overrun;
	return 0;
}

int cr_known_dir_find(struct cr_known_dir *dir, struct cr_piece name,
		      struct cr_known_file *ret)
{
	while (!dir->ended) {
		int order, r;

		if (!dir->at_record) {
			r = next_record(dir);
			if (r < 0)
				return r;
			continue;
		}
		order = cr_name_compare(dir->name, name);
		if (order > 0)
			return 0;
		/* One find a name: the record is used up, but its bytes stay.
		 */
		dir->at_record = false;
		if (order == 0) {
			*ret = dir->file;
			return 1;
		}
	}
	return 0;
}

/* ---- Directories: writing ---- */

struct cr_noted_dir {
	struct cr_statcache *cache; /* borrowed */
	struct row_key key;
	uint32_t next;
	struct cr_buf row;
};

int cr_noted_dir_open(struct cr_statcache *cache, const char *source,
		      struct cr_piece path, struct cr_noted_dir **ret)
{
	struct cr_noted_dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	dir->cache = cache;
	dir->key = row_key(cache, source, path);
	*ret = dir;
	return 0;
}

void cr_noted_dir_abort(struct cr_noted_dir *dir)
{
	if (!dir)
		return;
	cr_buf_release(&dir->row);
	free(dir);
}

#define ROW_HEAD_LEN 17

/* Write the row, unless an old one that counts says the same. */
static int put_row(struct cr_noted_dir *dir)
{
	cr_cleanup(cr_buf_release) struct cr_buf old = { 0 };
	struct cr_statcache *cache = dir->cache;
	struct cr_piece key = key_number(&dir->key, dir->next++);
	struct cr_piece row = { dir->row.bytes, dir->row.len };
	struct cr_cursor cur;
	int r = cr_buf_error(&dir->row);

	if (r == 0)
		r = cr_kv_get(cache->kv, FILES, key, &old);
	if (r < 0 && r != -ENOENT)
		return r;
	cur = cr_cursor(old.bytes, old.len);
	if (r == 0 && old.len == row.len && row_counts(cache, &cur) &&
	    memcmp(old.bytes + ROW_HEAD_LEN, dir->row.bytes + ROW_HEAD_LEN,
		   row.len - ROW_HEAD_LEN) == 0) {
		cr_buf_clear(&dir->row);
		return 0;
	}
	cr_kv_put(cache->batch, FILES, key, row);
	cr_buf_clear(&dir->row);
	if (cr_kv_batch_count(cache->batch) < BATCH_ROWS)
		return 0;
	return cr_kv_write(cache->kv, cache->batch);
}

int cr_noted_dir_add(struct cr_noted_dir *dir, struct cr_piece name,
		     const struct cr_known_file *file)
{
	if (dir->row.len == 0) {
		cr_buf_u8(&dir->row, VERSION);
		cr_buf_u64(&dir->row, dir->cache->session);
		cr_buf_u64(&dir->row, dir->cache->generation);
	}
	cr_buf_string(&dir->row, name.bytes, name.len);
	put_file(&dir->row, file);
	if (dir->row.len < ROW_BYTES)
		return cr_buf_error(&dir->row);
	return put_row(dir);
}

/* A directory that shrank leaves rows behind its last one. */
static int drop_rest(struct cr_noted_dir *dir)
{
	cr_cleanup(cr_buf_release) struct cr_buf old = { 0 };
	struct cr_statcache *cache = dir->cache;

	for (;; dir->next++) {
		struct cr_piece key = key_number(&dir->key, dir->next);
		int r = cr_kv_get(cache->kv, FILES, key, &old);

		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		cr_kv_delete(cache->batch, FILES, key);
	}
}

int cr_noted_dir_finish(struct cr_noted_dir *dir)
{
	int r = dir->row.len > 0 ? put_row(dir) : 0;

	if (r == 0)
		r = drop_rest(dir);
	cr_noted_dir_abort(dir);
	return r;
}

/* ---- Links
 * ---------------------------------------------------------------------------------------------
 */

struct link_key {
	uint64_t device, inode;
};

int cr_statcache_link_get(struct cr_statcache *cache, uint64_t device,
			  uint64_t inode, struct cr_buf *bytes,
			  struct cr_known_file *ret)
{
	struct link_key key = { device, inode };
	struct cr_cursor cur;
	int r = cr_kv_get(cache->kv, LINKS, (struct cr_piece)CR_PIECE(&key),
			  bytes);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	cur = cr_cursor(bytes->bytes, bytes->len);
	take_file(&cur, ret);
	return cr_cursor_done(&cur);
}

int cr_statcache_link_put(struct cr_statcache *cache, uint64_t device,
			  uint64_t inode, const struct cr_known_file *file)
{
	cr_cleanup(cr_buf_release) struct cr_buf value = { 0 };
	struct link_key key = { device, inode };

	put_file(&value, file);
	if (cr_buf_error(&value) < 0)
		return -ENOMEM;
	cr_kv_put(cache->batch, LINKS, (struct cr_piece)CR_PIECE(&key),
		  (struct cr_piece){ value.bytes, value.len });
	return cr_kv_write(cache->kv, cache->batch);
}
