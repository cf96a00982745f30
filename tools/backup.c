/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/backup.h"

#include <inttypes.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "store/base/error.h"
#include "store/base/escape.h"
#include "store/base/heap.h"
#include "store/base/hex.h"
#include "store/base/log.h"
#include "store/disk/index_sync.h"
#include "store/read/snapshots.h"
#include "store/write/ingest.h"
#include "tools/backup_paths.h"
#include "tools/backup_pipe.h"
#include "tools/progress.h"
#include "tools/session.h"

/* What two workers need, about: two blocks, their codes and what is read. */
#define HEAP_BYTES (32u << 20)

/* Set by SIGINT and SIGTERM: what a handler may do. */
static atomic_bool stopped;

struct backup {
	struct cr_context *ctx;		     /* borrowed */
	const struct cr_backup_options *opt; /* borrowed */
	struct cr_session session;
	struct cr_index *index;	    /* owned */
	struct cr_statcache *cache; /* owned */
	struct cr_statcache_totals before;
	struct cr_writer *writer;     /* owned; NULL in a dry run */
	struct cr_ingest *ingest;     /* owned */
	struct cr_progress *progress; /* owned */
	struct cr_paths paths;
	struct cr_patterns exclude;
	char source[CR_SOURCE_MAX + 1];
	char host[256];
	struct timespec began;
	int64_t time;
	struct cr_manifest manifest; /* its arrays are owned by it */
	struct cr_manifest_head head;
	struct cr_id snapshot;
};

static void backup_release(struct backup *b)
{
	cr_progress_stop(b->progress);
	/* Texts and names in it belong to the ingest. */
	cr_manifest_release(&b->manifest);
	cr_ingest_free(b->ingest);
	cr_writer_close(b->writer);
	cr_statcache_close(b->cache);
	cr_index_close(b->index);
	cr_session_close(&b->session);
	cr_paths_release(&b->paths);
	cr_patterns_release(&b->exclude);
}

static void on_signal(int number)
{
	(void)number;
	atomic_store(&stopped, true);
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}

static struct cr_piece piece_of(const char *text)
{
	return (struct cr_piece){ text, strlen(text) };
}

/* ---- What was asked for ---- */

/* The host's name, as far as a source may be called so. */
static int choose_source(struct backup *b)
{
	const char *want = b->opt->source;

	if (gethostname(b->host, sizeof(b->host) - 1) < 0)
		return cr_fail(errno, "the host's name: %m");
	if (!want && (b->opt->stdin_name || b->opt->command_name))
		return cr_fail(CR_EUSAGE,
			       "--source NAME must be given with a stream");
	if (!want)
		want = b->host;
	if ((b->opt->stdin_name &&
	     !cr_name_valid(piece_of(b->opt->stdin_name))) ||
	    (b->opt->command_name &&
	     !cr_name_valid(piece_of(b->opt->command_name))))
		return cr_fail(CR_EUSAGE,
			       "a stream is stored under a plain file name");
	if (!cr_source_valid((struct cr_piece){ want, strlen(want) }))
		return cr_fail(
			CR_EUSAGE,
			"%s: a source is called by 1 to 64 of A-Z a-z 0-9 . _ -, not with . first",
			want);
	(void)snprintf(b->source, sizeof(b->source), "%s", want);
	return 0;
}

static int choose_time(struct backup *b)
{
	(void)clock_gettime(CLOCK_REALTIME, &b->began);
	b->time = b->began.tv_sec;
	if (!b->opt->time)
		return 0;
	if (cr_stamp_parse(b->opt->time, &b->time) < 0)
		return cr_fail(CR_EUSAGE,
			       "%s: not a time as 2026-11-22T02:15:00Z",
			       b->opt->time);
	if (b->time > b->began.tv_sec + 3600)
		cr_log(CR_LOG_WARNING,
		       "%s is more than an hour ahead: this snapshot will not "
		       "be the latest of its source",
		       b->opt->time);
	return 0;
}

static int choose_paths(struct backup *b)
{
	const struct cr_backup_options *opt = b->opt;
	int r = 0;

	for (int i = 0; i < b->ctx->operands && r == 0; i++)
		r = cr_paths_add(&b->paths, b->ctx->operand[i]);
	if (r == 0 && opt->files_from0)
		r = cr_paths_add_file0(&b->paths, opt->files_from0);
	if (r == 0 && b->paths.count == 0)
		return cr_fail(CR_EUSAGE, "nothing to back up: name a PATH");
	for (uint32_t i = 0; i < opt->exclude.count && r == 0; i++)
		r = cr_patterns_add(&b->exclude, opt->exclude.word[i]);
	for (uint32_t i = 0; i < opt->exclude_file.count && r == 0; i++)
		r = cr_patterns_add_file(&b->exclude,
					 opt->exclude_file.word[i]);
	return r;
}

