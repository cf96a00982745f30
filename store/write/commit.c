/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/write/commit.h"

#include <inttypes.h>
#include <stdio.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/log.h"
#include "store/codec/manifest_encode.h"
#include "store/codec/seal.h"
#include "store/disk/manifest_object.h"

#define TRIES 16 /* at the name of a manifest, should a twin be faster */

/* This writer's manifests, by their plain heads. */
struct mine {
	const struct cr_repo *repo;
	struct cr_buf heads; /* struct cr_manifest_head */
};

static int read_head(void *arg, const char *name, uint64_t size)
{
	cr_cleanup(cr_stored_closep) struct cr_stored *stored = NULL;
	struct mine *mine = arg;
	struct cr_uid_hex writer = cr_uid_hex(cr_keyring_id(mine->repo->ring));
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_manifest_head head;
	char object[CR_MANIFEST_NAME_LEN];
	struct cr_uid who, incarnation;
	uint64_t seq;
	int r;

	(void)size;
	if (cr_manifest_name_parse(writer.text, name, &who, &incarnation,
				   &seq) < 0)
		return 0;
	cr_manifest_name(&who, &incarnation, seq, object);
	r = cr_storage_get(mine->repo->storage, object, CR_MANIFEST_MAX,
			   &bytes);
	if (r == -ENOMEM)
		return r;
	/* A damaged one still takes its number. */
	if (r < 0 ||
	    cr_manifest_head_parse((struct cr_piece){ bytes.bytes, bytes.len },
				   &head) < 0)
		head = (struct cr_manifest_head){ .writer = who,
						  .time = INT64_MIN };
	head.incarnation = incarnation;
	head.seq = seq;
	cr_buf_put(&mine->heads, &head, sizeof(head));
	return cr_buf_error(&mine->heads);
}

static int list_mine(const struct cr_repo *repo, struct mine *mine)
{
	char prefix[16 + 2 * CR_UID_LEN];

	mine->repo = repo;
	(void)snprintf(prefix, sizeof(prefix), "snapshots/%s",
		       cr_uid_hex(cr_keyring_id(repo->ring)).text);
	return cr_storage_list(repo->storage, prefix, false, read_head, mine);
}

/* The first free second from @time. */
static int64_t free_time(const struct mine *mine, int64_t time)
{
	const struct cr_manifest_head *head = (const void *)mine->heads.bytes;
	size_t n = mine->heads.len / sizeof(*head);
	bool taken;

	do {
		taken = false;
		for (size_t i = 0; i < n && !taken; i++)
			taken = head[i].time == time;
		time += taken;
	} while (taken);
	return time;
}

/* Whether @head, from our state, is the end of its incarnation. */
static bool is_end(const struct mine *mine, const struct cr_head *known)
{
	const struct cr_manifest_head *head = (const void *)mine->heads.bytes;

	for (size_t i = 0; i < mine->heads.len / sizeof(*head); i++)
		if (cr_uid_equal(&head[i].incarnation, &known->incarnation) &&
		    head[i].seq > known->seq)
			return false;
	return true;
}

/*
 * Begin a new incarnation: the state is lost, or older than the chain (a
 * machine was restored from an image).  It follows the newest we can see.
 */
static int new_incarnation(const struct mine *mine,
			   struct cr_manifest_head *next)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	const struct cr_manifest_head *head = (const void *)mine->heads.bytes;
	const struct cr_manifest_head *last = NULL;
	char object[CR_MANIFEST_NAME_LEN];
	int r;

	for (size_t i = 0; i < mine->heads.len / sizeof(*head); i++)
		if (!last || head[i].time > last->time ||
		    (head[i].time == last->time && head[i].seq > last->seq))
			last = &head[i];
	cr_random(next->incarnation.bytes, sizeof(next->incarnation.bytes));
	next->seq = 1;
	if (!last)
		return 0;
	cr_manifest_name(&next->writer, &last->incarnation, last->seq, object);
	r = cr_storage_get(mine->repo->storage, object, CR_MANIFEST_MAX,
			   &bytes);
	if (r == 0)
		next->prev = cr_hash_bytes("manifest", bytes.bytes, bytes.len);
	return r;
}

/* Where the chain goes on. */
static int place(const struct mine *mine, const struct cr_state *state,
		 struct cr_manifest_head *next)
{
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	const struct cr_head *known;
	int r = cr_heads_load(state, &heads);

	if (r < 0)
		return r;
	known = cr_heads_find(&heads, &next->writer);
	if (!known || !is_end(mine, known))
		return new_incarnation(mine, next);
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
	int r = cr_keyring_manifest_key_make(repo->ring, head, &key);

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
	sig = cr_keyring_sign(repo->ring, "sign-manifest", &hash);
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

static int try_commit(const struct cr_repo *repo, struct cr_storage_w *storage,
		      const struct cr_state *state, const struct cr_buf *body,
		      struct cr_manifest_head *head, struct cr_id *id)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct mine mine = { 0 };
	char object[CR_MANIFEST_NAME_LEN];
	int r = list_mine(repo, &mine);

	if (r == 0) {
		head->time = free_time(&mine, head->time);
		r = place(&mine, state, head);
	}
	cr_buf_release(&mine.heads);
	if (r == 0)
		r = encode(repo, body, head, &bytes);
	if (r < 0)
		return r;
	if (bytes.len > CR_MANIFEST_MAX)
		return cr_fail(
			E2BIG,
			"a manifest of %zu bytes: too many paths, tags or options",
			bytes.len);
	*id = cr_hash_bytes("manifest", bytes.bytes, bytes.len);
	cr_manifest_name(&head->writer, &head->incarnation, head->seq, object);
	return cr_storage_put(storage, object, bytes.bytes, bytes.len);
}

int cr_commit(const struct cr_repo *repo, struct cr_storage_w *storage,
	      struct cr_state *state, const struct cr_manifest *manifest,
	      int64_t time, struct cr_manifest_head *head,
	      struct cr_id *snapshot)
{
	cr_cleanup(cr_buf_release) struct cr_buf body = { 0 };
	int r = cr_manifest_encode(manifest, &body);

	if (r < 0)
		return r;
	for (int i = 0; i < TRIES; i++) {
		*head = (struct cr_manifest_head){
			.repository = repo->info.id,
			.writer = *cr_keyring_id(repo->ring),
			.time = time,
		};
		r = try_commit(repo, storage, state, &body, head, snapshot);
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
	if (remember(state, head, snapshot) < 0)
		cr_log(CR_LOG_WARNING, "the state could not be written: %s",
		       cr_detail());
	return 0;
}
