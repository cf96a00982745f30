/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/revoked.h"

#include <pthread.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/disk/manifest_object.h"
#include "store/disk/segments.h"

/* What one revoked key's counting manifests vouch for. */
struct vouched {
	struct cr_uid key;
	struct cr_buf manifests; /* struct cr_id, of the chain */
	struct cr_buf packs;  /* struct cr_id: cr_pack_vouch_hash(), sorted */
	struct vouched *next; /* owned */
};

struct cr_revoked {
	pthread_mutex_t lock;
	struct vouched *first; /* under: lock; entries never change or go */
};

int cr_revoked_new(struct cr_revoked **ret)
{
	struct cr_revoked *revoked = calloc(1, sizeof(*revoked));

	if (!revoked)
		return -ENOMEM;
	(void)pthread_mutex_init(&revoked->lock, NULL);
	*ret = revoked;
	return 0;
}

static void vouched_free(struct vouched *v)
{
	if (!v)
		return;
	cr_buf_release(&v->manifests);
	cr_buf_release(&v->packs);
	free(v);
}

static void vouched_freep(struct vouched **v)
{
	vouched_free(*v);
}

void cr_revoked_free(struct cr_revoked *revoked)
{
	if (!revoked)
		return;
	while (revoked->first) {
		struct vouched *v = revoked->first;

		revoked->first = v->next;
		vouched_free(v);
	}
	(void)pthread_mutex_destroy(&revoked->lock);
	free(revoked);
}

/* One intact manifest of the key: its hash, what it follows, its name. */
struct link {
	struct cr_id id;
	struct cr_id prev;
	char name[CR_MANIFEST_NAME_LEN];
};

struct gathering {
	const struct cr_repo *repo;
	const struct cr_roster_key *key;
	struct cr_buf links; /* struct link */
	struct vouched *out;
};

static int gather_manifest(void *arg, const char *name, uint64_t size)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct gathering *g = arg;
	struct cr_uid writer, incarnation;
	struct cr_manifest_head head;
	struct link link;
	uint64_t seq;

	(void)size;
	if (cr_manifest_name_parse(cr_uid_hex(&g->key->id).text, name, &writer,
				   &incarnation, &seq) < 0)
		return 0;
	cr_manifest_name(&writer, &incarnation, seq, link.name);
	if (cr_manifest_read_head(g->repo, link.name, &bytes, &head, &link.id) <
	    0)
		return 0;
	link.prev = head.prev;
	cr_buf_put(&g->links, &link, sizeof(link));
	return cr_buf_error(&g->links);
}

static int add_segment_packs(const struct cr_repo *repo,
			     const struct cr_id *segment_id,
			     struct cr_buf *packs)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_segment_item item;
	struct cr_segment segment;

	if (cr_segment_read(repo, segment_id, &bytes, &segment) < 0)
		return 0;
	while (cr_segment_next(&segment, &item) > 0) {
		struct cr_id vouched = cr_pack_vouch_hash(
			item.header, item.footer, item.footer_len);

		cr_buf_id(packs, &vouched);
	}
	return cr_buf_error(packs);
}

static int vouch(struct gathering *g, const struct link *link)
{
	cr_cleanup(cr_manifest_release) struct cr_manifest manifest = { 0 };
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_manifest_head head;
	struct cr_id id;
	int r = 0;

	cr_buf_id(&g->out->manifests, &link->id);
	if (cr_manifest_read_head(g->repo, link->name, &bytes, &head, &id) <
		    0 ||
	    cr_manifest_open_body(g->repo, link->name, &bytes, &head,
				  &manifest) < 0)
		return cr_buf_error(&g->out->manifests);
	for (uint32_t i = 0; i < manifest.segments && r == 0; i++)
		r = add_segment_packs(g->repo, &manifest.segment[i],
				      &g->out->packs);
	return r;
}

