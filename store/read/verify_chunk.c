/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify_chunk.c - what a walk comes by: chunks, found and perhaps read,
 * objects that refer to nothing, files; and the tale of what is lost.
 */
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/list.h"
#include "store/codec/tree.h"
#include "store/read/verify_walk.h"

#define DOUBTS_MAX 16

/* ---- Finding a chunk -----------------------------------------------------
 */

static void blame(struct cr_verify_spot *spot, enum cr_pack_kind kind,
		  const struct cr_uid *pack, uint32_t block)
{
	struct cr_verify_pack *vp = cr_verify_find_pack(spot->v, kind, pack);

	if (vp)
		vp->flags |= CR_VERIFY_USED;
	if (spot->blamed)
		return;
	spot->blamed = true;
	spot->blamed_kind = kind;
	spot->blamed_pack = *pack;
	spot->blamed_block = block;
}

static int use_copy(void *arg, const struct cr_pack *pack,
		    const struct cr_place *place)
{
	const struct cr_pack_header *header = cr_pack_header(pack);
	const struct cr_footer *footer = cr_pack_footer(pack);
	struct cr_verify_spot *spot = arg;
	struct cr_verify_pack *vp =
		cr_verify_find_pack(spot->v, header->kind, &header->pack);
	uint64_t ordinal;

	spot->ordinal = CR_VERIFY_NOWHERE;
	spot->pack = NULL;
	spot->kind = header->kind;
	spot->hint =
		(struct cr_hint){ header->pack, place->block, place->slot };
	if (!vp || vp->chunks != footer->chunks)
		return 0;
	vp->flags |= CR_VERIFY_USED;
	ordinal = vp->first + footer->block[place->block].first + place->slot;
	cr_verify_set(spot->v, CR_VERIFY_NEEDED, ordinal);
	if (cr_verify_bit(spot->v, CR_VERIFY_BAD, ordinal)) {
		char name[CR_PACK_NAME_LEN];

		blame(spot, header->kind, &header->pack, place->block);
		cr_pack_name(header->kind, &header->pack, name);
		return cr_fail(CR_ECORRUPT, "%s: block %" PRIu32 " is damaged",
			       name, place->block);
	}
	spot->ordinal = ordinal;
	spot->pack = vp;
	return 0;
}

static void no_pack(void *arg, enum cr_pack_kind kind,
		    const struct cr_uid *pack)
{
	blame(arg, kind, pack, UINT32_MAX);
}

/* Whether a pack that is gone held it: then that is to blame. */
static int ask_ghosts(const struct cr_want *want, struct cr_verify_spot *spot)
{
	for (size_t i = 0; i < spot->v->ghosts; i++) {
		const struct cr_verify_ghost *ghost = &spot->v->ghost[i];
		char name[CR_PACK_NAME_LEN];
		struct cr_place place;

		if (!ghost->pack ||
		    !cr_uid_equal(&cr_pack_header(ghost->pack)->domain,
				  &want->view->domain->id) ||
		    !cr_pack_find(ghost->pack, &want->id, want->type, &place))
			continue;
		no_pack(spot, (enum cr_pack_kind)ghost->kind, &ghost->uid);
		cr_pack_name((enum cr_pack_kind)ghost->kind, &ghost->uid, name);
		return cr_fail(CR_EMISSING, "%s: missing", name);
	}
	return cr_fail(CR_EMISSING, "chunk %.16s is in no pack",
		       cr_id_hex(&want->id).text);
}

/*
 * Before a chunk is called lost: an index that lost rows would say the same.
 * -CR_EINDEX when a pack has it; this is slow, so only the first are asked for.
 */
