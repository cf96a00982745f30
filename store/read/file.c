/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/file.h"

#include <inttypes.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/codec/list.h"

#define ZERO_PAGE (128u << 10)

struct cr_file {
	struct cr_reader *reader; /* borrowed */
	struct cr_view view;
	struct cr_file_ref ref;
	struct cr_llist list; /* content LLIST: the whole of it */
	bool once;
};

/* What holes show. */
static const uint8_t zeros[ZERO_PAGE];

int cr_file_open(struct cr_reader *reader, const struct cr_view *view,
		 const struct cr_file_ref *ref, struct cr_file **ret)
{
	cr_cleanup(cr_file_closep) struct cr_file *file =
		calloc(1, sizeof(*file));
	struct cr_pin pin;
	int r;

	if (!file)
		return -ENOMEM;
	file->reader = reader;
	file->view = *view;
	file->ref = *ref;
	if (ref->content == CR_CONTENT_LLIST) {
		r = cr_reader_get(reader, view, CR_CHUNK_LLIST, &ref->id, NULL,
				  &pin, NULL);
		if (r < 0)
			return r;
		r = cr_llist_parse(pin.bytes, &file->list);
		cr_pin_release(&pin);
		if (r < 0)
			return r;
		if (file->list.bytes != ref->size)
			return cr_fail(CR_ECORRUPT,
				       "list of %" PRIu64
				       " bytes for a file of %" PRIu64,
				       file->list.bytes, ref->size);
	}
	*ret = cr_take(file);
	return 0;
}

void cr_file_close(struct cr_file *file)
{
	if (!file)
		return;
	cr_llist_release(&file->list);
	free(file);
}

void cr_file_read_once(struct cr_file *file)
{
	file->once = true;
}

uint64_t cr_file_size(const struct cr_file *file)
{
	return file->ref.size;
}

/* ---- Finding the run at an offset ---- */

