/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/disk/index_sync.h"
#include "tools/commands.h"
#include "tools/session.h"

struct options {
	bool no_wait;
};

static void waiting(const char *who)
{
	cr_log(CR_LOG_NOTICE, "waiting: %s", who);
}

static void report(struct cr_context *ctx,
		   const struct cr_index_sync_stats *stats)
{
	json_t *summary = ctx->out->summary;

	cr_json_u64(summary, "segments", stats->segments);
	cr_json_u64(summary, "segments_damaged", stats->segments_damaged);
	cr_json_u64(summary, "packs", stats->packs);
	cr_json_u64(summary, "packs_opaque", stats->packs_opaque);
	cr_json_u64(summary, "packs_damaged", stats->packs_damaged);
	cr_tell(ctx->out,
		"index of %" PRIu64 " packs made anew, from %" PRIu64
		" segments\n",
		stats->packs, stats->segments);
	if (stats->segments_damaged > 0 || stats->packs_damaged > 0) {
		cr_tell(ctx->out,
			"damaged: %" PRIu64 " segments, %" PRIu64 " packs\n",
			stats->segments_damaged, stats->packs_damaged);
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	}
}

static int run(struct cr_context *ctx, void *arg)
{
	cr_cleanup(cr_session_close) struct cr_session session = { 0 };
	const struct options *options = arg;
	struct cr_index_sync_stats stats = { 0 };
	int r;

	r = cr_session_open(ctx, &session);
	if (r < 0)
		return r;
	r = cr_session_state(&session, true);
	if (r < 0)
		return r;
	r = cr_state_lock(session.state, !options->no_wait, waiting);
	if (r < 0)
		return r;
	r = cr_index_reset(session.state);
	if (r < 0)
		return r;
	r = cr_index_open(session.state, CR_INDEX_PRIMARY,
			  cr_session_share(&session, 70), &session.index);
	if (r < 0)
		return r;
	r = cr_index_sync(session.repo, session.index, true, &stats);
	if (r < 0)
		return r;
	report(ctx, &stats);
	return 0;
}

static const struct cr_option table[] = {
	{ "no-wait", 0, CR_OPTION_FLAG, NULL,
	  "fail when a backup runs, with exit status 11",
	  offsetof(struct options, no_wait), 0, 0 },
};

const struct cr_command cr_command_index_rebuild = {
	.name = "index rebuild",
	.help = "Make this machine's index anew",
	.more = "The index is a view of the repository.  It mends itself where "
		"it can tell that it is wrong; this is for when it cannot.",
	.operands = "",
	.example = "index rebuild",
	CR_COMMAND_OPTIONS(table),
	.size = sizeof(struct options),
	.run = run,
};
