/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/read/history.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/session.h"

struct chronicle {
	struct cr_context *ctx;
	struct cr_session session;
	struct cr_history_reader by;
	const char *source; /* what was asked for; NULL: every one */
	struct cr_piece path;
	struct cr_history_of of; /* being told of */
	uint64_t sources, versions, damaged;
};

static void chronicle_release(struct chronicle *c)
{
	cr_session_close(&c->session);
}

static void say_damage(void *arg, const struct cr_version *dir,
		       struct cr_piece name, int error)
{
	struct chronicle *c = arg;
	char stamp[CR_STAMP_LEN];

	(void)name;
	cr_stamp(dir->since->head.time, stamp);
	c->damaged++;
	cr_log(CR_LOG_ERR, "%s@%s: %s", dir->since->source, stamp,
	       *cr_detail() ? cr_detail() : cr_strerror(error));
}

/* ---- Lines ---- */

/* From snapshot @first to @last, by number. */
static json_t *begin_line(struct chronicle *c, const char *type, uint32_t first,
			  uint32_t last)
{
	struct cr_output *out = c->ctx->out;
	const struct cr_snapshot *since = c->of.snapshot[first];
	const struct cr_snapshot *until = c->of.snapshot[last];
	json_t *line = cr_json_line(out, type);
	char stamp[CR_STAMP_LEN];

	cr_json_text(line, "source", since->source);
	cr_json_name(line, "path", c->path);
	cr_json_time(line, "first", since->head.time);
	cr_json_time(line, "last", until->head.time);
	cr_json_u64(line, "snapshots", (uint64_t)last - first + 1);
	cr_stamp(since->head.time, stamp);
	cr_say(out, "%-20s  ", stamp);
	cr_stamp(until->head.time, stamp);
	cr_say(out, "%-20s  ", stamp);
	return line;
}

static void say_gone(struct chronicle *c, uint32_t first, uint32_t last)
{
	json_t *line = begin_line(c, "gone", first, last);

	cr_say_json(c->ctx->out, line);
	cr_say(c->ctx->out, "gone\n");
}

static void say_unknown(struct chronicle *c, const struct cr_version *version)
{
	json_t *line = begin_line(c, "unknown", version->first, version->last);

	cr_json_text(line, "why", cr_strerror(version->error));
	cr_say_json(c->ctx->out, line);
	cr_say(c->ctx->out, "cannot be told: %s\n",
	       cr_strerror(version->error));
}

/* What is different from @before (NULL: everything), as words. */
static int say_changes(struct chronicle *c, const struct cr_version *before,
		       const struct cr_version *version, json_t *line)
{
	json_t *array = line ? json_array() : NULL;
	const char *comma = "";
	int changes = 0;

	if (before) {
		changes = cr_version_changes(&c->by, before, version);
		if (cr_is_damage(changes)) {
			say_damage(c, version, (struct cr_piece){ 0 }, changes);
			changes = 0;
		}
		if (changes < 0) {
			json_decref(array);
			return changes;
		}
	}
	for (int i = 0; i < CR_CHANGES; i++) {
		const char *text = cr_change_text((enum cr_change)(1 << i));

		if (!(changes & 1 << i))
			continue;
		(void)json_array_append_new(array, json_string(text));
		cr_say(c->ctx->out, "%s%s", comma, text);
		comma = ", ";
	}
	if (array)
		(void)json_object_set_new(line, "changes", array);
	cr_say(c->ctx->out, "%s\n", before ? "" : "new");
	return 0;
}

static int say_version(struct chronicle *c, const struct cr_version *before,
		       const struct cr_version *version)
{
	const struct cr_entry *entry = &version->entry;
	json_t *line = begin_line(c, "version", version->first, version->last);
	int r;

	c->versions++;
	cr_json_entry(line, entry);
	cr_say(c->ctx->out, "%10s  %s  ",
	       entry->type == CR_ENTRY_FILE ? cr_human_bytes(entry->size).text
					    : cr_type_text(entry->type),
	       cr_time_text(entry->mtime.sec).text);
	r = say_changes(c, before, version, line);
	if (r < 0)
		json_decref(line);
	else
		cr_say_json(c->ctx->out, line);
	return r;
}