static int doubt_index(struct cr_verifier *v, const struct cr_want *want)
{
	bool data =
		want->type == CR_CHUNK_DATA || want->type == CR_CHUNK_INLINE;
	enum cr_pack_kind kind = data ? CR_PACK_DATA : CR_PACK_META;

	if (v->doubts++ >= DOUBTS_MAX)
		return 0;
	for (size_t i = 0; i < v->packs; i++) {
		cr_cleanup(cr_pack_closep) struct cr_pack *pack = NULL;
		struct cr_place place;

		if (v->pack[i].kind != kind ||
		    !(v->pack[i].flags & CR_VERIFY_OPENS) ||
		    cr_pack_open(v->repo, kind, &v->pack[i].uid, &pack) < 0)
			continue;
		if (cr_uid_equal(&cr_pack_header(pack)->domain,
				 &want->view->domain->id) &&
		    cr_pack_find(pack, &want->id, want->type, &place))
			return cr_fail(CR_EINDEX,
				       "the local index does not know chunk "
				       "%.16s, which is there",
				       cr_id_hex(&want->id).text);
	}
	return 0;
}

int cr_verify_find(const struct cr_verify_walk *w, const struct cr_want *want,
		   struct cr_verify_spot *spot)
{
	const struct cr_copies copies = { use_copy, no_pack, spot };
	int r;

	*spot = (struct cr_verify_spot){ .v = w->v,
					 .ordinal = CR_VERIFY_NOWHERE };
	cr_detail_clear();
	r = cr_reader_choose(w->v->job->reader, want, &copies);
	if (r != -CR_EMISSING || spot->blamed)
		return r;
	r = doubt_index(w->v, want);
	return r < 0 ? r : ask_ghosts(want, spot);
}

/* ---- Telling -------------------------------------------------------------
 */

int cr_verify_path(struct cr_verify_walk *w, size_t frame, struct cr_piece name)
{
	size_t len = name.len > 0 ? 1 + name.len : 0;
	uint8_t *end;

	for (size_t f = frame; f != CR_VERIFY_NO_FRAME; f = w->stack[f].parent)
		if (w->stack[f].name_len > 0)
			len += 1 + w->stack[f].name_len;
	cr_buf_clear(&w->path);
	if (len == 0)
		return 0;
	end = cr_buf_extend(&w->path, len);
	if (!end)
		return -ENOMEM;
	end += len;
	if (name.len > 0) {
		end -= name.len;
		memcpy(end, name.bytes, name.len);
		*--end = '/';
	}
	for (size_t f = frame; f != CR_VERIFY_NO_FRAME;
	     f = w->stack[f].parent) {
		if (w->stack[f].name_len == 0)
			continue;
		end -= w->stack[f].name_len;
		memcpy(end, w->names.bytes + w->stack[f].name,
		       w->stack[f].name_len);
		*--end = '/';
	}
	return 0;
}

int cr_verify_tell(struct cr_verify_walk *w, const struct cr_verify_loss *loss,
		   const struct cr_verify_spot *spot)
{
	cr_cleanup(cr_freep) char *why = NULL;
	char object[CR_PACK_NAME_LEN];
	struct cr_finding finding = {
		.kind = CR_FINDING_LOST,
		.error = loss->error,
		.snapshot = w->snapshot,
		.below = loss->below,
	};
	struct cr_verify_pack *vp;
	int r;

	if (w->quiet)
		return 0;
	why = strdup(*cr_detail() ? cr_detail() : cr_strerror(loss->error));
	if (!why)
		return -ENOMEM;
	if (spot->blamed) {
		if (w->has_last && w->last_block == spot->blamed_block &&
		    cr_uid_equal(&w->last_pack, &spot->blamed_pack))
			return 0;
		w->has_last = true;
		w->last_pack = spot->blamed_pack;
		w->last_block = spot->blamed_block;
		vp = cr_verify_find_pack(w->v, spot->blamed_kind,
					 &spot->blamed_pack);
		if (vp)
			vp->flags |= CR_VERIFY_LOSING;
		cr_pack_name(spot->blamed_kind, &spot->blamed_pack, object);
		finding.object = object;
	}
	r = cr_verify_path(w, loss->frame, loss->name);
	if (r < 0)
		return r;
	finding.why = why;
	finding.path = (struct cr_piece){ "", 0 };
	if (w->path.len > 0)
		finding.path =
			(struct cr_piece){ w->path.bytes + 1, w->path.len - 1 };
	(void)atomic_fetch_add(&w->v->totals->lost, 1);
	return w->v->job->found(w->v->job->arg, &finding);
}

