/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/commands.h"
#include "tools/diff.h"
#include "tools/diff_live.h"
#include "tools/format.h"
#include "tools/target.h"

struct options {
	bool read_data;
};

struct comparison {
	struct cr_context *ctx;
	const struct options *options;
	const char *live; /* the second operand, when it is no snapshot */
	struct cr_session session;
	struct cr_target target[2];
	size_t targets;
	struct cr_buf path;
	uint64_t added, removed, changed, damaged, unreadable;
};

static void comparison_release(struct comparison *c)
{
	cr_buf_release(&c->path);
	cr_target_release(&c->target[0]);
	cr_target_release(&c->target[1]);
	cr_session_close(&c->session);
}

/* The path from the root of the newer snapshot. */
static int whole_path(struct comparison *c, struct cr_piece path)
{
	const char *start = c->target[c->targets - 1].path;
	size_t len = strlen(start);

	cr_buf_clear(&c->path);
	cr_buf_put(&c->path, start, len);
	if (len > 0 && path.len > 0)
		cr_buf_u8(&c->path, '/');
	cr_buf_put(&c->path, path.bytes, path.len);
	return cr_buf_error(&c->path);
}

static void json_item(struct comparison *c, const struct cr_diff_item *item,
		      const struct cr_entry *entry)
{
	json_t *line = cr_json_line(
		c->ctx->out, item->kind == CR_DIFF_ADDED     ? "added"
			     : item->kind == CR_DIFF_REMOVED ? "removed"
							     : "changed");
	json_t *aspects;

	if (!line)
		return;
	cr_json_name(line, "path",
		     (struct cr_piece){ c->path.bytes, c->path.len });
	cr_json_entry(line, entry);
	aspects = json_array();
	for (unsigned int a = 1; a <= item->aspects; a <<= 1) {
		if (item->aspects & a)
			(void)json_array_append_new(
				aspects, json_string(cr_diff_aspect_text(a)));
	}
	(void)json_object_set_new(line, "aspects", aspects);
	cr_say_json(c->ctx->out, line);
}

static int found(void *arg, const struct cr_diff_item *item)
{
	struct comparison *c = arg;
	struct cr_output *out = c->ctx->out;
	const struct cr_entry *entry =
		item->newer ? item->newer->entry : item->older->entry;
	const char *before = " (";
	int r;

	c->added += item->kind == CR_DIFF_ADDED;
	c->removed += item->kind == CR_DIFF_REMOVED;
	c->changed += item->kind == CR_DIFF_CHANGED;
	r = whole_path(c, item->path);
	if (r < 0)
		return r;
	json_item(c, item, entry);
	cr_say(out, "%c ", (char)item->kind);
	cr_say_name(out, (struct cr_piece){ c->path.bytes, c->path.len });
	cr_say(out, "%s", entry->type == CR_ENTRY_DIRECTORY ? "/" : "");
	for (unsigned int a = 1; out->verbose > 0 && a <= item->aspects;
	     a <<= 1) {
		if (!(item->aspects & a))
			continue;
		cr_say(out, "%s%s", before, cr_diff_aspect_text(a));
		before = ", ";
	}
	cr_say(out, "%s\n", before[0] == ',' ? ")" : "");
	return cr_output_check(out);
}

static void damaged(void *arg, struct cr_piece path)
{
	struct comparison *c = arg;

	c->damaged++;
	cr_log(CR_LOG_ERR, "%.*s: not compared: %s", (int)path.len,
	       (const char *)path.bytes, cr_detail());
}

static void unreadable(void *arg, struct cr_piece path)
{
	struct comparison *c = arg;

	c->unreadable++;
	cr_log(CR_LOG_WARNING, "%s%s%.*s: not compared: %s", c->live,
	       path.len > 0 ? "/" : "", (int)path.len, (const char *)path.bytes,
	       cr_detail());
}

