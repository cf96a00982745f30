/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/pool.h"
#include "store/disk/revoked.h"
#include "store/disk/roster_chain.h"
#include "store/disk/segments.h"
#include "store/read/verify_int.h"

#define GHOSTS_OPEN 64 /* packs that are gone whose footers are kept */

#define SEGMENT_NAME_LEN (16 + 2 * CR_ID_LEN)

bool cr_verify_is_damage(int r)
{
	/* An object that the disk cannot give is as lost as a flipped one. */
	return cr_is_damage(r) || r == -CR_EVERSION || r == -CR_ECAPABILITY ||
	       r == -EIO || r == -EACCES || r == -EPERM || r == -ENOENT ||
	       r == -ENXIO || r == -EUCLEAN || r == -EISDIR || r == -ENODATA;
}

static const char *sentence(int r)
{
	return *cr_detail() ? cr_detail() : cr_strerror(r);
}

int cr_verify_damage(struct cr_verifier *v, const char *object, int r)
{
	cr_cleanup(cr_freep) char *why = strdup(sentence(r));
	const struct cr_finding finding = {
		.kind = r == -CR_ETAMPER ? CR_FINDING_TAMPER
					 : CR_FINDING_DAMAGE,
		.error = r,
		.object = object,
		.why = why,
	};

	if (!why)
		return -ENOMEM;
	(void)atomic_fetch_add(r == -CR_ETAMPER ? &v->totals->tampered
						: &v->totals->damaged,
			       1);
	return v->job->found(v->job->arg, &finding);
}

int cr_verify_note(struct cr_verifier *v, const char *object, const char *why)
{
	const struct cr_finding finding = {
		.kind = CR_FINDING_NOTE,
		.object = object,
		.why = why,
	};

	return v->job->found(v->job->arg, &finding);
}

void cr_verify_at(const struct cr_verifier *v, const void *bytes, size_t len)
{
	if (v->job->at)
		v->job->at(v->job->arg, (struct cr_piece){ bytes, len });
}

static void verify_release(struct cr_verifier *v)
{
	for (size_t i = 0; i < v->ghosts; i++)
		cr_pack_close(v->ghost[i].pack);
	for (size_t i = 0; i < CR_VERIFY_MAPS; i++)
		free(v->map[i]);
	free(v->ghost);
	free(v->pack);
	cr_decompressor_free(v->dec);
	cr_pool_free(v->pool);
	memset(v, 0, sizeof(*v));
}

/* ---- Keys ----------------------------------------------------------------
 */

static int look_at_slot(void *arg, const char *name, const struct cr_slot *slot,
			int error)
{
	struct cr_verifier *v = arg;

	(void)slot;
	(void)atomic_fetch_add(&v->totals->objects, 1);
	return error < 0 ? cr_verify_damage(v, name, error) : 0;
}

/*
 * Opening the repository read `repository` and all rosters, and would have
 * failed for anything but an older roster.
 */
static int check_keys(struct cr_verifier *v)
{
	const char *damage = v->repo->keys->roster_damage;
	int r = 0;

	(void)atomic_fetch_add(&v->totals->objects,
			       1 + v->repo->keys->roster_n);
	if (damage) {
		cr_cleanup(cr_freep) char *name =
			strndup(damage, strcspn(damage, ":"));

		if (!name)
			return -ENOMEM;
		r = cr_verify_damage(v, name,
				     cr_fail(CR_ECORRUPT, "%s", damage));
		if (r == 0)
			r = cr_verify_note(
				v, name,
				"nothing is lost: a newer key list is "
				"in force");
	}
	return r != 0 ? r : cr_repo_each_slot(v->repo, look_at_slot, v);
}

/* ---- Manifests -----------------------------------------------------------
 */

static int check_manifests(struct cr_verifier *v)
{
	const struct cr_snapshots *set = v->job->set;
	int r = 0;

	(void)atomic_fetch_add(&v->totals->objects, set->count + set->bads);
	for (size_t i = 0; r == 0 && i < set->bads; i++) {
		const struct cr_snapshot *bad = set->bad[i];

		if (bad->error == -CR_EREVOKED) {
			r = cr_verify_note(v, bad->object,
					   "ignored: signed after its key was "
					   "revoked");
			continue;
		}
		r = cr_verify_damage(
			v, bad->object,
			bad->why ? cr_fail(-bad->error, "%s", bad->why)
				 : bad->error);
	}
	if (r == 0 && set->tampered < 0)
		r = cr_verify_damage(
			v, NULL,
			cr_fail(-set->tampered, "%s",
				set->tampered_why
					? set->tampered_why
					: cr_strerror(set->tampered)));
	return r;
}

