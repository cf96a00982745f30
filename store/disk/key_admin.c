/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/base/secret.h"
#include "store/codec/manifest.h"
#include "store/codec/roster_encode.h"
#include "store/disk/derive.h"
#include "store/disk/repo_create.h"
#include "store/disk/roster_write.h"
#include "store/disk/slots.h"

static int must_be_owner(const struct cr_repo *repo)
{
	if (repo->bundle->role != CR_ROLE_OWNER)
		return cr_fail(CR_ECAPABILITY,
			       "only the owner's key may change who has keys");
	return 0;
}

/* The roster in force, to be changed: through its bytes, which own nothing. */
static int copy_roster(const struct cr_repo *repo, struct cr_roster *ret)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	int r = cr_roster_encode(&repo->keys->roster, &bytes);

	if (r < 0)
		return r;
	return cr_roster_parse((struct cr_piece){ bytes.bytes, bytes.len },
			       ret);
}

static int put_next(const struct cr_repo *repo, struct cr_storage_w *w,
		    struct cr_roster *roster)
{
	const struct cr_roster_place place = {
		.repository = repo->info.id,
		.n = repo->keys->roster_n + 1,
		.prev = repo->keys->roster_hash,
	};
	int r = cr_roster_put(w, &repo->bundle->secret, &place, roster);

	if (r == -EEXIST)
		return cr_fail(EEXIST,
			       "another owner changed the keys at the same "
			       "moment: nothing was changed here, try again");
	return r;
}

static bool text_fits(const char *text, size_t max)
{
	return strnlen(text, max + 1) <= max;
}

static int check_request(const struct cr_repo *repo,
			 const struct cr_key_request *request)
{
	bool put = request->role == CR_ROLE_PUT;
	const struct cr_roster_key *share;

	if (request->role != CR_ROLE_READ && !put)
		return cr_fail(CR_EUSAGE, "a key is made to read or to put");
	if (request->label && !text_fits(request->label, CR_LABEL_MAX))
		return cr_fail(CR_EUSAGE, "a label has at most %d bytes",
			       CR_LABEL_MAX);
	if (put != (request->sources > 0))
		return cr_fail(CR_EUSAGE, put ? "a put key needs a source"
					      : "a read key has no sources");
	if (!request->share)
		return 0;
	share = cr_repo_key(repo, request->share);
	if (!put || !share || share->role == CR_ROLE_READ || share->revoked)
		return cr_fail(CR_EUSAGE, "key %s has no domain to share",
			       cr_uid_hex(request->share).text);
	return 0;
}

static const struct cr_roster_key *find_source(const struct cr_roster *roster,
					       struct cr_piece source)
{
	for (uint32_t k = 0; k < roster->keys; k++)
		if (!roster->key[k].revoked &&
		    cr_roster_names(&roster->key[k], source))
			return &roster->key[k];
	return NULL;
}

static int add_sources(const struct cr_roster *roster,
		       const struct cr_key_request *request,
		       struct cr_roster_key *key)
{
	if (request->sources == 0)
		return 0;
	key->source = calloc(request->sources, sizeof(*key->source));
	if (!key->source)
		return -ENOMEM;
	for (uint32_t i = 0; i < request->sources; i++) {
		const char *source = request->source[i];
		struct cr_piece name = { source, strlen(source) };
		const struct cr_roster_key *holder = find_source(roster, name);

		if (!cr_source_valid(name))
			return cr_fail(CR_EUSAGE,
				       "a source is 1 to %d of A-Z a-z 0-9 . _ "
				       "-, not beginning with \".\"",
				       CR_SOURCE_MAX);
		if (holder)
			return cr_fail(CR_EUSAGE,
				       "source %s is granted to key %s (%s)",
				       source, cr_uid_hex(&holder->id).text,
				       holder->label);
		if (cr_roster_names(key, name))
			return cr_fail(CR_EUSAGE, "source %s is named twice",
				       source);
		memcpy(key->source[i], source, strlen(source) + 1);
		key->sources++;
	}
	return 0;
}