struct cr_id cr_pack_vouch_hash(const uint8_t header[CR_PACK_HEADER_LEN],
				const void *footer, size_t footer_len)
{
	struct cr_piece piece[] = { { header, CR_PACK_HEADER_LEN },
				    { footer, footer_len } };

	return cr_hash("vouch", piece, CR_ARRAY_LEN(piece));
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cr_id));
}

/* Follow the chain back from the last manifest that counts. */
static int follow_chain(struct gathering *g)
{
	const struct link *link = (const void *)g->links.bytes;
	size_t n = g->links.len / sizeof(*link);
	struct cr_id want = g->key->last_manifest;

	/* Each step uses up one link: a cycle ends too. */
	for (size_t steps = 0; steps < n && !cr_id_zero(&want); steps++) {
		size_t i = 0;
		int r;

		while (i < n && !cr_id_equal(&link[i].id, &want))
			i++;
		if (i == n)
			break;
		r = vouch(g, &link[i]);
		if (r < 0)
			return r;
		want = link[i].prev;
	}
	if (g->out->packs.len > 0)
		qsort(g->out->packs.bytes,
		      g->out->packs.len / sizeof(struct cr_id),
		      sizeof(struct cr_id), compare_ids);
	return 0;
}

static int find_out(const struct cr_repo *repo, const struct cr_roster_key *key,
		    struct vouched **ret)
{
	cr_cleanup(vouched_freep) struct vouched *v = calloc(1, sizeof(*v));
	struct gathering g = { .repo = repo, .key = key, .out = v };
	char prefix[16 + 2 * CR_UID_LEN];
	int r = 0;

	if (!v)
		return -ENOMEM;
	v->key = key->id;
	(void)snprintf(prefix, sizeof(prefix), "snapshots/%s",
		       cr_uid_hex(&key->id).text);
	if (key->last_seq > 0)
		r = cr_storage_list(repo->storage, prefix, false,
				    gather_manifest, &g);
	if (r == 0)
		r = follow_chain(&g);
	cr_buf_release(&g.links);
	if (r < 0)
		return r;
	*ret = cr_take(v);
	return 0;
}

/* What the key's manifests vouch for; found out once. */
static int vouched_for(const struct cr_repo *repo,
		       const struct cr_repo_keys *keys,
		       const struct cr_roster_key *key,
		       const struct vouched **ret)
{
	struct cr_revoked *revoked = keys->revoked;
	struct vouched *v;
	int r;

	(void)pthread_mutex_lock(&revoked->lock);
	for (v = revoked->first; v; v = v->next)
		if (cr_uid_equal(&v->key, &key->id))
			break;
	(void)pthread_mutex_unlock(&revoked->lock);
	if (!v) {
		/* Two threads may find out at once: the list then has two. */
		r = find_out(repo, key, &v);
		if (r < 0)
			return r;
		(void)pthread_mutex_lock(&revoked->lock);
		v->next = revoked->first;
		revoked->first = v;
		(void)pthread_mutex_unlock(&revoked->lock);
	}
	*ret = v;
	return 0;
}

int cr_revoked_counts(const struct cr_repo *repo,
		      const struct cr_repo_keys *keys,
		      const struct cr_roster_key *key,
		      const struct cr_id *vouched)
{
	const struct vouched *v;
	int r = vouched_for(repo, keys, key, &v);

	if (r < 0)
		return r;
	return v->packs.len > 0 &&
	       bsearch(vouched, v->packs.bytes,
		       v->packs.len / sizeof(struct cr_id),
		       sizeof(struct cr_id), compare_ids) != NULL;
}

int cr_revoked_counts_manifest(const struct cr_repo *repo,
			       const struct cr_repo_keys *keys,
			       const struct cr_roster_key *key,
			       const struct cr_id *manifest)
{
	const struct cr_id *id;
	const struct vouched *v;
	int r = vouched_for(repo, keys, key, &v);

	if (r < 0)
		return r;
	id = (const void *)v->manifests.bytes;
	for (size_t i = 0; i < v->manifests.len / sizeof(*id); i++)
		if (cr_id_equal(&id[i], manifest))
			return 1;
	return 0;
}