/* Whether this key may sign for the source: said now, not after hours. */
static int check_grant(const struct backup *b)
{
	const struct cr_roster *roster = &b->session.repo->keys->roster;
	const struct cr_uid *me = cr_keyring_id(b->session.repo->keys->ring);
	bool owner =
		cr_keyring_role(b->session.repo->keys->ring) == CR_ROLE_OWNER;

	if (!cr_keyring_writes(b->session.repo->keys->ring))
		return cr_fail(CR_ECAPABILITY, "a read key cannot back up");
	for (uint32_t k = 0; k < roster->keys; k++) {
		const struct cr_roster_key *key = &roster->key[k];

		if (key->revoked || !cr_roster_names(key, piece_of(b->source)))
			continue;
		if (cr_uid_equal(&key->id, me))
			return 0;
		return cr_fail(CR_ECAPABILITY,
			       "source %s is granted to another key (%s)",
			       b->source, key->label);
	}
	if (!owner)
		return cr_fail(CR_ECAPABILITY,
			       "source %s is not granted to this key",
			       b->source);
	return 0;
}

/* ---- Opening
 * ---------------------------------------------------------------------------
 */

static void say_waiting(const char *who)
{
	(void)fprintf(stderr, "caprock: waiting: %s\n", who);
}

static int open_index(struct backup *b)
{
	struct cr_index_sync_stats stats;
	int r = cr_index_open(b->session.state, CR_INDEX_PRIMARY,
			      cr_session_share(&b->session, 30), &b->index);

	if (r == 0)
		r = cr_index_sync(b->session.repo, b->index, true, &stats);
	return r;
}

static int open_cache(struct backup *b)
{
	uint64_t generation;
	int r = cr_index_generation(b->index, &generation);

	if (r == 0)
		r = cr_statcache_open(
			b->session.state, cr_session_share(&b->session, 10),
			generation,
			cr_keyring_domain(b->session.repo->keys->ring),
			&b->cache);
	if (r == 0)
		cr_statcache_get_totals(b->cache, b->source, &b->before);
	return r;
}

static int open_writer(struct backup *b)
{
	struct cr_writer_options opt = {
		.repo = b->session.repo,
		.state = b->session.state,
		.index = b->index,
		.memory = cr_session_share(&b->session, 20),
	};

	return b->opt->dry_run ? 0 : cr_writer_open(&opt, &b->writer);
}

static int open_all(struct backup *b)
{
	int r = cr_session_open(b->ctx, &b->session);

	if (r == 0)
		r = check_grant(b);
	if (r == 0)
		r = cr_session_state(&b->session, true);
	if (r == 0)
		r = cr_state_lock(b->session.state, !b->opt->no_wait,
				  say_waiting);
	if (r == -EINTR)
		return cr_fail(CR_EINTERRUPT, "interrupted");
	if (r == 0)
		r = open_index(b);
	if (r == 0)
		r = open_cache(b);
	return r < 0 ? r : open_writer(b);
}

/* ---- Talking
 * ------------------------------------------------------------------------------
 */

static void print_escaped(FILE *to, const char *text)
{
	cr_cleanup(cr_buf_release) struct cr_buf safe = { 0 };

	cr_escape(text, strlen(text), &safe);
	if (cr_buf_error(&safe) == 0)
		(void)fwrite(safe.bytes, 1, safe.len, to);
}

static void warn(void *arg, const char *path, const char *what)
{
	struct backup *b = arg;

	cr_progress_clear(b->progress);
	(void)fputs("caprock: warning: ", stderr);
	print_escaped(stderr, *path ? path : ".");
	(void)fputs(": ", stderr);
	print_escaped(stderr, what);
	(void)fputc('\n', stderr);
}

static void visit(void *arg, const char *path, char change)
{
	struct backup *b = arg;
	struct cr_output *out = b->ctx->out;
	json_t *line;

	if (change == '.' && !out->verbose)
		return;
	line = cr_json_line(out, "file");
	cr_json_name(line, "path", (struct cr_piece){ path, strlen(path) });
	cr_json_text(line, "change",
		     change == '+'   ? "new"
		     : change == 'M' ? "changed"
				     : "unchanged");
	cr_say_json(out, line);
	cr_progress_clear(b->progress);
	cr_say(out, "%c ", change);
	if (!out->json)
		cr_say_path(out, path);
	cr_say(out, "\n");
}

static void look(void *arg, struct cr_progress_state *ret)
{
	struct backup *b = arg;
	const struct cr_ingest_progress *p = cr_ingest_progress(b->ingest);

	*ret = (struct cr_progress_state){
		.files = atomic_load(&p->files),
		.files_total = b->before.files,
		.bytes = atomic_load(&p->bytes),
		.bytes_total = b->before.bytes,
	};
	cr_ingest_current(b->ingest, ret->path, sizeof(ret->path));
}