/* A fresh bundle for @request. */
static int make_bundle(const struct cr_repo *repo, enum cr_role role,
		       struct cr_bundle **ret)
{
	struct cr_bundle *bundle = cr_secret_alloc(sizeof(*bundle));

	if (!bundle)
		return -ENOMEM;
	bundle->role = (uint8_t)role;
	bundle->repository_hash = repo->hash;
	bundle->owner = repo->owner;
	cr_random(bundle->key.bytes, sizeof(bundle->key.bytes));
	cr_random(bundle->secret.bytes, sizeof(bundle->secret.bytes));
	cr_random(bundle->box_seed.bytes, sizeof(bundle->box_seed.bytes));
	cr_bundle_roster_key(repo->bundle, &bundle->roster_key);
	*ret = bundle;
	return 0;
}

static void free_sources(struct cr_roster_key *key)
{
	free(key->source);
}

static int admit(const struct cr_repo *repo, struct cr_roster *roster,
		 const struct cr_bundle *bundle,
		 const struct cr_key_request *request)
{
	cr_cleanup(free_sources) struct cr_roster_key key = {
		.id = bundle->key,
		.role = bundle->role,
		.sign_pk = cr_sign_public(&bundle->secret),
		.box_pk = cr_box_public(&bundle->box_seed),
	};
	int r = add_sources(roster, request, &key);

	if (r < 0)
		return r;
	if (request->label)
		memcpy(key.label, request->label, strlen(request->label) + 1);
	if (request->share)
		key.domain = cr_repo_key(repo, request->share)->domain;
	else if (request->role == CR_ROLE_PUT)
		r = cr_roster_add_domain(roster, &repo->bundle->secret,
					 &key.domain);
	return r < 0 ? r
		     : cr_roster_add_key(roster, &repo->bundle->secret, &key);
}

int cr_key_add(const struct cr_repo *repo, struct cr_storage_w *w,
	       const struct cr_key_request *request,
	       const struct cr_slot_secret *wrap, struct cr_key_made *ret)
{
	cr_cleanup(cr_bundle_freep) struct cr_bundle *bundle = NULL;
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	char name[CR_SLOT_NAME_LEN];
	struct cr_key_made made;
	int r = must_be_owner(repo);

	if (r == 0)
		r = check_request(repo, request);
	if (r == 0)
		r = copy_roster(repo, &roster);
	if (r == 0)
		r = make_bundle(repo, request->role, &bundle);
	if (r == 0)
		r = admit(repo, &roster, bundle, request);
	if (r < 0)
		return r;
	assert(bundle);
	/*
	 * The slot first: a slot of a key that is not admitted opens nothing,
	 * while an admitted key without a slot is nobody's.
	 */
	made.key = bundle->key;
	r = cr_slot_put(w, &repo->info.id, bundle, wrap, &made.slot);
	if (r < 0)
		return r;
	r = put_next(repo, w, &roster);
	if (r < 0) {
		cr_slot_name(&made.slot, name);
		(void)!cr_storage_delete(w, name);
		return r;
	}
	*ret = made;
	return 0;
}

/* Which slots to delete: all of a key, or its passphrases but one. */
struct which {
	const struct cr_uid *key;
	const struct cr_uid *keep; /* NULL: none is kept */
};

static int delete_slots(const struct cr_repo *repo, struct cr_storage_w *w,
			const struct which *which)
{
	cr_cleanup(cr_slot_ids_release) struct cr_slot_ids ids = { 0 };
	int r = cr_slot_ids_list(repo->storage, &ids);

	for (size_t i = 0; i < ids.count && r == 0; i++) {
		cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
		char name[CR_SLOT_NAME_LEN];
		struct cr_slot slot;

		/* A damaged slot may be anybody's: it is left for `verify`. */
		if (cr_slot_load(repo->storage, &repo->info.id, &ids.id[i],
				 &bytes, &slot) < 0 ||
		    !cr_uid_equal(&slot.key, which->key))
			continue;
		if (which->keep && (cr_uid_equal(&slot.id, which->keep) ||
				    slot.method != CR_SLOT_PASSPHRASE))
			continue;
		cr_slot_name(&slot.id, name);
		r = cr_storage_delete(w, name);
		if (r == -ENOENT)
			r = 0;
	}
	return r;
}

