/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/snapshots.h"

#include <stdio.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/disk/manifest_object.h"
#include "store/disk/revoked.h"
#include "store/read/chain.h"
#include "store/read/remembered.h"

#define AHEAD_MAX 3600 /* seconds */

/* Snapshots that an update no longer lists: somebody may still look at them. */
struct cr_snapshots_retired {
	struct cr_snapshot *snapshot; /* owned */
	struct cr_snapshots_retired *next;
};

static void snapshot_free(struct cr_snapshot *snapshot)
{
	if (!snapshot)
		return;
	cr_manifest_release(&snapshot->manifest);
	free(snapshot->object);
	free(snapshot->why);
	free(snapshot);
}

static void snapshot_freep(struct cr_snapshot **snapshot)
{
	snapshot_free(*snapshot);
}

void cr_snapshots_release(struct cr_snapshots *set)
{
	for (size_t i = 0; i < set->count; i++)
		snapshot_free(set->snapshot[i]);
	for (size_t i = 0; i < set->bads; i++)
		snapshot_free(set->bad[i]);
	while (set->retired) {
		struct cr_snapshots_retired *retired = set->retired;

		set->retired = retired->next;
		snapshot_free(retired->snapshot);
		free(retired);
	}
	free(set->snapshot);
	free(set->bad);
	free(set->tampered_why);
	*set = (struct cr_snapshots){ 0 };
}

/* ---- One manifest ---- */

/* Whether @key may sign for @source: its own grants, or nobody's else. */
static bool granted(const struct cr_roster *roster,
		    const struct cr_roster_key *key, struct cr_piece source)
{
	/* What the owner signed counts, whoever is granted the source later. */
	return cr_roster_names(key, source) ||
	       (key == &roster->key[0] && key->sources == 0);
}

/* The writer is in every key list since the one that admitted it. */
static int check_rights(const struct cr_repo *repo,
			const struct cr_snapshot *snapshot)
{
	const struct cr_repo_keys *keys = repo->keys;
	const struct cr_roster_key *key =
		cr_roster_find(&keys->roster, &snapshot->head.writer);

	if (!key)
		return cr_fail(CR_ETAMPER,
			       "%s: its key is not in the key list any more",
			       snapshot->object);
	if (key->revoked) {
		int r = cr_revoked_counts_manifest(repo, keys, key,
						   &snapshot->id);

		if (r < 0)
			return r;
		if (r == 0)
			return cr_fail(CR_EREVOKED,
				       "%s: signed after its key was revoked",
				       snapshot->object);
	}
	if (!granted(&keys->roster, key,
		     (struct cr_piece){ snapshot->source,
					strlen(snapshot->source) }))
		return cr_fail(CR_ETAMPER,
			       "%s: source %s is not granted to its writer",
			       snapshot->object, snapshot->source);
	if (key->role == CR_ROLE_PUT &&
	    !cr_uid_equal(&key->domain, &snapshot->manifest.domain))
		return cr_fail(CR_ETAMPER,
			       "%s: of a domain that is not its writer's",
			       snapshot->object);
	return 0;
}

/* Take @s from what is remembered: 1, or 0 when it is not. */
static int recall(const struct cr_repo *repo, struct cr_remembered *remembered,
		  const struct cr_stored_mark *mark, struct cr_snapshot *s)
{
	struct cr_remembered_manifest known;
	struct cr_manifest_head head;
	struct cr_manifest manifest;
	const struct cr_roster_key *key;
	struct cr_buf *body;

	if (!remembered ||
	    !cr_remembered_find(remembered, s->object, mark, &known) ||
	    cr_manifest_head_peek(known.head, mark->size, &head) < 0)
		return 0;
	/* Another key under this name would not have verified it. */
	key = cr_repo_key(repo, &head.writer);
	if (!key || memcmp(&key->sign_pk, &known.signer, sizeof(known.signer)))
		return 0;
	body = calloc(1, sizeof(*body));
	if (!body)
		return -ENOMEM;
	cr_buf_put(body, known.body.bytes, known.body.len);
	if (cr_buf_error(body) < 0 ||
	    cr_manifest_parse((struct cr_piece){ body->bytes, body->len },
			      &manifest) < 0) {
		cr_buf_release(body);
		free(body);
		return 0;
	}
	manifest.body = body;
	s->head = head;
	s->manifest = manifest;
	s->id = known.id;
	return 1;
}