/* ---- Objects -------------------------------------------------------------
 */

enum cr_verify_known cr_verify_known(const struct cr_verify_walk *w,
				     const struct cr_verify_spot *spot)
{
	if (spot->ordinal == CR_VERIFY_NOWHERE ||
	    !cr_verify_bit(w->v, CR_VERIFY_VISITED, spot->ordinal))
		return CR_VERIFY_IS_NEW;
	return cr_verify_bit(w->v, CR_VERIFY_TAINTED, spot->ordinal)
		       ? CR_VERIFY_IS_TAINTED
		       : CR_VERIFY_IS_GOOD;
}

void cr_verify_settle(const struct cr_verify_walk *w, uint64_t ordinal,
		      bool tainted)
{
	if (ordinal == CR_VERIFY_NOWHERE)
		return;
	if (!cr_verify_bit(w->v, CR_VERIFY_VISITED, ordinal))
		(void)atomic_fetch_add(&w->v->totals->chunks, 1);
	cr_verify_set(w->v, CR_VERIFY_VISITED, ordinal);
	if (tainted)
		cr_verify_set(w->v, CR_VERIFY_TAINTED, ordinal);
}

int cr_verify_get(const struct cr_verify_walk *w, const struct cr_want *want,
		  struct cr_verify_spot *spot, struct cr_pin *pin,
		  struct cr_piece *tail)
{
	cr_cleanup(cr_freep) char *why = NULL;
	int error, r;

	error = cr_reader_get(w->v->job->reader, want->view, want->type,
			      &want->id, &spot->hint, pin, tail);
	if (!cr_verify_is_damage(error))
		return error;
	blame(spot, spot->kind, &spot->hint.pack, spot->hint.block);
	if (w->quiet || !spot->pack ||
	    cr_verify_bit(w->v, CR_VERIFY_BAD, spot->ordinal))
		return error;
	why = strdup(*cr_detail() ? cr_detail() : cr_strerror(error));
	if (!why)
		return -ENOMEM;
	cr_verify_set(w->v, CR_VERIFY_BAD, spot->ordinal);
	r = cr_verify_block(w->v, spot->pack, spot->hint.block);
	return r != 0 ? r : cr_fail(-error, "%s", why);
}

int cr_verify_end(struct cr_verify_walk *w, const struct cr_want *want,
		  int (*parse)(struct cr_piece hashed),
		  const struct cr_verify_loss *at)
{
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	struct cr_verify_loss loss = *at;
	struct cr_verify_spot spot;
	int r = cr_verify_find(w, want, &spot);

	if (r == 0 && cr_verify_known(w, &spot) == CR_VERIFY_IS_GOOD)
		return 0;
	if (r == 0)
		r = cr_verify_get(w, want, &spot, &pin, NULL);
	if (r == 0)
		r = parse(pin.bytes);
	if (r > 0 || (r < 0 && !cr_verify_is_damage(r)))
		return r;
	cr_verify_settle(w, spot.ordinal, r < 0);
	if (r == 0)
		return 0;
	loss.error = r;
	r = cr_verify_tell(w, &loss, &spot);
	return r != 0 ? r : 1;
}

/* ---- Files ---------------------------------------------------------------
 */

/* 0, 1 when it is lost (and told). */
static int check_chunk(struct cr_verify_walk *w, enum cr_chunk_type type,
		       const struct cr_id *id, const struct cr_verify_loss *at)
{
	const struct cr_want want = cr_verify_want(w, type, id);
	struct cr_verify_loss loss = *at;
	struct cr_verify_spot spot;
	int r = cr_verify_find(w, &want, &spot);

	if (r < 0 && !cr_verify_is_damage(r))
		return r;
	cr_verify_settle(w, spot.ordinal, r < 0);
	if (r == 0)
		return 0;
	loss.error = r;
	r = cr_verify_tell(w, &loss, &spot);
	return r != 0 ? r : 1;
}

static int check_list(struct cr_verify_walk *w, const struct cr_list_item *item,
		      uint8_t height, const struct cr_verify_loss *at);

