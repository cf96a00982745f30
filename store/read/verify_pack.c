/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_pack.c - the packs, each by itself.  A reader makes do with the second
 * header or with a segment; here each copy must be right.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/segment.h"
#include "store/disk/revoked.h"
#include "store/read/verify_int.h"

/* What a pack says of itself, copy by copy. */
struct raw_pack {
	struct cr_stored *stored; /* owned */
	uint64_t len;
	uint8_t header[CR_PACK_HEADER_LEN];
	struct cr_trailer trailer;
	struct cr_buf shards; /* the whole trailer */
	struct cr_buf sealed; /* footer */
};

static void raw_release(struct raw_pack *raw)
{
	cr_stored_close(raw->stored);
	cr_buf_release(&raw->shards);
	cr_buf_release(&raw->sealed);
}

/* ---- The table -----------------------------------------------------------
 */

static int compare_packs(const void *a, const void *b)
{
	const struct cr_verify_pack *x = a, *y = b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return memcmp(&x->uid, &y->uid, sizeof(x->uid));
}

struct cr_verify_pack *cr_verify_find_pack(const struct cr_verifier *v,
					   enum cr_pack_kind kind,
					   const struct cr_uid *uid)
{
	const struct cr_verify_pack key = { .uid = *uid,
					    .kind = (uint8_t)kind };

	if (v->packs == 0)
		return NULL;
	return bsearch(&key, v->pack, v->packs, sizeof(key), compare_packs);
}

struct listing {
	struct cr_verifier *v;
	enum cr_pack_kind kind;
	const char *folder; /* two digits: the names begin with them */
};

