/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/codec/seal.h"
#include "store/disk/derive.h"

void cr_slot_name(const struct cr_uid *id, char out[CR_SLOT_NAME_LEN])
{
	(void)snprintf(out, CR_SLOT_NAME_LEN, "keys/%s", cr_uid_hex(id).text);
}

int cr_slot_load(const struct cr_storage *storage,
		 const struct cr_uid *repository, const struct cr_uid *id,
		 struct cr_buf *bytes, struct cr_slot *ret)
{
	char name[CR_SLOT_NAME_LEN];
	struct cr_slot slot;
	int r;

	cr_slot_name(id, name);
	r = cr_storage_get(storage, name, CR_SLOT_MAX, bytes);
	if (r < 0)
		return r;
	r = cr_slot_parse((struct cr_piece){ bytes->bytes, bytes->len }, &slot);
	if (r < 0)
		return cr_fail(-r, "%s: %s", name, cr_detail());
	if (!cr_uid_equal(&slot.id, id) ||
	    !cr_uid_equal(&slot.repository, repository))
		return cr_fail(CR_ECORRUPT,
			       "%s: is another slot, or of another repository",
			       name);
	*ret = slot;
	return 0;
}

static int collect(void *arg, const char *name, uint64_t size)
{
	struct cr_slot_ids *ids = arg;
	struct cr_uid id, *bigger;

	(void)size;
	if (cr_unhex(name, id.bytes, sizeof(id.bytes)) < 0)
		return 0;
	bigger = reallocarray(ids->id, ids->count + 1, sizeof(id));
	if (!bigger)
		return -ENOMEM;
	ids->id = bigger;
	ids->id[ids->count++] = id;
	return 0;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct cr_uid));
}

int cr_slot_ids_list(const struct cr_storage *storage, struct cr_slot_ids *ret)
{
	cr_cleanup(cr_slot_ids_release) struct cr_slot_ids ids = { 0 };
	int r = cr_storage_list(storage, "keys", false, collect, &ids);

	if (r < 0)
		return r;
	if (ids.count > 0)
		qsort(ids.id, ids.count, sizeof(ids.id[0]), compare);
	*ret = cr_take(ids);
	return 0;
}

void cr_slot_ids_release(struct cr_slot_ids *ids)
{
	free(ids->id);
	*ids = (struct cr_slot_ids){ 0 };
}

int cr_slot_verify(const struct cr_slot *slot, const struct cr_roster *roster)
{
	const struct cr_roster_key *key = cr_roster_find(roster, &slot->key);
	char name[CR_SLOT_NAME_LEN];

	cr_slot_name(&slot->id, name);
	if (!key)
		return cr_fail(CR_ECAPABILITY, "%s: of a key never admitted",
			       name);
	if (key->role != slot->role ||
	    cr_sign_verify(&key->sign_pk, "sign-slot", &slot->signed_hash,
			   &slot->signature) < 0)
		return cr_fail(CR_ECORRUPT, "%s: signature does not verify",
			       name);
	return 0;
}

/* What was found while no slot would open. */
struct search {
	const struct cr_storage *storage;
	const struct cr_repository *info;
	const struct cr_id *hash;
	enum cr_slot_method method;
	struct cr_piece secret;
	unsigned int tried;
	bool named; /* the key file says which slot it is for */
	bool more;  /* than were tried */
	bool no_memory;
	char damaged[256]; /* names, each after a blank */
	char closed[160];  /* likewise: of those that did not open */
};

/* Add @name to the list in @out, where it fits. */
static void note(char *out, size_t room, const char *name)
{
	size_t len = strlen(out);

	if (len + 1 + strlen(name) < room)
		(void)snprintf(out + len, room - len, " %s", name);
}

static void note_damaged(struct search *search, const char *name)
{
	note(search->damaged, sizeof(search->damaged), name);
}

/* Another's, or damaged where only its key can tell. */
static void note_closed(struct search *search, const char *name)
{
	note(search->closed, sizeof(search->closed), name);
}

/* The bundle in @slot; -CR_EAUTH without a sentence when it does not open. */
static int unwrap(const struct search *search, const struct cr_slot *slot,
		  struct cr_bundle **ret)
{
	cr_cleanup(cr_bundle_freep) struct cr_bundle *bundle = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf plain = { 0 };
	cr_cleanup(cr_key_wipe) struct cr_key wrap;
	struct cr_id commitment;
	int r = cr_slot_wrap_key(slot, search->secret, &wrap);

