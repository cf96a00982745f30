/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>

#include "store/base/buf.h"
#include "store/base/error.h"
#include "store/base/log.h"
#include "tools/commands.h"
#include "tools/format.h"
#include "tools/target.h"

struct options {
	bool details;
	bool recursive;
};

struct listing {
	struct cr_context *ctx;
	const struct options *options;
	struct cr_session session;
	struct cr_target target;
	struct cr_owner_names names;
	uint64_t entries;
	uint64_t damaged;
};

static void listing_release(struct listing *listing)
{
	cr_owner_names_release(&listing->names);
	cr_target_release(&listing->target);
	cr_session_close(&listing->session);
}

static void say_owner(struct cr_output *out, const struct cr_buf *names,
		      uint32_t number)
{
	struct cr_piece name = cr_owner_name(names, number);

	if (name.len == 0)
		cr_say(out, " %-8" PRIu32, number);
	else {
		cr_say(out, " ");
		cr_say_name(out, name);
		cr_say(out, "%*s", name.len < 8 ? (int)(8 - name.len) : 0, "");
	}
}

static void say_details(const struct listing *listing,
			const struct cr_entry *entry)
{
	struct cr_output *out = listing->ctx->out;
	bool device =
		entry->type == CR_ENTRY_CHAR || entry->type == CR_ENTRY_BLOCK;

	cr_say(out, "%s %3" PRIu32, cr_mode_text(entry).text, entry->nlink);
	say_owner(out, &listing->names.users, entry->uid);
	say_owner(out, &listing->names.groups, entry->gid);
	if (device)
		cr_say(out, " %5" PRIu32 ",%6" PRIu32, entry->dev_major,
		       entry->dev_minor);
	else
		cr_say(out, " %12" PRIu64, entry->size);
	cr_say(out, " %s ", cr_time_text(entry->mtime.sec).text);
}

static void say_marks(struct cr_output *out, const struct cr_entry *entry)
{
	if (entry->marks & CR_MARK_CHANGED)
		cr_say(out, " (changed while it was read)");
	if (entry->marks & CR_MARK_INCOMPLETE)
		cr_say(out, " (incomplete)");
	if (entry->marks & CR_MARK_MOUNT)
		cr_say(out, " (mount point, not entered)");
}

/* The target of a symlink, where it is shown; damage costs the target only. */
static int read_target(struct listing *listing, const struct cr_entry *entry,
		       struct cr_buf *link)
{
	int r;

	if (entry->type != CR_ENTRY_SYMLINK ||
	    !(listing->options->details || listing->ctx->out->json))
		return 0;
	r = cr_entry_target(listing->session.reader, &listing->target.view,
			    entry, link);
	if (!cr_is_damage(r))
		return r;
	cr_log(CR_LOG_ERR, "%s", cr_detail());
	listing->damaged++;
	return 0;
}

/* @name: what to show; @path: the whole path in the snapshot. */
static int show(struct listing *listing, const struct cr_entry *entry,
		struct cr_piece name, struct cr_piece path)
{
	cr_cleanup(cr_buf_release) struct cr_buf link = { 0 };
	struct cr_output *out = listing->ctx->out;
	json_t *line = cr_json_line(out, "entry");
	int r;

	r = read_target(listing, entry, &link);
	if (r < 0) {
		json_decref(line);
		return r;
	}
	listing->entries++;
	cr_json_name(line, "path", path);
	cr_json_entry(line, entry);
	if (link.len > 0)
		cr_json_name(line, "target",
			     (struct cr_piece){ link.bytes, link.len });
	cr_say_json(out, line);

	if (listing->options->details)
		say_details(listing, entry);
	cr_say_name(out, name);
	if (link.len > 0) {
		cr_say(out, " -> ");
		cr_say_name(out, (struct cr_piece){ link.bytes, link.len });
	}
	if (listing->options->details)
		say_marks(out, entry);
	cr_say(out, "\n");
	return cr_output_check(out);
}

/* The path of a walked entry, from the root of the snapshot. */
static int join(const struct cr_target *target, const struct cr_walk_item *item,
		struct cr_buf *path)
{
	size_t len = strlen(target->path);

	cr_buf_clear(path);
	cr_buf_put(path, target->path, len);
	if (len > 0 && item->path_len > 0)
		cr_buf_u8(path, '/');
	cr_buf_put(path, item->path, item->path_len);
	return cr_buf_error(path);
}

static int show_item(struct listing *listing, const struct cr_walk_item *item,
		     struct cr_buf *path)
{
	struct cr_piece whole;
	int r;

	r = join(&listing->target, item, path);
	if (r < 0)
		return r;
	whole = (struct cr_piece){ path->bytes, path->len };
	return show(listing, item->entry,
		    listing->options->recursive ? whole : item->entry->name,
		    whole);
}

/* A damaged directory was shown; what is in it is not, and that is told. */
static int next(struct listing *listing, struct cr_walk *walk,
		struct cr_walk_item *item)
{
	int r;

	while (cr_is_damage(r = cr_walk_next(walk, item))) {
		cr_log(CR_LOG_ERR, "%s", cr_detail());
		listing->damaged++;
	}
	return r;
}

static int list(struct listing *listing)
{
	cr_cleanup(cr_walk_closep) struct cr_walk *walk = NULL;
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	struct cr_walk_item item;
	int r;

	r = cr_walk_open(listing->session.reader, &listing->target.view,
			 &listing->target.found, &walk);
	if (r < 0)
		return r;
	while ((r = next(listing, walk, &item)) > 0) {
		if (item.event != CR_WALK_ENTRY || item.depth == 0)
			continue;
		r = show_item(listing, &item, &path);
		if (r < 0)
			return r;
		if (!listing->options->recursive)
			cr_walk_skip(walk);
	}
	return r;
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(listing_release) struct listing listing = {
		.ctx = ctx,
		.options = arg,
	};
	const struct cr_target *target = &listing.target;
	int r;

	r = cr_session_open_reading(ctx, &listing.session);
	if (r < 0)
		return r;
	r = cr_target_find(&listing.session, ctx->operand[0], &listing.target);
	if (r < 0)
		return r;
	if (listing.options->details) {
		r = cr_owner_names_load(listing.session.reader, &target->view,
					target->snapshot, &listing.names);
		if (r < 0 && !cr_is_damage(r))
			return r;
	}
	if (target->found.entry.type == CR_ENTRY_DIRECTORY) {
		r = list(&listing);
	} else {
		struct cr_piece path = { target->path, strlen(target->path) };

		r = show(&listing, &target->found.entry, path, path);
	}
	cr_json_u64(ctx->out->summary, "entries", listing.entries);
	cr_json_u64(ctx->out->summary, "damaged", listing.damaged);
	cr_json_id(ctx->out->summary, "snapshot", &target->snapshot->id);
	if (listing.damaged > 0)
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	return r;
}

static const struct cr_option table[] = {
	{ "long", 'l', CR_OPTION_FLAG, NULL,
	  "mode, links, owner, group, size and time (UTC) as well",
	  offsetof(struct options, details), 0, 0 },
	{ "recursive", 'R', CR_OPTION_FLAG, NULL,
	  "everything below, by its path in the snapshot",
	  offsetof(struct options, recursive), 0, 0 },
};

const struct cr_command cr_command_ls = {
	.name = "ls",
	.help = "List what is in a snapshot",
	.operands = "SNAPSHOT[:PATH]",
	.example = "ls -l latest:/etc",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.run = run,
};
