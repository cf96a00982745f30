/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The file `heads`, of this machine only:
 *
 *	8   "caprockH"
 *	u32 version, 1
 *	u32 count; each: [16] writer, [16] incarnation, u64 seq, [32] hash
 *	32  Hash("heads-sum", all bytes before)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/base/buf.h"
#include "store/base/cursor.h"
#include "store/base/error.h"
#include "store/base/io.h"
#include "store/base/log.h"
#include "store/codec/hash.h"
#include "store/disk/state.h"

#define HEADS_MAGIC   "caprockH"
#define HEADS_VERSION 1
#define HEAD_LEN      (2 * CR_UID_LEN + 8 + CR_ID_LEN)
#define HEADS_MIN     (CR_MAGIC_LEN + 4 + 4 + CR_ID_LEN)
#define HEADS_MAX     (HEADS_MIN + (off_t)65536 * HEAD_LEN)

void cr_heads_release(struct cr_heads *heads)
{
	free(heads->head);
	*heads = (struct cr_heads){ 0 };
}

struct cr_head *cr_heads_find(struct cr_heads *heads,
			      const struct cr_uid *writer)
{
	for (size_t i = 0; i < heads->count; i++)
		if (cr_uid_equal(&heads->head[i].writer, writer))
			return &heads->head[i];
	return NULL;
}

