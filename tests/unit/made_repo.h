/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * made_repo.h - a real repository in a temporary folder, for one test.  Its
 * keys are unlocked by key files, which cost nothing.
 */
#ifndef TESTS_UNIT_MADE_REPO_H
#define TESTS_UNIT_MADE_REPO_H

#include "store/base/secret.h"
#include "store/disk/repo_create.h"
#include "tests/unit/folder.h"

struct made_repo {
	struct folder folder;
	struct cr_credentials owner;
	struct cr_repo *repo; /* opened by the owner */
	struct cr_storage_w *w;
};

static inline struct cr_secret made_secret(const void *bytes, size_t len)
{
	struct cr_secret secret = { cr_secret_alloc(len), len };

	assert_non_null(secret.bytes);
	memcpy(secret.bytes, bytes, len);
	return secret;
}

static inline struct cr_secret made_key_file(void)
{
	uint8_t random[CR_KEY_LEN];

	cr_random(random, sizeof(random));
	return made_secret(random, sizeof(random));
}

static inline struct cr_slot_secret made_wrap(const struct cr_secret *secret)
{
	return (struct cr_slot_secret){
		.method = CR_SLOT_KEY_FILE,
		.secret = secret,
	};
}

static inline struct folder_path made_path(const struct made_repo *made)
{
	return folder_path(&made->folder, "repo");
}

/* Open once more, as @cred; to be closed by the caller. */
static inline struct cr_repo *made_open(const struct made_repo *made,
					const struct cr_credentials *cred)
{
	struct cr_repo *repo = NULL;

	assert_int_equal(cr_repo_open(made_path(made).text, cred, &repo), 0);
	return repo;
}

/* See what changed: the owner's view, from the files. */
static inline void made_reopen(struct made_repo *made)
{
	cr_storage_w_close(made->w);
	cr_repo_close(made->repo);
	made->w = NULL;
	made->repo = made_open(made, &made->owner);
	assert_int_equal(cr_storage_w_open(made->repo->storage, &made->w), 0);
}

static inline void made_init(struct made_repo *made)
{
	struct cr_slot_secret wrap;

	memset(made, 0, sizeof(*made));
	folder_init(&made->folder);
	made->owner.key_file = made_key_file();
	wrap = made_wrap(&made->owner.key_file);
	assert_int_equal(cr_repo_create(made_path(made).text, &wrap,
					&made->owner.key_file_slot),
			 0);
	made_reopen(made);
}

static inline void made_release(struct made_repo *made)
{
	cr_storage_w_close(made->w);
	cr_repo_close(made->repo);
	cr_secret_release(&made->owner.key_file);
	folder_release(&made->folder);
}

/* Admit a key, see it, and give what opens it: release its key_file. */
static inline struct cr_credentials made_add(
	struct made_repo *made, const struct cr_key_request *request,
	struct cr_uid *key)
{
	struct cr_credentials cred = { .key_file = made_key_file() };
	struct cr_slot_secret wrap = made_wrap(&cred.key_file);
	struct cr_key_made done;

	assert_int_equal(cr_key_add(made->repo, made->w, request, &wrap, &done),
			 0);
	cred.key_file_slot = done.slot;
	*key = done.key;
	made_reopen(made);
	return cred;
}

static inline struct cr_credentials made_add_read(struct made_repo *made,
						  struct cr_uid *key)
{
	const struct cr_key_request request = { .role = CR_ROLE_READ,
						.label = "reader" };

	return made_add(made, &request, key);
}

static inline struct cr_credentials made_add_put(struct made_repo *made,
						 const char *source,
						 struct cr_uid *key)
{
	const struct cr_key_request request = {
		.role = CR_ROLE_PUT,
		.label = source,
		.source = &source,
		.sources = 1,
	};

	return made_add(made, &request, key);
}

#endif
