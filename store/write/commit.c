/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/commit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/log.h"
#include "store/codec/manifest_encode.h"
#include "store/codec/seal.h"
#include "store/disk/manifest_object.h"

#define TRIES 16 /* at the name of a manifest, should a twin be faster */

/* The plain heads of the manifests that bear on where the next one goes. */
struct heads {
	const struct cr_commit_to *to;
	const struct cr_uid *writer; /* whose are being listed */
	struct cr_buf *list;	     /* where to */
	struct cr_buf mine;	     /* struct cr_manifest_head; this key's */
	struct cr_buf others;	     /* of keys that may write the source too */
};

static void heads_release(struct heads *heads)
{
	cr_buf_release(&heads->mine);
	cr_buf_release(&heads->others);
}

/* Of the object @name: a few bytes, however many there are. */
static int read_head(const struct heads *heads, const char *name,
		     struct cr_manifest_head *ret)
{
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	uint8_t bytes[CR_MANIFEST_HEAD_LEN];
	uint64_t len;
	size_t part;
	int r = cr_stored_open(heads->to->repo->storage, name, &stored);

	if (r < 0)
		return r;
	len = cr_stored_len(stored);
	part = (size_t)cr_min(len, (uint64_t)sizeof(bytes));
	r = cr_stored_read(stored, 0, bytes, part);
	return r < 0 ? r
		     : cr_manifest_head_peek((struct cr_piece){ bytes, part },
					     len, ret);
}

/*
 * Complete @head, which says whose it is.  It is read once and noted: a backup
 * is to cost the same after thousands of others.
 */
static int learn_head(const struct heads *heads, struct cr_manifest_head *head)
{
	struct cr_index *index = heads->to->index;
	struct cr_manifest_head is;
	char object[CR_MANIFEST_NAME_LEN];
	int r = -ENOENT;

	if (index)
		r = cr_index_manifest_time(index, head, &head->time);
	if (r != -ENOENT)
		return r;
	cr_manifest_name(&head->writer, &head->incarnation, head->seq, object);
	r = read_head(heads, object, &is);
	if (r == -ENOMEM)
		return r;
	/* A damaged one still takes its number. */
	head->time = r < 0 ? INT64_MIN : is.time;
	return r < 0 || !index ? 0 : cr_index_note_manifest(index, head);
}

static int take_head(void *arg, const char *name, uint64_t size)
{
	struct heads *heads = arg;
	struct cr_uid_hex writer = cr_uid_hex(heads->writer);
	struct cr_manifest_head head = { 0 };
	int r;

	(void)size;
	if (cr_manifest_name_parse(writer.text, name, &head.writer,
				   &head.incarnation, &head.seq) < 0)
		return 0;
	r = learn_head(heads, &head);
	if (r < 0)
		return r;
	cr_buf_put(heads->list, &head, sizeof(head));
	return cr_buf_error(heads->list);
}

static int list_heads(struct heads *heads, const struct cr_uid *writer,
		      struct cr_buf *list)
{
	char prefix[16 + 2 * CR_UID_LEN];

	heads->writer = writer;
	heads->list = list;
	(void)snprintf(prefix, sizeof(prefix), "snapshots/%s",
		       cr_uid_hex(writer).text);
	return cr_storage_list(heads->to->repo->storage, prefix, false,
			       take_head, heads);
}

static int read_heads(const struct cr_commit_to *to, struct cr_piece source,
		      struct heads *heads)
{
	const struct cr_uid *me = cr_keyring_id(to->repo->keys->ring);
	const struct cr_roster *roster = &to->repo->keys->roster;
	int r;

	heads->to = to;
	r = list_heads(heads, me, &heads->mine);
	for (uint32_t i = 0; i < roster->keys && r == 0; i++) {
		const struct cr_roster_key *key = &roster->key[i];

		/* A revoked key wrote what still counts. */
		if (!cr_uid_equal(&key->id, me) &&
		    (key->role == CR_ROLE_OWNER ||
		     cr_roster_names(key, source)))
			r = list_heads(heads, &key->id, &heads->others);
	}
	return r;
}

static bool taken(const struct cr_buf *list, int64_t time)
{
	const struct cr_manifest_head *head = (const void *)list->bytes;

	for (size_t i = 0; i < list->len / sizeof(*head); i++)
		if (head[i].time == time)
			return true;
	return false;
}

/* The first free second from @time. */
static int64_t free_time(const struct heads *heads, int64_t time)
{
	while (taken(&heads->mine, time) || taken(&heads->others, time))
		time++;
	return time;
}

/* Whether @head, from our state, is the end of its incarnation. */
static bool is_end(const struct heads *heads, const struct cr_head *known)
{
	const struct cr_manifest_head *head = (const void *)heads->mine.bytes;

	for (size_t i = 0; i < heads->mine.len / sizeof(*head); i++)
		if (cr_uid_equal(&head[i].incarnation, &known->incarnation) &&
		    head[i].seq > known->seq)
			return false;
	return true;
}

/*
 * Begin a new incarnation: the state is lost, or older than the chain (a
 * machine was restored from an image).  It follows the newest we can see.
 */
