/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/read/chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "store/base/error.h"
#include "store/base/hex.h"
#include "store/disk/manifest_object.h"

/* One manifest by what its name says; damaged ones too. */
struct link {
	struct cr_uid writer;
	struct cr_uid incarnation;
	uint64_t seq;
	const struct cr_snapshot *snapshot; /* borrowed */
};

cr_printf(2, 3) static void accuse(struct cr_snapshots *set, const char *fmt,
				   ...)
{
	va_list ap;

	if (set->tampered)
		return;
	va_start(ap, fmt);
	if (vasprintf(&set->tampered_why, fmt, ap) < 0)
		set->tampered_why = NULL;
	va_end(ap);
	set->tampered = -CR_ETAMPER;
}

static int compare_links(const void *a, const void *b)
{
	const struct link *x = a, *y = b;
	int order = memcmp(&x->writer, &y->writer, sizeof(x->writer));

	if (order == 0)
		order = memcmp(&x->incarnation, &y->incarnation,
			       sizeof(x->incarnation));
	if (order == 0 && x->seq != y->seq)
		order = x->seq < y->seq ? -1 : 1;
	return order;
}

/* Names were checked when the set was listed. */
static void link_of(const struct cr_snapshot *snapshot, struct link *link)
{
	char writer[2 * CR_UID_LEN + 1] = { 0 };
	const char *at = strchr(snapshot->object, '/') + 1;

	memcpy(writer, at, 2 * CR_UID_LEN);
	(void)!cr_manifest_name_parse(writer, at + 2 * CR_UID_LEN + 1,
				      &link->writer, &link->incarnation,
				      &link->seq);
	link->snapshot = snapshot;
}

static struct link *links_of(const struct cr_snapshots *set, size_t *n)
{
	struct link *link = calloc(set->count + set->bads + 1, sizeof(*link));

	*n = 0;
	if (!link)
		return NULL;
	for (size_t i = 0; i < set->count; i++)
		link_of(set->snapshot[i], &link[(*n)++]);
	for (size_t i = 0; i < set->bads; i++)
		link_of(set->bad[i], &link[(*n)++]);
	qsort(link, *n, sizeof(*link), compare_links);
	return link;
}

/* Head and hash are known and signed, whatever else is wrong. */
static bool intact(const struct cr_snapshot *snapshot)
{
	return snapshot->head.seq > 0 && !cr_is_damage(snapshot->error) &&
	       snapshot->error != -CR_EREVOKED;
}

static bool same_chain(const struct link *a, const struct link *b)
{
	return cr_uid_equal(&a->writer, &b->writer) &&
	       cr_uid_equal(&a->incarnation, &b->incarnation);
}

static bool writer_has(const struct link *link, size_t n,
		       const struct cr_uid *writer, const struct cr_id *id)
{
	for (size_t i = 0; i < n; i++)
		if (cr_uid_equal(&link[i].writer, writer) &&
		    (!intact(link[i].snapshot) ||
		     cr_id_equal(&link[i].snapshot->id, id)))
			return true;
	return false;
}

static void check_links(struct cr_snapshots *set, const struct link *link,
			size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct cr_snapshot *s = link[i].snapshot;
		const struct link *before =
			i > 0 && same_chain(&link[i - 1], &link[i])
				? &link[i - 1]
				: NULL;

		if (link[i].seq != (before ? before->seq + 1 : 1)) {
			accuse(set, "%s: the snapshot before it is gone",
			       s->object);
			continue;
		}
		if (!intact(s))
			continue;
		if (before && intact(before->snapshot) &&
		    !cr_id_equal(&s->head.prev, &before->snapshot->id))
			accuse(set, "%s does not follow %s", s->object,
			       before->snapshot->object);
		if (!before && !cr_id_zero(&s->head.prev) &&
		    !writer_has(link, n, &s->head.writer, &s->head.prev))
			accuse(set, "%s: the snapshot it follows is gone",
			       s->object);
	}
}

static void check_times(struct cr_snapshots *set)
{
	for (size_t i = 1; i < set->count; i++) {
		const struct cr_snapshot *a = set->snapshot[i - 1];
		const struct cr_snapshot *b = set->snapshot[i];

		if (strcmp(a->source, b->source) == 0 &&
		    a->head.time == b->head.time)
			accuse(set, "%s and %s have one source and one time",
			       a->object, b->object);
	}
}

/* Everything this machine saw must still be there, and be the same. */
static void check_heads(struct cr_snapshots *set, const struct cr_heads *heads,
			const struct link *link, size_t n)
{
	for (size_t h = 0; h < heads->count; h++) {
		const struct cr_head *head = &heads->head[h];
		char name[CR_MANIFEST_NAME_LEN];
		bool found = false;

		if (cr_uid_zero(&head->writer))
			continue; /* the roster's; repo.h compares it */
		cr_manifest_name(&head->writer, &head->incarnation, head->seq,
				 name);
		for (size_t i = 0; i < n && !found; i++) {
			const struct cr_snapshot *s = link[i].snapshot;

			if (strcmp(s->object, name) != 0)
				continue;
			found = true;
			if (intact(s) && !cr_id_equal(&s->id, &head->hash))
				accuse(set,
				       "%s is not what this machine saw before",
				       name);
		}
		if (!found)
			accuse(set, "%s, which this machine saw, is gone",
			       name);
	}
}

/* The newest intact manifest of each writer becomes its head. */
static int update_heads(struct cr_heads *heads, const struct link *link,
			size_t n, bool *changed)
{
	for (size_t i = 0; i < n; i++) {
		const struct cr_snapshot *s = link[i].snapshot;
		const struct cr_head *head;
		bool newest = intact(s);
		struct cr_head mine;
		int r;

		/* Nearly always the next one says so at once. */
		if (i + 1 < n && same_chain(&link[i], &link[i + 1]) &&
		    intact(link[i + 1].snapshot))
			continue;
		for (size_t k = 0; k < n && newest; k++) {
			const struct cr_snapshot *t = link[k].snapshot;

			newest = !cr_uid_equal(&link[k].writer,
					       &link[i].writer) ||
				 !intact(t) ||
				 (same_chain(&link[k], &link[i])
					  ? link[k].seq <= link[i].seq
					  : t->head.time <= s->head.time);
		}
		if (!newest)
			continue;
		head = cr_heads_find(heads, &link[i].writer);
		if (head && cr_id_equal(&head->hash, &s->id))
			continue;
		mine = (struct cr_head){ link[i].writer, link[i].incarnation,
					 link[i].seq, s->id };
		r = cr_heads_set(heads, &mine);
		if (r < 0)
			return r;
		*changed = true;
	}
	return 0;
}

int cr_chains_check(struct cr_state *state, struct cr_snapshots *set)
{
	cr_cleanup(cr_heads_release) struct cr_heads heads = { 0 };
	cr_cleanup(cr_freep) struct link *link = NULL;
	bool changed = false;
	size_t n;
	int r;

	free(set->tampered_why);
	set->tampered_why = NULL;
	set->tampered = 0;
	link = links_of(set, &n);
	if (!link)
		return -ENOMEM;
	check_links(set, link, n);
	check_times(set);
	if (!state)
		return 0;
	r = cr_heads_load(state, &heads);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	check_heads(set, &heads, link, n);
	/* A contradiction must not become what is believed from now on. */
	if (set->tampered)
		return 0;
	r = update_heads(&heads, link, n, &changed);
	if (r == 0 && changed)
		(void)!cr_heads_save(state, &heads); /* read-only state: no */
	return r;
}