/* Read and verify; and remember that. */
static int open_object(const struct cr_repo *repo,
		       struct cr_remembered *remembered,
		       const struct cr_stored_mark *mark, struct cr_snapshot *s)
{
	cr_cleanup(cr_buf_release) struct cr_buf bytes = { 0 };
	struct cr_remembered_manifest known = { .object = s->object,
						.mark = *mark };
	const struct cr_roster_key *key;
	const struct cr_buf *body;
	int r = cr_manifest_read_head(repo, s->object, &bytes, &s->head,
				      &s->id);

	if (r == 0)
		r = cr_manifest_open_body(repo, s->object, &bytes, &s->head,
					  &s->manifest);
	if (r < 0 || !remembered)
		return r;
	key = cr_repo_key(repo, &s->head.writer);
	if (!key)
		return 0;
	body = s->manifest.body;
	known.id = s->id;
	known.signer = key->sign_pk;
	known.head = (struct cr_piece){ bytes.bytes, CR_MANIFEST_HEAD_LEN };
	known.body = (struct cr_piece){ body->bytes, body->len };
	return cr_remembered_add(remembered, &known);
}

/* 1 for what a crash left, which is no object. */
static int open_snapshot(const struct cr_repo *repo,
			 struct cr_remembered *remembered,
			 struct cr_snapshot *s)
{
	struct cr_stored_mark mark;
	int r = cr_storage_mark(repo->storage, s->object, &mark);

	if (r == -ENOENT)
		return cr_fail(CR_EMISSING, "%s is missing", s->object);
	if (r == 0 && mark.size == 0)
		return 1;
	if (r == 0)
		r = recall(repo, remembered, &mark, s);
	if (r == 0)
		r = open_object(repo, remembered, &mark, s);
	if (r < 0)
		return r;
	s->received = mark.received;
	memcpy(s->source, s->manifest.source.bytes, s->manifest.source.len);
	return check_rights(repo, s);
}

/*
 * Read @object.  What is wrong with it goes into the snapshot.  1 when there is
 * no such object.
 */
static int load_snapshot(const struct cr_repo *repo,
			 struct cr_remembered *remembered, const char *object,
			 struct cr_snapshot **ret)
{
	cr_cleanup(snapshot_freep) struct cr_snapshot *s =
		calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->object = strdup(object);
	if (!s->object)
		return -ENOMEM;
	r = open_snapshot(repo, remembered, s);
	if (r == -ENOMEM || r == 1)
		return r;
	if (r < 0) {
		s->error = r;
		s->why = strdup(cr_detail());
		cr_manifest_release(&s->manifest);
		s->manifest = (struct cr_manifest){ 0 };
	}
	*ret = cr_take(s);
	return 0;
}

bool cr_snapshot_is_newer(const struct cr_snapshot *s,
			  const struct cr_snapshot *than)
{
	bool ahead = cr_snapshot_is_ahead(s);

	if (!than || ahead != cr_snapshot_is_ahead(than))
		return !than || !ahead;
	return s->head.time >= than->head.time;
}

bool cr_snapshot_is_ahead(const struct cr_snapshot *s)
{
	int64_t last;

	return !__builtin_add_overflow(s->received, AHEAD_MAX, &last) &&
	       s->head.time > last;
}

/* ---- The whole list ---- */

struct names {
	char **name; /* owned strings, owned array */
	size_t count;
};

static void names_release(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
}

struct listing {
	const struct cr_repo *repo;
	const char *writer;
	struct names *names;
};

