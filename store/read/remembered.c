/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file `manifests`, of this machine only:
 *
 *	8   "caprockM"
 *	u32 version, 2
 *	sealed (seal.h), with all before and the repository's id: for each
 *	    string object with its NUL, u64 size, u64 inode, u64 received,
 *	    u32 its ns, u64 changed, u32 its ns, [32] id, [32] signer,
 *	    string head of the object, string body
 */
#include "store/read/remembered.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/codec/seal.h"
#include "store/disk/derive.h"

#define FILE_NAME  "manifests"
#define FILE_NEW   "manifests.new"
#define FILE_MAGIC "caprockM"
#define VERSION	   2
#define HEAD_LEN   (CR_MAGIC_LEN + 4)
#define FILE_MAX   (16u << 20)
#define ONE_MAX	   8192u /* bytes of an object that is kept */
#define ADDED_MIN  16	 /* of which a thirty-second of all is written anew */

struct item {
	struct cr_remembered_manifest what; /* into the file, or own */
	uint8_t *own;			    /* owned; when it was added */
	bool used;
};

struct cr_remembered {
	struct cr_buf file; /* what was loaded, opened where it lies */
	struct item *item;  /* owned; sorted, but for those added */
	size_t count, loaded, room, added;
	size_t next; /* of those loaded: behind the last one found */
};

void cr_remembered_free(struct cr_remembered *remembered)
{
	if (!remembered)
		return;
	for (size_t i = 0; i < remembered->count; i++)
		free(remembered->item[i].own);
	free(remembered->item);
	cr_buf_release(&remembered->file);
	free(remembered);
}

static struct item *append(struct cr_remembered *remembered)
{
	if (remembered->count == remembered->room) {
		size_t room = cr_max(2 * remembered->room, (size_t)64);
		struct item *item =
			reallocarray(remembered->item, room, sizeof(*item));

		if (!item)
			return NULL;
		remembered->item = item;
		remembered->room = room;
	}
	remembered->item[remembered->count] = (struct item){ 0 };
	return &remembered->item[remembered->count++];
}

/* ---- The file ---- */

static struct cr_piece view(struct cr_cursor *cur)
{
	size_t len = (size_t)cr_cursor_max(cur, ONE_MAX);
	const uint8_t *at = cr_cursor_view(cur, len);

	return (struct cr_piece){ at, at ? len : 0 };
}

/* One manifest after the other; @cur fails where they are none. */
static int parse_one(struct cr_cursor *cur, struct cr_remembered *remembered)
{
	struct item *item = append(remembered);
	struct cr_remembered_manifest *what;
	struct cr_piece object;

	if (!item)
		return -ENOMEM;
	what = &item->what;
	object = view(cur);
	what->mark.size = cr_cursor_u64(cur);
	what->mark.inode = cr_cursor_u64(cur);
	what->mark.received = (int64_t)cr_cursor_u64(cur);
	what->mark.received_ns = cr_cursor_u32(cur);
	what->mark.changed = (int64_t)cr_cursor_u64(cur);
	what->mark.changed_ns = cr_cursor_u32(cur);
	what->id = cr_cursor_id(cur);
	cr_cursor_bytes(cur, what->signer.bytes, sizeof(what->signer.bytes));
	what->head = view(cur);
	what->body = view(cur);
	what->object = (const char *)object.bytes;
	if (object.len == 0 || what->object[object.len - 1] != '\0')
		cr_cursor_fail(cur);
	return 0;
}

static int by_object(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->what.object, y->what.object);
}

/* What one mount added lies in order, and most often all does. */
static void sort(struct cr_remembered *remembered)
{
	const struct item *item = remembered->item;

	for (size_t i = 1; i < remembered->count; i++)
		if (by_object(&item[i - 1], &item[i]) > 0) {
			qsort(remembered->item, remembered->count,
			      sizeof(*remembered->item), by_object);
			return;
		}
}

