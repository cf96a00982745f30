/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/session.h"

#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/index_sync.h"
#include "tools/credentials.h"

int cr_session_path(const struct cr_context *ctx, const char **ret)
{
	const char *path = ctx->globals->repository;

	if (!path || path[0] == '\0')
		return cr_fail(CR_EUSAGE,
			       "no repository: name one with --repository or "
			       "in CAPROCK_REPOSITORY");
	*ret = path;
	return 0;
}

size_t cr_session_share(const struct cr_session *session, unsigned int percent)
{
	uint64_t memory = session->ctx->globals->memory;

	if (memory == 0)
		memory = CR_MEMORY_DEFAULT;
	return (size_t)(memory / 100 * percent);
}

/* Ask for no passphrase where there is nothing to open. */
static int probe(const char *path)
{
	cr_cleanup(cr_storage_closep) struct cr_storage *storage = NULL;
	struct cr_repository info;
	struct cr_id hash;
	int r;

	r = cr_storage_open(path, &storage);
	return r < 0 ? r : cr_repo_read_info(storage, &info, &hash);
}

int cr_session_open(struct cr_context *ctx, struct cr_session *session)
{
	cr_cleanup(cr_credentials_release) struct cr_credentials cred = { 0 };
	const char *path = NULL;
	int r;

	*session = (struct cr_session){ .ctx = ctx };
	r = cr_session_path(ctx, &path);
	if (r < 0)
		return r;
	r = probe(path);
	if (r < 0)
		return r;
	r = cr_credentials_get(ctx->globals, path, &cred);
	if (r < 0)
		return r;
	r = cr_repo_open(path, &cred, &session->repo);
	if (r < 0)
		return r;
	if (!cr_secret_locked())
		cr_log(CR_LOG_WARNING,
		       "the kernel locks no memory for us (ulimit -l): keys "
		       "may reach the swap");
	return 0;
}

void cr_session_close(struct cr_session *session)
{
	cr_snapshots_release(&session->snapshots);
	cr_reader_free(session->reader);
	cr_index_close(session->index);
	cr_state_close(session->state);
	cr_repo_close(session->repo);
	memset(session, 0, sizeof(*session));
}

/* Whether a reader can do without a state that fails like this. */
static bool can_do_without(int error)
{
	return error == -ENOENT || error == -EACCES || error == -EPERM ||
	       error == -EROFS || error == -ENOSPC || error == -EDQUOT ||
	       error == -ENOTDIR;
}

int cr_session_state(struct cr_session *session, bool writing)
{
	const char *path = session->ctx->globals->state_dir;
	int r;

	r = cr_state_open(path, cr_storage_fd(session->repo->storage),
			  &session->repo->info.id, true, &session->state);
	if (!writing && can_do_without(r)) {
		cr_log(CR_LOG_WARNING,
		       "%s: without a state directory an older repository "
		       "cannot be told from this one",
		       cr_detail());
		return 0;
	}
	if (r < 0)
		return r;
	r = cr_repo_check_heads(session->repo, session->state);
	if (!writing && r == -CR_ETAMPER) {
		cr_log(CR_LOG_ERR, "%s", cr_detail());
		cr_context_raise(session->ctx, CR_EXIT_TAMPERED);
		return 0;
	}
	return r;
}

int cr_session_snapshots(struct cr_session *session)
{
	const struct cr_snapshots *set = &session->snapshots;
	int r;

	r = cr_snapshots_update(session->repo, session->state,
				&session->snapshots);
	if (r < 0)
		return r;
	if (set->tampered < 0) {
		cr_log(CR_LOG_ERR, "%s", set->tampered_why);
		cr_context_raise(session->ctx, CR_EXIT_TAMPERED);
	}
	return 0;
}

/* So that nobody takes an older snapshot for the latest unawares. */
static void warn_damaged(const struct cr_snapshots *set)
{
	size_t damaged = 0;

	for (size_t i = 0; i < set->bads; i++)
		damaged += cr_is_damage(set->bad[i]->error);
	if (damaged > 0)
		cr_log(CR_LOG_WARNING,
		       "%zu damaged snapshot%s: see caprock snapshots", damaged,
		       damaged > 1 ? "s" : "");
}

int cr_session_find(struct cr_session *session, const char *text,
		    const struct cr_snapshot **ret)
{
	return cr_snapshots_find(&session->snapshots, text, ret);
}

int cr_session_reader(struct cr_session *session)
{
	int r;

	r = cr_index_ready(session->repo, session->state,
			   cr_session_share(session, 20), &session->index);
	if (r < 0)
		return r;
	return cr_reader_new(session->repo, session->index,
			     cr_session_share(session, 50), &session->reader);
}

int cr_session_open_reading(struct cr_context *ctx, struct cr_session *session)
{
	int r;

	r = cr_session_open(ctx, session);
	if (r < 0)
		return r;
	r = cr_session_state(session, false);
	if (r < 0)
		return r;
	r = cr_session_reader(session);
	if (r < 0)
		return r;
	r = cr_session_snapshots(session);
	if (r == 0)
		warn_damaged(&session->snapshots);
	return r;
}

/* Whether @at, a ":", is one of those in a time.  No source has a "@". */
static bool in_time(const char *text, const char *at)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	const char *start = strchr(text, '@');
	size_t i;

	start = start && start < at ? start + 1 : text;
	for (i = 0; shape[i] != '\0'; i++) {
		bool digit = start[i] >= '0' && start[i] <= '9';

		if (shape[i] == 'd' ? !digit : start[i] != shape[i])
			return false;
	}
	return at < start + i;
}

char *cr_split_target(char *text, const char **snapshot)
{
	char *at = text;

	*snapshot = text;
	while ((at = strchr(at, ':')) && in_time(text, at))
		at++;
	if (!at)
		return text + strlen(text);
	*at = '\0';
	return at + 1;
}
