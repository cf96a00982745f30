/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/session.h"

struct options {
	struct cr_words source;
	struct cr_words tag;
};

static const struct {
	uint64_t flag;
	const char *name;
} marks[] = {
	{ CR_MANIFEST_INCOMPLETE, "incomplete" },
	{ CR_MANIFEST_CHANGED, "changed" },
};

static bool among(const struct cr_words *words, struct cr_piece text)
{
	for (uint32_t i = 0; i < words->count; i++) {
		if (strlen(words->word[i]) == text.len &&
		    memcmp(words->word[i], text.bytes, text.len) == 0)
			return true;
	}
	return false;
}

static bool wanted(const struct options *options,
		   const struct cr_snapshot *snapshot)
{
	const struct cr_strings *tags = &snapshot->manifest.tags;

	if (options->source.count > 0 &&
	    !among(&options->source, snapshot->manifest.source))
		return false;
	if (options->tag.count == 0)
		return true;
	for (uint32_t i = 0; i < tags->count; i++) {
		if (among(&options->tag, tags->string[i]))
			return true;
	}
	return false;
}

static void json_strings(json_t *line, const char *key,
			 const struct cr_strings *strings)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < strings->count; i++) {
		json_t *object = json_object();

		/* An object each, for what is not UTF-8 has two members. */
		cr_json_name(object, "text", strings->string[i]);
		(void)json_array_append_new(array, object);
	}
	(void)json_object_set_new(line, key, array);
}

static void json_snapshot(struct cr_output *out,
			  const struct cr_snapshot *snapshot)
{
	const struct cr_manifest *m = &snapshot->manifest;
	json_t *line = cr_json_line(out, "snapshot");

	if (!line)
		return;
	cr_json_id(line, "id", &snapshot->id);
	cr_json_time(line, "time", snapshot->head.time);
	cr_json_name(line, "source", m->source);
	cr_json_name(line, "host", m->host);
	cr_json_name(line, "user", m->user);
	cr_json_uid(line, "writer", &snapshot->head.writer);
	cr_json_u64(line, "seq", snapshot->head.seq);
	cr_json_time(line, "began", m->began.sec);
	cr_json_time(line, "ended", m->ended);
	json_strings(line, "paths", &m->paths);
	json_strings(line, "tags", &m->tags);
	json_strings(line, "options", &m->options);
	cr_json_u64(line, "entries", m->entries);
	cr_json_u64(line, "files", m->files);
	cr_json_u64(line, "directories", m->directories);
	cr_json_u64(line, "bytes", m->bytes);
	cr_json_u64(line, "files_new", m->files_new);
	cr_json_u64(line, "files_changed", m->files_changed);
	cr_json_u64(line, "files_unchanged", m->files_unchanged);
	cr_json_u64(line, "bytes_read", m->bytes_read);
	cr_json_u64(line, "bytes_added", m->bytes_added);
	cr_json_u64(line, "warnings", m->warnings);
	for (size_t i = 0; i < CR_ARRAY_LEN(marks); i++)
		cr_json_bool(line, marks[i].name, m->flags & marks[i].flag);
	cr_json_bool(line, "ahead", cr_snapshot_is_ahead(snapshot));
	cr_say_json(out, line);
}

static void say_snapshot(struct cr_output *out,
			 const struct cr_snapshot *snapshot, int width)
{
	const struct cr_manifest *m = &snapshot->manifest;
	char stamp[CR_STAMP_LEN];

	cr_stamp(snapshot->head.time, stamp);
	cr_say(out, "%s  %s  %-*s %10" PRIu64 " %10s  ",
	       cr_short_id(&snapshot->id).text, stamp, width, snapshot->source,
	       m->entries, cr_human_bytes(m->bytes).text);
	cr_say_name(out, m->host);
	for (size_t i = 0; i < CR_ARRAY_LEN(marks); i++) {
		if (m->flags & marks[i].flag)
			cr_say(out, " %s", marks[i].name);
	}
	if (cr_snapshot_is_ahead(snapshot))
		cr_say(out, " ahead");
	if (m->warnings > 0)
		cr_say(out, " warnings=%" PRIu64, m->warnings);
	for (uint32_t i = 0; i < m->tags.count; i++) {
		cr_say(out, " #");
		cr_say_name(out, m->tags.string[i]);
	}
	cr_say(out, "\n");
}

/* Damaged ones are shown whatever is asked for: who knows what they were. */
static void report_bad(struct cr_context *ctx,
		       const struct cr_snapshot *snapshot)
{
	const char *what =
		cr_is_damage(snapshot->error) ? "damaged" : "ignored";
	const char *why =
		snapshot->why ? snapshot->why : cr_strerror(snapshot->error);
	json_t *line = cr_json_line(ctx->out, what);

	cr_json_text(line, "object", snapshot->object);
	cr_json_name(line, "why", (struct cr_piece){ why, strlen(why) });
	cr_say_json(ctx->out, line);
	cr_say(ctx->out, "%s: ", what);
	cr_say_name(ctx->out, (struct cr_piece){ why, strlen(why) });
	cr_say(ctx->out, "\n");
	if (cr_is_damage(snapshot->error))
		cr_context_raise(ctx, cr_exit_of(snapshot->error));
}

static void show(struct cr_context *ctx, const struct cr_snapshots *set,
		 const struct options *options)
{
	int width = (int)strlen("SOURCE");
	uint64_t shown = 0;

	for (size_t i = 0; i < set->count; i++)
		width = cr_max(width, (int)strlen(set->snapshot[i]->source));
	for (size_t i = 0; i < set->count; i++) {
		if (!wanted(options, set->snapshot[i]))
			continue;
		if (shown++ == 0)
			cr_tell(ctx->out, "%-8s  %-20s  %-*s %10s %10s  %s\n",
				"ID", "TIME", width, "SOURCE", "ENTRIES",
				"SIZE", "HOST");
		if (ctx->out->json)
			json_snapshot(ctx->out, set->snapshot[i]);
		else
			say_snapshot(ctx->out, set->snapshot[i], width);
	}
	for (size_t i = 0; i < set->bads; i++)
		report_bad(ctx, set->bad[i]);
	cr_tell(ctx->out, "%" PRIu64 " snapshot%s%s\n", shown,
		shown == 1 ? "" : "s", set->bads > 0 ? ", not all count" : "");
	cr_json_u64(ctx->out->summary, "snapshots", shown);
	cr_json_u64(ctx->out->summary, "not_counted", set->bads);
	cr_json_bool(ctx->out->summary, "tampered", set->tampered < 0);
}

static int run(struct cr_context *ctx, void *options)
{
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	int r;

	r = cr_session_open(ctx, &session);
	if (r < 0)
		return r;
	r = cr_session_state(&session, false);
	if (r < 0)
		return r;
	r = cr_session_snapshots(&session);
	if (r < 0)
		return r;
	show(ctx, &session.snapshots, options);
	return cr_output_check(ctx->out);
}

static const struct cr_option table[] = {
	{ "source", 0, CR_OPTION_LIST, "NAME",
	  "only of this source; may be repeated",
	  offsetof(struct options, source), 0, 0 },
	{ "tag", 0, CR_OPTION_LIST, "TAG", "only with one of these tags",
	  offsetof(struct options, tag), 0, 0 },
};

const struct cr_command cr_command_snapshots = {
	.name = "snapshots",
	.help = "List the snapshots",
	.more = "Times are in UTC.  Damaged snapshots are listed last, with "
		"exit status 4.  A snapshot marked ahead was dated more than "
		"an hour after it arrived, and is not the latest.",
	.operands = "",
	.example = "snapshots --source web1",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.run = run,
};