static struct cr_piece ad_of(const struct cr_repo *repo, struct cr_buf *out)
{
	cr_buf_put(out, FILE_MAGIC, CR_MAGIC_LEN);
	cr_buf_u32(out, VERSION);
	cr_buf_uid(out, &repo->info.id);
	return (struct cr_piece){ out->bytes, out->len };
}

/* Open what @file holds, where it lies; -ENOENT: nothing. */
static int open_file(const struct cr_repo *repo, struct cr_buf *file,
		     struct cr_piece *plain)
{
	cr_cleanup(cr_buf_release) struct cr_buf ad = { 0 };
	cr_cleanup(cr_key_wipe) struct cr_key key;
	struct cr_piece all = ad_of(repo, &ad);
	int r = cr_keyring_state_key(repo->keys->ring, &key);

	if (r == 0)
		r = cr_buf_error(&ad);
	if (r < 0)
		return r;
	if (file->len < HEAD_LEN || memcmp(file->bytes, all.bytes, HEAD_LEN))
		return -ENOENT;
	r = cr_open_in_place(&key, all, file->bytes + HEAD_LEN,
			     file->len - HEAD_LEN, plain);
	return r == -CR_EAUTH ? -ENOENT : r;
}

static int read_file(const struct cr_state *state, struct cr_buf *out)
{
	cr_cleanup(cr_closep) int fd =
		cr_io_open(cr_state_fd(state), FILE_NAME, O_RDONLY, 0);
	struct stat st;
	uint8_t *at;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > FILE_MAX)
		return -ENOENT;
	at = cr_buf_extend(out, (size_t)st.st_size);
	if (!at)
		return -ENOMEM;
	n = cr_io_pread(fd, at, out->len, 0);
	return n < 0 || (size_t)n != out->len ? -ENOENT : 0;
}

int cr_remembered_load(const struct cr_repo *repo, const struct cr_state *state,
		       struct cr_remembered **ret)
{
	cr_cleanup(cr_remembered_freep) struct cr_remembered *remembered =
		calloc(1, sizeof(*remembered));
	struct cr_piece plain = { 0 };
	struct cr_cursor cur;
	int r;

	if (!remembered)
		return -ENOMEM;
	r = read_file(state, &remembered->file);
	if (r == 0)
		r = open_file(repo, &remembered->file, &plain);
	if (r < 0 && r != -ENOENT)
		return r;
	cur = cr_cursor(plain.bytes, plain.len);
	while (r == 0 && cur.left > 0 && !cur.overrun)
		r = parse_one(&cur, remembered);
	if (r == -ENOMEM)
		return r;
	if (cur.overrun) /* ours once: from another version */
		remembered->count = 0;
	remembered->loaded = remembered->count;
	sort(remembered);
	*ret = cr_take(remembered);
	return 0;
}

/* ---- What is known ---- */

static bool same_mark(const struct cr_stored_mark *a,
		      const struct cr_stored_mark *b)
{
	return a->size == b->size && a->inode == b->inode &&
	       a->received == b->received && a->received_ns == b->received_ns &&
	       a->changed == b->changed && a->changed_ns == b->changed_ns;
}

static int is_object(const void *object, const void *item)
{
	return strcmp(object, ((const struct item *)item)->what.object);
}

static struct item *look(struct cr_remembered *remembered, const char *object)
{
	struct item *item = remembered->item;

	if (remembered->next < remembered->loaded &&
	    is_object(object, &item[remembered->next]) == 0)
		return &item[remembered->next];
	return remembered->loaded ? bsearch(object, item, remembered->loaded,
					    sizeof(*item), is_object)
				  : NULL;
}

bool cr_remembered_find(struct cr_remembered *remembered, const char *object,
			const struct cr_stored_mark *mark,
			struct cr_remembered_manifest *ret)
{
	struct item *item = look(remembered, object);

