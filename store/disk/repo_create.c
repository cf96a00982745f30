/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/disk/repo_create.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/secret.h"
#include "store/codec/repository_encode.h"
#include "store/disk/derive.h"
#include "store/disk/roster_write.h"

/* The owner as the first key of the first roster, with a domain of its own. */
static int make_roster(const struct cr_bundle *owner, struct cr_roster *roster)
{
	struct cr_roster_key key = { .id = owner->key, .role = CR_ROLE_OWNER };
	cr_cleanup(cr_key_wipe) struct cr_key sign_seed, box_seed;
	int r;

	cr_bundle_sign_seed(owner, &sign_seed);
	cr_bundle_box_seed(owner, &box_seed);
	key.sign_pk = cr_sign_public(&sign_seed);
	key.box_pk = cr_box_public(&box_seed);
	memcpy(key.label, "owner", sizeof("owner"));
	roster->repository_hash = owner->repository_hash;
	r = cr_roster_add_epoch(roster, &owner->secret);
	if (r == 0)
		r = cr_roster_add_domain(roster, &owner->secret, &key.domain);
	return r < 0 ? r : cr_roster_add_key(roster, &owner->secret, &key);
}

static void make_info(struct cr_repository *info)
{
	*info = (struct cr_repository){
		.suite = CR_SUITE_CHACHA20,
		.chunker = CR_CHUNKER_GEAR,
		.file_hash = CR_FILE_HASH_BLAKE2B,
		.created = (int64_t)time(NULL),
	};
	cr_random(info->id.bytes, sizeof(info->id.bytes));
}

/* `repository` is last: before it there is no repository, only files. */
static int put_all(struct cr_storage_w *w, const struct cr_repository *info,
		   const struct cr_slot_secret *wrap, struct cr_uid *slot)
{
	cr_cleanup(cr_bundle_freep) struct cr_bundle *owner = NULL;
	cr_cleanup(cr_roster_release) struct cr_roster roster = { 0 };
	const struct cr_roster_place place = { .repository = info->id, .n = 1 };
	uint8_t bytes[CR_REPOSITORY_LEN];
	int r;

	owner = cr_secret_alloc(sizeof(*owner));
	if (!owner)
		return -ENOMEM;
	cr_repository_encode(info, bytes);
	owner->role = CR_ROLE_OWNER;
	owner->repository_hash = cr_repository_hash(bytes);
	cr_random(owner->key.bytes, sizeof(owner->key.bytes));
	cr_random(owner->secret.bytes, sizeof(owner->secret.bytes));
	r = make_roster(owner, &roster);
	if (r < 0)
		return r;
	r = cr_slot_put(w, &info->id, owner, wrap, slot);
	if (r < 0)
		return r;
	r = cr_roster_put(w, &owner->secret, &place, &roster);
	if (r < 0)
		return r;
	return cr_storage_put(w, "repository", bytes, sizeof(bytes));
}

int cr_repo_create(const char *path, const struct cr_slot_secret *wrap,
		   struct cr_uid *slot)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	cr_cleanup(cr_storage_w_closep) struct cr_storage_w *w = NULL;
	struct cr_repository info;
	int r = cr_storage_create(path);

	if (r < 0)
		return r;
	r = cr_storage_open(path, &storage);
	if (r < 0)
		return r;
	r = cr_storage_w_open(storage, &w);
	if (r < 0)
		return r;
	make_info(&info);
	r = put_all(w, &info, wrap, slot);
	if (r == -EEXIST)
		return cr_fail(EEXIST,
			       "%s: somebody else makes a repository there",
			       path);
	return r;
}