/* ---- Segments ------------------------------------------------------------
 */

static void segment_name(const struct cr_id *id, char out[SEGMENT_NAME_LEN])
{
	(void)snprintf(out, SEGMENT_NAME_LEN, "index/%s", cr_id_hex(id).text);
}

static bool is_known_ghost(const struct cr_verifier *v,
			   const struct cr_pack_header *header)
{
	for (size_t i = 0; i < v->ghosts; i++)
		if (v->ghost[i].kind == header->kind &&
		    cr_uid_equal(&v->ghost[i].uid, &header->pack))
			return true;
	return false;
}

/* Whether the pack came after the packs were listed: 1, 0. */
static int is_there(const struct cr_verifier *v, const char *name)
{
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	int r = cr_stored_open(v->repo->storage, name, &stored);

	if (r == -ENOENT)
		return 0;
	return r == -ENOMEM ? r : 1;
}

static int add_ghost(struct cr_verifier *v, const struct cr_pack_header *header,
		     const struct cr_segment_item *item)
{
	struct cr_verify_ghost *bigger, ghost = {
		.uid = header->pack,
		.kind = (uint8_t)header->kind,
	};

	bigger = reallocarray(v->ghost, v->ghosts + 1, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	v->ghost = bigger;
	if (v->ghosts < GHOSTS_OPEN) {
		int r = cr_pack_open_item(v->repo, item, &ghost.pack);

		if (r == -ENOMEM)
			return r;
	}
	v->ghost[v->ghosts++] = ghost;
	return 0;
}

static int look_for_missing(struct cr_verifier *v, const char *segment,
			    const struct cr_pack_header *header,
			    const struct cr_segment_item *item)
{
	char name[CR_PACK_NAME_LEN];
	int r;

	if (is_known_ghost(v, header))
		return 0;
	cr_pack_name(header->kind, &header->pack, name);
	r = is_there(v, name);
	if (r != 0)
		return r < 0 ? r : 0;
	r = add_ghost(v, header, item);
	if (r < 0)
		return r;
	return cr_verify_damage(v, name,
				cr_fail(CR_EMISSING, "%s: missing; %s lists it",
					name, segment));
}

static int check_item(struct cr_verifier *v, const char *segment,
		      const struct cr_segment_item *item)
{
	struct cr_pack_header header;
	char name[CR_PACK_NAME_LEN];
	const struct cr_verify_pack *vp;
	struct cr_id vouch;
	int r = cr_pack_header_parse(item->header, &header);

	if (r < 0)
		return cr_verify_damage(v, segment, r);
	vp = cr_verify_find_pack(v, header.kind, &header.pack);
	if (!vp)
		return look_for_missing(v, segment, &header, item);
	/* What is wrong with the pack itself was said already. */
	if (!(vp->flags & CR_VERIFY_AUTHENTIC))
		return 0;
	vouch = cr_pack_vouch_hash(item->header, item->footer,
				   item->footer_len);
	if (cr_id_equal(&vouch, &vp->vouch) && item->pack_len == vp->len)
		return 0;
	cr_pack_name(header.kind, &header.pack, name);
	return cr_verify_damage(v, segment,
				cr_fail(CR_ECORRUPT,
					"%s: disagrees with %s, which is right",
					segment, name));
}

static int check_items(struct cr_verifier *v, const char *name,
		       struct cr_segment *segment)
{
	struct cr_segment_item item;
	int r;

	while ((r = cr_segment_next(segment, &item)) > 0) {
		r = check_item(v, name, &item);
		if (r != 0)
			return r;
	}
	return cr_verify_is_damage(r) ? cr_verify_damage(v, name, r) : r;
}

static int check_segment(struct cr_verifier *v, const struct cr_id *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	char name[SEGMENT_NAME_LEN];
	struct cr_segment segment;
	int r;

	segment_name(id, name);
	cr_verify_at(v, name, strlen(name));
	(void)atomic_fetch_add(&v->totals->objects, 1);
	cr_detail_clear();
	r = cr_segment_read(v->repo, id, &bytes, &segment);
	if (r == -CR_EMISSING)
		return 0; /* it went after it was listed */
	if (cr_verify_is_damage(r)) {
		r = cr_verify_damage(v, name, r);
		return r != 0 ? r
			      : cr_verify_note(v, name,
					       "nothing is lost: its packs say "
					       "the same");
	}
	return r < 0 ? r : check_items(v, name, &segment);
}

static int note_segment(void *arg, const char *name, uint64_t size)
{
	struct cr_buf *ids = arg;
	struct cr_id id;

	(void)size;
	if (cr_unhex(name, id.bytes, sizeof(id.bytes)) < 0)
		return 0;
	cr_buf_id(ids, &id);
	return cr_buf_error(ids);
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cr_id));
}

