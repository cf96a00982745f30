/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/read/file.h"
#include "tools/link_groups.h"
#include "tools/tar.h"
#include "tools/target.h"

#define SPAN	(2u << 20)  /* bytes that are read at once */
#define MAP_PUT (64u << 10) /* bytes of a map that are written at once */

struct export
{
	struct cr_context *ctx;
	struct cr_session session;
	struct cr_target target;
	struct cr_links *links; /* owned */
	uint64_t written;
	uint64_t damaged;
};

static void export_release(struct export *x)
{
	cr_links_free(x->links);
	cr_target_release(&x->target);
	cr_session_close(&x->session);
}

/* An entry on its way. */
struct passing {
	struct export *x;
	const struct cr_entry *entry;
	const struct cr_file_ref *ref;
	struct cr_buf name;
	struct cr_buf link;
	struct cr_buf xattrs;
	struct cr_link_at first;    /* of its group */
	struct cr_file *file;	    /* owned */
	struct cr_span head;	    /* its first bytes of data */
	uint64_t head_at, head_len; /* where its first run lies */
	uint64_t runs, map, data;   /* of a sparse file: see measure() */
};

static void passing_release(struct passing *p)
{
	cr_span_release(&p->head);
	cr_file_close(p->file);
	cr_link_at_release(&p->first);
	cr_buf_release(&p->xattrs);
	cr_buf_release(&p->link);
	cr_buf_release(&p->name);
}

static int put(struct export *x, const void *bytes, size_t len)
{
	x->written += len;
	return cr_say_bytes(x->ctx->out, bytes, len);
}

static int put_zeros(struct export *x, size_t len)
{
	static const uint8_t zeros[CR_TAR_RECORD];

	assert(len <= sizeof(zeros));
	return put(x, zeros, len);
}

static int put_span(struct export *x, const struct cr_span *span)
{
	int r = 0;

	for (size_t i = 0; i < span->count && r == 0; i++)
		r = put(x, span->iov[i].iov_base, span->iov[i].iov_len);
	return r;
}

/* Whether it is the repository that failed, and nothing but its bytes. */
static bool is_damage(const struct export *x, int error)
{
	return cr_is_damage(error) ||
	       (error == -EIO && x->ctx->out->error == 0);
}

/* Damage costs the entry: 1. */
static int left_out(struct passing *p, int error)
{
	if (!is_damage(p->x, error))
		return error;
	cr_log(CR_LOG_ERR, "%s: damaged: %s", (const char *)p->name.bytes + 2,
	       cr_detail());
	p->x->damaged++;
	return 1;
}

/* ---- Runs of data */

/* The next one at or after *@from: 1, else 0. */
static int next_run(const struct cr_file *file, uint64_t *from, uint64_t *to)
{
	int r = cr_file_seek(file, *from, SEEK_DATA, from);

	if (r == -ENXIO)
		return 0;
	if (r == 0)
		r = cr_file_seek(file, *from, SEEK_HOLE, to);
	return r < 0 ? r : 1;
}

static uint64_t map_len(uint64_t number)
{
	uint64_t len = 2; /* a digit, and the end of the line */

	for (; number >= 10; number /= 10)
		len++;
	return len;
}

/* What the header says of a sparse file: its runs, the bytes of its map (they
 * may be too many to keep) and of its data. */
static int measure(struct passing *p)
{
	uint64_t size = cr_file_size(p->file), from = 0, to = 0;
	int r;

	while ((r = next_run(p->file, &from, &to)) > 0) {
		if (p->runs++ == 0) {
			p->head_at = from;
			p->head_len = to - from;
		}
		p->map += map_len(from) + map_len(to - from);
		p->data += to - from;
		from = to;
	}
	/* An empty run at the end tells where that is. */
	if (r == 0 && to < size) {
		p->runs++;
		p->map += map_len(size) + map_len(0);
	}
	p->map += map_len(p->runs);
	p->map += cr_tar_padding(p->map);
	return r;
}

static int flush_map(struct export *x, struct cr_buf *map, size_t least)
{
	int r = cr_buf_error(map);

	if (r < 0 || map->len < least)
		return r;
	r = put(x, map->bytes, map->len);
	cr_buf_clear(map);
	return r;
}