	if (!item)
		return false;
	remembered->next = (size_t)(item - remembered->item) + 1;
	if (!same_mark(&item->what.mark, mark))
		return false;
	item->used = true;
	*ret = item->what;
	return true;
}

int cr_remembered_add(struct cr_remembered *remembered,
		      const struct cr_remembered_manifest *what)
{
	size_t object_len = strlen(what->object) + 1;
	struct item *item;
	uint8_t *own;

	if (what->head.len > ONE_MAX || what->body.len > ONE_MAX)
		return 0;
	item = append(remembered);
	if (!item)
		return -ENOMEM;
	own = malloc(object_len + what->head.len + what->body.len);
	if (!own) {
		remembered->count--;
		return -ENOMEM;
	}
	item->what = *what;
	item->own = own;
	item->used = true;
	item->what.object = memcpy(own, what->object, object_len);
	item->what.head.bytes =
		memcpy(own + object_len, what->head.bytes, what->head.len);
	item->what.body.bytes = memcpy(own + object_len + what->head.len,
				       what->body.bytes, what->body.len);
	remembered->added++;
	return 0;
}

/* ---- Saving ---- */

static void encode(const struct item *item, struct cr_buf *out)
{
	const struct cr_remembered_manifest *what = &item->what;

	cr_buf_string(out, what->object, strlen(what->object) + 1);
	cr_buf_u64(out, what->mark.size);
	cr_buf_u64(out, what->mark.inode);
	cr_buf_u64(out, (uint64_t)what->mark.received);
	cr_buf_u32(out, what->mark.received_ns);
	cr_buf_u64(out, (uint64_t)what->mark.changed);
	cr_buf_u32(out, what->mark.changed_ns);
	cr_buf_id(out, &what->id);
	cr_buf_put(out, what->signer.bytes, sizeof(what->signer.bytes));
	cr_buf_string(out, what->head.bytes, what->head.len);
	cr_buf_string(out, what->body.bytes, what->body.len);
}

/*
 * A file that is cut short by a crash does not open, and is only made anew: so
 * nothing is synced.
 */
static int write_file(int folder, const struct cr_buf *buf)
{
	cr_cleanup(cr_closep) int fd =
		cr_io_open(folder, FILE_NEW, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int r = fd < 0 ? fd : cr_io_pwrite(fd, buf->bytes, buf->len, 0);

	if (r == 0)
		r = cr_io_close(&fd);
	return r < 0 ? r : cr_io_rename(folder, FILE_NEW, FILE_NAME, 0);
}

int cr_remembered_save(const struct cr_remembered *remembered,
		       const struct cr_repo *repo, const struct cr_state *state)
{
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf file = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf ad = { 0 };
	cr_cleanup(cr_key_wipe) struct cr_key key;
	struct cr_piece all = ad_of(repo, &ad);
	int r;

	if (remembered->added < ADDED_MIN ||
	    remembered->added < remembered->count / 32)
		return 0;
	for (size_t i = 0; i < remembered->count; i++)
		if (remembered->item[i].used &&
		    plain.len < FILE_MAX - 4 * ONE_MAX)
			encode(&remembered->item[i], &plain);
	r = cr_keyring_state_key(repo->keys->ring, &key);
	if (r == 0)
		r = cr_buf_error(&plain);
	if (r == 0)
		r = cr_buf_error(&ad);
	if (r < 0)
		return r;
	cr_buf_put(&file, all.bytes, HEAD_LEN);
	r = cr_seal_append(&key, all,
			   (struct cr_piece){ plain.bytes, plain.len }, &file);
	if (r < 0)
		return r;
	/* Of a process that died; two at once: one of them has it. */
	(void)!cr_io_unlink(cr_state_fd(state), FILE_NEW);
	r = write_file(cr_state_fd(state), &file);
	if (r < 0)
		return cr_fail(-r, FILE_NAME ": cannot be written: %s",
			       cr_strerror(r));
	return 0;
}