static int add_pack(void *arg, const char *name, uint64_t size)
{
	const struct listing *l = arg;
	struct cr_verifier *v = l->v;
	struct cr_verify_pack vp = { .kind = (uint8_t)l->kind, .len = size };

	if (cr_unhex(name, vp.uid.bytes, sizeof(vp.uid.bytes)) < 0 ||
	    strncmp(name, l->folder, 2) != 0)
		return 0;
	if (v->packs == v->room) {
		size_t room = cr_max(2 * v->room, (size_t)64);
		struct cr_verify_pack *bigger =
			reallocarray(v->pack, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		v->pack = bigger;
		v->room = room;
	}
	v->pack[v->packs++] = vp;
	(void)atomic_fetch_add(&v->totals->bytes_total, size);
	return 0;
}

static int add_folder(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	char prefix[CR_PACK_NAME_LEN];
	uint8_t byte;

	(void)size;
	if (cr_unhex(name, &byte, 1) < 0)
		return 0;
	(void)snprintf(prefix, sizeof(prefix), "packs/%s/%.2s",
		       l->kind == CR_PACK_DATA ? "data" : "meta", name);
	l->folder = name;
	return cr_storage_list(l->v->repo->storage, prefix, false, add_pack, l);
}

static int list_packs(struct cr_verifier *v)
{
	static const struct {
		enum cr_pack_kind kind;
		const char *prefix;
	} kinds[] = { { CR_PACK_DATA, "packs/data" },
		      { CR_PACK_META, "packs/meta" } };
	int r = 0;

	for (size_t i = 0; r == 0 && i < CR_ARRAY_LEN(kinds); i++) {
		struct listing l = { .v = v, .kind = kinds[i].kind };

		r = cr_storage_list(v->repo->storage, kinds[i].prefix, true,
				    add_folder, &l);
	}
	if (v->packs > 0)
		qsort(v->pack, v->packs, sizeof(*v->pack), compare_packs);
	return r;
}

/* Ordinals for the chunks of @vp, and their bits, all zero. */
static int number_chunks(struct cr_verifier *v, struct cr_verify_pack *vp,
			 uint32_t chunks)
{
	uint64_t want = v->chunks + chunks;

	if (want > v->map_room) {
		uint64_t room =
			cr_max(2 * v->map_room, (want + 65535) / 65536 * 65536);

		for (size_t i = 0; i < CR_VERIFY_MAPS; i++) {
			uint8_t *map = realloc(v->map[i], room / 8);

			if (!map)
				return -ENOMEM;
			v->map[i] = map;
			memset(map + v->map_room / 8, 0,
			       (room - v->map_room) / 8);
		}
		v->map_room = room;
	}
	vp->first = v->chunks;
	vp->chunks = chunks;
	vp->flags |= CR_VERIFY_OPENS;
	v->chunks = want;
	return 0;
}

/* ---- Structure -----------------------------------------------------------
 */

int cr_verify_pack_damage(struct cr_verifier *v, struct cr_verify_pack *vp,
			  int r)
{
	char name[CR_PACK_NAME_LEN];

	vp->flags |= CR_VERIFY_DAMAGED;
	cr_pack_name(cr_verify_kind(vp), &vp->uid, name);
	return cr_verify_damage(v, name, r);
}

static int read_part(const struct raw_pack *raw, uint64_t offset, uint64_t len,
		     struct cr_buf *out)
{
	uint8_t *at = cr_buf_extend(out, (size_t)len);

	return at ? cr_stored_read(raw->stored, offset, at, (size_t)len)
		  : -ENOMEM;
}

/* Everything but the blocks. */
static int read_raw(struct cr_verifier *v, const struct cr_verify_pack *vp,
		    struct raw_pack *raw)
{
	uint8_t tail[CR_TRAILER_TAIL_LEN];
	char name[CR_PACK_NAME_LEN];
	uint64_t at;
	int r;

	cr_pack_name(cr_verify_kind(vp), &vp->uid, name);
	r = cr_stored_open(v->repo->storage, name, &raw->stored);
	if (r < 0)
		return r;
	raw->len = cr_stored_len(raw->stored);
	if (raw->len < sizeof(raw->header) + sizeof(tail))
		return cr_fail(CR_ECORRUPT, "cut short");
	r = cr_stored_read(raw->stored, 0, raw->header, sizeof(raw->header));
	if (r == 0)
		r = cr_stored_read(raw->stored, raw->len - sizeof(tail), tail,
				   sizeof(tail));
	if (r == 0)
		r = cr_trailer_parse(tail, raw->len, &raw->trailer);
	if (r < 0)
		return r;
	at = raw->trailer.footer_offset + raw->trailer.footer_len;
	r = read_part(raw, raw->trailer.footer_offset, raw->trailer.footer_len,
		      &raw->sealed);
	if (r == 0)
		r = read_part(raw, at, raw->len - at, &raw->shards);
	return r;
}

static int open_with(const struct cr_verifier *v,
		     const struct cr_verify_pack *vp,
		     const struct raw_pack *raw, const uint8_t *header,
		     struct cr_pack **ret)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	const struct cr_segment_item item = {
		.pack_len = raw->len,
		.data_end = raw->trailer.footer_offset,
		.header = header,
		.footer = raw->sealed.bytes,
		.footer_len = (uint32_t)raw->sealed.len,
	};
	int r = cr_pack_open_item(v->repo, &item, &pack);

	if (r < 0)
		return r;
	if (cr_pack_header(pack)->kind != cr_verify_kind(vp) ||
	    !cr_uid_equal(&cr_pack_header(pack)->pack, &vp->uid))
		return cr_fail(CR_ECORRUPT, "the header is of another pack");
	*ret = cr_take(pack);
	return 0;
}

/* Open the pack by what it says itself, and hold its two headers together. */
static int open_raw(struct cr_verifier *v, struct cr_verify_pack *vp,
		    const struct raw_pack *raw, struct cr_pack **ret)
{
	bool differ = memcmp(raw->header, raw->trailer.header,
			     sizeof(raw->header)) != 0;
	const uint8_t *good = raw->header;
	int r = open_with(v, vp, raw, good, ret);

	if (cr_verify_is_damage(r) && differ) {
		good = raw->trailer.header;
		if (open_with(v, vp, raw, good, ret) < 0)
			return r;
		r = 0;
	}
	if (r < 0)
		return r;
	vp->flags |= CR_VERIFY_AUTHENTIC;
	vp->vouch =
		cr_pack_vouch_hash(good, raw->sealed.bytes, raw->sealed.len);
	if (!differ)
		return 0;
	return cr_verify_pack_damage(
		v, vp,
		cr_fail(CR_ECORRUPT,
			good == raw->header ? "the trailer's copy of the "
					      "header is damaged"
					    : "the header is damaged; its copy "
					      "in the trailer is right"));
}