static int put_map(struct passing *p)
{
	cr_cleanup(cr_buf_release) struct cr_buf map = { 0 };
	uint64_t size = cr_file_size(p->file), from = 0, to = 0;
	uint64_t begun = p->x->written;
	int r;

	cr_tar_map_put(&map, p->runs);
	while ((r = next_run(p->file, &from, &to)) > 0) {
		cr_tar_map_put(&map, from);
		cr_tar_map_put(&map, to - from);
		from = to;
		r = flush_map(p->x, &map, MAP_PUT);
		if (r < 0)
			return r;
	}
	if (r == 0 && to < size) {
		cr_tar_map_put(&map, size);
		cr_tar_map_put(&map, 0);
	}
	if (r == 0)
		r = flush_map(p->x, &map, 1);
	return r < 0 ? r
		     : put_zeros(p->x, cr_tar_padding(p->x->written - begun));
}

static int put_run(struct passing *p, uint64_t from, uint64_t to)
{
	while (from < to) {
		cr_cleanup(cr_span_release) struct cr_span span = { 0 };
		int r = 0;

		if (from == p->head_at && p->head.len > 0)
			span = cr_take(p->head);
		else
			r = cr_file_span(
				p->file, from,
				(size_t)cr_min(to - from, (uint64_t)SPAN),
				&span);
		if (r == 0)
			r = put_span(p->x, &span);
		if (r < 0)
			return r;
		from += span.len;
	}
	return 0;
}

static int put_content(struct passing *p, bool sparse)
{
	uint64_t from = 0, to = 0;
	int r = sparse ? put_map(p) : 0;

	if (r < 0)
		return r;
	while ((r = next_run(p->file, &from, &to)) > 0) {
		r = put_run(p, from, to);
		if (r < 0)
			return r;
		from = to;
	}
	return r < 0 ? r : put_zeros(p->x, cr_tar_padding(p->data));
}

/* ---- Members */

static struct cr_piece text_of(const struct cr_buf *buf)
{
	return (struct cr_piece){ buf->bytes, buf->len > 0 ? buf->len - 1 : 0 };
}

static int put_member(struct passing *p, struct cr_tar_member *m)
{
	cr_cleanup(cr_buf_release) struct cr_buf header = { 0 };
	int r;

	m->entry = p->entry;
	m->name = text_of(&p->name);
	m->link = text_of(&p->link);
	m->xattrs = (struct cr_piece){ p->xattrs.bytes, p->xattrs.len };
	r = cr_tar_header(m, &header);
	return r < 0 ? r : put(p->x, header.bytes, header.len);
}

/* Open it and read how it begins, while it can still be left out. */
static int open_file(struct passing *p)
{
	int r = cr_file_open(p->x->session.reader, &p->x->target.view, p->ref,
			     &p->file);

	if (r == 0)
		r = measure(p);
	if (r == 0 && p->data > 0)
		r = cr_file_span(p->file, p->head_at,
				 (size_t)cr_min(p->head_len, (uint64_t)SPAN),
				 &p->head);
	return r < 0 ? left_out(p, r) : 0;
}

static int put_file(struct passing *p)
{
	struct cr_tar_member m = { 0 };
	int r = open_file(p);

	if (r != 0)
		return r;
	m.sparse = p->data < cr_file_size(p->file);
	m.stored = p->data + (m.sparse ? p->map : 0);
	r = put_member(p, &m);
	if (r < 0)
		return r;
	r = put_content(p, m.sparse);
	if (!cr_is_damage(r) && r != -EIO)
		return r;
	return cr_fail(-r,
		       "%s: damaged, and too late to be left out: the "
		       "archive ends here: %s",
		       (const char *)p->name.bytes + 2, cr_detail());
}

static int put_other(struct passing *p)
{
	struct cr_tar_member m = { 0 };
	int r;

	if (p->entry->type == CR_ENTRY_SYMLINK) {
		r = cr_entry_target(p->x->session.reader, &p->x->target.view,
				    p->entry, &p->link);
		if (r < 0)
			return left_out(p, r);
		cr_buf_u8(&p->link, 0);
		if (cr_buf_error(&p->link) < 0)
			return -ENOMEM;
	}
	return put_member(p, &m);
}