static int list_manifest(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	struct cr_uid writer, incarnation;
	uint64_t seq;
	char **grown;

	(void)size;
	if (cr_manifest_name_parse(l->writer, name, &writer, &incarnation,
				   &seq) < 0)
		return 0;
	grown = reallocarray(l->names->name, l->names->count + 1,
			     sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	l->names->name = grown;
	if (asprintf(&grown[l->names->count], "snapshots/%s/%s", l->writer,
		     name) < 0)
		return -ENOMEM;
	l->names->count++;
	return 0;
}

static int list_writer(void *arg, const char *name, uint64_t size)
{
	struct listing *l = arg;
	char prefix[16 + 2 * CR_UID_LEN];

	(void)size;
	if (strlen(name) != 2 * CR_UID_LEN)
		return 0;
	(void)snprintf(prefix, sizeof(prefix), "snapshots/%s", name);
	l->writer = name;
	return cr_storage_list_names(l->repo->storage, prefix, list_manifest,
				     l);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_objects(const void *a, const void *b)
{
	const struct cr_snapshot *x = *(struct cr_snapshot *const *)a;
	const struct cr_snapshot *y = *(struct cr_snapshot *const *)b;

	return strcmp(x->object, y->object);
}

static int compare_dates(const void *a, const void *b)
{
	const struct cr_snapshot *x = *(struct cr_snapshot *const *)a;
	const struct cr_snapshot *y = *(struct cr_snapshot *const *)b;
	int order = strcmp(x->source, y->source);

	if (order != 0)
		return order;
	if (x->head.time != y->head.time)
		return x->head.time < y->head.time ? -1 : 1;
	return strcmp(x->object, y->object);
}

/* All snapshots of the set, good and bad, in order of object name. */
static struct cr_snapshot **gather(const struct cr_snapshots *set)
{
	size_t n = set->count + set->bads;
	struct cr_snapshot **all = calloc(n + 1, sizeof(*all));

	if (!all)
		return NULL;
	if (set->count > 0)
		memcpy(all, set->snapshot, set->count * sizeof(*all));
	if (set->bads > 0)
		memcpy(all + set->count, set->bad, set->bads * sizeof(*all));
	qsort(all, n, sizeof(*all), compare_objects);
	return all;
}

/* Split @all, of @n, into those that count and those that do not. */
static int refill(struct cr_snapshots *set, struct cr_snapshot **all, size_t n)
{
	struct cr_snapshot **good = calloc(n + 1, sizeof(*good));
	struct cr_snapshot **bad = calloc(n + 1, sizeof(*bad));

	if (!good || !bad) {
		free(good);
		free(bad);
		return -ENOMEM;
	}
	free(set->snapshot);
	free(set->bad);
	set->snapshot = good;
	set->bad = bad;
	set->count = set->bads = 0;
	for (size_t i = 0; i < n; i++) {
		if (all[i]->error)
			bad[set->bads++] = all[i];
		else
			good[set->count++] = all[i];
	}
	qsort(good, set->count, sizeof(*good), compare_dates);
	return 0;
}

/* An update in the making: the set is as it was until all of it is there. */
struct update {
	struct cr_snapshot **all; /* owned array: what there is now */
	size_t count;
	struct cr_snapshot **fresh; /* owned: of those, what was read now */
	size_t freshs;
	struct cr_snapshots_retired *gone; /* owned; the set has them still */
	size_t gones;
	struct cr_remembered *remembered; /* borrowed; or NULL */
};

static void update_release(struct update *update)
{
	for (size_t i = 0; i < update->freshs; i++)
		snapshot_free(update->fresh[i]);
	while (update->gone) {
		struct cr_snapshots_retired *gone = update->gone;

		update->gone = gone->next;
		free(gone);
	}
	free(update->fresh);
	free(update->all);
}

static int note_gone(struct update *update, struct cr_snapshot *snapshot)
{
	struct cr_snapshots_retired *gone = malloc(sizeof(*gone));

	if (!gone)
		return -ENOMEM;
	*gone = (struct cr_snapshots_retired){ snapshot, update->gone };
	update->gone = gone;
	update->gones++;
	return 0;
}

/*
 * Whether @was is to be read again: @judge says that the keys are others.  What
 * the storage failed at may pass.
 */
static bool is_in_doubt(const struct cr_repo *repo,
			const struct cr_snapshot *was, bool judge)
{
	if (was->error)
		return judge || was->error > -CR_EBASE;
	return judge && check_rights(repo, was) < 0;
}

/*
 * Read @object, which is new or instead of @was.  That it fails as it did is no
 * news.
 */
static int take_object(const struct cr_repo *repo, const char *object,
		       struct cr_snapshot *was, struct update *update)
{
	cr_cleanup(snapshot_freep) struct cr_snapshot *now = NULL;
	int absent = load_snapshot(repo, update->remembered, object, &now);
	int r = cr_min(absent, 0);

	if (now && was && was->error && was->error == now->error) {
		update->all[update->count++] = was;
		return 0;
	}
	if (r == 0 && was)
		r = note_gone(update, was);
	if (r < 0 || absent)
		return r;
	update->all[update->count++] = now;
	update->fresh[update->freshs++] = cr_take(now);
	return 0;
}

/* Merge the listed names with what the set has; read what is new. */
static int merge(const struct cr_repo *repo, const struct cr_snapshots *set,
		 const struct names *names, struct update *update)
{
	cr_cleanup(cr_freep) struct cr_snapshot **old = gather(set);
	size_t olds = set->count + set->bads, o = 0;
	bool judge = set->roster_n != repo->keys->roster_n;
	int r = 0;

	update->all = calloc(names->count + 1, sizeof(*update->all));
	update->fresh = calloc(names->count + 1, sizeof(*update->fresh));
	if (!old || !update->all || !update->fresh)
		return -ENOMEM;
	for (size_t i = 0; i < names->count && r == 0; i++) {
		const char *name = names->name[i];
		struct cr_snapshot *was = NULL;

		while (r == 0 && o < olds && strcmp(old[o]->object, name) < 0)
			r = note_gone(update, old[o++]);
		if (o < olds && strcmp(old[o]->object, name) == 0)
			was = old[o++];
		if (r < 0)
			return r;
		if (was && !is_in_doubt(repo, was, judge))
			update->all[update->count++] = was;
		else
			r = take_object(repo, name, was, update);
	}
	while (r == 0 && o < olds)
		r = note_gone(update, old[o++]);
	return r;
}

/* The set becomes what the update found. */
static int apply(struct cr_snapshots *set, struct update *update)
{
	int r = refill(set, update->all, update->count);

	if (r < 0)
		return r;
	update->freshs = 0; /* the set's */
	while (update->gone) {
		struct cr_snapshots_retired *gone = update->gone;

		update->gone = gone->next;
		gone->next = set->retired;
		set->retired = gone;
	}
	return 0;
}

int cr_snapshots_update(const struct cr_repo *repo, struct cr_state *state,
			struct cr_snapshots *set)
{
	cr_cleanup(names_release) struct names names = { 0 };
	cr_cleanup(update_release) struct update update = {
		.remembered = set->remembered,
	};
	struct listing l = { .repo = repo, .names = &names };
	size_t changed;
	int r;

	if (!cr_keyring_reads(repo->keys->ring))
		return cr_fail(CR_ECAPABILITY,
			       "a put key cannot read snapshots");
	r = cr_storage_list(repo->storage, "snapshots", true, list_writer, &l);
	if (r < 0)
		return r;
	if (names.count > 0)
		qsort(names.name, names.count, sizeof(*names.name),
		      compare_names);
	r = merge(repo, set, &names, &update);
	if (r < 0)
		return r;
	changed = update.freshs + update.gones;
	if (changed > 0) {
		r = apply(set, &update);
		if (r == 0)
			r = cr_chains_check(state, set);
	}
	if (r < 0)
		return r;
	set->roster_n = repo->keys->roster_n;
	return (int)changed;
}
