/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/status.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "fs/damage.h"
#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/hex.h"
#include "store/read/reader.h"

#define BAD_MAX 100 /* are named; all are counted */

struct cr_status {
	struct cr_status_options options;
	int64_t mounted; /* UTC seconds */
	pthread_mutex_t lock;
	json_t *listed;	   /* owned; what the last list gave; under: lock */
	int64_t refreshed; /* UTC seconds; under: lock, as all below */
	json_t *error;	   /* owned; a sentence or null */
	bool shut_out;
};

/* ---- JSON ---- */

static void put(json_t *object, const char *key, json_t *value)
{
	/* Takes @value, whatever happens; NULL is no memory. */
	(void)json_object_set_new(object, key, value);
}

static void put_u64(json_t *object, const char *key, uint64_t value)
{
	put(object, key,
	    json_integer((json_int_t)cr_min(value, (uint64_t)INT64_MAX)));
}

/* A sentence may hold any bytes. */
static json_t *sentence(const char *text)
{
	cr_cleanup(cr_buf_release) struct cr_buf safe = { 0 };

	cr_escape(text, strlen(text), &safe);
	return json_stringn((const char *)safe.bytes, safe.len);
}

/* As everywhere else in JSON: with colons. */
static json_t *moment(int64_t when)
{
	time_t t = (time_t)when;
	char text[64];
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

/* ---- What is listed ---- */

static json_t *json_of_source(const struct cr_snapshots *set, size_t first,
			      size_t n)
{
	const struct cr_snapshot *newest = NULL;
	json_t *source = json_object();

	for (size_t i = first; i < first + n; i++)
		if (cr_snapshot_is_newer(set->snapshot[i], newest))
			newest = set->snapshot[i];
	put(source, "source", json_string(newest->source));
	put_u64(source, "snapshots", n);
	put(source, "newest", moment(newest->head.time));
	return source;
}

/* The set is sorted by source. */
static json_t *json_of_sources(const struct cr_status_list *list,
			       size_t *snapshots)
{
	const struct cr_snapshots *set = list->set;
	json_t *sources = json_array();
	size_t n;

	*snapshots = 0;
	for (size_t i = 0; i < set->count; i += n) {
		const char *name = set->snapshot[i]->source;

		for (n = 1; i + n < set->count &&
			    strcmp(set->snapshot[i + n]->source, name) == 0;)
			n++;
		if (list->only && strcmp(list->only, name) != 0)
			continue;
		*snapshots += n;
		(void)json_array_append_new(sources, json_of_source(set, i, n));
	}
	return sources;
}

static json_t *json_of_bad(const struct cr_snapshots *set)
{
	json_t *all = json_array();

	for (size_t i = 0; i < cr_min(set->bads, (size_t)BAD_MAX); i++) {
		const struct cr_snapshot *bad = set->bad[i];
		json_t *one = json_object();

		put(one, "object", json_string(bad->object));
		put(one, "why",
		    sentence(bad->why ? bad->why : cr_strerror(bad->error)));
		put(one, "damaged", json_boolean(cr_is_damage(bad->error)));
		(void)json_array_append_new(all, one);
	}
	return all;
}

int cr_status_listed(struct cr_status *status,
		     const struct cr_status_list *list)
{
	const struct cr_snapshots *set = list->set;
	json_t *listed = json_object(), *old;
	size_t snapshots;

	if (!listed)
		return -ENOMEM;
	put(listed, "sources", json_of_sources(list, &snapshots));
	put_u64(listed, "snapshots", snapshots);
	put_u64(listed, "refused", list->refused);
	put_u64(listed, "not_counted", set->bads);
	put(listed, "not_counted_why", json_of_bad(set));
	put(listed, "tampered",
	    set->tampered_why ? sentence(set->tampered_why) : json_null());
	put_u64(listed, "key_list", status->options.repo->keys->roster_n);
	(void)pthread_mutex_lock(&status->lock);
	old = status->listed;
	status->listed = listed;
	(void)pthread_mutex_unlock(&status->lock);
	json_decref(old);
	return 0;
}

/* ---- Life ---- */

int cr_status_new(const struct cr_status_options *options,
		  struct cr_status **ret)
{
	cr_cleanup(cr_status_freep) struct cr_status *status =
		calloc(1, sizeof(*status));

	if (!status)
		return -ENOMEM;
	status->options = *options;
	status->mounted = (int64_t)time(NULL);
	status->error = json_null();
	status->listed = json_object();
	(void)pthread_mutex_init(&status->lock, NULL);
	if (!status->listed)
		return -ENOMEM;
	*ret = cr_take(status);
	return 0;
}

void cr_status_free(struct cr_status *status)
{
	if (!status)
		return;
	json_decref(status->listed);
	json_decref(status->error);
	(void)pthread_mutex_destroy(&status->lock);
	free(status);
}

void cr_status_refreshed(struct cr_status *status, int error)
{
	json_t *why = json_null(), *old;

	if (error < 0)
		why = sentence(*cr_detail() ? cr_detail() : cr_strerror(error));
	(void)pthread_mutex_lock(&status->lock);
	old = status->error;
	status->error = why;
	status->refreshed = (int64_t)time(NULL);
	(void)pthread_mutex_unlock(&status->lock);
	json_decref(old);
}

void cr_status_shut_out(struct cr_status *status)
{
	(void)pthread_mutex_lock(&status->lock);
	status->shut_out = true;
	(void)pthread_mutex_unlock(&status->lock);
}

/* ---- The text ---- */

static json_t *json_of_cache(const struct cr_status *status)
{
	struct cr_reader_stats stats;
	json_t *cache = json_object();

	cr_reader_get_stats(status->options.reader, &stats);
	put_u64(cache, "limit", status->options.cache_bytes);
	put_u64(cache, "bytes", stats.cached_bytes);
	put_u64(cache, "hits", stats.hits);
	put_u64(cache, "misses", stats.misses);
	put_u64(cache, "blocks_decoded", stats.blocks_decoded);
	put_u64(cache, "bytes_decoded", stats.bytes_decoded);
	return cache;
}

static json_t *json_of_refresh(const struct cr_status *status)
{
	json_t *refresh = json_object();

	put(refresh, "last",
	    status->refreshed ? moment(status->refreshed) : json_null());
	put(refresh, "error", json_incref(status->error));
	put(refresh, "key_revoked", json_boolean(status->shut_out));
	return refresh;
}

/* What is made is not shared with anybody: it is written without the lock. */
static json_t *json_of(struct cr_status *status)
{
	struct cr_damage_list damage;
	json_t *all = json_object(), *listed;

	cr_damage_list(status->options.damage, &damage);
	put(all, "version", json_string(CAPROCK_VERSION));
	put_u64(all, "format", CR_FORMAT_VERSION);
	put(all, "repository",
	    json_string(cr_uid_hex(&status->options.repo->info.id).text));
	put(all, "mounted", moment(status->mounted));
	put(all, "cache", json_of_cache(status));
	put_u64(all, "damaged", damage.lines);
	(void)pthread_mutex_lock(&status->lock);
	listed = json_incref(status->listed);
	put(all, "refresh", json_of_refresh(status));
	(void)pthread_mutex_unlock(&status->lock);
	(void)json_object_update(all, listed);
	json_decref(listed);
	return all;
}

int cr_status_text(void *arg, struct cr_buf *out)
{
	json_t *all = json_of(arg);
	char *text = json_dumps(all, JSON_INDENT(2) | JSON_SORT_KEYS);

	json_decref(all);
	if (!text)
		return -ENOMEM;
	cr_buf_put(out, text, strlen(text));
	cr_buf_u8(out, '\n');
	free(text);
	return cr_buf_error(out);
}