static struct cr_writer_stats stats_of(const struct backup *b)
{
	struct cr_writer_stats stats = { 0 };

	if (b->writer)
		cr_writer_get_stats(b->writer, &stats);
	return stats;
}

static void summarise_json(struct backup *b)
{
	const struct cr_manifest *m = &b->manifest;
	json_t *s = b->ctx->out->summary;

	cr_json_text(s, "source", b->source);
	if (!b->opt->dry_run) {
		cr_json_id(s, "snapshot", &b->snapshot);
		cr_json_time(s, "time", b->head.time);
	}
	cr_json_bool(s, "dry_run", b->opt->dry_run);
	cr_json_u64(s, "entries", m->entries);
	cr_json_u64(s, "files", m->files);
	cr_json_u64(s, "files_new", m->files_new);
	cr_json_u64(s, "files_changed", m->files_changed);
	cr_json_u64(s, "files_unchanged", m->files_unchanged);
	cr_json_u64(s, "bytes", m->bytes);
	cr_json_u64(s, "bytes_read", m->bytes_read);
	cr_json_u64(s, "bytes_added", m->bytes_added);
	cr_json_u64(s, "bytes_stored_again", stats_of(b).bytes_again);
	cr_json_u64(s, "warnings", m->warnings);
}

/* Every mount point that was left out, by name: nobody reads manifests. */
static void summarise_mounts(struct backup *b)
{
	const char *at = b->manifest.mounts_text.here.bytes;
	const char *end = at + b->manifest.mounts_text.here.len;

	for (; at < end; at += strlen(at) + 1) {
		cr_tell(b->ctx->out, "not entered: ");
		if (!b->ctx->out->quiet && !b->ctx->out->json)
			cr_say_path(b->ctx->out, at);
		cr_tell(b->ctx->out, "\n");
	}
}

/* Why more was stored than is new. */
static void summarise_again(struct backup *b)
{
	uint64_t again = stats_of(b).bytes_again;

	if (again > 0)
		cr_tell(b->ctx->out,
			"%s of it, not compressed, is there again: it was "
			"spread too thinly to be restored fast\n",
			cr_human_bytes(again).text);
}

static void summarise(struct backup *b)
{
	const struct cr_manifest *m = &b->manifest;
	struct cr_output *out = b->ctx->out;
	char stamp[CR_STAMP_LEN];

	summarise_json(b);
	cr_tell(out,
		"%" PRIu64 " files: %" PRIu64 " new, %" PRIu64
		" changed, %" PRIu64 " unchanged; %s in all\n",
		m->files, m->files_new, m->files_changed, m->files_unchanged,
		cr_human_bytes(m->bytes).text);
	if (b->opt->dry_run) {
		cr_tell(out, "nothing was stored (--dry-run)\n");
		return;
	}
	cr_tell(out, "read %s, stored %s", cr_human_bytes(m->bytes_read).text,
		cr_human_bytes(m->bytes_added).text);
	if (m->bytes_read > 0)
		cr_tell(out, " (%" PRIu64 ".%02u of what was read)",
			m->bytes_added / m->bytes_read,
			(unsigned int)(m->bytes_added % m->bytes_read * 100 /
				       m->bytes_read));
	cr_tell(out, "\n");
	summarise_again(b);
	if (m->warnings > 0)
		cr_tell(out,
			"%" PRIu64
			" warnings: the snapshot is marked incomplete\n",
			m->warnings);
	cr_stamp(b->head.time, stamp);
	cr_tell(out, "snapshot %.16s of %s at %s\n",
		cr_id_hex(&b->snapshot).text, b->source, stamp);
}

/* ---- Doing it
 * --------------------------------------------------------------------------------
 */

static int fill_strings(struct cr_strings *to, char *const *text, size_t n)
{
	to->string = calloc(n + 1, sizeof(*to->string));
	if (!to->string)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		to->string[i] = piece_of(text[i]);
	to->count = (uint32_t)n;
	return 0;
}

/* A stream stands for a path of its name. */
static int name_stream(struct backup *b)
{
	const char *name =
		b->opt->stdin_name ? b->opt->stdin_name : b->opt->command_name;

	if (!name)
		return 0;
	b->paths.path = calloc(1, sizeof(*b->paths.path));
	if (!b->paths.path || asprintf(&b->paths.path[0], "/%s", name) < 0)
		return -ENOMEM;
	b->paths.count = 1;
	return 0;
}