/* ---- Histories ---- */

static void say_heading(struct chronicle *c)
{
	struct cr_output *out = c->ctx->out;

	cr_say(out, "%s%s:", c->sources++ > 0 ? "\n" : "",
	       c->of.snapshot[0]->source);
	cr_say_name(out, c->path);
	cr_say(out, "\n%-20s  %-20s  %10s  %-19s  %s\n", "FIRST", "LAST",
	       "SIZE", "MODIFIED", "CHANGED");
}

static int tell(struct chronicle *c, const struct cr_history *history)
{
	const struct cr_version *before = NULL;
	uint32_t next = 0;

	say_heading(c);
	for (uint32_t i = 0; i < history->count; i++) {
		const struct cr_version *version = &history->version[i];
		int r = 0;

		if (i > 0 && version->first > next)
			say_gone(c, next, version->first - 1);
		next = version->last + 1;
		if (version->error < 0)
			say_unknown(c, version);
		else
			r = say_version(c, before, version);
		if (r < 0)
			return r;
		if (version->error == 0)
			before = version;
	}
	if (next < c->of.count)
		say_gone(c, next, c->of.count - 1);
	return cr_output_check(c->ctx->out);
}

static int tell_source(struct chronicle *c)
{
	cr_cleanup(cr_history_release) struct cr_history history = { 0 };
	int r;

	if (c->source && strcmp(c->source, c->of.snapshot[0]->source) != 0)
		return 0;
	r = cr_history_path(&c->by, &c->of, c->path, &history);
	if (r < 0 || history.count == 0)
		return r;
	return tell(c, &history);
}

/* Leave one "/" between two names and none around them; the length. */
static size_t squeeze(char *path)
{
	size_t len = 0;

	for (size_t i = 0; path[i]; i++)
		if (path[i] != '/' ||
		    (len > 0 && path[i + 1] && path[i + 1] != '/'))
			path[len++] = path[i];
	return len;
}

/* Split "[SOURCE:]PATH"; what stands before ":" may be part of a name too. */
static void parse(struct chronicle *c, char *text)
{
	const struct cr_snapshots *set = &c->session.snapshots;
	char *colon = strchr(text, ':');

	for (size_t i = 0; colon && !c->source && i < set->count; i++) {
		const char *source = set->snapshot[i]->source;
		size_t len = (size_t)(colon - text);

		if (strlen(source) == len && memcmp(source, text, len) == 0)
			c->source = source;
	}
	if (c->source)
		text = colon + 1;
	c->path = (struct cr_piece){ text, squeeze(text) };
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(chronicle_release) struct chronicle c = { .ctx = ctx };
	json_t *summary = ctx->out->summary;
	size_t at = 0;
	int r;

	(void)arg;
	r = cr_session_open_reading(ctx, &c.session);
	if (r < 0)
		return r;
	c.by = (struct cr_history_reader){ c.session.reader, say_damage, &c };
	parse(&c, ctx->operand[0]);
	while (r == 0 &&
	       cr_history_next_source(&c.session.snapshots, &at, &c.of))
		r = tell_source(&c);
	cr_json_u64(summary, "sources", c.sources);
	cr_json_u64(summary, "versions", c.versions);
	cr_json_u64(summary, "damaged", c.damaged);
	if (c.damaged > 0)
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	if (r == 0 && c.sources == 0)
		return cr_fail(ENOENT,
			       "%s: in no snapshot: caprock find looks "
			       "for a name",
			       ctx->operand[0]);
	return r;
}

const struct cr_command cr_command_history = {
	.name = "history",
	.help = "Say what became of a file, snapshot by snapshot",
	.more = "Prints a line for each version of it: the first and the last "
		"snapshot that has it so, size, time of the last change, and "
		"what is different from the version before; and where it is "
		"gone.  Without SOURCE: of every source that ever had it.",
	.operands = "[SOURCE:]PATH",
	.example = "history server:etc/fstab",
	.least = 1,
	.most = 1,
	.run = run,
};