	if (r < 0)
		return r;
	commitment = cr_slot_commitment(&slot->id, &wrap);
	if (!cr_id_equal(&commitment, &slot->commitment))
		return -CR_EAUTH;
	r = cr_open_append(&wrap, slot->head, slot->sealed, &plain);
	if (r < 0)
		return r;
	bundle = cr_secret_alloc(sizeof(*bundle));
	if (!bundle)
		return -ENOMEM;
	r = cr_bundle_parse((struct cr_piece){ plain.bytes, plain.len },
			    bundle);
	if (r < 0)
		return r;
	*ret = cr_take(bundle);
	return 0;
}

/* A bundle is authentic: what it contradicts was put there by somebody. */
static int check_bundle(const struct search *search, const struct cr_slot *slot,
			const struct cr_bundle *bundle)
{
	if (!cr_uid_equal(&bundle->key, &slot->key) ||
	    bundle->role != slot->role)
		return cr_fail(CR_ETAMPER,
			       "keys/%s: names another key than it holds",
			       cr_uid_hex(&slot->id).text);
	if (!cr_id_equal(&bundle->repository_hash, search->hash))
		return cr_fail(CR_ETAMPER,
			       "keys/%s: was made for another version of %s/"
			       "repository",
			       cr_uid_hex(&slot->id).text,
			       cr_storage_name(search->storage));
	return 0;
}

/* 1 when slot @id opened, 0 when it did not. */
static int try_slot(struct search *search, const struct cr_uid *id,
		    struct cr_unlocked *ret)
{
	cr_cleanup(cr_bundle_freep) struct cr_bundle *bundle = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	char name[CR_SLOT_NAME_LEN];
	struct cr_slot slot = { 0 };
	int r;

	cr_slot_name(id, name);
	r = cr_slot_load(search->storage, &search->info->id, id, &bytes, &slot);
	if (r == -ENOENT)
		return 0;
	if (r == -CR_ECORRUPT || r == -CR_EVERSION) {
		note_damaged(search, name);
		return 0;
	}
	if (r < 0)
		return r;
	if (slot.method != search->method) {
		if (search->named)
			note_closed(search, name);
		return 0;
	}
	if (slot.method == CR_SLOT_PASSPHRASE &&
	    search->tried == CR_SLOTS_TRIED_MAX) {
		search->more = true;
		return 0;
	}
	search->tried++;
	r = unwrap(search, &slot, &bundle);
	if (r == -ENOMEM) /* the slot may ask for 4 GiB; another will not */
		search->no_memory = true;
	if (r == -CR_ECORRUPT || r == -CR_EVERSION)
		note_damaged(search, name);
	if (r == -CR_EAUTH)
		note_closed(search, name);
	if (r < 0)
		return 0;
	r = check_bundle(search, &slot, bundle);
	if (r < 0)
		return r;
	ret->bundle = cr_take(bundle);
	ret->slot = *id;
	return 1;
}

static int fail_search(const struct search *search)
{
	const char *repo = cr_storage_name(search->storage);

	if (search->no_memory)
		return cr_fail(ENOMEM, "%s: not enough memory to try all keys",
			       repo);
	return cr_fail(CR_EKEY, "%s %s%s%s%s%s%s",
		       search->method == CR_SLOT_PASSPHRASE
			       ? "wrong passphrase, or no key slot for it in"
			       : "no key slot for this key file in",
		       repo, *search->damaged ? "; damaged slots:" : "",
		       search->damaged,
		       *search->closed ? "; did not open:" : "", search->closed,
		       search->more ? "; only 16 slots were tried" : "");
}

int cr_slots_unlock(const struct cr_storage *storage,
		    const struct cr_repository *info, const struct cr_id *hash,
		    const struct cr_credentials *cred, struct cr_unlocked *ret)
{
	cr_cleanup(cr_slot_ids_release) struct cr_slot_ids ids = { 0 };
	const struct cr_secret *secret =
		cred->key_file.bytes ? &cred->key_file : &cred->passphrase;
	struct search search = {
		.storage = storage,
		.info = info,
		.hash = hash,
		.method = cred->key_file.bytes ? CR_SLOT_KEY_FILE
					       : CR_SLOT_PASSPHRASE,
		.secret = { secret->bytes, secret->len },
	};
	int r;

	if (!secret->bytes)
		return cr_fail(CR_EKEY, "neither a passphrase nor a key file");
	if (search.method == CR_SLOT_KEY_FILE &&
	    !cr_uid_zero(&cred->key_file_slot)) {
		search.named = true;
		r = try_slot(&search, &cred->key_file_slot, ret);
		return r == 0 ? fail_search(&search) : cr_min(r, 0);
	}
	r = cr_slot_ids_list(storage, &ids);
	for (size_t i = 0; i < ids.count && r == 0; i++)
		r = try_slot(&search, &ids.id[i], ret);
	return r == 0 ? fail_search(&search) : cr_min(r, 0);
}