static int put_whole(struct passing *p)
{
	struct cr_piece set;
	struct cr_xattrs parsed;
	int r = cr_entry_xattrs(p->x->session.reader, &p->x->target.view,
				p->entry, &p->xattrs);

	set = (struct cr_piece){ p->xattrs.bytes, p->xattrs.len };
	if (r == 0 && set.len > 0)
		r = cr_xattrs_parse(set, &parsed);
	if (r < 0)
		return left_out(p, r);
	return p->entry->type == CR_ENTRY_FILE ? put_file(p) : put_other(p);
}

/* A further name of a file, or the first that can be had. */
static int put_linked(struct passing *p)
{
	struct cr_tar_member m = { .hard_link = true };
	int turn = cr_links_claim(p->x->links, p->entry, false, &p->first);
	int r;

	if (turn < 0)
		return turn;
	if (turn == CR_LINK_READY) {
		cr_buf_put(&p->link, p->first.path.bytes, p->first.path.len);
		r = cr_buf_error(&p->link);
		return r < 0 ? r : put_member(p, &m);
	}
	if (turn == CR_LINK_LOST)
		return left_out(p, cr_fail(CR_ECORRUPT,
					   "one file with another name, which "
					   "is damaged"));
	r = put_whole(p);
	cr_buf_put(&p->first.path, p->name.bytes, p->name.len);
	if (cr_buf_error(&p->first.path) < 0)
		return -ENOMEM;
	cr_links_done(p->x->links, p->entry, r == 0 ? &p->first : NULL, r == 1);
	return r;
}

static int pass(struct export *x, const struct cr_walk_item *item)
{
	cr_cleanup(passing_release) struct passing p = {
		.x = x,
		.entry = item->entry,
		.ref = &item->file,
	};
	int r;

	/* The start is "." when it is a directory, else the file itself. */
	cr_buf_put(&p.name, ".", 1);
	if (item->depth > 0 || item->entry->type != CR_ENTRY_DIRECTORY) {
		cr_buf_u8(&p.name, '/');
		cr_buf_put(&p.name,
			   item->depth > 0 ? item->path
					   : item->entry->name.bytes,
			   item->depth > 0 ? item->path_len
					   : item->entry->name.len);
	}
	cr_buf_u8(&p.name, 0);
	if (cr_buf_error(&p.name) < 0)
		return -ENOMEM;
	if (item->entry->type == CR_ENTRY_SOCKET) {
		cr_log(CR_LOG_WARNING, "%s: left out: tar has no sockets",
		       (const char *)p.name.bytes + 2);
		return 0;
	}
	r = item->entry->has & CR_HAS_LINK ? put_linked(&p) : put_whole(&p);
	return r < 0 ? r : 0;
}

static int next(struct export *x, struct cr_walk *walk,
		struct cr_walk_item *item)
{
	int r;

	while ((r = cr_walk_next(walk, item)) < 0) {
		if (!is_damage(x, r))
			return r;
		cr_log(CR_LOG_ERR,
		       "a directory is damaged, not all that is in "
		       "it is exported: %s",
		       cr_detail());
		x->damaged++;
	}
	return r;
}

static int put_all(struct export *x)
{
	cr_cleanup(cr_walk_closep) struct cr_walk *walk = NULL;
	struct cr_walk_item item;
	size_t end;
	int r = cr_walk_open(x->session.reader, &x->target.view,
			     &x->target.found, &walk);

	if (r < 0)
		return r;
	while ((r = next(x, walk, &item)) > 0) {
		r = item.event == CR_WALK_ENTRY ? pass(x, &item) : 0;
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	/* Two blocks of zeros, at least, up to the end of a record. */
	end = (size_t)((x->written + 2 * CR_TAR_BLOCK) % CR_TAR_RECORD);
	r = put_zeros(x, 2 * CR_TAR_BLOCK);
	return r < 0 || end == 0 ? r : put_zeros(x, CR_TAR_RECORD - end);
}

int cr_export(struct cr_context *ctx)
{
	cr_cleanup(export_release) struct export x = { .ctx = ctx };
	int r;

	if (isatty(STDOUT_FILENO))
		return cr_fail(CR_EUSAGE,
			       "export writes an archive, which is nothing for "
			       "a terminal: add > FILE, or | tar x");
	r = cr_session_open_reading(ctx, &x.session);
	if (r == 0)
		r = cr_target_find(&x.session, ctx->operand[0], &x.target);
	if (r == 0)
		r = cr_links_new(&x.links);
	if (r == 0)
		r = put_all(&x);
	if (x.damaged > 0)
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	return r;
}