static int check_llist(struct cr_verify_walk *w, struct cr_piece hashed,
		       uint64_t bytes, const struct cr_verify_loss *at)
{
	cr_cleanup(cr_llist_release) struct cr_llist list = { 0 };
	int tainted = 0, r = cr_llist_parse(hashed, &list);

	if (r == 0 && list.bytes != bytes)
		r = cr_fail(CR_ECORRUPT,
			    "list of %" PRIu64 " bytes where %" PRIu64
			    " are named",
			    list.bytes, bytes);
	for (uint32_t i = 0; r == 0 && i < list.items; i++) {
		if (list.item[i].hole)
			continue;
		r = check_chunk(w, CR_CHUNK_DATA, &list.item[i].id, at);
		if (r == 1) {
			tainted = 1;
			r = 0;
		}
	}
	return r < 0 || r > 1 ? r : tainted;
}

static int check_lnode(struct cr_verify_walk *w, struct cr_piece hashed,
		       const struct cr_list_item *self, uint8_t height,
		       const struct cr_verify_loss *at)
{
	cr_cleanup(cr_lnode_release) struct cr_lnode node = { 0 };
	int tainted = 0, r = cr_lnode_parse(hashed, &node);

	/* Heights fall by one a step: so a hostile list ends too. */
	if (r == 0 &&
	    ((height != 0 && node.height != height) || node.bytes != self->len))
		r = cr_fail(CR_ECORRUPT, "list node does not fit its parent");
	for (uint32_t i = 0; r == 0 && i < node.children; i++) {
		r = check_list(w, &node.child[i], (uint8_t)(node.height - 1),
			       at);
		if (r == 1) {
			tainted = 1;
			r = 0;
		}
	}
	return r < 0 || r > 1 ? r : tainted;
}

#define TOP_LNODE UINT8_MAX /* of whatever height */

/*
 * The list object @item->id with @item->len bytes below: an llist at height 0.
 * 0, 1 when a part of it is lost (and told).
 */
static int check_list(struct cr_verify_walk *w, const struct cr_list_item *item,
		      uint8_t height, const struct cr_verify_loss *at)
{
	cr_cleanup(cr_pin_release) struct cr_pin pin = { 0 };
	const struct cr_want want = cr_verify_want(
		w, height == 0 ? CR_CHUNK_LLIST : CR_CHUNK_LNODE, &item->id);
	struct cr_verify_loss loss = *at;
	struct cr_verify_spot spot;
	int r = cr_verify_find(w, &want, &spot);

	if (r == 0 && cr_verify_known(w, &spot) == CR_VERIFY_IS_GOOD)
		return 0;
	if (r == 0)
		r = cr_verify_get(w, &want, &spot, &pin, NULL);
	if (r == 0)
		r = height == 0
			    ? check_llist(w, pin.bytes, item->len, at)
			    : check_lnode(w, pin.bytes, item,
					  height == TOP_LNODE ? 0 : height, at);
	if (r == 0 || r == 1 || cr_verify_is_damage(r))
		cr_verify_settle(w, spot.ordinal, r != 0);
	if (!cr_verify_is_damage(r))
		return r;
	loss.error = r;
	r = cr_verify_tell(w, &loss, &spot);
	return r != 0 ? r : 1;
}

int cr_verify_file(struct cr_verify_walk *w, const struct cr_entry *entry,
		   const struct cr_refs *refs, const struct cr_verify_loss *at)
{
	struct cr_list_item top = { .len = entry->size };

	if (entry->content == CR_CONTENT_INLINE)
		return check_chunk(w, CR_CHUNK_INLINE, &refs->inline_id, at);
	if (!cr_entry_has_ref(entry))
		return 0;
	top.id = cr_refs_id(refs, entry->ref);
	if (entry->content == CR_CONTENT_CHUNK)
		return check_chunk(w, CR_CHUNK_DATA, &top.id, at);
	return check_list(w, &top,
			  entry->content == CR_CONTENT_LLIST ? 0 : TOP_LNODE,
			  at);
}