int cr_heads_set(struct cr_heads *heads, const struct cr_head *head)
{
	struct cr_head *at = cr_heads_find(heads, &head->writer);
	struct cr_head *bigger;

	if (at) {
		*at = *head;
		return 0;
	}
	bigger = reallocarray(heads->head, heads->count + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	heads->head = bigger;
	heads->head[heads->count++] = *head;
	return 0;
}

/* -CR_ECORRUPT without a sentence. */
static int parse(const uint8_t *bytes, size_t len, struct cr_heads *ret)
{
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	struct cr_cursor cur = cr_cursor(bytes, len);
	uint8_t magic[CR_MAGIC_LEN];
	struct cr_id sum;
	uint32_t count;

	if (len < HEADS_MIN)
		return -CR_ECORRUPT;
	cur.left -= CR_ID_LEN;
	sum = cr_hash_bytes("heads-sum", bytes, cur.left);
	if (memcmp(sum.bytes, bytes + cur.left, CR_ID_LEN) != 0)
		return -CR_ECORRUPT;
	cr_cursor_bytes(&cur, magic, sizeof(magic));
	if (memcmp(magic, HEADS_MAGIC, sizeof(magic)) != 0 ||
	    cr_cursor_u32(&cur) != HEADS_VERSION)
		return -CR_ECORRUPT;
	count = cr_cursor_u32(&cur);
	if (cur.left != (uint64_t)count * HEAD_LEN)
		return -CR_ECORRUPT;
	for (uint32_t i = 0; i < count; i++) {
		struct cr_head head = { .writer = cr_cursor_uid(&cur) };

		head.incarnation = cr_cursor_uid(&cur);
		head.seq = cr_cursor_u64(&cur);
		head.hash = cr_cursor_id(&cur);
		if (cr_heads_set(&heads, &head) < 0)
			return -ENOMEM;
	}
	*ret = cr_take(heads);
	return 0;
}

int cr_heads_load(const struct cr_state *state, struct cr_heads *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	cr_cleanup(cr_freep) char *path = NULL;
	cr_cleanup(cr_closep) int fd = -1;
	struct stat st;
	uint8_t *at;
	ssize_t n;
	int r;

	fd = cr_io_open(cr_state_fd(state), "heads", O_RDONLY, 0);
	if (fd == -ENOENT) {
		*ret = (struct cr_heads){ 0 };
		return 0;
	}
	if (fd < 0)
		return cr_fail(-fd, "heads: %s", cr_strerror(fd));
	if (fstat(fd, &st) < 0)
		return cr_fail(errno, "heads: %s", strerrordesc_np(errno));
	at = cr_buf_extend(&buf, (size_t)cr_min(st.st_size, HEADS_MAX) + 1);
	if (!at)
		return -ENOMEM;
	n = cr_io_pread(fd, at, buf.len, 0);
	if (n < 0)
		return cr_fail((int)-n, "heads: %s", cr_strerror((int)n));
	r = (size_t)n == buf.len ? -CR_ECORRUPT : parse(at, (size_t)n, ret);
	if (r == -CR_ECORRUPT) {
		path = cr_state_path(state, "heads");
		cr_log(CR_LOG_WARNING,
		       "%s is damaged and begun anew: storage that was rolled "
		       "back before now will not be noticed",
		       path ? path : "heads");
		*ret = (struct cr_heads){ 0 };
		return 0;
	}
	return r;
}

/*
 * Take in what another process wrote since @heads was loaded: writers that we
 * do not know, and later heads of the same incarnation.
 */
static int merge(struct cr_heads *heads, const struct cr_heads *stored)
{
	for (size_t i = 0; i < stored->count; i++) {
		const struct cr_head *theirs = &stored->head[i];
		const struct cr_head *ours =
			cr_heads_find(heads, &theirs->writer);

		if (ours &&
		    (!cr_uid_equal(&ours->incarnation, &theirs->incarnation) ||
		     ours->seq >= theirs->seq))
			continue;
		if (cr_heads_set(heads, theirs) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int encode(const struct cr_heads *heads, struct cr_buf *out)
{
	struct cr_id sum;

	cr_buf_put(out, HEADS_MAGIC, CR_MAGIC_LEN);
	cr_buf_u32(out, HEADS_VERSION);
	cr_buf_u32(out, (uint32_t)heads->count);
	for (size_t i = 0; i < heads->count; i++) {
		cr_buf_uid(out, &heads->head[i].writer);
		cr_buf_uid(out, &heads->head[i].incarnation);
		cr_buf_u64(out, heads->head[i].seq);
		cr_buf_id(out, &heads->head[i].hash);
	}
	if (cr_buf_error(out) < 0)
		return -ENOMEM;
	sum = cr_hash_bytes("heads-sum", out->bytes, out->len);
	cr_buf_id(out, &sum);
	return cr_buf_error(out);
}

static int write_file(int folder, const struct cr_buf *buf)
{
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	/* One name for all: heads.lock is held, and a leftover is overwritten.
	 */
	fd = cr_io_open(folder, "heads.new", O_WRONLY | O_CREAT | O_TRUNC,
			0600);
	if (fd < 0)
		return fd;
	r = cr_io_pwrite(fd, buf->bytes, buf->len, 0);
	if (r < 0)
		return r;
	r = cr_io_sync(fd);
	if (r < 0)
		return r;
	r = cr_io_close(&fd);
	if (r < 0)
		return r;
	r = cr_io_rename(folder, "heads.new", "heads", 0);
	return r < 0 ? r : cr_io_sync_folder(folder);
}

/* Held from reading to renaming, for moments only; gone with the descriptor. */
static int lock_heads(int folder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	cr_cleanup(cr_closep) int fd = -1;
	int r;

	fd = cr_io_open(folder, "heads.lock", O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		return fd;
	do
		r = fcntl(fd, F_OFD_SETLKW, &lock) < 0 ? -errno : 0;
	while (r == -EINTR);
	return r < 0 ? r : cr_take_fd(&fd);
}

int cr_heads_save(const struct cr_state *state, const struct cr_heads *heads)
{
	cr_cleanup(cr_heads_release) struct cr_heads all = { 0 };
	cr_cleanup(cr_heads_release) struct cr_heads stored = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf buf = { 0 };
	cr_cleanup(cr_closep) int lock = lock_heads(cr_state_fd(state));
	int r;

	if (lock < 0)
		return cr_fail(-lock, "heads.lock: %s", cr_strerror(lock));
	r = cr_heads_load(state, &stored);
	if (r < 0)
		return r;
	for (size_t i = 0; i < heads->count && r == 0; i++)
		r = cr_heads_set(&all, &heads->head[i]);
	if (r == 0)
		r = merge(&all, &stored);
	if (r == 0)
		r = encode(&all, &buf);
	if (r < 0)
		return r;
	r = write_file(cr_state_fd(state), &buf);
	if (r < 0)
		return cr_fail(-r, "heads: cannot be written: %s",
			       cr_strerror(r));
	return 0;
}