/* Blocks that the pack is too short for. */
static void mark_cut(struct cr_verifier *v, const struct cr_verify_pack *vp,
		     const struct cr_footer *footer)
{
	for (uint32_t b = 0; b < footer->blocks; b++) {
		const struct cr_footer_block *row = &footer->block[b];

		if (row->offset + cr_block_stored_len(row) <= vp->len)
			continue;
		for (uint32_t i = 0; i < row->chunks; i++)
			cr_verify_set(v, CR_VERIFY_BAD,
				      vp->first + row->first + i);
	}
}

/*
 * What was written after its key was revoked is no part of the repository;
 * neither is what our key has no domain for a matter of damage.
 */
static int leave_out(struct cr_verifier *v, struct cr_verify_pack *vp,
		     const struct raw_pack *raw, int error)
{
	const struct cr_roster_key *key;
	struct cr_pack_header header;
	char name[CR_PACK_NAME_LEN];

	if (raw->shards.len == 0 ||
	    cr_pack_header_parse(raw->header, &header) < 0)
		return 0;
	key = cr_repo_key(v->repo, &header.writer);
	if (error != -CR_ECAPABILITY &&
	    (error != -CR_EAUTH || !key || !key->revoked))
		return 0;
	vp->flags |= CR_VERIFY_LEFT_OUT;
	cr_pack_name(cr_verify_kind(vp), &vp->uid, name);
	return cr_verify_note(v, name,
			      error == -CR_ECAPABILITY
				      ? "not checked: this key cannot open it"
				      : "left out: written after its key was "
					"revoked");
}

/* The pack does not open by itself: does it by a segment? */
static int open_otherwise(struct cr_verifier *v, struct cr_verify_pack *vp,
			  const struct raw_pack *raw, int error,
			  struct cr_pack **ret)
{
	cr_cleanup(cr_freep) char *why =
		strdup(*cr_detail() ? cr_detail() : cr_strerror(error));
	int r;

	if (!why)
		return -ENOMEM;
	r = cr_pack_open(v->repo, cr_verify_kind(vp), &vp->uid, ret);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		r = leave_out(v, vp, raw, error);
		if (r != 0 || vp->flags & CR_VERIFY_LEFT_OUT)
			return r;
		return cr_verify_pack_damage(v, vp, cr_fail(-error, "%s", why));
	}
	return cr_verify_pack_damage(
		v, vp, cr_fail(-error, "%s; a segment has it right", why));
}

static int check_pack(struct cr_verifier *v, struct cr_verify_pack *vp)
{
	cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
	cr_cleanup(raw_release) struct raw_pack raw = { 0 };
	int r;

	cr_detail_clear();
	r = read_raw(v, vp, &raw);
	(void)atomic_fetch_add(&v->totals->bytes, sizeof(raw.header) +
							  raw.sealed.len +
							  raw.shards.len);
	if (r == -ENOENT)
		return 0; /* it went after it was listed */
	if (r == 0)
		r = open_raw(v, vp, &raw, &pack);
	if (cr_verify_is_damage(r))
		r = open_otherwise(v, vp, &raw, r, &pack);
	if (r == 0 && raw.shards.len > 0) {
		r = cr_trailer_check(
			(struct cr_piece){ raw.shards.bytes, raw.shards.len });
		if (r < 0 && !(vp->flags & CR_VERIFY_LEFT_OUT))
			r = cr_verify_pack_damage(v, vp, r);
	}
	if (r != 0 || !pack)
		return r;
	r = number_chunks(v, vp, cr_pack_footer(pack)->chunks);
	if (r == 0 && raw.stored)
		mark_cut(v, vp, cr_pack_footer(pack));
	return r;
}

int cr_verify_packs(struct cr_verifier *v)
{
	int r = list_packs(v);

	for (size_t i = 0; r == 0 && i < v->packs; i++) {
		struct cr_uid_hex hex = cr_uid_hex(&v->pack[i].uid);

		cr_verify_at(v, hex.text, strlen(hex.text));
		r = check_pack(v, &v->pack[i]);
		(void)atomic_fetch_add(&v->totals->packs, 1);
	}
	return r;
}