static int new_incarnation(const struct heads *heads,
			   struct cr_manifest_head *next)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	const struct cr_manifest_head *head = (const void *)heads->mine.bytes;
	const struct cr_manifest_head *last = NULL;
	char object[CR_MANIFEST_NAME_LEN];
	int r;

	for (size_t i = 0; i < heads->mine.len / sizeof(*head); i++)
		if (!last || head[i].time > last->time ||
		    (head[i].time == last->time && head[i].seq > last->seq))
			last = &head[i];
	cr_random(next->incarnation.bytes, sizeof(next->incarnation.bytes));
	next->seq = 1;
	if (!last)
		return 0;
	cr_manifest_name(&next->writer, &last->incarnation, last->seq, object);
	r = cr_storage_get(heads->to->repo->storage, object, CR_MANIFEST_MAX,
			   &bytes);
	if (r == 0)
		next->prev = cr_hash_bytes("manifest", bytes.bytes, bytes.len);
	return r;
}

/* Where the chain goes on. */
static int place(const struct heads *heads, const struct cr_state *state,
		 struct cr_manifest_head *next)
{
	cr_cleanup(cr_heads_release) struct cr_heads seen = { 0 };
	const struct cr_head *known;
	int r = cr_heads_load(state, &seen);

	if (r < 0)
		return r;
	known = cr_heads_find(&seen, &next->writer);
	if (!known || !is_end(heads, known))
		return new_incarnation(heads, next);
	next->incarnation = known->incarnation;
	next->seq = known->seq + 1;
	next->prev = known->hash;
	return 0;
}

/* Head, sealed body, signature. */
static int encode(const struct cr_repo *repo, const struct cr_buf *body,
		  struct cr_manifest_head *head, struct cr_buf *out)
{
	struct cr_signature sig;
	struct cr_id hash;
	struct cr_key key;
	int r = cr_keyring_manifest_key_make(repo->keys->ring, head, &key);

	if (r < 0)
		return r;
	head->body_len = (uint32_t)body->len;
	cr_manifest_head_encode(head, out);
	r = cr_buf_error(out);
	if (r == 0)
		r = cr_buf_reserve(out,
				   body->len + CR_SEAL_OVERHEAD + CR_SIGN_LEN);
	if (r == 0)
		r = cr_seal_append(
			&key, (struct cr_piece){ out->bytes, out->len },
			(struct cr_piece){ body->bytes, body->len }, out);
	cr_wipe(&key, sizeof(key));
	if (r < 0)
		return r;
	hash = cr_hash_bytes("manifest-sig", out->bytes, out->len);
	sig = cr_keyring_sign(repo->keys->ring, "sign-manifest", &hash);
	cr_buf_put(out, sig.bytes, sizeof(sig.bytes));
	return cr_buf_error(out);
}

static int remember(struct cr_state *state, const struct cr_manifest_head *head,
		    const struct cr_id *id)
{
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	struct cr_head mine = { head->writer, head->incarnation, head->seq,
				*id };
	int r = cr_heads_load(state, &heads);

	if (r == 0)
		r = cr_heads_set(&heads, &mine);
	return r < 0 ? r : cr_heads_save(state, &heads);
}

static int try_commit(const struct cr_commit_to *to, struct cr_piece source,
		      const struct cr_buf *body, struct cr_manifest_head *head,
		      struct cr_id *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct heads heads = { 0 };
	char object[CR_MANIFEST_NAME_LEN];
	int r = read_heads(to, source, &heads);

	if (r == 0) {
		head->time = free_time(&heads, head->time);
		r = place(&heads, to->state, head);
	}
	heads_release(&heads);
	if (r == 0)
		r = encode(to->repo, body, head, &bytes);
	if (r < 0)
		return r;
	if (bytes.len > CR_MANIFEST_MAX)
		return cr_fail(
			E2BIG,
			"a manifest of %zu bytes: too many paths, tags or options",
			bytes.len);
	*id = cr_hash_bytes("manifest", bytes.bytes, bytes.len);
	cr_manifest_name(&head->writer, &head->incarnation, head->seq, object);
	return cr_storage_put(to->storage, object, bytes.bytes, bytes.len);
}

int cr_commit(const struct cr_commit_to *to, const struct cr_manifest *manifest,
	      int64_t time, struct cr_manifest_head *head,
	      struct cr_id *snapshot)
{
	cr_cleanup(cr_buf_release) struct cr_buf body = { 0 };
	int r = cr_manifest_encode(manifest, &body);

	if (r < 0)
		return r;
	for (int i = 0; i < TRIES; i++) {
		*head = (struct cr_manifest_head){
			.repository = to->repo->info.id,
			.writer = *cr_keyring_id(to->repo->keys->ring),
			.time = time,
		};
		r = try_commit(to, manifest->source, &body, head, snapshot);
		if (r != -EEXIST)
			break;
	}
	if (r == -EEXIST)
		return cr_fail(EEXIST,
			       "other backups of this key were faster %d times",
			       TRIES);
	if (r < 0)
		return r;
	/*
	 * The snapshot exists.  A state that cannot be written costs the next
	 * backup a new incarnation, nothing else.
	 */
	if (remember(to->state, head, snapshot) < 0)
		cr_log(CR_LOG_WARNING, "the state could not be written: %s",
		       cr_detail());
	return 0;
}
