/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/pattern.h"
#include "store/read/search.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/session.h"

#define SHARE 30 /* percent of --memory for what is being gone through */

struct options {
	const char *source;
};

struct hunt {
	struct cr_context *ctx;
	struct cr_session session;
	struct cr_search *search;
	struct cr_history_reader by;
	struct cr_patterns patterns; /* empty: a substring is looked for */
	const char *text;
	const char *source; /* being searched */
	struct cr_buf path; /* for who wants a string */
	uint64_t found, damaged;
};

static void hunt_release(struct hunt *hunt)
{
	cr_search_free(hunt->search);
	cr_patterns_release(&hunt->patterns);
	cr_buf_release(&hunt->path);
	cr_session_close(&hunt->session);
}

/* ---- What is looked for ---- */

static bool matches(void *arg, struct cr_piece path, struct cr_piece name)
{
	struct hunt *hunt = arg;

	if (hunt->patterns.count == 0 && !strchr(hunt->text, '/'))
		return memmem(name.bytes, name.len, hunt->text,
			      strlen(hunt->text)) != NULL;
	cr_buf_clear(&hunt->path);
	cr_buf_u8(&hunt->path, '/');
	cr_buf_put(&hunt->path, path.bytes, path.len);
	cr_buf_u8(&hunt->path, 0);
	if (cr_buf_error(&hunt->path) < 0)
		return false;
	if (hunt->patterns.count == 0)
		return strstr((const char *)hunt->path.bytes, hunt->text) !=
		       NULL;
	return cr_patterns_match(&hunt->patterns, "",
				 (const char *)hunt->path.bytes + 1, false);
}

static bool is_glob(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

/* ---- What is found ---- */

static void say_heading(struct hunt *hunt)
{
	if (hunt->found == 0)
		cr_say(hunt->ctx->out, "%-20s  %-20s  %-4s  %8s  %10s  %s\n",
		       "FIRST", "LAST", "NOW", "VERSIONS", "SIZE", "PATH");
}

static int found(void *arg, struct cr_piece path,
		 const struct cr_history *history)
{
	struct hunt *hunt = arg;
	struct cr_output *out = hunt->ctx->out;
	const struct cr_version *last = cr_history_last(history);
	char since[CR_STAMP_LEN], until[CR_STAMP_LEN];
	bool gone = cr_history_is_gone(history);
	json_t *line;
	int versions;

	versions = cr_history_distinct(&hunt->by, history, NULL);
	if (versions < 0)
		return versions;
	assert(last);
	say_heading(hunt);
	hunt->found++;

	line = cr_json_line(out, "found");
	cr_json_text(line, "source", hunt->source);
	cr_json_name(line, "path", path);
	cr_json_time(line, "first", history->version[0].since->head.time);
	cr_json_time(line, "last", last->until->head.time);
	cr_json_bool(line, "gone", gone);
	cr_json_u64(line, "versions", (uint64_t)versions);
	cr_json_entry(line, &last->entry);
	cr_say_json(out, line);

	cr_stamp(history->version[0].since->head.time, since);
	cr_stamp(last->until->head.time, until);
	cr_say(out, "%-20s  %-20s  %-4s  %8d  %10s  %s:", since, until,
	       gone ? "gone" : "", versions,
	       last->entry.type == CR_ENTRY_FILE
		       ? cr_human_bytes(last->entry.size).text
		       : "",
	       hunt->source);
	cr_say_name(out, path);
	cr_say(out, "%s\n", last->entry.type == CR_ENTRY_DIRECTORY ? "/" : "");
	return cr_output_check(out);
}

static void damaged(void *arg, struct cr_piece path,
		    const struct cr_snapshot *snapshot, int error)
{
	struct hunt *hunt = arg;
	char stamp[CR_STAMP_LEN];

	cr_stamp(snapshot->head.time, stamp);
	hunt->damaged++;
	cr_log(CR_LOG_ERR, "%s@%s: %.*s: not searched: %s", snapshot->source,
	       stamp, (int)path.len, (const char *)path.bytes,
	       *cr_detail() ? cr_detail() : cr_strerror(error));
}

/* ---- The whole ---- */

static int search_all(struct hunt *hunt, const struct options *options)
{
	const struct cr_snapshots *set = &hunt->session.snapshots;
	struct cr_history_of of;
	bool any = false;
	size_t at = 0;

	while (cr_history_next_source(set, &at, &of)) {
		int r;

		hunt->source = of.snapshot[0]->source;
		if (options->source &&
		    strcmp(options->source, hunt->source) != 0)
			continue;
		any = true;
		r = cr_search_run(hunt->search, &of);
		if (r < 0)
			return r;
	}
	if (options->source && !any)
		return cr_fail(ENOENT, "no snapshot of a source %s",
			       options->source);
	return 0;
}

static int start(struct hunt *hunt)
{
	struct cr_search_options search = {
		.matches = matches,
		.by_path = strchr(hunt->text, '/') != NULL,
		.found = found,
		.damaged = damaged,
		.arg = hunt,
	};
	int r;

	if (!*hunt->text)
		return cr_fail(CR_EUSAGE, "find: nothing to look for");
	r = is_glob(hunt->text) ? cr_patterns_add(&hunt->patterns, hunt->text)
				: 0;
	if (r == 0)
		r = cr_session_open_reading(hunt->ctx, &hunt->session);
	if (r < 0)
		return r;
	search.reader = hunt->by.reader = hunt->session.reader;
	search.memory = cr_session_share(&hunt->session, SHARE);
	return cr_search_new(&search, &hunt->search);
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(hunt_release) struct hunt hunt = {
		.ctx = ctx,
		.text = ctx->operand[0],
	};
	json_t *summary = ctx->out->summary;
	int r = start(&hunt);

	if (r == 0)
		r = search_all(&hunt, arg);
	cr_json_u64(summary, "found", hunt.found);
	cr_json_u64(summary, "damaged", hunt.damaged);
	if (r == 0)
		cr_tell(ctx->out, "%" PRIu64 " found\n", hunt.found);
	if (hunt.damaged > 0)
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	return r;
}

static const struct cr_option table[] = {
	{ "source", 0, CR_OPTION_TEXT, "NAME",
	  "search the snapshots of this source only",
	  offsetof(struct options, source), 0, 0 },
};

const struct cr_command cr_command_find = {
	.name = "find",
	.help = "Find a name in all snapshots",
	.more = "Prints each path once: the first and the last snapshot that "
		"has it, whether it is gone from the newest, how many "
		"versions of it differ, and the size of the last.  PATTERN "
		"is a part of a name, or with *, ? or [ a pattern that all "
		"of the name matches; with / the path is meant instead.",
	.operands = "PATTERN",
	.example = "find '*.docx'",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.run = run,
};
