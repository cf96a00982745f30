/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/restore.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/base/error.h"
#include "store/base/log.h"
#include "store/base/secret.h"
#include "tools/progress.h"
#include "tools/restore_int.h"

#define PATH_SHOWN 512 /* bytes of a path in a message: the log's room */

/* Set by signals: what a handler may do. */
static atomic_bool interrupted;

static void on_signal(int number)
{
	(void)number;
	atomic_store(&interrupted, true);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

/* ---- What is said */

static void say(struct cr_restore *run, enum cr_log_level level,
		const struct cr_ritem *item, const char *what)
{
	cr_cleanup(cr_buf_release) struct cr_buf path = { 0 };
	const char *text = ".";

	if (cr_ritem_path(item, &path) == 0 && path.len > 1)
		text = (const char *)path.bytes;
	/* The end of a long path says more. */
	if (strlen(text) > PATH_SHOWN)
		text += strlen(text) - PATH_SHOWN;
	cr_progress_clear(run->progress);
	cr_log(level, "%s: %s", text, what);
}

void cr_restore_warn(struct cr_restore *run, const struct cr_ritem *item,
		     const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	(void)atomic_fetch_add(&run->count.failed, 1);
	say(run, CR_LOG_WARNING, item, what);
}

void cr_restore_damaged(struct cr_restore *run, const struct cr_ritem *item)
{
	char what[512];

	(void)atomic_fetch_add(&run->count.damaged, 1);
	(void)snprintf(what, sizeof(what), "%s: %s",
		       item->entry.type == CR_ENTRY_DIRECTORY
			       ? "damaged, not all that is in it is restored"
			       : "damaged",
		       cr_detail());
	say(run, CR_LOG_ERR, item, what);
}

void cr_restore_tell(struct cr_restore *run, const struct cr_ritem *item,
		     const char *what)
{
	if (run->ctx->out->verbose > 0)
		say(run, CR_LOG_INFO, item, what);
}

bool cr_restore_once(struct cr_restore *run, enum cr_restore_once what)
{
	if (atomic_exchange(&run->once[what], true))
		return false;
	cr_progress_clear(run->progress);
	return true;
}

/* Errors that every other entry would meet too. */
static bool ends_all(int error)
{
	switch (-error) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EIO:
	case ENOMEM:
	case EMFILE:
	case ENFILE:
	case ENODEV:
		return true;
	default:
		return false;
	}
}

int cr_restore_failed(struct cr_restore *run, const struct cr_ritem *item,
		      const char *what, int error)
{
	if (error == -ENOMEM)
		return error;
	if (ends_all(error))
		return cr_fail(-error,
			       "%s: %s: what was restored so far is "
			       "complete",
			       run->opt->target, strerrordesc_np(-error));
	cr_restore_warn(run, item, "%s%s%s", what ? what : "", what ? ": " : "",
			strerrordesc_np(-error));
	return 0;
}

int cr_restore_unread(struct cr_restore *run, const struct cr_ritem *item,
		      int error)
{
	if (error == -ENOMEM || error == -EMFILE || error == -ENFILE)
		return error;
	if (cr_is_damage(error) || error == -EIO)
		cr_restore_damaged(run, item);
	else
		cr_restore_warn(run, item, "%s", cr_status_sentence(error));
	return 0;
}

void cr_restore_stop(struct cr_restore *run, int error)
{
	(void)pthread_mutex_lock(&run->lock);
	if (run->error == 0) {
		run->error = error;
		(void)snprintf(run->why, sizeof(run->why), "%s",
			       cr_status_sentence(error));
	}
	(void)pthread_mutex_unlock(&run->lock);
	atomic_store(&run->stopped, true);
}

static void look(void *arg, struct cr_progress_state *ret)
{
	struct cr_restore *run = arg;
	const struct cr_manifest *m = &run->target.snapshot->manifest;
	bool whole = run->target.path[0] == '\0' && run->include.count == 0;

	*ret = (struct cr_progress_state){
		.files = atomic_load(&run->count.files) +
			 atomic_load(&run->count.unchanged),
		.files_total = whole ? m->files : 0,
		.bytes = atomic_load(&run->count.bytes),
		.bytes_total = whole ? m->bytes : 0,
	};
	(void)pthread_mutex_lock(&run->lock);
	memcpy(ret->path, run->current, sizeof(ret->path));
	(void)pthread_mutex_unlock(&run->lock);
}