static struct cr_roster_key *find_key(struct cr_roster *roster,
				      const struct cr_uid *id)
{
	for (uint32_t i = 0; i < roster->keys; i++)
		if (cr_uid_equal(&roster->key[i].id, id))
			return &roster->key[i];
	return NULL;
}

static int mark_revoked(struct cr_roster *roster, const struct cr_uid *id,
			const struct cr_head *last)
{
	struct cr_roster_key *key = find_key(roster, id);

	if (!key)
		return cr_fail(CR_EUSAGE, "there is no key %s",
			       cr_uid_hex(id).text);
	if (key->role == CR_ROLE_OWNER)
		return cr_fail(CR_EUSAGE,
			       "the owner's own key cannot be revoked");
	if (key->revoked)
		return cr_fail(CR_EUSAGE, "key %s was revoked before",
			       cr_uid_hex(id).text);
	if (last && key->role != CR_ROLE_PUT)
		return cr_fail(CR_EUSAGE, "key %s signs no snapshots",
			       cr_uid_hex(id).text);
	key->revoked = true;
	free(key->grant);
	key->grant = NULL;
	key->grant_len = 0;
	if (!last)
		return 0;
	key->last_incarnation = last->incarnation;
	key->last_seq = last->seq;
	key->last_manifest = last->hash;
	return 0;
}

static int rotate_epoch(const struct cr_repo *repo, struct cr_roster *roster)
{
	const struct cr_key *s = &repo->bundle->secret;
	int r = cr_roster_add_epoch(roster, s);

	for (uint32_t i = 0; i < roster->keys && r == 0; i++)
		r = cr_roster_grant(roster, s, &roster->key[i]);
	return r;
}

int cr_key_revoke(const struct cr_repo *repo, struct cr_storage_w *w,
		  const struct cr_uid *key, const struct cr_head *last,
		  bool rotate)
{
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	const struct which which = { .key = key };
	int r = must_be_owner(repo);

	if (r == 0)
		r = copy_roster(repo, &roster);
	if (r == 0)
		r = mark_revoked(&roster, key, last);
	if (r == 0 && rotate)
		r = rotate_epoch(repo, &roster);
	if (r == 0)
		r = put_next(repo, w, &roster);
	return r < 0 ? r : delete_slots(repo, w, &which);
}

int cr_key_passwd(const struct cr_repo *repo, struct cr_storage_w *w,
		  const struct cr_slot_secret *wrap, struct cr_uid *slot)
{
	struct cr_uid made;
	const struct which which = { .key = &repo->bundle->key, .keep = &made };
	int r = cr_slot_put(w, &repo->info.id, repo->bundle, wrap, &made);

	if (r == 0)
		r = delete_slots(repo, w, &which);
	if (r < 0)
		return r;
	*slot = made;
	return 0;
}

int cr_key_import(const struct cr_storage *storage, struct cr_storage_w *w,
		  const struct cr_bundle *bundle,
		  const struct cr_slot_secret *wrap, struct cr_uid *slot)
{
	struct cr_repository info;
	struct cr_id hash;
	int r = cr_repo_read_info(storage, &info, &hash);

	if (r < 0)
		return r;
	if (!cr_id_equal(&bundle->repository_hash, &hash))
		return cr_fail(CR_EKEY,
			       "the key is of another repository than %s",
			       cr_storage_name(storage));
	return cr_slot_put(w, &info.id, bundle, wrap, slot);
}
