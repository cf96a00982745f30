/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/base/error.h"
#include "store/base/hex.h"
#include "tools/cmd_key.h"
#include "tools/commands.h"
#include "tools/format.h"

struct options {
	const char *after;
	bool nothing;
	bool rotate;
};

static struct cr_head head_of(const struct cr_snapshot *snapshot)
{
	return (struct cr_head){
		.writer = snapshot->head.writer,
		.incarnation = snapshot->head.incarnation,
		.seq = snapshot->head.seq,
		.hash = snapshot->id,
	};
}

/* Whether a manifest of the set comes right after @snapshot in its chain. */
static bool has_successor(const struct cr_snapshots *set,
			  const struct cr_snapshot *snapshot)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct cr_manifest_head *head = &set->snapshot[i]->head;

		if (cr_uid_equal(&head->writer, &snapshot->head.writer) &&
		    cr_id_equal(&head->prev, &snapshot->id))
			return true;
	}
	return false;
}

/*
 * The last manifest of @key: the one that no other follows.  Of several, which
 * only a copied key makes, the latest.
 */
static const struct cr_snapshot *find_last(const struct cr_snapshots *set,
					   const struct cr_uid *key)
{
	const struct cr_snapshot *last = NULL;

	for (size_t i = 0; i < set->count; i++) {
		const struct cr_snapshot *s = set->snapshot[i];

		if (!cr_uid_equal(&s->head.writer, key) ||
		    has_successor(set, s))
			continue;
		if (!last || s->head.time > last->head.time)
			last = s;
	}
	return last;
}

/* The last snapshot of @key that is to count; *@ret NULL: none is. */
static int choose(struct cr_session *session, const struct options *options,
		  const struct cr_roster_key *key,
		  const struct cr_snapshot **ret)
{
	int r;

	*ret = NULL;
	if (options->nothing || key->role != CR_ROLE_PUT)
		return 0;
	r = cr_session_snapshots(session);
	if (r < 0)
		return r;
	if (!options->after) {
		*ret = find_last(&session->snapshots, &key->id);
		return 0;
	}
	r = cr_session_find(session, options->after, ret);
	if (r < 0)
		return r;
	if (!cr_uid_equal(&(*ret)->head.writer, &key->id))
		return cr_fail(CR_EUSAGE,
			       "--after %s: that snapshot is of another key",
			       options->after);
	return 0;
}

static void report(struct cr_context *ctx, const struct cr_roster_key *key,
		   const struct cr_snapshot *last, const struct options *opt)
{
	char stamp[CR_STAMP_LEN];

	cr_json_uid(ctx->out->summary, "key", &key->id);
	cr_json_bool(ctx->out->summary, "rotated", opt->rotate);
	cr_tell(ctx->out, "key %s revoked", cr_uid_hex(&key->id).text);
	if (last) {
		cr_json_id(ctx->out->summary, "last_snapshot", &last->id);
		cr_stamp(last->head.time, stamp);
		cr_tell(ctx->out, ": its snapshots up to %s@%s count",
			last->source, stamp);
	} else if (key->role == CR_ROLE_PUT) {
		cr_tell(ctx->out, ": no snapshot of it counts");
	}
	cr_tell(ctx->out, "%s\n",
		opt->rotate ? "; new packs have new keys" : "");
	if (key->role == CR_ROLE_READ && !opt->rotate)
		cr_tell(ctx->out,
			"It may have been copied: only --rotate keeps what is "
			"written from now on from it.\n");
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_key_session_close) struct cr_key_session keys = { 0 };
	const struct options *options = arg;
	const struct cr_roster_key *key;
	const struct cr_snapshot *last;
	struct cr_head head;
	int r;

	if (options->after && options->nothing)
		return cr_fail(CR_EUSAGE,
			       "key revoke: give one of --after, --nothing");
	r = cr_key_session_open(ctx, &keys);
	if (r < 0)
		return r;
	r = cr_key_find(&keys.session.repo->keys->roster, ctx->operand[0],
			&key);
	if (r < 0)
		return r;
	r = choose(&keys.session, options, key, &last);
	if (r < 0)
		return r;
	if (last)
		head = head_of(last);
	r = cr_key_revoke(keys.session.repo, keys.storage, &key->id,
			  last ? &head : NULL, options->rotate);
	if (r < 0)
		return r;
	report(ctx, key, last, options);
	return 0;
}

static const struct cr_option table[] = {
	{ "rotate", 0, CR_OPTION_FLAG, NULL,
	  "begin a new epoch: new packs have keys the revoked one lacks",
	  offsetof(struct options, rotate), 0, 0 },
	{ "after", 0, CR_OPTION_TEXT, "SNAPSHOT",
	  "what it made after SNAPSHOT does not count (its last one)",
	  offsetof(struct options, after), 0, 0 },
	{ "nothing", 0, CR_OPTION_FLAG, NULL,
	  "nothing it ever made counts any more",
	  offsetof(struct options, nothing), 0, 0 },
};

const struct cr_command cr_command_key_revoke = {
	.name = "key revoke",
	.help = "Take back a key",
	.more = "KEY is a label or the beginning of an id.  What the key made "
		"up to now stays, unless --after or --nothing says otherwise.  "
		"Needs the owner's key.",
	.operands = "KEY",
	.example = "key revoke web1 --rotate",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.run = run,
};