/* The item of @list that holds @offset, which lies within it. */
static uint32_t item_at(const struct cr_list_item *item, uint32_t n,
			uint64_t offset)
{
	uint32_t low = 0, high = n;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (item[mid].offset <= offset)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Some consecutive runs of the file, and where in the file they begin. */
struct runs {
	struct cr_list_item one; /* for files of one chunk */
	struct cr_llist list;	 /* owned; below an lnode */
	const struct cr_list_item
		*item; /* borrowed: one of the two, or the file's */
	uint32_t items;
	uint64_t start;
};

static void runs_release(struct runs *runs)
{
	cr_llist_release(&runs->list);
}

/*
 * From the lnode @id, which begins at *@start and holds @want bytes, to the
 * child that holds @offset.  *@height is that of the node above, or 0.
 */
static int descend(const struct cr_file *file, uint64_t offset,
		   struct cr_id *id, uint64_t *start, uint64_t *want,
		   uint8_t *height)
{
	cr_cleanup(cr_lnode_release) struct cr_lnode node = { 0 };
	const struct cr_list_item *child;
	struct cr_pin pin;
	int r = cr_reader_get(file->reader, &file->view, CR_CHUNK_LNODE, id,
			      NULL, &pin, NULL);

	if (r < 0)
		return r;
	r = cr_lnode_parse(pin.bytes, &node);
	cr_pin_release(&pin);
	if (r < 0)
		return r;
	if (node.bytes != *want || (*height != 0 && node.height != *height - 1))
		return cr_fail(CR_ECORRUPT,
			       "list node does not fit its parent");
	child = &node.child[item_at(node.child, node.children,
				    offset - *start)];
	*start += child->offset;
	*want = child->len;
	*id = child->id;
	*height = node.height;
	return 0;
}

/* The llist that holds @offset of a file whose top is an lnode. */
static int find_llist(const struct cr_file *file, uint64_t offset,
		      struct runs *runs)
{
	uint64_t want = file->ref.size;
	struct cr_id id = file->ref.id;
	struct cr_pin pin;
	uint8_t height = 0;
	int r;

	runs->start = 0;
	do {
		r = descend(file, offset, &id, &runs->start, &want, &height);
		if (r < 0)
			return r;
	} while (height > 1);
	r = cr_reader_get(file->reader, &file->view, CR_CHUNK_LLIST, &id, NULL,
			  &pin, NULL);
	if (r < 0)
		return r;
	r = cr_llist_parse(pin.bytes, &runs->list);
	cr_pin_release(&pin);
	if (r < 0)
		return r;
	if (runs->list.bytes != want)
		return cr_fail(CR_ECORRUPT, "list does not fit its parent");
	runs->item = runs->list.item;
	runs->items = runs->list.items;
	return 0;
}

/* The runs around @offset, which is below the file's size. */
static int find_runs(const struct cr_file *file, uint64_t offset,
		     struct runs *runs)
{
	switch (file->ref.content) {
	case CR_CONTENT_LLIST:
		runs->item = file->list.item;
		runs->items = file->list.items;
		return 0;
	case CR_CONTENT_LNODE:
		return find_llist(file, offset, runs);
	default:
		runs->one = (struct cr_list_item){
			.len = file->ref.size,
			.id = file->ref.id,
		};
		runs->item = &runs->one;
		runs->items = 1;
		return 0;
	}
}

/* ---- Spans ---- */

void cr_span_release(struct cr_span *span)
{
	for (size_t i = 0; i < span->count; i++)
		cr_pin_release(&span->pin[i]);
	free(span->iov);
	free(span->pin);
	*span = (struct cr_span){ 0 };
}

static int span_room(struct cr_span *span)
{
	size_t room = cr_max(2 * span->room, (size_t)16);
	struct iovec *iov;
	struct cr_pin *pin;

	if (span->count < span->room)
		return 0;
	iov = reallocarray(span->iov, room, sizeof(*iov));
	if (!iov)
		return -ENOMEM;
	span->iov = iov;
	pin = reallocarray(span->pin, room, sizeof(*pin));
	if (!pin)
		return -ENOMEM;
	span->pin = pin;
	span->room = room;
	return 0;
}

static int span_add(struct cr_span *span, const uint8_t *bytes, size_t len,
		    struct cr_pin *pin)
{
	int r = span_room(span);

	if (r < 0)
		return r;
	/* An iovec is not const; nobody writes through this one. */
	span->iov[span->count] =
		(struct iovec){ (void *)(uintptr_t)bytes, len };
	span->pin[span->count++] = cr_take(*pin);
	span->len += len;
	return 0;
}

/* From one run of a file to the next. */
struct walk {
	const struct cr_file *file; /* borrowed */
	struct cr_span *span;	    /* borrowed; NULL: only decode */
	struct cr_hint at;	    /* of the chunk before; or zero */
};

static bool has_runs(const struct cr_file *file)
{
	return file->ref.content == CR_CONTENT_LLIST ||
	       file->ref.content == CR_CONTENT_LNODE;
}

static int get_chunk(const struct walk *walk, const struct cr_id *id,
		     struct cr_pin *ret)
{
	const struct cr_file *file = walk->file;

	if (file->ref.content == CR_CONTENT_INLINE)
		return cr_reader_get(file->reader, &file->view, CR_CHUNK_INLINE,
				     id, NULL, ret, NULL);
	return cr_reader_get_after(file->reader, &file->view, id, &walk->at,
				   ret);
}

/* Inline bytes are of many files. */
static enum cr_pin_use use_of(const struct cr_file *file, bool whole)
{
	if (whole && file->once && file->ref.content != CR_CONTENT_INLINE)
		return CR_PIN_SPENT;
	return whole && has_runs(file) ? CR_PIN_PASSED : CR_PIN_KEPT;
}

/* Decode what is needed of @run[0] and the @more after it.  How many it was. */
static int fetch_data(struct walk *walk, const struct cr_list_item *run,
		      uint32_t more)
{
	const struct cr_file *file = walk->file;
	int r = cr_reader_fetch_after(file->reader, &file->view, &run->id,
				      &walk->at);

	if (r < 0)
		return r;
	return 1 + (int)cr_reader_skip_after(file->reader, run + 1, more,
					     &walk->at);
}

/*
 * Add the @len bytes from @skip of a data run, and of the @more after it what
 * lies behind it.  How many runs it was.
 */
static int add_data(struct walk *walk, const struct cr_list_item *run,
		    uint64_t skip, size_t len, uint32_t more)
{
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	const struct cr_file *file = walk->file;
	bool in_inline = file->ref.content == CR_CONTENT_INLINE;
	uint64_t at = skip + (in_inline ? file->ref.inline_at : 0);
	int r = get_chunk(walk, &run->id, &pin);

	if (r < 0)
		return r;
	if (in_inline ? pin.bytes.len < at + len : pin.bytes.len != run->len)
		return cr_fail(CR_ECORRUPT,
			       "chunk of %zu bytes where %" PRIu64 " are named",
			       pin.bytes.len, run->len);
	pin.use = use_of(file, skip + len == run->len);
	if (cr_reader_go_on(file->reader, &file->view, run + 1, more, &pin) > 0)
		len = pin.bytes.len - (size_t)skip;
	more = pin.more;
	walk->at = pin.at;
	walk->at.slot += more;
	r = span_add(walk->span, (const uint8_t *)pin.bytes.bytes + at, len,
		     &pin);
	return r < 0 ? r : 1 + (int)more;
}

static int add_hole(size_t len, struct cr_span *span)
{
	while (len > 0) {
		size_t part = cr_min(len, sizeof(zeros));
		struct cr_pin none = { 0 };
		int r = span_add(span, zeros, part, &none);

		if (r < 0)
			return r;
		len -= part;
	}
	return 0;
}

/* Add [at, end) of @run[0], and what is easily had of the @more after it. */
static int add_run(struct walk *walk, const struct cr_list_item *run,
		   uint64_t at, uint64_t end, uint32_t more)
{
	uint64_t skip = at - run->offset;
	size_t len = (size_t)cr_min(run->len - skip, end - at);
	int r;

	if (!run->hole)
		return walk->span ? add_data(walk, run, skip, len, more)
				  : fetch_data(walk, run, more);
	r = walk->span ? add_hole(len, walk->span) : 0;
	return r < 0 ? r : 1;
}

/* Add what the runs give of [offset, offset + len).  Returns how much. */
static int64_t add_runs(struct walk *walk, const struct runs *runs,
			uint64_t offset, size_t len)
{
	const uint64_t begin = offset - runs->start;
	const struct cr_list_item *final = &runs->item[runs->items - 1];
	const uint64_t end = cr_min(begin + len, final->offset + final->len);
	const uint32_t last = item_at(runs->item, runs->items, end - 1);
	uint32_t i = item_at(runs->item, runs->items, begin);
	uint64_t at = begin;

	while (at < end) {
		/* Those that are wanted whole: the last one may not be. */
		uint32_t more = i < last ? last - i - 1 : 0;
		int r = add_run(walk, &runs->item[i], at, end, more);

		if (r < 0)
			return r;
		i += (uint32_t)r;
		at = cr_min(runs->item[i - 1].offset + runs->item[i - 1].len,
			    end);
	}
	return (int64_t)(end - begin);
}

static int walk_runs(struct walk *walk, uint64_t offset, size_t len)
{
	const struct cr_file *file = walk->file;

	if (offset < file->ref.size)
		len = (size_t)cr_min((uint64_t)len, file->ref.size - offset);
	else
		len = 0;
	while (len > 0) {
		cr_cleanup(runs_release) struct runs runs = { 0 };
		int r = find_runs(file, offset, &runs);
		int64_t got;

		if (r < 0)
			return r;
		got = add_runs(walk, &runs, offset, len);
		if (got < 0)
			return (int)got;
		offset += (uint64_t)got;
		len -= (size_t)got;
	}
	return 0;
}

int cr_file_span(const struct cr_file *file, uint64_t offset, size_t len,
		 struct cr_span *ret)
{
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	struct walk walk = { .file = file, .span = &span };
	int r = walk_runs(&walk, offset, len);

	if (r < 0)
		return r;
	*ret = cr_take(span);
	return 0;
}

int cr_file_fetch(const struct cr_file *file, uint64_t offset, size_t len)
{
	struct walk walk = { .file = file };

	return file->ref.content == CR_CONTENT_INLINE
		       ? 0
		       : walk_runs(&walk, offset, len);
}

ssize_t cr_file_read(const struct cr_file *file, uint64_t offset, void *out,
		     size_t len)
{
	cr_cleanup(cr_span_release) struct cr_span span = { 0 };
	uint8_t *to = out;
	int r = cr_file_span(file, offset, len, &span);

	if (r < 0)
		return r;
	for (size_t i = 0; i < span.count; i++) {
		memcpy(to, span.iov[i].iov_base, span.iov[i].iov_len);
		to += span.iov[i].iov_len;
	}
	return (ssize_t)span.len;
}

/* ---- Whole files ---- */

/* Footers that a look may read: a mebibyte each, at most. */
#define LOOK_PACKS 8

int cr_file_look(const struct cr_file *file)
{
	struct cr_uid pack = { 0 };
	unsigned int packs = 0;

	for (uint32_t i = 0; i < file->list.items && packs < LOOK_PACKS; i++) {
		const struct cr_list_item *item = &file->list.item[i];
		struct cr_hint at;
		int r;

		if (item->hole)
			continue;
		r = cr_reader_locate(file->reader, &file->view, CR_CHUNK_DATA,
				     &item->id, NULL, &at);
		if (r < 0)
			return r;
		packs += !cr_uid_equal(&at.pack, &pack);
		pack = at.pack;
	}
	return 0;
}

bool cr_file_hash(const struct cr_file *file, struct cr_id *ret)
{
	struct cr_lnode node = { 0 };
	struct cr_pin pin;
	bool has;

	if (file->ref.content == CR_CONTENT_LLIST) {
		if (file->list.has_hash)
			*ret = file->list.file_hash;
		return file->list.has_hash;
	}
	if (file->ref.content != CR_CONTENT_LNODE ||
	    cr_reader_get(file->reader, &file->view, CR_CHUNK_LNODE,
			  &file->ref.id, NULL, &pin, NULL) < 0)
		return false;
	has = cr_lnode_parse(pin.bytes, &node) == 0 && node.has_hash;
	cr_pin_release(&pin);
	if (has)
		*ret = node.file_hash;
	cr_lnode_release(&node);
	return has;
}

int cr_file_each_run(const struct cr_file *file, cr_run_fn fn, void *arg)
{
	uint64_t offset = 0;

	if (file->ref.content == CR_CONTENT_NONE)
		return 0;
	while (offset < file->ref.size) {
		cr_cleanup(runs_release) struct runs runs = { 0 };
		int r = find_runs(file, offset, &runs);

		if (r < 0)
			return r;
		for (uint32_t i = 0; i < runs.items; i++) {
			struct cr_list_item run = runs.item[i];

			run.offset += runs.start;
			r = fn(arg, &run);
			if (r != 0)
				return r;
			offset = run.offset + run.len;
		}
	}
	return 0;
}

int cr_file_seek(const struct cr_file *file, uint64_t offset, int whence,
		 uint64_t *ret)
{
	bool want_hole = whence == SEEK_HOLE;

	if (offset >= file->ref.size)
		return -ENXIO;
	while (offset < file->ref.size) {
		cr_cleanup(runs_release) struct runs runs = { 0 };
		int r = find_runs(file, offset, &runs);

		if (r < 0)
			return r;
		for (uint32_t i = item_at(runs.item, runs.items,
					  offset - runs.start);
		     i < runs.items; i++) {
			if (runs.item[i].hole == want_hole) {
				*ret = offset;
				return 0;
			}
			offset = runs.start + runs.item[i].offset +
				 runs.item[i].len;
		}
	}
	if (!want_hole)
		return -ENXIO;
	*ret = file->ref.size;
	return 0;
}