static int compare_live(struct comparison *c)
{
	const struct cr_diff_live diff = {
		.reader = c->session.reader,
		.view = c->target[0].view,
		.start = &c->target[0].found,
		.path = c->live,
		.read_data = c->options->read_data,
		.found = found,
		.damaged = damaged,
		.unreadable = unreadable,
		.arg = c,
	};

	return cr_diff_live_run(&diff);
}

static int compare_snapshots(struct comparison *c)
{
	struct cr_diff diff = {
		.reader = c->session.reader,
		.found = found,
		.damaged = damaged,
		.arg = c,
	};

	for (size_t i = 0; i < CR_ARRAY_LEN(c->target); i++) {
		diff.side[i].view = c->target[i].view;
		diff.side[i].start = &c->target[i].found;
	}
	return cr_diff_run(&diff);
}

/* A "/" before any ":" can only be of a path, and what exists is one. */
static bool is_live(const char *text)
{
	size_t len = strcspn(text, "/:");
	struct stat st;

	return text[len] == '/' ||
	       (stat(text, &st) == 0 && S_ISDIR(st.st_mode));
}

static int find_targets(struct comparison *c)
{
	char **operand = c->ctx->operand;
	int r;

	if (is_live(operand[1]))
		c->live = operand[1];
	if (c->options->read_data && !c->live)
		return cr_fail(CR_EUSAGE,
			       "diff: --read-data is for a live directory: %s "
			       "is none",
			       operand[1]);
	c->targets = c->live ? 1 : 2;
	r = cr_session_open_reading(c->ctx, &c->session);
	for (size_t i = 0; r == 0 && i < c->targets; i++)
		r = cr_target_find(&c->session, operand[i], &c->target[i]);
	return r;
}

static void conclude(struct comparison *c)
{
	json_t *summary = c->ctx->out->summary;

	cr_json_id(summary, "older", &c->target[0].snapshot->id);
	if (c->live)
		cr_json_name(summary, "directory",
			     (struct cr_piece){ c->live, strlen(c->live) });
	else
		cr_json_id(summary, "newer", &c->target[1].snapshot->id);
	cr_json_u64(summary, "added", c->added);
	cr_json_u64(summary, "removed", c->removed);
	cr_json_u64(summary, "changed", c->changed);
	cr_json_u64(summary, "damaged", c->damaged);
	if (c->live)
		cr_json_u64(summary, "unreadable", c->unreadable);
	cr_tell(c->ctx->out,
		"%" PRIu64 " added, %" PRIu64 " removed, %" PRIu64 " changed\n",
		c->added, c->removed, c->changed);
	if (c->damaged > 0)
		cr_context_raise(c->ctx, CR_EXIT_DAMAGE);
	if (c->unreadable > 0)
		cr_context_raise(c->ctx, CR_EXIT_WARNINGS);
}

static int run(struct cr_context *ctx, void *options)
{
	cr_cleanup(comparison_release) struct comparison c = {
		.ctx = ctx,
		.options = options,
	};
	int r;

	r = find_targets(&c);
	if (r < 0)
		return r;
	r = c.live ? compare_live(&c) : compare_snapshots(&c);
	conclude(&c);
	return r;
}

static const struct cr_option table[] = {
	{ "read-data", 0, CR_OPTION_FLAG, NULL,
	  "with DIR: compare content too, not only what stat tells",
	  offsetof(struct options, read_data), 0, 0 },
};

const struct cr_command cr_command_diff = {
	.name = "diff",
	.help = "Say what changed since a snapshot",
	.more = "Compares with another snapshot or, where the second operand "
		"is a path, with what is there now.  Prints + for what was "
		"added, - for what was removed, M for what changed: content, "
		"mode, owner, time, extended attributes; --verbose says "
		"which.  The times of directories do not count.",
	.operands = "SNAPSHOT[:PATH] SNAPSHOT[:PATH]|DIR",
	.example = "diff latest:/etc /etc",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 2,
	.most = 2,
	.run = run,
};