/* Names of paths, tags and exclusions, as they were given. */
static int describe(struct backup *b)
{
	const struct cr_backup_options *opt = b->opt;
	struct cr_manifest *m = &b->manifest;
	const struct passwd *pw = getpwuid(getuid());
	int r;

	m->source = piece_of(b->source);
	m->host = piece_of(b->host);
	m->user = piece_of(pw ? pw->pw_name : "");
	m->began =
		(struct cr_time){ b->began.tv_sec, (uint32_t)b->began.tv_nsec };
	m->ended = time(NULL);
	r = name_stream(b);
	if (r == 0)
		r = fill_strings(&m->paths, b->paths.path, b->paths.count);
	if (r == 0)
		r = fill_strings(&m->options, b->exclude.pattern,
				 b->exclude.count);
	if (r == 0)
		r = fill_strings(&m->tags,
				 (char *const *)(uintptr_t)opt->tag.word,
				 opt->tag.count);
	return r;
}

static int make_ingest(struct backup *b)
{
	const struct cr_backup_options *opt = b->opt;
	struct cr_ingest_options ingest = {
		.writer = b->writer,
		.cache = b->cache,
		.source = b->source,
		.path = b->paths.path,
		.paths = b->paths.count,
		.exclude = &b->exclude,
		.if_present = opt->if_present.word,
		.if_presents = opt->if_present.count,
		.exclude_caches = opt->exclude_caches,
		.larger_than = opt->larger_than,
		.cross_mounts = opt->cross_mounts,
		.jobs = (unsigned int)opt->jobs,
		.repository_fd = cr_storage_fd(b->session.repo->storage),
		.state_fd = cr_state_fd(b->session.state),
		.warn = warn,
		.visit = opt->dry_run || b->ctx->out->verbose ? visit : NULL,
		.arg = b,
		.stop = &stopped,
	};

	if (ingest.jobs == 0)
		ingest.jobs = cr_cores();
	return cr_ingest_new(&ingest, &b->ingest);
}

/* Keep what was sealed: the next run need not store it again. */
static int keep_interrupted(struct backup *b, int error)
{
	char why[256];

	(void)snprintf(why, sizeof(why), "%s", cr_detail());
	if (b->writer && cr_writer_flush(b->writer) == 0 &&
	    cr_statcache_commit(b->cache) == 0)
		return cr_fail(-error, "%s: the next backup goes on from here",
			       why);
	return cr_fail(-error, "%s", why);
}

static int ingest(struct backup *b)
{
	int r = make_ingest(b);

	if (r == 0)
		r = cr_progress_start(b->ctx->out->quiet || b->ctx->out->json,
				      look, b, &b->progress);
	if (r < 0)
		return r;
	if (b->opt->stdin_name)
		r = cr_ingest_run_stream(b->ingest, STDIN_FILENO,
					 b->opt->stdin_name, &b->manifest);
	else if (b->opt->command_name)
		r = cr_backup_command(b->ingest, b->opt->command_name,
				      b->ctx->operand, &b->manifest);
	else
		r = cr_ingest_run(b->ingest, &b->manifest);
	cr_progress_stop(cr_take(b->progress));
	return r == -CR_EINTERRUPT ? keep_interrupted(b, r) : r;
}

static int commit(struct backup *b)
{
	struct cr_statcache_totals totals = { b->manifest.files,
					      b->manifest.bytes };
	int r = describe(b);

	if (r < 0 || b->opt->dry_run)
		return r;
	/* Whatever is wrong is said after the commit. */
	(void)!cr_statcache_flush_soon(b->cache);
	/* Packs first, so that the manifest can say what was added. */
	r = cr_writer_flush(b->writer);
	if (r < 0)
		return r;
	b->manifest.bytes_added = stats_of(b).bytes_added;
	r = cr_writer_commit(b->writer, &b->manifest, b->time, &b->head,
			     &b->snapshot);
	if (r < 0)
		return r;
	cr_statcache_set_totals(b->cache, b->source, &totals);
	/* Only speed is lost without it; the snapshot is there. */
	if (cr_statcache_commit(b->cache) < 0)
		(void)fprintf(stderr, "caprock: warning: the stat cache: %s\n",
			      cr_detail());
	return 0;
}

/* One descriptor a level of directories, and some. */
static void allow_depth(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int cr_backup(struct cr_context *ctx, const struct cr_backup_options *options)
{
	cr_cleanup(backup_release) struct backup b = { .ctx = ctx,
						       .opt = options };
	int r;

	cr_heap_prepare(HEAP_BYTES);
	catch_signals();
	allow_depth();
	r = choose_source(&b);
	if (r == 0)
		r = choose_time(&b);
	if (r == 0 && !options->stdin_name && !options->command_name)
		r = choose_paths(&b);
	if (r == 0)
		r = open_all(&b);
	if (r == 0)
		r = ingest(&b);
	if (r == 0) {
		/* Their text moves into objects at the commit. */
		summarise_mounts(&b);
		r = commit(&b);
	}
	if (r < 0)
		return r;
	summarise(&b);
	if (b.manifest.warnings > 0)
		cr_context_raise(ctx, CR_EXIT_WARNINGS);
	return 0;
}