static void summarise_json(const struct cr_restore *run)
{
	const struct cr_restore_count *c = &run->count;
	json_t *s = run->ctx->out->summary;
	struct cr_reader_stats reader = { 0 };

	if (run->session.reader)
		cr_reader_get_stats(run->session.reader, &reader);
	const struct {
		const char *key;
		uint64_t value;
	} counts[] = {
		{ "files", atomic_load(&c->files) },
		{ "bytes", atomic_load(&c->bytes) },
		{ "directories", atomic_load(&c->directories) },
		{ "others", atomic_load(&c->others) },
		{ "linked", atomic_load(&c->linked) },
		{ "copied", atomic_load(&c->copied) },
		{ "kept", atomic_load(&c->kept) },
		{ "unchanged", atomic_load(&c->unchanged) },
		{ "failed", atomic_load(&c->failed) },
		{ "damaged", atomic_load(&c->damaged) },
		{ "blocks_decoded", reader.blocks_decoded },
		{ "bytes_decoded", reader.bytes_decoded },
	};

	cr_json_id(s, "snapshot", &run->target.snapshot->id);
	cr_json_bool(s, "dry_run", run->opt->dry_run);
	for (size_t i = 0; i < CR_ARRAY_LEN(counts); i++)
		cr_json_u64(s, counts[i].key, counts[i].value);
	if (run->opt->verify) {
		cr_json_u64(s, "verified", atomic_load(&c->verified));
		cr_json_u64(s, "differing", atomic_load(&c->differing));
	}
}

static void tell_count(struct cr_restore *run, uint64_t count, const char *what)
{
	if (count > 0)
		cr_tell(run->ctx->out, "%" PRIu64 " %s\n", count, what);
}

static void summarise(struct cr_restore *run)
{
	const struct cr_restore_count *c = &run->count;
	const char *would = run->opt->dry_run ? "would restore" : "restored";

	summarise_json(run);
	cr_tell(run->ctx->out,
		"%s %" PRIuFAST64 " files (%s), %" PRIuFAST64
		" directories, %" PRIuFAST64 " other entries\n",
		would, atomic_load(&c->files),
		cr_human_bytes(atomic_load(&c->bytes)).text,
		atomic_load(&c->directories), atomic_load(&c->others));
	tell_count(run, atomic_load(&c->linked), "hard links");
	tell_count(run, atomic_load(&c->copied),
		   "copies where no hard link could be made");
	tell_count(run, atomic_load(&c->unchanged),
		   "files were there, unchanged");
	tell_count(run, atomic_load(&c->kept),
		   "entries that exist were kept (--overwrite)");
	tell_count(run, atomic_load(&c->failed),
		   "warnings: not everything is back");
	tell_count(run, atomic_load(&c->damaged),
		   "damaged entries were left out");
	if (run->opt->verify && !run->opt->dry_run)
		cr_tell(run->ctx->out,
			"verified %" PRIuFAST64 " files: %" PRIuFAST64
			" differ\n",
			atomic_load(&c->verified), atomic_load(&c->differing));
}

/* ---- Doing it */

static void run_release(struct cr_restore *run)
{
	cr_progress_stop(run->progress);
	cr_links_free(run->links);
	cr_closep(&run->target_fd);
	cr_buf_release(&run->done);
	free(run->top);
	free(run->prefix);
	cr_patterns_release(&run->include);
	cr_patterns_release(&run->exclude);
	cr_target_release(&run->target);
	cr_session_close(&run->session);
	(void)pthread_cond_destroy(&run->work.emptied);
	(void)pthread_cond_destroy(&run->work.filled);
	(void)pthread_mutex_destroy(&run->lock);
}

static int choose_patterns(struct cr_restore *run)
{
	const struct cr_restore_options *opt = run->opt;
	int r = 0;

	for (uint32_t i = 0; i < opt->include.count && r == 0; i++)
		r = cr_patterns_add(&run->include, opt->include.word[i]);
	for (uint32_t i = 0; i < opt->exclude.count && r == 0; i++)
		r = cr_patterns_add(&run->exclude, opt->exclude.word[i]);
	return r;
}

/* As many directories may be open as the system lets us. */
static void choose_depth(struct cr_restore *run)
{
	struct rlimit limit = { 64, 64 };
	unsigned int files;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_cur < limit.rlim_max) {
		rlim_t now = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = now;
	}
	files = (unsigned int)cr_min(limit.rlim_cur, (rlim_t)1 << 20);
	run->open_max = cr_min(files / 4, 256u);
	/* The rest is for the repository, the index and what is written. */
	run->depth_max = files / 2;
}

