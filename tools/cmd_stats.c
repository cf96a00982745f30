/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "tools/census.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/session.h"

struct options {
	bool fast;
};

struct totals {
	uint64_t snapshots, size, stored;
};

/* All of them, or those that the operands name, in their order. */
static int each(struct cr_context *ctx, struct cr_session *session,
		int (*fn)(void *arg, const struct cr_snapshot *snapshot),
		void *arg)
{
	const struct cr_snapshots *set = &session->snapshots;
	int r = 0;

	for (size_t i = 0; ctx->operands == 0 && r == 0 && i < set->count; i++)
		r = fn(arg, set->snapshot[i]);
	for (int i = 0; r == 0 && i < ctx->operands; i++) {
		const struct cr_snapshot *snapshot;

		r = cr_session_find(session, ctx->operand[i], &snapshot);
		if (r == 0)
			r = fn(arg, snapshot);
	}
	return r;
}

/* What it takes to say one row. */
struct row {
	struct cr_context *ctx;
	struct cr_census *census; /* NULL: without what is unique */
	struct totals totals;
};

static void json_row(const struct row *row, const struct cr_snapshot *snapshot,
		     uint64_t unique)
{
	json_t *line = cr_json_line(row->ctx->out, "snapshot");

	cr_json_id(line, "id", &snapshot->id);
	cr_json_time(line, "time", snapshot->head.time);
	cr_json_text(line, "source", snapshot->source);
	cr_json_u64(line, "size", snapshot->manifest.bytes);
	cr_json_u64(line, "stored", snapshot->manifest.bytes_added);
	if (row->census)
		cr_json_u64(line, "unique", unique);
	cr_say_json(row->ctx->out, line);
}

static int say_row(void *arg, const struct cr_snapshot *snapshot)
{
	struct row *row = arg;
	const struct cr_manifest *m = &snapshot->manifest;
	uint64_t unique = 0;
	char stamp[CR_STAMP_LEN];
	int r = 0;

	if (row->census)
		r = cr_census_unique(row->census, snapshot, &unique);
	if (r < 0)
		return r;
	cr_stamp(snapshot->head.time, stamp);
	json_row(row, snapshot, unique);
	cr_say(row->ctx->out, "%s  %s  %10s %10s %10s  %s\n",
	       cr_short_id(&snapshot->id).text, stamp,
	       cr_human_bytes(m->bytes).text,
	       cr_human_bytes(m->bytes_added).text,
	       row->census ? cr_human_bytes(unique).text : "-",
	       snapshot->source);
	row->totals.snapshots++;
	row->totals.size += m->bytes;
	row->totals.stored += m->bytes_added;
	return cr_output_check(row->ctx->out);
}

/* Names are checked before anything that takes long. */
static int ignore(void *arg, const struct cr_snapshot *snapshot)
{
	(void)arg;
	(void)snapshot;
	return 0;
}

static int count_all(struct cr_session *session, struct cr_census **ret)
{
	cr_cleanup(cr_census_freep) struct cr_census *census = NULL;
	const struct cr_snapshots *set = &session->snapshots;
	int r;

	r = cr_census_new(session->reader, cr_session_share(session, 10),
			  &census);
	for (size_t i = 0; r == 0 && i < set->count; i++)
		r = cr_census_count(census, set->snapshot[i]);
	if (r == 0)
		*ret = cr_take(census);
	return r;
}

static void finish(const struct row *row)
{
	json_t *summary = row->ctx->out->summary;
	const struct totals *t = &row->totals;

	cr_json_u64(summary, "snapshots", t->snapshots);
	cr_json_u64(summary, "size", t->size);
	cr_json_u64(summary, "stored", t->stored);
	if (row->census) {
		cr_json_u64(summary, "damaged", cr_census_damaged(row->census));
		if (cr_census_damaged(row->census) > 0)
			cr_context_raise(row->ctx, CR_EXIT_DAMAGE);
	}
	/* What is unique does not add up: two may share what no third has. */
	cr_tell(row->ctx->out, "%-30s  %10s %10s\n", "together",
		cr_human_bytes(t->size).text, cr_human_bytes(t->stored).text);
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	cr_cleanup(cr_census_freep) struct cr_census *census = NULL;
	const struct options *options = arg;
	struct row row = { .ctx = ctx };
	int r;

	r = cr_session_open_reading(ctx, &session);
	if (r == 0)
		r = each(ctx, &session, ignore, NULL);
	if (r == 0 && !options->fast)
		r = count_all(&session, &census);
	if (r < 0)
		return r;
	row.census = census;
	cr_tell(ctx->out, "%-8s  %-20s  %10s %10s %10s  %s\n", "ID", "TIME",
		"SIZE", "STORED", "UNIQUE", "SOURCE");
	r = each(ctx, &session, say_row, &row);
	if (r == 0)
		finish(&row);
	return r;
}

static const struct cr_option table[] = {
	{ "fast", 0, CR_OPTION_FLAG, NULL,
	  "leave out UNIQUE: then only the manifests are read",
	  offsetof(struct options, fast), 0, 0 },
};

const struct cr_command cr_command_stats = {
	.name = "stats",
	.help = "Say what snapshots take up",
	.more = "SIZE is that of the files; STORED what making the snapshot "
		"added to the repository; UNIQUE what only this one uses, so "
		"what would be free without it.",
	.operands = "[SNAPSHOT...]",
	.example = "stats web1@latest",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 0,
	.most = -1,
	.run = run,
};