static bool among(const struct cr_buf *ids, const struct cr_id *id)
{
	return ids->len > 0 && bsearch(id, ids->bytes, ids->len / sizeof(*id),
				       sizeof(*id), compare_ids) != NULL;
}

/* A segment that a manifest names must be there. */
static int check_named_segments(struct cr_verifier *v, const struct cr_buf *ids)
{
	const struct cr_snapshots *set = v->job->set;
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->count; i++) {
		const struct cr_snapshot *s = set->snapshot[i];

		for (uint32_t k = 0; r == 0 && k < s->manifest.segments; k++) {
			const struct cr_id *id = &s->manifest.segment[k];
			char name[SEGMENT_NAME_LEN];

			if (among(ids, id))
				continue;
			segment_name(id, name);
			r = cr_verify_damage(v, name,
					     cr_fail(CR_EMISSING,
						     "%s: missing; %s names it",
						     name, s->object));
		}
	}
	return r;
}

static int check_segments(struct cr_verifier *v)
{
	cr_cleanup(cr_buf_release) struct cr_buf ids = { 0 };
	const struct cr_id *id;
	int r = cr_storage_list(v->repo->storage, "index", false, note_segment,
				&ids);

	if (r < 0)
		return r;
	id = (const void *)ids.bytes;
	if (ids.len > 0)
		qsort(ids.bytes, ids.len / sizeof(*id), sizeof(*id),
		      compare_ids);
	for (size_t i = 0; r == 0 && i < ids.len / sizeof(*id); i++)
		r = check_segment(v, &id[i]);
	return r != 0 ? r : check_named_segments(v, &ids);
}

/* ---- Snapshots -----------------------------------------------------------
 */

static int walk(struct cr_verifier *v, bool quiet)
{
	const struct cr_verify *job = v->job;
	size_t n = job->snapshot ? job->snapshots : job->set->count;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct cr_snapshot *s = job->snapshot
						      ? job->snapshot[i]
						      : job->set->snapshot[i];

		r = cr_verify_snapshot(v, s, quiet);
		if (!quiet)
			(void)atomic_fetch_add(&v->totals->snapshots, 1);
	}
	return r;
}

/* What was learnt from a first walk, before the data was read, but what is
 * needed. */
static void forget_walk(struct cr_verifier *v)
{
	atomic_store(&v->totals->chunks, 0);
	if (v->map_room == 0)
		return;
	memset(v->map[CR_VERIFY_VISITED], 0, v->map_room / 8);
	memset(v->map[CR_VERIFY_TAINTED], 0, v->map_room / 8);
	for (size_t i = 0; i < v->packs; i++)
		v->pack[i].flags &=
			(uint8_t) ~(CR_VERIFY_USED | CR_VERIFY_LOSING);
}

/* What each damaged pack costs, where no lost path has said so. */
static int sum_up(struct cr_verifier *v)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->packs; i++) {
		const struct cr_verify_pack *vp = &v->pack[i];
		char name[CR_PACK_NAME_LEN];

		if (!(vp->flags & CR_VERIFY_DAMAGED) ||
		    vp->flags & CR_VERIFY_LOSING)
			continue;
		cr_pack_name((enum cr_pack_kind)vp->kind, &vp->uid, name);
		r = cr_verify_note(
			v, name,
			vp->flags & CR_VERIFY_USED
				? "nothing is lost by it: what the "
				  "snapshots need can be read"
			: v->job->snapshot
				? "the snapshots that were asked for "
				  "do not need it"
				: "no snapshot needs it");
	}
	return r;
}

int cr_verify(const struct cr_verify *job)
{
	cr_cleanup(verify_release) struct cr_verifier v = {
		.job = job,
		.repo = cr_reader_repo(job->reader),
		.totals = job->totals,
	};
	bool chosen = job->snapshot != NULL;
	int r;

	r = cr_decompressor_new(&v.dec);
	if (r == 0)
		r = cr_pool_new(CR_BLOCK_PAYLOAD_MAX + CR_BLOCK_RAW_MAX,
				&v.pool);
	if (r == 0)
		r = check_keys(&v);
	if (r == 0)
		r = check_manifests(&v);
	if (r == 0)
		r = cr_verify_packs(&v);
	if (r == 0)
		r = check_segments(&v);
	if (r == 0 && job->read_data && chosen)
		r = walk(&v, true);
	if (r == 0 && job->read_data)
		r = cr_verify_read_packs(&v, !chosen);
	if (r == 0)
		forget_walk(&v);
	if (r == 0)
		r = walk(&v, false);
	return r != 0 ? r : sum_up(&v);
}