/* What paths began with: see matches() in restore_walk.c. */
static int describe_paths(struct cr_restore *run)
{
	const struct cr_strings *paths = &run->target.snapshot->manifest.paths;
	const char *path = run->target.path;
	const char *slash = strrchr(path, '/');
	bool is_dir = run->target.found.entry.type == CR_ENTRY_DIRECTORY;

	/* "/" itself adds nothing to what stands in the snapshot. */
	if (paths->count == 1 && paths->string[0].len > 1)
		run->top =
			strndup(paths->string[0].bytes, paths->string[0].len);
	else
		run->top = strdup("");
	run->prefix =
		is_dir ? strdup(path)
		       : strndup(path, slash ? (size_t)(slash - path) : 0);
	return run->top && run->prefix ? 0 : -ENOMEM;
}

static int open_all(struct cr_restore *run)
{
	int r = choose_patterns(run);

	if (r == 0)
		r = cr_session_open_reading(run->ctx, &run->session);
	if (r == 0)
		r = cr_target_find(&run->session, run->ctx->operand[0],
				   &run->target);
	if (r == 0)
		r = describe_paths(run);
	if (r == 0)
		r = cr_links_new(&run->links);
	return r < 0 ? r : cr_restore_open_target(run);
}

static int finish(struct cr_restore *run)
{
	if (atomic_load(run->interrupted))
		return cr_fail(CR_EINTERRUPT,
			       "interrupted: what has its name is complete; to "
			       "go on: --into-existing --overwrite always");
	return run->error == 0 || run->error == -ENOMEM
		       ? run->error
		       : cr_fail(-run->error, "%s", run->why);
}

/* What is reported as restored is on the disk. */
static int sync_target(const struct cr_restore *run)
{
	if (syncfs(run->target_fd) < 0)
		return cr_fail(errno, "%s: %m", run->opt->target);
	return 0;
}

static int restore(struct cr_restore *run)
{
	int r;

	run->each = cr_restore_item;
	r = cr_restore_walk(run, false);
	if (r == 0)
		r = cr_restore_settle_later(run);
	if (r == 0)
		r = finish(run);
	return r < 0 || run->opt->dry_run ? r : sync_target(run);
}

static int verify(struct cr_restore *run)
{
	uint64_t files = atomic_load(&run->count.files);
	uint64_t bytes = atomic_load(&run->count.bytes);
	int r = cr_buf_error(&run->done);

	if (r < 0)
		return r;
	run->each = cr_restore_verify_item;
	atomic_store(&run->count.files, 0);
	atomic_store(&run->count.bytes, 0);
	r = cr_restore_walk(run, true);
	atomic_store(&run->count.files, files);
	atomic_store(&run->count.bytes, bytes);
	return r < 0 ? r : finish(run);
}

static int run_all(struct cr_restore *run)
{
	struct cr_context *ctx = run->ctx;
	int r = open_all(run);

	if (r == 0)
		r = cr_progress_start(ctx->out->quiet || ctx->out->json ||
					      run->opt->dry_run,
				      look, run, &run->progress);
	if (r < 0)
		return r;
	r = restore(run);
	if (r == 0 && run->opt->verify && !run->opt->dry_run)
		r = verify(run);
	cr_progress_stop(cr_take(run->progress));
	if (atomic_load(&run->count.damaged) > 0 ||
	    atomic_load(&run->count.differing) > 0)
		cr_context_raise(ctx, CR_EXIT_DAMAGE);
	if (atomic_load(&run->count.failed) > 0)
		cr_context_raise(ctx, CR_EXIT_FAILED);
	summarise(run);
	return r;
}

int cr_restore(struct cr_context *ctx, const struct cr_restore_options *options)
{
	cr_cleanup(run_release) struct cr_restore run = {
		.ctx = ctx,
		.opt = options,
		.overwrite = options->overwrite ? options->overwrite
						: CR_OVERWRITE_NEVER,
		.target_fd = -1,
		.interrupted = &interrupted,
		.uid = geteuid(),
	};

	(void)pthread_mutex_init(&run.lock, NULL);
	(void)pthread_cond_init(&run.work.filled, NULL);
	(void)pthread_cond_init(&run.work.emptied, NULL);
	cr_random(&run.temp_run, sizeof(run.temp_run));
	catch_signals();
	choose_depth(&run);
	return run_all(&run);
}
